/** The limit on bytes holds for what is told beside rows too: notices, errors, settings, notifications. */

import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeSync } from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

const LIMITS = { groups: { kilobyte: { bytes: "1KiB" }, second: { statementSeconds: 1 } } };
const MOST = 1024;
const OVER = "ErrorResponse 54000";

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

describe.each(
  versions,
)("what a statement tells beside rows, with a limit on bytes, before PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let client: RawClient;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    gateway = await startGateway({ postgres, config: { limits: LIMITS } });
    await postgres.psql(`CREATE TABLE noted (n int);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE NOTICE '%', repeat('x', 300); RETURN NEW; END $$;
      CREATE TRIGGER note BEFORE INSERT ON noted FOR EACH ROW EXECUTE FUNCTION note();
      CREATE TABLE late (n int);
      CREATE CONSTRAINT TRIGGER note AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()`);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });
  afterEach(() => client?.destroy());

  async function connect(group = "kilobyte"): Promise<RawClient> {
    const opened = await RawClient.connect(gateway);
    const token = await gateway.token({ groups: ["agents", group] });
    await opened.login({ user: gateway.role, database: gateway.database }, token);
    return opened;
  }

  it("is delivered up to the limit, and the statement is stopped in the server", async () => {
    client = await connect();
    const answer = await client.query("DO $$ BEGIN LOOP RAISE NOTICE '%', repeat('x', 300); END LOOP; END $$");

    expect(bytesOf(answer, "NoticeResponse")).toBeLessThan(MOST);
    expect(summary(answer).slice(-2)).toEqual([OVER, "ReadyForQuery idle"]);
    expect(errorsOf(answer)).toMatchObject([
      {
        message: "the statement was stopped: what it answers is more than 1KiB",
        detail: "The limit is limits.groups.kilobyte.bytes of the gateway.",
      },
    ]);
    expect(summary(await client.query("SELECT 1"))).toContain("CommandComplete SELECT 1");
  });

  it("is counted with the rows", async () => {
    client = await connect();
    const answer = await client.query(`SET client_min_messages = notice;
      DO $$ BEGIN RAISE NOTICE '%', repeat('x', 700); END $$; SELECT repeat('y', 700)`);
    const both = await client.query("SELECT repeat('y', 700) FROM generate_series(1, 2)");

    expect(summary(answer)).not.toContain(OVER); // each statement for itself
    expect(summary(both)).toContain(OVER);
  });

  it("undoes what was before it, in its batch and its transaction", async () => {
    client = await connect();
    await client.query("BEGIN");
    const answer = await client.query(
      "CREATE TABLE made (n int); DO $$ BEGIN FOR i IN 1..9 LOOP RAISE NOTICE '%', repeat('x', 300); END LOOP; END $$",
    );
    await client.query("COMMIT");

    expect(summary(answer).slice(-2)).toEqual([OVER, "ReadyForQuery failed"]);
    expect(await postgres.psql("SELECT to_regclass('made') IS NULL")).toBe("t");
  });

  it("of a write without rows may stand where it has ended meanwhile, and then the client is told what is missing", async () => {
    client = await connect();
    await postgres.psql("TRUNCATE noted");
    const answer = await client.query("INSERT INTO noted SELECT generate_series(1, 9)");
    const stands = summary(answer).includes("CommandComplete INSERT 0 9");

    expect(await postgres.psql("SELECT count(*) FROM noted")).toBe(stands ? "9" : "0");
    expect(summary(answer).includes(OVER)).toBe(!stands);
    expect(noticesOf(answer).filter(({ severity }) => severity === "WARNING")).toMatchObject([
      { code: "01000", message: expect.stringContaining("the rest of it is withheld") },
    ]);
    expect(bytesOf(answer, "NoticeResponse")).toBeLessThan(MOST + 300);
  });

  it("at the end of the transaction is counted to the last statement of it", async () => {
    client = await connect();
    const answer = await exchange(
      client,
      [parse("", "INSERT INTO late SELECT generate_series(1, 9)"), bind("", ""), execute(""), encodeSync],
      1,
    );

    expect(bytesOf(answer, "NoticeResponse")).toBeLessThan(MOST + 300);
    expect(noticesOf(answer).filter(({ severity }) => severity === "WARNING")).toHaveLength(1);
  });

  it("may be an error: beyond the limit its text is not told", async () => {
    client = await connect();

    for (const answer of [
      await client.query("SELECT repeat('secret', 500)::int"),
      await exchange(
        client,
        [parse("", "SELECT repeat('secret', 500)::int"), bind("", ""), execute(""), encodeSync],
        1,
      ),
    ]) {
      expect(summary(answer).filter((name) => name.startsWith("Error"))).toEqual([OVER]);
      expect(textOf(answer)).not.toContain("secret");
    }
    expect(errorsOf(await client.query("SELECT 'short'::int"))).toMatchObject([{ code: "22P02" }]);
  });

  it("may be a notification: those of a minute are delivered up to the limit, and the session goes on", async () => {
    client = await connect();
    await client.query("LISTEN told");
    const answer = [];
    for (let i = 0; i < 6; i++)
      answer.push(...(await client.query(`SELECT pg_notify('told', '${i}' || repeat('secret', 50))`)));
    answer.push(...(await client.query("SELECT 1")));

    expect(answer.filter(({ type }) => type === "NotificationResponse").length).toBeGreaterThan(0);
    expect(bytesOf(answer, "NotificationResponse")).toBeLessThan(MOST);
    expect(noticesOf(answer)).toMatchObject([
      { severity: "WARNING", message: expect.stringContaining("the notifications of a minute are more than 1KiB") },
    ]);
    expect(summary(answer).at(-1)).toBe("ReadyForQuery idle");
  });

  // 18 reports search_path, the first setting of any length that is.
  it.runIf(version === 18)("may be the value of a setting", async () => {
    client = await connect();
    const answer = await client.query("SELECT length(set_config('search_path', repeat('s', 5000), false))");

    expect(bytesOf(answer, "ParameterStatus")).toBe(0);
    expect(noticesOf(answer)).toMatchObject([{ severity: "WARNING" }]);
  });

  it("is as without a limit on bytes where there is none", async () => {
    client = await connect("second");
    const answer = await client.query(
      "DO $$ BEGIN FOR i IN 1..9 LOOP RAISE NOTICE '%', repeat('x', 300); END LOOP; END $$",
    );

    expect(noticesOf(answer)).toHaveLength(9);
    expect(summary(answer)).toContain("CommandComplete DO");
  });
});

