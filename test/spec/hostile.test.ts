/**
 * Attacks on the claim that what is on record is what ran, and on the gateway's staying up. Each test is a hole that was there:
 * its name says what must hold now.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commitment } from "../../src/gateway/journal.ts";
import { sessionSalt } from "../../src/gateway/open-session.ts";
import {
  encodeBind,
  encodeClose,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeSync,
  encodeTerminate,
} from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type LogEntry, lastSession } from "../support/log-entries.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

let postgres: TestPostgres;
let gateway: TestGateway;
let token = "";

beforeAll(async () => {
  postgres = await startPostgres();
  gateway = await startGateway({ postgres });
  token = await gateway.token();
});
afterAll(async () => {
  await gateway?.stop();
  await postgres?.stop();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (statement: string, query: string) => (w: MessageWriter) =>
  encodeParse(w, { statement, query: bytes(query), parameterTypes: [] });
const bind = (portal: string, statement: string) => (w: MessageWriter) =>
  encodeBind(w, { portal, statement, parameterFormats: [], parameters: [], resultFormats: [] });
const execute =
  (portal: string, maxRows = 0) =>
  (w: MessageWriter) =>
    encodeExecute(w, { portal, maxRows });
const closeStatement = (name: string) => (w: MessageWriter) => encodeClose(w, { kind: "statement", name });
const query = (text: string) => (w: MessageWriter) => encodeQuery(w, { query: bytes(text) });

async function raw(): Promise<RawClient> {
  const client = await RawClient.connect(gateway);
  const messages = await client.login({ user: gateway.role, database: gateway.database }, token);
  expect(summary(messages).at(-1)).toBe("ReadyForQuery idle");
  return client;
}

async function alive(): Promise<void> {
  const client = await raw();
  expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
  client.destroy();
}

/** Ends the session. @returns its entries. */
async function recordOf(client: RawClient): Promise<LogEntry[]> {
  client.send(encodeTerminate);
  await client.rest();
  for (;;) {
    const entries = await lastSession(gateway);
    if (entries.at(-1)?.type === "session.closed") return entries;
  }
}

/** Ends the session. @returns which of these texts its intents are of, with the outcome of each, in order. */
async function intents(client: RawClient, texts: readonly string[]): Promise<string[]> {
  const entries = await recordOf(client);
  const key = Buffer.from((await readFile(join(gateway.dataPath, "keys", "commitment.key"), "utf8")).trim(), "hex");
  const salt = sessionSalt(key, entries[0]?.session ?? "");
  const known = new Map(texts.map((text) => [commitment(salt, "sql", bytes(text)), text]));
  return entries
    .filter(({ type, verdict }) => type === "statement.decided" && verdict === "permitted")
    .map((entry) => {
      const { sql } = entry as unknown as { sql: { commitment: string } };
      const outcome = entries.find(
        ({ type, statement }) => type === "statement.finished" && statement === entry.sessionSeq,
      );
      return `${known.get(sql.commitment) ?? "?"} -> ${String(outcome?.["outcome"])}`;
    });
}

async function batches(client: RawClient, count: number): Promise<string[][]> {
  const answers: string[][] = [];
  for (let i = 0; i < count; i++) answers.push(summary(await client.until("ReadyForQuery")));
  return answers;
}

