/** Detectors over what is delivered: values in columns that nobody has given a label, masked on their way to the client. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { lastSession, logEntries } from "../support/log-entries.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const MAIL = "ada@lovelace.example.com";
const CARD = "4111 1111 1111 1111";
const FILLED = "***@********.*******.***";
const VERIFIER = fileURLToPath(new URL("../../verifier/postern_verify.py", import.meta.url));
const SCHEMA = `
  CREATE EXTENSION IF NOT EXISTS citext;
  CREATE TYPE contact AS (kind text, value text);
  CREATE TABLE tickets (id int PRIMARY KEY, note text, payload jsonb, doc json, tags text[], mail citext, who contact, number bigint, known text, xs jsonb[]);
  INSERT INTO tickets VALUES
    (1, 'card ${CARD}', '{"mail": "${MAIL}"}', '{"mail": "${MAIL}"}', '{a,${MAIL}}', '${MAIL}', ('mail', '${MAIL}'), 4111111111111111, '${MAIL}', ARRAY['{"m": "${MAIL}"}'::jsonb]),
    (2, 'nothing', '{"a": 1}', '[]', '{a,b}', 'none', ('a', 'b'), 7, 'nothing', '{}');
  CREATE TABLE people (id int PRIMARY KEY, ssn text, name text);
  INSERT INTO people VALUES (1, '123-45-6789', 'Ada');
  CREATE TABLE many (id int, note text);
  INSERT INTO many SELECT i, CASE WHEN i % 100 = 0 THEN 'write to user' || i || '@example.com' ELSE repeat('x', i % 700) END FROM generate_series(1, 20000) i;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks: { pii: redact }
columns: { shop.public.people.ssn: pii, shop.public.tickets.known: public }
quarantine: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop") unless { principal in Group::"few" };
@id("few") @maxRows("3") permit (principal in Group::"few", action in [Action::"connect", Action::"read"], resource in Database::"shop");
@id("seers") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;

describe("detectors over delivered rows", () => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version: 18 });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-detectors-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const config = { policy: folder, labels: join(folder, "labels.yaml") };
    const dataPath = join(folder, "data");
    gateway = await startGateway({ postgres, database: "shop", role: APP, config, dataPath });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => labelled(LABELS));

  async function labelled(text: string): Promise<void> {
    await writeFile(join(folder, "labels.yaml"), text);
    await gateway.running.reload();
  }

  async function connect(...groups: readonly string[]): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    await client.login(
      { user: APP.user, database: "shop" },
      await gateway.token({ groups: groups.length === 0 ? ["agents"] : groups }),
    );
    return client;
  }

  async function ask(sql: string, ...groups: readonly string[]) {
    const client = await connect(...groups);
    const answer = await client.query(sql);
    client.destroy();
    return errorOf(answer) ?? rows(answer);
  }

  /** The same on a connection to the server itself, of which the gateway knows nothing. */
  async function direct(sql: string): Promise<string> {
    return (await postgres.psql(sql, "shop")).trim();
  }

  const reads: readonly (readonly [sql: string, shown: unknown])[] = [
    ["SELECT note FROM tickets ORDER BY id", [["[masked]"], ["nothing"]]],
    ["SELECT upper(note), id FROM tickets WHERE id = 1", [["[masked]", "1"]]],
    ["SELECT payload, doc FROM tickets WHERE id = 1", [['"[masked]"', '"[masked]"']]],
    ["SELECT tags, xs FROM tickets WHERE id = 1", [["{[masked]}", '{"\\"[masked]\\""}']]],
    ["SELECT mail, who FROM tickets WHERE id = 1", [["[masked]", "(mail,[masked])"]]],
    ["SELECT t FROM (SELECT id, note FROM tickets) t WHERE id = 1", [['(1,"card [masked]")']]],
    ["SELECT number FROM tickets WHERE id = 1", [["4111111111111111"]]],
    ["SELECT known FROM tickets WHERE id = 1", [[MAIL]]],
    ["SELECT lower(known) FROM tickets WHERE id = 1", [["[masked]"]]],
    ["SELECT note FROM tickets WHERE note LIKE '%4111 1111%'", [["[masked]"]]],
    [`SELECT '${MAIL}'`, [["[masked]"]]],
    ["SELECT ssn, name FROM people", [["[masked]", "Ada"]]],
    ["UPDATE tickets SET id = id WHERE id = 1 RETURNING note", [["[masked]"]]],
    [
      "SELECT * FROM tickets WHERE id = 2",
      [["2", "nothing", '{"a": 1}', "[]", "{a,b}", "none", "(a,b)", "7", "nothing", "{}"]],
    ],
  ];
  it.each(reads)("in %s", async (sql, shown) => {
    expect(await ask(sql)).toEqual(shown);
  });

  it("look at rows of a cursor, in both formats", async () => {
    const client = await connect();
    await client.query(
      "BEGIN; DECLARE c CURSOR FOR SELECT note FROM tickets ORDER BY id; DECLARE b BINARY CURSOR FOR SELECT * FROM tickets ORDER BY id",
    );

    expect(rows(await client.query("FETCH 1 FROM c"))).toEqual([["[masked]"]]);
    expect(rows(await client.query("FETCH 1 FROM c"))).toEqual([["nothing"]]);
    const [row] = await valuesOf(await client.query("FETCH 1 FROM b"));
    expect(
      row?.map((value) =>
        Buffer.from(value ?? "")
          .toString("latin1")
          .includes("ada"),
      ),
    ).toEqual(
      Array.from({ length: 10 }, (_, index) => index === 8), // the public one
    );
    client.destroy();
  });

  async function valuesOf(messages: readonly BackendMessage[]) {
    return messages.flatMap((message) => (message.type === "DataRow" ? [message.values] : []));
  }

  const parse = (statement: string, query: string) => (writer: Parameters<typeof encodeParse>[0]) =>
    encodeParse(writer, { statement, query: new TextEncoder().encode(query), parameterTypes: [] });
  const bind =
    (portal: string, statement: string, resultFormats: readonly (0 | 1)[]) =>
    (writer: Parameters<typeof encodeBind>[0]) =>
      encodeBind(writer, { portal, statement, parameterFormats: [], parameters: [], resultFormats });
  const describeOf = (kind: "statement" | "portal", name: string) => (writer: Parameters<typeof encodeDescribe>[0]) =>
    encodeDescribe(writer, { kind, name });
  const execute =
    (portal: string, maxRows = 0) =>
    (writer: Parameters<typeof encodeExecute>[0]) =>
      encodeExecute(writer, { portal, maxRows });

  it("leave every type whole in binary format", async () => {
    const client = await connect();
    client.send(
      parse("s", "SELECT note, payload, doc, tags, mail, who, number, xs FROM tickets WHERE id = 1"),
      ...[describeOf("statement", "s"), bind("", "s", [1]), execute(""), encodeSync],
    );
    const [row = []] = await valuesOf(await client.until("ReadyForQuery"));
    const [note, payload, doc, tags, mail, who, number, xs] = row.map((value) => Buffer.from(value ?? ""));
    client.destroy();

    expect([note, payload, doc, mail].map(String)).toEqual(["[masked]", '\u0001"[masked]"', '"[masked]"', FILLED]);
    expect(number?.readBigInt64BE()).toBe(4111111111111111n);
    for (const [cell, tail] of [
      [tags, FILLED],
      [who, FILLED],
      [xs, `{"m": "${FILLED}"}`],
    ] as const) {
      expect(cell?.toString("latin1").endsWith(tail)).toBe(true);
      expect(cell?.readInt32BE((cell?.length ?? 0) - tail.length - 4 - (cell === xs ? 1 : 0))).toBe(
        tail.length + (cell === xs ? 1 : 0),
      );
    }
  });

  it("know a prepared statement's columns each time that it is run, in the formats asked for", async () => {
    const client = await connect();
    client.send(parse("s", "SELECT number, doc FROM tickets ORDER BY id"), describeOf("statement", "s"), encodeSync);
    await client.until("ReadyForQuery");
    const shown: unknown[] = [];
    for (const formats of [[], [1], [1, 0], [0]] as const) {
      client.send(bind("", "s", formats), execute(""), encodeSync);
      const [first] = await valuesOf(await client.until("ReadyForQuery"));
      shown.push(
        first?.map((value) =>
          Buffer.from(value ?? "")
            .toString("hex")
            .slice(-18),
        ),
      );
    }
    client.destroy();

    const mask = Buffer.from('"[masked]"').toString("hex").slice(-18);
    const text = Buffer.from("4111111111111111").toString("hex").slice(-18);
    const binary = BigInt("4111111111111111").toString(16).padStart(16, "0");
    expect(shown).toEqual([text, binary, binary, text].map((number) => [number, mask]));
  });

  it("fill what they find in columns that nobody has described", async () => {
    const client = await connect();
    client.send(parse("", "SELECT note, tags FROM tickets ORDER BY id"), bind("", "", [0, 1]), execute(""), encodeSync);
    const [first, second] = await valuesOf(await client.until("ReadyForQuery"));
    client.destroy();

    expect(Buffer.from(first?.[0] ?? "").toString()).toBe("card **** **** **** ****");
    expect(
      Buffer.from(first?.[1] ?? "")
        .toString("latin1")
        .endsWith(FILLED),
    ).toBe(true);
    expect(Buffer.from(second?.[0] ?? "").toString()).toBe("nothing");
  });

  it("look at a portal that is read in parts, and at what is sent behind it in one go", async () => {
    const client = await connect();
    client.send(
      ...[
        parse("a", "SELECT note FROM tickets ORDER BY id"),
        parse("b", "SELECT id, number FROM tickets ORDER BY id DESC"),
      ],
      ...[bind("pa", "a", []), bind("pb", "b", []), describeOf("portal", "pa"), describeOf("portal", "pb")],
      ...[execute("pa", 1), execute("pb", 1), execute("pa", 1), execute("pb", 1), encodeSync],
    );
    const answer = await client.until("ReadyForQuery");
    client.destroy();

    expect(rows(answer)).toEqual([["[masked]"], ["2", "7"], ["nothing"], ["1", "4111111111111111"]]);
  });

  it("tell several statements of one string apart", async () => {
    expect(
      await ask("SELECT number FROM tickets WHERE id = 1; SELECT note FROM tickets WHERE id = 1; SELECT 7"),
    ).toEqual([["4111111111111111"], ["[masked]"], ["7"]]);
  });

  it("find what stands at the edges of chunks, in a large result that is read slowly, and change nothing else", async () => {
    const client = await connect();
    client.socket.pause();
    client.send((writer) =>
      encodeQuery(writer, { query: new TextEncoder().encode("SELECT id, note FROM many ORDER BY id") }),
    );
    const expected = (
      await direct("SELECT id || '|' || CASE WHEN id % 100 = 0 THEN '[masked]' ELSE note END FROM many ORDER BY id")
    ).split("\n");
    client.socket.resume();
    const answer = rows(await client.until("ReadyForQuery"));
    client.destroy();

    expect(answer.length).toBe(20_000);
    expect(answer.map((row) => row.join("|"))).toEqual(expected);
  });

  it("look into a row of several chunks, and let one of more than a mebibyte pass", async () => {
    const [held, passed] = [
      await ask(`SELECT '${MAIL} ' || repeat('x ', 200000), 'z'`),
      await ask(`SELECT '${MAIL} ' || repeat('x ', 600000), '${MAIL}'`),
    ];

    expect(held).toEqual([["[masked]", "z"]]);
    expect(passed).toEqual([[`${MAIL} ${"x ".repeat(600_000)}`, MAIL]]);
  });

  it("let a limit stop what is more than its rows, and go on with the session", async () => {
    const client = await connect("agents", "few");
    const stopped = await client.query("SELECT note FROM many WHERE id % 100 = 0 ORDER BY id");

    expect(errorOf(stopped)).toBe("54000");
    expect(rows(stopped)).toEqual([["[masked]"], ["[masked]"], ["[masked]"]]);
    expect(rows(await client.query("SELECT note FROM tickets WHERE id = 1"))).toEqual([["[masked]"]]);
    client.destroy();
  });

  it.each([
    [
      "COPY (SELECT id, note, known FROM tickets ORDER BY id) TO STDOUT",
      [`1\tcard **** **** **** ****\t${FILLED}\n`, "2\tnothing\tnothing\n"],
    ],
    [
      "COPY (SELECT id, note FROM tickets ORDER BY id) TO STDOUT (FORMAT csv, DELIMITER ';')",
      ["1;card **** **** **** ****\n", "2;nothing\n"],
    ],
    [
      "COPY (SELECT note || repeat(' x', 50000) FROM tickets WHERE id = 1) TO STDOUT",
      [`card **** **** **** ****${" x".repeat(50_000)}\n`],
    ],
  ])("fill what they find in the lines of %s", async (sql, lines) => {
    const client = await connect();
    const answer = await client.query(sql);
    client.destroy();

    expect(
      answer.flatMap((message) => (message.type === "CopyData" ? [Buffer.from(message.data).toString()] : [])),
    ).toEqual(lines);
  });

  it("fill what they find in a copy in binary, which can be read as before", async () => {
    const client = await connect();
    const answer = await client.query(
      "COPY (SELECT note, tags, number FROM tickets ORDER BY id) TO STDOUT (FORMAT binary)",
    );
    client.destroy();
    const data = Buffer.concat(answer.flatMap((message) => (message.type === "CopyData" ? [message.data] : [])));

    expect(data.subarray(19, 21).readInt16BE()).toBe(3);
    expect(data.subarray(25, 25 + data.readInt32BE(21)).toString()).toBe("card **** **** **** ****");
    expect(data.includes(FILLED)).toBe(true);
    expect(data.includes("lovelace")).toBe(false);
    expect(data.subarray(-2).readInt16BE()).toBe(-1);
  });

  it("leave what policy reveals to whom it is revealed", async () => {
    const sight = ["agents", "seers"] as const;

    expect(await ask("SELECT ssn, reverse(reverse(ssn)) FROM people", ...sight)).toEqual([
      ["123-45-6789", "123-45-6789"],
    ]);
    expect(await ask("BEGIN; DECLARE c CURSOR FOR SELECT ssn || '' FROM people; FETCH c", ...sight)).toEqual([
      ["123-45-6789"],
    ]);
    expect(await ask("COPY (SELECT ssn FROM people) TO STDOUT", ...sight)).toEqual([]);
    expect(await ask("SELECT note FROM tickets WHERE id = 1", ...sight)).toEqual([["[masked]"]]);
    expect(await ask("SELECT upper(note) FROM tickets WHERE id = 1", ...sight)).toEqual([["[masked]"]]);
    expect(
      await ask("SELECT name, note FROM people, tickets WHERE ssn LIKE '123%' AND tickets.id = 1", ...sight),
    ).toEqual([["Ada", "[masked]"]]);
  });

  it("raise one alarm for each column and kind in a session, which names the column and never the value", async () => {
    const client = await connect();
    await client.query("SELECT id, note FROM many WHERE id <= 300 ORDER BY id");
    await client.query("SELECT note FROM many WHERE id = 100");
    await client.query("SELECT id, upper(note) FROM tickets; COPY tickets (note) TO STDOUT");
    client.destroy();
    const entries = await lastSession(gateway);
    const alarms = entries.flatMap((entry) => (entry.type === "alarm.detector_hit" ? [entry] : []));

    expect(alarms).toMatchObject([
      { detector: "email", label: "pii.email", column: "public.many.note", position: 2, cells: 3 },
      { detector: "card", label: "pii.card", position: 2, cells: 1 },
      { detector: "card", label: "pii.card", cells: 1 },
    ]);
    const [first] = alarms;
    const before = entries.find(({ sessionSeq }) => sessionSeq === (first?.sessionSeq ?? 0) - 1);
    expect(before).toMatchObject({ type: "statement.finished", statement: first?.["statement"], rowsReturned: 300 });
    expect(JSON.stringify(entries)).not.toMatch(/example\.com|4111/);
    const metrics = await (await fetch(`${gateway.http}/metrics`)).text();
    expect(metrics).toMatch(/^postern_detected_cells_total\{detector="email"\} [1-9]/m);
    expect(metrics).toMatch(/^postern_detector_rows_unseen_total [1-9]/m);
  });

  it("count what is delivered, not what the server sent", async () => {
    await ask("SELECT note FROM tickets WHERE id = 1");
    const finished = (await logEntries(gateway)).filter(({ type }) => type === "statement.finished").at(-1);

    expect(finished).toMatchObject({ rowsReturned: 1, bytes: 7 + 4 + "[masked]".length });
  });

  it("commit to what is delivered", async () => {
    const client = await connect();
    await client.query("SELECT '[masked]'");
    await client.query("SELECT note FROM tickets WHERE id = 1");
    await client.query("SELECT '[masked]'; SELECT 'nothing'");
    await client.query("SELECT note FROM tickets ORDER BY id");
    await client.query(`SELECT repeat('x ', 100000) || '${MAIL}'`);
    client.destroy();
    const entries = await lastSession(gateway);
    const committed = entries.flatMap((entry) => (entry.type === "statement.finished" ? [entry["rows"]] : []));

    expect(committed[1]).toBe(committed[0]);
    expect(new Set(committed).size).toBe(4);
  });

  it("do as labels.yaml says from the next statement on", async () => {
    const client = await connect();
    const both = async () => rows(await client.query("SELECT note, mail FROM tickets WHERE id = 1"));
    const shown = [await both()];
    for (const detectors of ["{ run: off }", "{ mask: finding, types: { email: off } }", "{ run: 0.5 }"]) {
      await labelled(`${LABELS}detectors: ${detectors}\n`);
      shown.push(await both());
    }
    client.destroy();

    const plain = [`card ${CARD}`, MAIL];
    expect(shown.slice(0, 3)).toEqual([[["[masked]", "[masked]"]], [plain], [["card [masked]", MAIL]]]);
    expect(shown[3]).toContainEqual([expect.toSatisfy((cell) => cell === "[masked]"), MAIL]);
  });

  it.skipIf(spawnSync("python3", ["--version"]).status !== 0)(
    "leave a log that both verifiers find whole",
    async () => {
      await gateway.stop();
      const log = join(folder, "data", "log");

      expect((await verifyLog(log)).ok).toBe(true);
      expect(spawnSync("python3", ["-B", VERIFIER, log], { encoding: "utf8" }).stdout).toMatch(/^All is well/);
    },
  );
});