describe.each(
  versions,
)("what takes longer than a statement may, and is none that runs, before PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let client: RawClient;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    gateway = await startGateway({ postgres, config: { limits: LIMITS } });
    await postgres.psql(`CREATE TABLE t (n int);
      CREATE FUNCTION sleepy() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN 1; END $$;
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
      CREATE TABLE late (n int);
      CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });
  afterEach(() => client?.destroy());

  async function connect(): Promise<RawClient> {
    const opened = await RawClient.connect(gateway);
    const token = await gateway.token({ groups: ["agents", "second"] });
    await opened.login({ user: gateway.role, database: gateway.database }, token);
    return opened;
  }
  const stoppedByLimit = {
    code: "54000",
    message: "the statement was stopped by the gateway after 1 second",
    detail: "The limit is limits.groups.second.statementSeconds of the gateway.",
  };

  it("is stopped where it is planned", async () => {
    client = await connect();
    const answer = await exchange(client, [parse("", "SELECT sleepy()"), bind("", ""), encodeSync], 1);

    expect(errorsOf(answer)).toMatchObject([stoppedByLimit]);
    expect(summary(answer).at(-1)).toBe("ReadyForQuery idle");
    expect(summary(await client.query("SELECT 1"))).toContain("CommandComplete SELECT 1");
  });

  it("is stopped where it is analysed: it may wait for a lock there", async () => {
    client = await connect();
    const locking = new pg.Client({ connectionString: postgres.url() });
    await locking.connect();
    await locking.query("BEGIN; LOCK TABLE t");
    const answer = await exchange(client, [parse("", "SELECT * FROM t"), encodeSync], 1);
    await locking.end();

    expect(errorsOf(answer)).toMatchObject([stoppedByLimit]);
  });

  it("is stopped at the end of the transaction, by COMMIT and by Sync, and nothing stands", async () => {
    client = await connect();
    const bySync = await exchange(
      client,
      [parse("", "INSERT INTO late VALUES (1)"), bind("", ""), execute(""), encodeSync],
      1,
    );
    const byQuery = await client.query("INSERT INTO late VALUES (1)");
    await client.query("BEGIN; INSERT INTO late VALUES (1)");
    const byCommit = await client.query("COMMIT");

    for (const answer of [bySync, byQuery, byCommit]) {
      expect(errorsOf(answer)).toMatchObject([stoppedByLimit]);
      expect(summary(answer).at(-1)).toBe("ReadyForQuery idle");
    }
    expect(await postgres.psql("SELECT count(*) FROM late")).toBe("0");
  });

  it("hits nothing of the batches behind it", async () => {
    client = await connect();
    const answer = await exchange(
      client,
      [
        ...[parse("", "SELECT sleepy()"), bind("", ""), encodeSync],
        ...[parse("", "SELECT 2"), bind("", ""), execute(""), encodeSync],
      ],
      2,
    );

    expect(summary(answer).filter((name) => /^(Error|Command|Ready)/.test(name))).toEqual([
      OVER,
      "ReadyForQuery idle",
      "CommandComplete SELECT 1",
      "ReadyForQuery idle",
    ]);
  });

  it("is not a statement whose client lets its Sync wait", async () => {
    client = await connect();
    client.send(parse("", "SELECT 1"), bind("", ""), execute(""));
    await postgres.psql("SELECT pg_sleep(3)");
    const answer = await exchange(client, [encodeSync], 1);

    expect(summary(answer)).toContain("CommandComplete SELECT 1");
    expect(errorsOf(answer)).toEqual([]);
  });
});

function errorsOf(messages: readonly BackendMessage[]) {
  return messages.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []));
}

function noticesOf(messages: readonly BackendMessage[]) {
  return messages.flatMap((message) => (message.type === "NoticeResponse" ? [reportOf(message.fields)] : []));
}

/** Of what they carry. */
function bytesOf(messages: readonly BackendMessage[], type: BackendMessage["type"]): number {
  return textOf(messages.filter((message) => message.type === type)).length;
}

function textOf(messages: readonly BackendMessage[]): string {
  return messages
    .map((message) => {
      if (message.type === "ErrorResponse" || message.type === "NoticeResponse")
        return [...message.fields.values()].join("");
      if (message.type === "NotificationResponse") return message.payload;
      return message.type === "ParameterStatus" ? message.value : "";
    })
    .join("");
}