describe("a name that an unanswered batch may have given to another statement", () => {
  it("is waited for, also behind an unnamed Parse in the same batch", async () => {
    await postgres.psql("CREATE TABLE h1 (n int)");
    const client = await raw();
    client.send(parse("s", "INSERT INTO h1 VALUES (1)"), encodeSync);
    await client.until("ReadyForQuery");

    client.send(
      ...[parse("", "SELECT nowhere"), closeStatement("s"), parse("s", "SELECT 1"), encodeSync],
      ...[parse("", "SELECT 2"), bind("", "s"), execute(""), encodeSync],
    );
    const answers = await batches(client, 2);
    const recorded = await intents(client, ["INSERT INTO h1 VALUES (1)", "SELECT 1", "SELECT 2"]);

    expect(answers[1]).toEqual(["ParseComplete", "BindComplete", "CommandComplete INSERT 0 1", "ReadyForQuery idle"]);
    expect(recorded).toEqual(["INSERT INTO h1 VALUES (1) -> completed"]);
  });

  it("keeps what a later batch gave it when the earlier one fails", async () => {
    await postgres.psql("CREATE TABLE h2 (n int)");
    const client = await raw();
    client.send(parse("", "SELECT 1"), encodeSync);
    await client.until("ReadyForQuery");

    client.send(parse("", "SELECT nowhere"), encodeSync, parse("", "INSERT INTO h2 VALUES (1)"), encodeSync);
    await batches(client, 2);
    client.send(bind("", ""), execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    const recorded = await intents(client, ["INSERT INTO h2 VALUES (1)", "SELECT 1"]);

    expect(answer).toEqual(["BindComplete", "CommandComplete INSERT 0 1", "ReadyForQuery idle"]);
    expect(recorded).toEqual(["INSERT INTO h2 VALUES (1) -> completed"]);
  });
});

describe("the unnamed statement", () => {
  it("is gone after a simple Query, as on the server", async () => {
    await postgres.psql("CREATE TABLE h3 (n int)");
    const client = await raw();
    client.send(parse("", "SELECT 1"), encodeSync);
    await client.until("ReadyForQuery");
    await client.query("INSERT INTO h3 VALUES (1)");

    client.send(bind("", ""), execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    const recorded = await intents(client, ["INSERT INTO h3 VALUES (1)", "SELECT 1"]);

    expect(answer).toEqual(["ErrorResponse 26000", "ReadyForQuery idle"]);
    expect(recorded).toEqual(["INSERT INTO h3 VALUES (1) -> completed"]);
    expect(await postgres.psql("SELECT count(*) FROM h3")).toBe("1");
  });

  it("outlives DEALLOCATE ALL", async () => {
    const client = await raw();
    client.send(parse("", "DEALLOCATE ALL"), bind("", ""), execute(""), bind("", ""), execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    client.destroy();

    expect(answer?.filter((each) => each.startsWith("Command"))).toHaveLength(2);
  });
});

describe("a long text that waits for the parser", () => {
  it("is never taken for another when its batch fails meanwhile", async () => {
    await postgres.psql("CREATE TABLE h4 (n int)");
    const long = `SELECT 1 /* ${"x".repeat(9_000)} */`;
    const client = await raw();

    client.send(parse("", "SELECT nowhere"), encodeFlush, parse("", long), bind("", ""), execute(""), encodeSync);
    await client.until("ReadyForQuery");
    client.send(parse("", "INSERT INTO h4 VALUES (1)"), bind("", ""), execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    const recorded = await intents(client, ["INSERT INTO h4 VALUES (1)", long]);

    expect(answer?.at(-2)).toBe("CommandComplete INSERT 0 1");
    expect(recorded).toEqual(["INSERT INTO h4 VALUES (1) -> completed"]);
  });
});

describe("the portal that stands for a refusal", () => {
  it("cannot be made by a client, so nothing runs in its place", async () => {
    await postgres.psql("CREATE TABLE h5 (n int)");
    const client = await raw();
    const name = "postern: statement refused by the gateway";

    client.send(parse("", "INSERT INTO h5 VALUES (1)"), bind(name, ""), parse("", "SET ROLE x"), bind("", ""));
    client.send(execute(""), encodeSync);
    await client.until("ReadyForQuery");
    await client.query(`BEGIN; DECLARE "${name}" CURSOR FOR SELECT 1`);
    const refused = await client.query("SET ROLE x");
    client.destroy();

    expect(summary(refused)).toEqual(["ErrorResponse 42501", "ReadyForQuery failed"]);
    expect(await postgres.psql("SELECT count(*) FROM h5")).toBe("0");
  });
});

describe("names longer than the server keeps", () => {
  it("are one name to Postern where they are one to the server", async () => {
    await postgres.psql("CREATE TABLE h6 (n int)");
    const long = "n".repeat(63);
    const client = await raw();
    client.send(parse(`${long}a`, "SELECT 1"), encodeSync);
    client.send(closeStatement(`${long}b`), parse(`${long}b`, "INSERT INTO h6 VALUES (1)"), encodeSync);
    await batches(client, 2);

    client.send(bind("", `${long}a`), execute(""), encodeSync);
    await batches(client, 1);
    const recorded = await intents(client, ["INSERT INTO h6 VALUES (1)", "SELECT 1"]);

    expect(recorded).toEqual(["INSERT INTO h6 VALUES (1) -> completed"]);
  });
});

describe("a large message behind the gate", () => {
  it("does not keep the client from being read when it has left", async () => {
    await postgres.psql("CREATE TABLE h7 (t text)");
    const client = await raw();
    const parameter = new Uint8Array(3 * 1024 * 1024).fill(0x61);

    client.send(parse("", "INSERT INTO h7 VALUES ($1)"), (w) =>
      encodeBind(w, { portal: "", statement: "", parameterFormats: [], parameters: [parameter], resultFormats: [] }),
    );
    client.send(execute(""));
    await wait(500);
    client.send(encodeSync);
    const [answer] = await batches(client, 1);
    client.destroy();

    expect(answer?.at(-2)).toBe("CommandComplete INSERT 0 1");
  });
});

describe("a batch sent together with the Sync that ends a failed one", () => {
  it("is answered", async () => {
    const client = await raw();
    client.send(parse("", "SELECT nowhere"), encodeFlush);
    await client.until("ErrorResponse");

    client.send(encodeSync, parse("", "SELECT 7"), bind("", ""), execute(""), encodeSync);
    const answers = await batches(client, 2);
    client.destroy();

    expect(answers[1]).toContain("CommandComplete SELECT 1");
  });
});

describe("a portal of a batch under way", () => {
  it("survives the end of the transaction before it", async () => {
    const client = await raw();
    client.send(query("SELECT pg_sleep(0.2)"), parse("", "SELECT 7"), bind("", ""));
    await client.until("ReadyForQuery");

    client.send(execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    client.destroy();

    expect(answer).toContain("CommandComplete SELECT 1");
  });
});

describe("a transaction of many statements", () => {
  /** What a savepoint divides is a range of its own in the settlement: these are more than one entry holds. */
  const divided = "SAVEPOINT s; INSERT INTO h8 VALUES (1); RELEASE s;";

  it("has its fate on record, however many they are", async () => {
    await postgres.psql("CREATE TABLE h8 (n int)");
    const client = await raw();
    await client.query("BEGIN");
    for (let i = 0; i < 40; i++) await client.query(divided.repeat(150));
    const committed = await client.query("COMMIT");
    const entries = await recordOf(client);

    expect(summary(committed)).toEqual(["CommandComplete COMMIT", "ReadyForQuery idle"]);
    const settled = new Set<number>();
    for (const entry of entries) {
      if (entry.type !== "transaction.committed") continue;
      const { statements } = entry as unknown as { statements: [number, number][] };
      for (const [first, last] of statements) for (let seq = first; seq <= last; seq++) settled.add(seq);
    }
    const decided = entries.filter(({ type, class: kind }) => type === "statement.decided" && kind === "write");
    expect(decided).toHaveLength(6_000);
    expect(decided.every(({ sessionSeq }) => settled.has(sessionSeq ?? -1))).toBe(true);
  });

  it("does not end the gateway when its client goes away", async () => {
    const client = await raw();
    await client.query("BEGIN");
    for (let i = 0; i < 40; i++) await client.query(divided.repeat(150));
    client.destroy();
    for (;;) if ((await lastSession(gateway)).at(-1)?.type === "session.closed") break;

    await alive();
  });
});

describe("a refused startup", () => {
  it("with a name cut inside a character is told so and ends nothing", async () => {
    const client = await RawClient.connect(gateway);
    const told = await client.login({ user: gateway.role, database: `${"a".repeat(62)}😀` }, token);

    expect(summary(told).at(-1)).toBe("ErrorResponse 3D000");
    await alive();
  });
});

describe("a setting that must not change", () => {
  it.each([
    ["SELECT set_config('role', 'x', false)", "42501"],
    ["SELECT set_config('client_encoding', 'SJIS', false)", "42501"],
    ["SELECT set_config('standard_conforming_strings', 'off', true)", "42501"],
    ["SELECT set_config('application_name', 'somebody else', false)", "42501"],
    ["SELECT set_config('ro' || 'le', 'x', false)", "0A000"],
    ["UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'", "42501"],
    ["ALTER ROLE CURRENT_USER SET role = x", "42501"],
    ["SET NAMES 'SJIS'", "42501"],
    ['SET LOCAL "role" TO x', "42501"],
  ])("cannot be changed past SET: %s", async (text, code) => {
    const client = await raw();
    const answer = await client.query(text);
    const after = await client.query("SELECT 1");
    client.destroy();

    expect(summary(answer)).toEqual([`ErrorResponse ${code}`, "ReadyForQuery idle"]);
    expect(rows(after)).toEqual([["1"]]);
  });

  it("may be set to what it must be, and pg_dump's search_path passes", async () => {
    const client = await raw();
    const answer = await client.query(
      "SELECT pg_catalog.set_config('search_path', '', false), set_config('client_encoding', 'UTF8', false)",
    );
    client.destroy();

    expect(rows(answer)).toEqual([["", "UTF8"]]);
  });

  it.each([
    ["standard_conforming_strings", "off"],
    ["client_encoding", "LATIN1"],
    ["session_authorization", "hostile_role"],
  ])("ends the session when the server reports it changed from inside a function: %s", async (name, value) => {
    await postgres.psql("DROP ROLE IF EXISTS hostile_role; CREATE ROLE hostile_role");
    const client = await raw();
    client.send(query(`DO $$ BEGIN PERFORM set_config('${name}', '${value}', false); END $$`));
    const told = summary(await client.rest());

    expect(told.at(-1)).toBe("ErrorResponse 0A000");
  });
});

describe("a text behind a function that may have changed how the server reads text", () => {
  const off = "DO $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$";
  const latin = "DO $$ BEGIN PERFORM set_config('client_encoding', 'LATIN1', false); END $$";
  /** Two strings where a backslash is a character like others; else one, and an expression. */
  const ambiguous = "INSERT INTO h13 VALUES ('\\', '|| current_user, 1) --')";
  const accent = "INSERT INTO h13 VALUES ('\u00e9', '')";
  beforeAll(() => postgres.psql("CREATE TABLE h13 (a text, b text)"));
  beforeEach(() => postgres.psql("TRUNCATE h13"));
  const stored = () => postgres.psql("SELECT a, b FROM h13");

  it.each([
    ["a backslash", off, ambiguous, "\\||| current_user, 1) --"],
    ["a letter beyond ASCII", latin, accent, "\u00e9|"],
  ])("is read as Postern read it, in one string: %s", async (_, change, insert, expected) => {
    const client = await raw();

    const answers = summary(await client.query(`${change}; ${insert}`));

    expect(answers).toEqual(["CommandComplete DO", "CommandComplete INSERT 0 1", "ReadyForQuery idle"]);
    expect(await stored()).toBe(expected);
    expect(rows(await client.query("SHOW standard_conforming_strings"))).toEqual([["on"]]);
    client.destroy();
  });

  it.each([
    ["a backslash", off, ambiguous, "\\||| current_user, 1) --"],
    ["a letter beyond ASCII", latin, accent, "\u00e9|"],
  ])("is read as Postern read it, in one batch: %s", async (_, change, insert, expected) => {
    const client = await raw();

    client.send(
      ...[parse("", change), bind("", ""), execute("")],
      ...[parse("", insert), bind("", ""), execute(""), encodeSync],
    );
    const [answer] = await batches(client, 1);
    client.destroy();

    expect(answer).toEqual([
      ...["ParseComplete", "BindComplete", "CommandComplete DO"],
      ...["ParseComplete", "BindComplete", "CommandComplete INSERT 0 1", "ReadyForQuery idle"],
    ]);
    expect(await stored()).toBe(expected);
  });

  it.each([
    ["batches", () => [parse("", off), bind("", ""), execute(""), encodeSync, query(ambiguous)]],
    ["strings", () => [query(off), query(ambiguous)]],
  ])("is read as Postern read it, or not at all, in two %s sent at once", async (_, messages) => {
    const client = await raw();

    client.send(...messages());
    const told = summary(await client.rest());

    expect(told.at(-1)).toBe("ErrorResponse 0A000");
    expect(["", "\\||| current_user, 1) --"]).toContain(await stored());
  });

  it("leaves the client's unnamed statement as it is", async () => {
    const client = await raw();

    client.send(
      ...[parse("", "INSERT INTO h13 VALUES ('x', 'y')"), bind("", ""), execute("")],
      ...[parse("s", "SELECT '\\'"), bind("", ""), execute(""), encodeSync],
    );
    await batches(client, 1);
    client.destroy();

    expect(await stored()).toBe("x|y\nx|y");
  });
});

describe("a name given by one protocol and run by the other", () => {
  it("has the statement behind it on record, where EXECUTE runs what Parse prepared", async () => {
    await postgres.psql("CREATE TABLE h9 (n int)");
    const client = await raw();
    client.send(parse("p", "INSERT INTO h9 VALUES (1)"), encodeSync);
    await client.until("ReadyForQuery");
    await client.query("EXECUTE p");
    client.send(query("BEGIN"), parse("", "SELECT 7"), bind("c", ""), encodeSync);
    await batches(client, 2);
    await client.query("FETCH ALL FROM c");
    const entries = await recordOf(client);

    const runs = entries.filter(({ type }) => type === "statement.decided").map((entry) => entry["runs"]);
    const expected = await commitments(entries, ["INSERT INTO h9 VALUES (1)", "SELECT 7"]);
    expect(runs).toMatchObject([{ commitment: expected[0] }, undefined, { commitment: expected[1] }]);
    expect(entries.filter(({ type }) => type === "transaction.committed")).toHaveLength(1);
  });

  it("is a write to the log where Bind runs what PREPARE named, and is settled as one", async () => {
    await postgres.psql("CREATE TABLE h10 (n int)");
    const client = await raw();
    await client.query("PREPARE p AS INSERT INTO h10 VALUES (1)");
    client.send(bind("", "p"), execute(""), encodeSync);
    const [answer] = await batches(client, 1);
    const entries = await recordOf(client);

    expect(answer).toContain("CommandComplete INSERT 0 1");
    const kinds = entries.filter(({ type }) => type === "statement.decided").map((entry) => entry["class"]);
    expect(kinds).toEqual(["prepared", "write"]);
    expect(entries.filter(({ type }) => type === "transaction.committed")).toHaveLength(1);
  });

  async function commitments(entries: readonly LogEntry[], texts: readonly string[]): Promise<string[]> {
    const key = Buffer.from((await readFile(join(gateway.dataPath, "keys", "commitment.key"), "utf8")).trim(), "hex");
    const salt = sessionSalt(key, entries[0]?.session ?? "");
    return texts.map((text) => commitment(salt, "sql", bytes(text)));
  }
});

describe("a COPY behind a batch that fails", () => {
  it("opens all the same", async () => {
    await postgres.psql("CREATE TABLE h11 (n int)");
    const client = await raw();
    client.send(query("SELECT 1/0"), query("COPY h11 FROM STDIN"));
    await client.until("CopyInResponse");
    client.send(
      (w) => w.begin(0x64).bytes(bytes("1\n")).end(),
      (w) => w.empty(0x63),
    );
    const [answer] = await batches(client, 1);
    client.destroy();

    expect(answer).toEqual(["CommandComplete COPY 1", "ReadyForQuery idle"]);
  });
});

describe("a COPY FROM STDIN that fails", () => {
  const data = (text: string) => (w: MessageWriter) => w.begin(0x64).bytes(bytes(text)).end();
  const done = (w: MessageWriter) => w.empty(0x63);

  it("is answered with one ReadyForQuery, though its Sync was sent with the Execute", async () => {
    await postgres.psql("CREATE TABLE h12 (n int)");
    const client = await raw();
    client.send(parse("", "COPY h12 FROM STDIN"), bind("", ""), execute(""), encodeSync);
    await client.until("CopyInResponse");
    client.send(data("1\nbad\n"), done, encodeSync, query("SELECT 7"));
    const answers = await batches(client, 2);
    client.destroy();

    expect(answers[0]).toEqual(["ErrorResponse 22P02", "ReadyForQuery idle"]);
    expect(answers[1]).toContain("CommandComplete SELECT 1");
  });
});

describe("connections that are begun and left so", () => {
  it("are refused with 53300 beyond a number, and those that finish find room again", async () => {
    const own = await startGateway({
      postgres,
      config: {
        gateway: {
          name: "half-open",
          listen: { host: "127.0.0.1", port: 0, maxSessions: 3 },
          tls: "off",
          http: { host: "127.0.0.1", port: 0 },
        },
      },
    });
    const silent = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(own)));

    const refused = await RawClient.connect(own);
    const told = summary(await refused.rest());
    for (const client of silent) client.destroy();
    await wait(500);
    const client = await RawClient.connect(own);
    const greeting = await client.login({ user: own.role, database: own.database }, await own.token());
    client.destroy();
    await own.stop();

    expect(told).toEqual(["ErrorResponse 53300"]);
    expect(summary(greeting).at(-1)).toBe("ReadyForQuery idle");
  });
});

describe("texts made to be slow", () => {
  it.each([
    ["60,000 semicolons", ";".repeat(60_000)],
    ["20,000 statements", "SELECT 1;".repeat(20_000)],
    ["6,000 statements", "SELECT 1;".repeat(6_000)],
    ["nested parentheses", `SELECT ${"(".repeat(30_000)}1${")".repeat(30_000)}`],
    ["nested comments", `${"/*".repeat(15_000)}${"*/".repeat(15_000)} SELECT 1`],
    ["a long sum", `SELECT 1${"+1".repeat(25_000)}`],
  ])("do not keep the others waiting: %s", async (_, text) => {
    const attacker = await raw();
    const other = await raw();

    attacker.send(query(text));
    const startMs = performance.now();
    await other.query("SELECT 1");
    const tookMs = performance.now() - startMs;
    const told = await attacker.until("ReadyForQuery");
    attacker.destroy();
    other.destroy();

    expect(summary(told).at(-1)).toBe("ReadyForQuery idle");
    expect(tookMs).toBeLessThan(3_000);
  });
});

describe("a procedure that commits by itself", () => {
  it.skipIf(!POSTGRES_VERSIONS.includes(15))(
    "leaves nothing said of what stood before it, where the server lets it: what it did to that is not told",
    async () => {
      await using own = await startPostgres({ version: 15 });
      await using through = await startGateway({ postgres: own });
      await own.psql(`CREATE TABLE h13 (n int);
      CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; INSERT INTO h13 VALUES (2); RAISE EXCEPTION 'no'; END $$`);
      const client = await RawClient.connect(through);
      await client.login({ user: through.role, database: through.database }, await through.token());
      await client.query("INSERT INTO h13 VALUES (1); CALL commits()");
      await client.query("BEGIN; INSERT INTO h13 VALUES (3)");
      await client.query("CALL commits()");
      await client.query("ROLLBACK");
      const entries = await closed(through, client);

      const fates = entries.filter(({ type }) => type.startsWith("transaction.")).map(({ type }) => type);
      expect(await own.psql("SELECT n FROM h13")).toBe("1");
      expect(fates).toEqual(["transaction.rolled_back"]); // of the block, in which the procedure cannot commit
    },
  );
});

/** Ends the client's session. @returns its entries. */
async function closed(of: TestGateway, client: RawClient): Promise<LogEntry[]> {
  client.destroy();
  for (;;) {
    const entries = await lastSession(of);
    if (entries.at(-1)?.type === "session.closed") return entries;
  }
}

describe("a prepared transaction", () => {
  it("is not said to be committed", async () => {
    await using own = await startPostgres({ settings: { max_prepared_transactions: "1" } });
    await using through = await startGateway({ postgres: own });
    const client = await RawClient.connect(through);
    await client.login({ user: through.role, database: through.database }, await through.token());
    await client.query("CREATE TABLE two (n int)");
    await client.query("BEGIN; INSERT INTO two VALUES (1)");
    const prepared = await client.query("PREPARE TRANSACTION 'x'");
    await client.query("ROLLBACK PREPARED 'x'");
    const entries = await closed(through, client);

    expect(summary(prepared)).toContain("CommandComplete PREPARE TRANSACTION");
    const insert = entries.find(({ class: kind }) => kind === "write")?.sessionSeq ?? -1;
    const committed = entries.filter(({ type }) => type === "transaction.committed");
    const covers = ({ statements }: LogEntry) =>
      (statements as [number, number][]).some(([a, b]) => a <= insert && insert <= b);
    expect(committed.some(covers)).toBe(false);
  });
});
