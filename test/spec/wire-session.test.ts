import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeSync,
} from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
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

async function raw(): Promise<RawClient> {
  const client = await RawClient.connect(gateway);
  const messages = await client.login({ user: gateway.role, database: gateway.database }, token);
  expect(summary(messages).at(-1)).toBe("ReadyForQuery idle");
  return client;
}

const parse = (statement: string, query: string) => (w: Parameters<typeof encodeParse>[0]) =>
  encodeParse(w, { statement, query: bytes(query), parameterTypes: [] });
const bind = (portal: string, statement: string) => (w: Parameters<typeof encodeBind>[0]) =>
  encodeBind(w, { portal, statement, parameterFormats: [], parameters: [], resultFormats: [] });
const execute =
  (portal: string, maxRows = 0) =>
  (w: Parameters<typeof encodeExecute>[0]) =>
    encodeExecute(w, { portal, maxRows });

describe("a driver with a token in the password field", () => {
  it("works as with PostgreSQL itself", async () => {
    const client = new pg.Client({ connectionString: gateway.url(token) });
    await client.connect();

    const simple = await client.query("SELECT 1 AS one, 'x' AS text");
    const extended = await client.query("SELECT $1::int + 1 AS two", [1]);
    const several = await client.query("SELECT 1; SELECT 2");
    await client.end();

    expect(simple.rows).toEqual([{ one: 1, text: "x" }]);
    expect(extended.rows).toEqual([{ two: 2 }]);
    expect(several).toHaveLength(2);
  });

  it("is named to the server by its actor", async () => {
    const client = new pg.Client({ connectionString: gateway.url(token), application_name: "report" });
    await client.connect();

    const before = await client.query("SHOW application_name");
    await client.query("SET application_name = 'it''s mine'");
    const after = await client.query("SHOW application_name");
    await client.end();

    expect(before.rows[0].application_name).toBe("report-agent/report");
    expect(after.rows[0].application_name).toBe("report-agent/it's mine");
  });
});

describe("a simple Query with several statements", () => {
  it("is one implicit transaction", async () => {
    const client = await raw();
    await client.query("CREATE TABLE several (n int)");

    const failed = await client.query("INSERT INTO several VALUES (1); SELECT 1/0; INSERT INTO several VALUES (2)");
    const count = await client.query("SELECT count(*) FROM several");
    client.destroy();

    expect(summary(failed)).toEqual(["CommandComplete INSERT 0 1", "ErrorResponse 22012", "ReadyForQuery idle"]);
    expect(rows(count)).toEqual([["0"]]);
  });

  it("reports an error's position in the whole string", async () => {
    const client = await raw();

    const answer = await client.query("SELECT 'é'; SELECT nowhere");
    client.destroy();

    const error = answer.find((message) => message.type === "ErrorResponse");
    expect(error?.type === "ErrorResponse" && error.fields.get("P")).toBe("20");
  });

  it("with a syntax error anywhere runs none of them and aborts the transaction, as the server does", async () => {
    const client = await raw();
    await client.query("BEGIN");

    const answer = await client.query("SELECT 1; SELEC 2");
    const after = await client.query("SELECT 1");
    const end = await client.query("COMMIT");
    client.destroy();

    expect(summary(answer)).toEqual(["ErrorResponse 42601", "ReadyForQuery failed"]);
    expect(summary(after)).toEqual(["ErrorResponse 25P02", "ReadyForQuery failed"]);
    expect(summary(end)).toEqual(["CommandComplete ROLLBACK", "ReadyForQuery idle"]);
  });

  it("answers an empty string as the server does", async () => {
    const client = await raw();

    const answer = await client.query(" ;; -- nothing\n");
    client.destroy();

    expect(summary(answer)).toEqual(["EmptyQueryResponse", "ReadyForQuery idle"]);
  });
});

