/** Limits of statements by group: rows, bytes, seconds, statements a minute. Aborted cleanly, and nothing else is hit. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeExecute, encodeFlush, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { lastSession } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const LIMITS = {
  groups: {
    five: { rows: 5 },
    kilobyte: { bytes: "1KiB" },
    second: { statementSeconds: 1 },
    three: { statementsPerMinute: 3 },
  },
};

let postgres: TestPostgres;
let gateway: TestGateway;
let client: RawClient;

beforeAll(async () => {
  postgres = await startPostgres();
  gateway = await startGateway({ postgres, config: { limits: LIMITS } });
});
afterAll(async () => {
  await gateway?.stop();
  await postgres?.stop();
});
afterEach(() => client?.destroy());

async function connectAs(group: keyof typeof LIMITS.groups, sub = `${group}-agent`, to = gateway): Promise<RawClient> {
  const opened = await RawClient.connect(to);
  const token = await to.token({ sub, groups: ["agents", group] });
  await opened.login({ user: to.role, database: to.database }, token);
  return opened;
}

type Part = (writer: MessageWriter) => void;
const query =
  (text: string): Part =>
  (writer) =>
    encodeQuery(writer, { query: Buffer.from(text) });
/** Parse, Bind and Execute of it, unnamed. */
const run = (text: string, maxRows = 0): Part[] => [
  (writer) => encodeParse(writer, { statement: "", query: Buffer.from(text), parameterTypes: [] }),
  bound,
  (writer) => encodeExecute(writer, { portal: "", maxRows }),
];
const bound: Part = (writer) =>
  encodeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] });
const more =
  (maxRows: number): Part =>
  (writer) =>
    encodeExecute(writer, { portal: "", maxRows });

/** What comes up to so many ReadyForQuery, of what matters here. */
async function answers(batches: number): Promise<string[]> {
  const got: BackendMessage[] = [];
  for (let i = 0; i < batches; i++) got.push(...(await client.until("ReadyForQuery")));
  return summary(got).filter((name) => /^(DataRow|CopyData|CopyDone|Portal|Command|Error|Ready)/.test(name));
}

async function batch(...parts: Part[]): Promise<string[]> {
  client.send(...parts, encodeSync);
  return answers(1);
}

async function sql(text: string): Promise<string[]> {
  client.send(query(text));
  return answers(1);
}

const ROWS = (count: number) => Array.from({ length: count }, () => "DataRow");
const OVER = "ErrorResponse 54000";
const series = (count: number) => `SELECT generate_series(1, ${count})`;

async function errorIn(messages: readonly BackendMessage[]) {
  const error = messages.find((message) => message.type === "ErrorResponse");
  return error?.type === "ErrorResponse" ? reportOf(error.fields) : undefined;
}

/** A table of the test's own, empty. */
async function emptyTable(name: string): Promise<string> {
  await postgres.psql(`DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (n int)`);
  return name;
}
const countOf = (table: string) => postgres.psql(`SELECT count(*) FROM ${table}`);