describe("the extended protocol", () => {
  it("runs a statement at Flush, without a Sync", async () => {
    const client = await raw();

    client.send(parse("", "SELECT 7"), bind("", ""), execute(""), encodeFlush);
    const flushed = await client.until("CommandComplete");
    client.send(encodeSync);
    const synced = await client.until("ReadyForQuery");
    client.destroy();

    expect(summary(flushed)).toEqual(["ParseComplete", "BindComplete", "DataRow", "CommandComplete SELECT 1"]);
    expect(summary(synced)).toEqual(["ReadyForQuery idle"]);
  });

  it("skips to Sync after an error and goes on in the next batch", async () => {
    const client = await raw();

    client.send(parse("", "SELECT nowhere"), bind("", ""), execute(""), encodeSync);
    client.send(parse("", "SELECT 8"), bind("", ""), execute(""), encodeSync);
    const first = await client.until("ReadyForQuery");
    const second = await client.until("ReadyForQuery");
    client.destroy();

    expect(summary(first)).toEqual(["ErrorResponse 42703", "ReadyForQuery idle"]);
    expect(summary(second)).toEqual([
      "ParseComplete",
      "BindComplete",
      "DataRow",
      "CommandComplete SELECT 1",
      "ReadyForQuery idle",
    ]);
  });

  it("suspends portals and interleaves two of them", async () => {
    const client = await raw();
    await client.query("BEGIN");

    client.send(parse("s", "SELECT * FROM generate_series(1, 3)"), bind("a", "s"), bind("b", "s"));
    client.send(execute("a", 2), execute("b", 1), execute("a", 2), encodeSync);
    const answer = await client.until("ReadyForQuery");
    client.destroy();

    expect(summary(answer).filter((each) => each !== "DataRow")).toEqual([
      "ParseComplete",
      "BindComplete",
      "BindComplete",
      "PortalSuspended",
      "PortalSuspended",
      "CommandComplete SELECT 1",
      "ReadyForQuery transaction",
    ]);
    expect(rows(answer)).toEqual([["1"], ["2"], ["1"], ["3"]]);
  });

  it("answers Describe before and after Bind", async () => {
    const client = await raw();

    client.send(
      parse("d", "SELECT $1::int AS n"),
      (w) => encodeDescribe(w, { kind: "statement", name: "d" }),
      encodeSync,
    );
    const answer = await client.until("ReadyForQuery");
    client.send((w) => encodeClose(w, { kind: "statement", name: "d" }), bind("", "d"), encodeSync);
    const closed = await client.until("ReadyForQuery");
    client.destroy();

    expect(summary(answer)).toEqual(["ParseComplete", "ParameterDescription", "RowDescription", "ReadyForQuery idle"]);
    expect(summary(closed)).toEqual(["CloseComplete", "ErrorResponse 26000", "ReadyForQuery idle"]);
  });

  // A batch that failed before its Parse must not leave its statement in force under the name: see statement/namespace.ts.
  it("never runs another statement than the one that is recorded under a name", async () => {
    const client = await raw();
    await client.query("CREATE TABLE names (n int)");

    client.send(parse("", "INSERT INTO names VALUES (1)"), encodeSync);
    client.send(bind("", "missing"), parse("", "SELECT 1"), encodeSync);
    client.send(bind("", ""), execute(""), encodeSync);
    const answers = [
      await client.until("ReadyForQuery"),
      await client.until("ReadyForQuery"),
      await client.until("ReadyForQuery"),
    ];
    client.destroy();

    expect(answers.map(summary)).toEqual([
      ["ParseComplete", "ReadyForQuery idle"],
      ["ErrorResponse 26000", "ReadyForQuery idle"],
      // What runs is what the server has under the name, and that is what was judged and recorded.
      ["BindComplete", "CommandComplete INSERT 0 1", "ReadyForQuery idle"],
    ]);
  });
});

describe("COPY", () => {
  it("goes in and out by simple Query", async () => {
    const client = await raw();
    await client.query("CREATE TABLE copied (n int, t text)");

    client.send((w) => w.begin(0x51).cstring("COPY copied FROM STDIN; SELECT count(*) FROM copied").end());
    await client.until("CopyInResponse");
    client.send(
      (w) => w.begin(0x64).bytes(bytes("1\ta\n2\tb\n")).end(),
      (w) => w.empty(0x63),
    );
    const copiedIn = await client.until("ReadyForQuery");
    const copiedOut = await client.query("COPY copied TO STDOUT");
    client.destroy();

    expect(summary(copiedIn)).toEqual([
      "CommandComplete COPY 2",
      "RowDescription",
      "DataRow",
      "CommandComplete SELECT 1",
      "ReadyForQuery idle",
    ]);
    expect(summary(copiedOut)).toEqual([
      "CopyOutResponse",
      "CopyData",
      "CopyData",
      "CopyDone",
      "CommandComplete COPY 2",
      "ReadyForQuery idle",
    ]);
  });

  it("that fails leaves the session ready for the next statement", async () => {
    const client = await raw();
    await client.query("CREATE TABLE uncopied (n int)");

    client.send((w) => w.begin(0x51).cstring("COPY uncopied FROM STDIN").end());
    await client.until("CopyInResponse");
    client.send(
      (w) => w.begin(0x64).bytes(bytes("not a number\n")).end(),
      (w) => w.empty(0x63),
    );
    const failed = await client.until("ReadyForQuery");
    const refused = await client.query("COPY nowhere FROM STDIN");
    const after = await client.query("SELECT 1");
    client.destroy();

    expect(summary(failed)).toEqual(["ErrorResponse 22P02", "ReadyForQuery idle"]);
    expect(summary(refused)).toEqual(["ErrorResponse 42P01", "ReadyForQuery idle"]);
    expect(summary(after).at(-1)).toBe("ReadyForQuery idle");
  });

  it("works by the extended protocol with its Sync sent ahead", async () => {
    const client = await raw();
    await client.query("CREATE TABLE extended_copy (n int)");

    client.send(parse("", "COPY extended_copy FROM STDIN"), bind("", ""), execute(""), encodeSync);
    await client.until("CopyInResponse");
    client.send(
      (w) => w.begin(0x64).bytes(bytes("5\n")).end(),
      (w) => w.empty(0x63),
      encodeSync,
    );
    const copied = await client.until("ReadyForQuery");
    const after = await client.query("SELECT n FROM extended_copy");
    client.destroy();

    expect(summary(copied)).toEqual(["CommandComplete COPY 1", "ReadyForQuery idle"]);
    expect(rows(after)).toEqual([["5"]]);
  });
});

describe("a statement that would leave the session's role", () => {
  it.each([
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT; SET ROLE postgres",
    "SET session_replication_role = replica",
  ])("is refused and the session lives: %s", async (text) => {
    const client = await raw();

    const answer = await client.query(text);
    const after = await client.query("SELECT 1");
    client.destroy();

    expect(summary(answer)).toEqual(["ErrorResponse 42501", "ReadyForQuery idle"]);
    expect(summary(after).at(-1)).toBe("ReadyForQuery idle");
  });
});