describe("a statement of more rows than its principal's may deliver", () => {
  it("ends with an error behind the last that it may, by either protocol, and the session goes on", async () => {
    client = await connectAs("five");

    expect(await sql(series(5))).toEqual([...ROWS(5), "CommandComplete SELECT 5", "ReadyForQuery idle"]);
    expect(await sql(series(6))).toEqual([...ROWS(5), OVER, "ReadyForQuery idle"]);
    expect(await batch(...run(series(6)))).toEqual([...ROWS(5), OVER, "ReadyForQuery idle"]);
    expect(await sql("SELECT 1")).toEqual(["DataRow", "CommandComplete SELECT 1", "ReadyForQuery idle"]);
  });

  it("is stopped in the server, however much it would go on", async () => {
    client = await connectAs("five");

    expect(await sql(series(2_000_000_000))).toEqual([...ROWS(5), OVER, "ReadyForQuery idle"]);
    expect(
      await postgres.psql(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%2000000000)%' AND state = 'active' AND pid <> pg_backend_pid()",
      ),
    ).toBe("0");
  });

  it("is on record as stopped, with the rows that were delivered", async () => {
    client = await connectAs("five");
    await sql(series(6));
    client.destroy();
    await expect.poll(async () => (await lastSession(gateway)).at(-1)?.type).toBe("session.closed");

    const finished = (await lastSession(gateway)).filter(({ type }) => type === "statement.finished");

    expect(finished).toMatchObject([{ outcome: "cancelled", sqlstate: "54000", rowsReturned: 5 }]);
    expect(finished[0]?.["rows"]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("says which limit, and what would pass", async () => {
    client = await connectAs("five");
    client.send(query(series(6)));

    expect(await errorIn(await client.until("ReadyForQuery"))).toMatchObject({
      message: "the statement was stopped after 5 rows",
      detail: "The limit is limits.groups.five.rows of the gateway.",
      hint: expect.stringContaining("LIMIT"),
    });
  });

  it.each([
    6, 100_000_000,
  ])("fails the transaction that it is in, as an error of the server would (%i rows)", async (count) => {
    const table = await emptyTable("in_block");
    client = await connectAs("five");
    await sql(`BEGIN; INSERT INTO ${table} VALUES (1)`);

    expect(await batch(...run(series(count)))).toEqual([...ROWS(5), OVER, "ReadyForQuery failed"]);
    expect(await sql("SELECT 1")).toEqual(["ErrorResponse 25P02", "ReadyForQuery failed"]);
    expect(await sql("COMMIT")).toEqual(["CommandComplete ROLLBACK", "ReadyForQuery idle"]);
    expect(await countOf(table)).toBe("0");
  });

  it("undoes what was before it in its batch, and nothing behind it runs", async () => {
    const table = await emptyTable("in_batch");
    client = await connectAs("five");
    const insert = `INSERT INTO ${table} VALUES (1)`;
    const stopped = [...ROWS(5), OVER, "ReadyForQuery idle"];
    const before = ["CommandComplete INSERT 0 1", ...stopped];

    expect(await sql(`${insert}; ${series(6)}`)).toEqual(before);
    expect(await batch(...run(insert), ...run(series(6)))).toEqual(before);
    expect(await sql(`${series(6)}; ${insert}; SELECT 1`)).toEqual(stopped);
    expect(await batch(...run(series(6)), ...run(insert), ...run("SELECT 1"))).toEqual(stopped);
    expect(await batch(...run(series(6)), ...run(series(3)))).toEqual(stopped);
    expect(await countOf(table)).toBe("0");
    expect(await sql(insert)).toEqual(["CommandComplete INSERT 0 1", "ReadyForQuery idle"]);
  });

  it("keeps the COMMIT behind it from running", async () => {
    const table = await emptyTable("before_commit");
    client = await connectAs("five");
    await sql(`BEGIN; INSERT INTO ${table} VALUES (1)`);

    const answer = await batch(...run(series(6)), ...run("COMMIT"));

    expect(answer).toEqual([...ROWS(5), OVER, "ReadyForQuery failed"]);
    await sql("ROLLBACK");
    expect(await countOf(table)).toBe("0");
  });

  it("may be one that writes: then nothing is written", async () => {
    const table = await emptyTable("answered");
    client = await connectAs("five");
    const insert = (count: number) => `INSERT INTO ${table} SELECT generate_series(1, ${count}) RETURNING n`;

    for (const send of [sql, async (text: string) => batch(...run(text))]) {
      expect(await send(insert(6))).toEqual([...ROWS(5), OVER, "ReadyForQuery idle"]);
      expect(await countOf(table)).toBe("0");
    }
    expect(await sql(insert(5))).toEqual([...ROWS(5), "CommandComplete INSERT 0 5", "ReadyForQuery idle"]);
    expect(await sql(`INSERT INTO ${table} SELECT generate_series(1, 50)`)).toEqual([
      "CommandComplete INSERT 0 50",
      "ReadyForQuery idle",
    ]);
  });

  it("counts a portal as a whole, however it is read, and a FETCH by itself", async () => {
    client = await connectAs("five");

    expect(await batch(...run(series(9), 3), more(3))).toEqual([
      ...ROWS(3),
      "PortalSuspended",
      ...ROWS(2),
      OVER,
      "ReadyForQuery idle",
    ]);
    await sql(`BEGIN; DECLARE c CURSOR FOR ${series(20)}`);
    const five = [...ROWS(5), "CommandComplete FETCH 5", "ReadyForQuery transaction"];
    expect([await sql("FETCH 5 FROM c"), await sql("FETCH 5 FROM c")]).toEqual([five, five]);
    expect(await sql("FETCH 6 FROM c")).toEqual([...ROWS(5), OVER, "ReadyForQuery failed"]);
  });

  it("counts the lines of a COPY TO STDOUT", async () => {
    client = await connectAs("five");

    const answer = await sql(`COPY (${series(6)}) TO STDOUT`);

    expect(answer).toEqual([...Array.from({ length: 5 }, () => "CopyData"), OVER, "ReadyForQuery idle"]);
    expect(await sql("SELECT 1")).toContain("CommandComplete SELECT 1");
  });

  it.each([6, 2_000_000_000])("hits nothing of the batches behind it (%i rows)", async (count) => {
    const table = await emptyTable("behind");
    client = await connectAs("five");
    const insert = run(`INSERT INTO ${table} VALUES (1)`);

    for (let i = 0; i < 20; i++) {
      client.send(...run(series(count)), encodeSync, ...insert, encodeSync, query("SELECT 1"));
      expect(await answers(3)).toEqual([
        ...ROWS(5),
        OVER,
        "ReadyForQuery idle",
        "CommandComplete INSERT 0 1",
        "ReadyForQuery idle",
        "DataRow",
        "CommandComplete SELECT 1",
        "ReadyForQuery idle",
      ]);
    }
    expect(await countOf(table)).toBe("20");
  });

  it("answers a batch that has no end yet", async () => {
    client = await connectAs("five");
    client.send(...run(series(6)), encodeFlush);

    expect(
      summary(await client.until("ErrorResponse")).filter(
        (name) => name !== "ParseComplete" && name !== "BindComplete",
      ),
    ).toEqual([...ROWS(5), OVER]);
    client.send(...run("SELECT 1"), encodeSync);
    expect(await answers(1)).toEqual(["ReadyForQuery idle"]);
    expect(await batch(...run("SELECT 1"))).toContain("CommandComplete SELECT 1");
  });
});

describe("a statement of more bytes than its principal's may deliver", () => {
  it("delivers whole rows up to the limit, and none of one that is beyond it", async () => {
    client = await connectAs("kilobyte");

    expect(await sql("SELECT repeat('x', 300) FROM generate_series(1, 6)")).toEqual([
      ...ROWS(3),
      OVER,
      "ReadyForQuery idle",
    ]);
    expect(await sql("SELECT repeat('x', 5000000) UNION ALL SELECT 'short'")).toEqual([OVER, "ReadyForQuery idle"]);
    expect(await sql("COPY (SELECT repeat('x', 300) FROM generate_series(1, 6)) TO STDOUT")).toContain(OVER);
    expect(await sql("SELECT 1")).toContain("CommandComplete SELECT 1");
  });
});

describe("a statement that runs for longer than its principal's may", () => {
  it.each([
    ["simple Query", [query("SELECT pg_sleep(60)")], "idle"],
    ["the extended protocol", [...run("SELECT pg_sleep(60)"), encodeSync], "idle"],
    ["a transaction", [query("BEGIN; SELECT pg_sleep(60)")], "failed"],
  ] as const)("is cancelled, by %s, and the gateway says that it was its limit", async (_, parts, status) => {
    client = await connectAs("second");
    client.send(...parts);
    const answer = await client.until("ReadyForQuery");

    expect(summary(answer).slice(-2)).toEqual([OVER, `ReadyForQuery ${status}`]);
    expect(await errorIn(answer)).toMatchObject({
      message: "the statement was stopped by the gateway after 1 second",
      detail: "The limit is limits.groups.second.statementSeconds of the gateway.",
    });
  });

  it("is on record as stopped", async () => {
    client = await connectAs("second");
    await sql("SELECT pg_sleep(60)");
    client.destroy();
    await expect.poll(async () => (await lastSession(gateway)).at(-1)?.type).toBe("session.closed");

    const finished = (await lastSession(gateway)).filter(({ type }) => type === "statement.finished");

    expect(finished).toMatchObject([{ outcome: "cancelled", sqlstate: "54000" }]);
  });

  it("hits nothing of the batches behind it, and one in time is left alone", async () => {
    client = await connectAs("second");
    client.send(
      query("SELECT pg_sleep(60)"),
      ...run("SELECT pg_sleep(0.5)"),
      encodeSync,
      query("SELECT pg_sleep(0.5)"),
    );

    expect(await answers(3)).toEqual([
      OVER,
      "ReadyForQuery idle",
      ...["DataRow", "CommandComplete SELECT 1", "ReadyForQuery idle"],
      ...["DataRow", "CommandComplete SELECT 1", "ReadyForQuery idle"],
    ]);
  });

  it("is counted from when the one before it in its batch has ended", async () => {
    client = await connectAs("second");

    const answer = await batch(...run("SELECT pg_sleep(0.7)"), ...run("SELECT pg_sleep(0.7)"));

    expect(answer).toEqual([
      "DataRow",
      "CommandComplete SELECT 1",
      "DataRow",
      "CommandComplete SELECT 1",
      "ReadyForQuery idle",
    ]);
  });
});

describe("more statements in a minute than a principal may send", () => {
  it("are refused before anything of them runs, over all its sessions, with the time to wait", async () => {
    const table = await emptyTable("rated");
    client = await connectAs("three", "rated");
    await sql("SELECT 1; SELECT 2");
    await batch(...run("SELECT 3"));
    client.send(query(`INSERT INTO ${table} VALUES (1)`));
    const refused = await errorIn(await client.until("ReadyForQuery"));
    client.destroy();
    client = await connectAs("three", "rated");

    expect(refused).toMatchObject({
      code: "54000",
      message: "the limit of 3 statements in a minute is reached",
      hint: expect.stringMatching(/^Try again in \d+ seconds?\.$/),
    });
    expect(await batch(...run(`INSERT INTO ${table} VALUES (1)`))).toEqual([OVER, "ReadyForQuery idle"]);
    expect(await countOf(table)).toBe("0");
    client.destroy();
    client = await connectAs("three", "another");
    expect(await sql("SELECT 1")).toContain("CommandComplete SELECT 1");
  });

  it("are refused as a string or not at all, and are on record", async () => {
    client = await connectAs("three", "strings");

    expect(await sql("SELECT 1; SELECT 2; SELECT 3; SELECT 4")).toEqual([OVER, "ReadyForQuery idle"]);
    expect(await sql("SELECT 1; SELECT 2; SELECT 3")).toContain("CommandComplete SELECT 1");
    client.destroy();
    await expect.poll(async () => (await lastSession(gateway)).at(-1)?.type).toBe("session.closed");
    const decided = (await lastSession(gateway)).filter(({ type }) => type === "statement.decided");
    expect(decided.map((entry) => [entry["verdict"], entry["reason"]])).toEqual([
      ["refused", "54000 STATEMENT_OVER_LIMIT"],
      ["permitted", undefined],
      ["permitted", undefined],
      ["permitted", undefined],
    ]);
  });

  it("fail a transaction, which can be ended all the same", async () => {
    client = await connectAs("three", "ends");
    await sql("BEGIN; SELECT 1; SELECT 2");

    expect(await sql("SELECT 3")).toEqual([OVER, "ReadyForQuery failed"]);
    expect(await sql("ROLLBACK")).toEqual(["CommandComplete ROLLBACK", "ReadyForQuery idle"]);
  });

  it("count once, however long they had to wait", async () => {
    client = await connectAs("three", "waits");
    // Each of these waits for the one before: it names what that makes.
    client.send(query("PREPARE a AS SELECT 1"), query("EXECUTE a"), query("EXECUTE a"));

    expect((await answers(3)).filter((name) => name.startsWith("Command"))).toEqual([
      "CommandComplete PREPARE",
      "CommandComplete SELECT 1",
      "CommandComplete SELECT 1",
    ]);
  });
});

/** Numbers from 0 to below, the same for a seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
}

/** Batches that are sent at once: some of their statements are too much. Each INSERT writes a number of its own. */
function pipelined(table: string, seed: number) {
  const random = randomOf(seed);
  const parts: Part[] = [];
  const names: string[] = [];
  let batches = 0;
  let written = 0;
  const statement = (): string => {
    switch (random(9)) {
      case 0:
      case 1:
        return `INSERT INTO ${table} VALUES (${written++})`;
      case 2:
        return `INSERT INTO ${table} SELECT ${written++} FROM generate_series(1, ${4 + random(3)}) RETURNING n`;
      case 3:
        return "BEGIN";
      case 4:
        return "COMMIT";
      case 5:
        return random(2) === 0 ? "ROLLBACK" : "SELECT 1/0";
      default:
        return series(4 + random(4));
    }
  };
  while (batches < 12) {
    const texts = Array.from({ length: 1 + random(4) }, statement);
    names.push(texts.join("; "));
    if (random(2) === 0) parts.push(query(texts.join("; ")));
    else
      parts.push(
        ...texts.flatMap((text) => [
          ...run(text, text.startsWith("SELECT") && random(3) === 0 ? 3 : 0),
          ...(random(4) === 0 ? [encodeFlush] : []),
        ]),
        encodeSync,
      );
    batches++;
  }
  return { parts, batches, names, written };
}

/** By the answers alone: which INSERTs a client must take for done, in order of their tags. */
function believed(answer: readonly string[]): number {
  let [open, done] = [0, 0];
  for (const told of answer) {
    if (told.startsWith("CommandComplete INSERT")) open++;
    else if (told.startsWith("ErrorResponse") || told === "CommandComplete ROLLBACK") open = 0;
    else if (told === "CommandComplete COMMIT" || told === "ReadyForQuery idle") {
      done += open;
      open = 0;
    }
  }
  return done;
}

describe("batches that are sent one behind the other, some of them too much", () => {
  it.each([
    ["without a policy", 1, 25],
    ["with one", 26, 50],
  ])("are each answered, and what the client was told is what the database has: %s", async (how, from, to) => {
    const policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "all.cedar"), "permit (principal, action, resource);");
    const config = { limits: LIMITS, ...(how === "with one" ? { policy } : {}) };
    await using limited = await startGateway({ postgres, config });
    for (let seed = from; seed <= to; seed++) {
      const table = await emptyTable("pipelined");
      const { parts, batches, names } = pipelined(table, seed);
      client = await connectAs("five", "pipelining", limited);
      client.send(...parts);
      const answer = await Promise.race([
        answers(batches),
        new Promise<null>((resolve) => void setTimeout(() => resolve(null), 10_000)),
      ]);
      const open = answer?.at(-1) !== "ReadyForQuery idle";
      if (open) await Promise.race([sql("ROLLBACK"), new Promise((resolve) => void setTimeout(resolve, 1_000))]);
      client.destroy();

      expect([seed, names, answer === null]).toEqual([seed, names, false]);
      expect([seed, names, answer, await postgres.psql(`SELECT count(DISTINCT n) FROM ${table}`)]).toEqual([
        seed,
        names,
        answer,
        String(believed(answer ?? [])),
      ]);
    }
    await rm(policy, { recursive: true, force: true });
  });
});

describe("rows that are within the limits", () => {
  it("come as without them", async () => {
    client = await connectAs("second");

    expect(rows(await client.query(series(1_000)))).toHaveLength(1_000);
  });
});
