/** Strings of several statements that wait for people as one: nothing of them has run by then, and all of them is what was read. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const POLICY = `
@id("all") permit (principal, action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set", Action::"define"], resource in Database::"shop");
@id("deletes-wait") @approvers("dba") @reason("deletes wait")
forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
@id("updates-wait") @approvers("security") @reason("updates wait")
forbid (principal, action == Action::"update", resource) unless { context.approvedBy.contains("security") };
@id("no-secrets") forbid (principal, action, resource == Table::"shop.public.secrets");
`;
const DBA = person("dora", "dba");
const GUARD = person("gus", "security");

describe.each([15, 18] as const)("a string of several statements, on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;
  let desk: Desk;
  let owner: pg.Client;
  let client: RawClient;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(
      `CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE TABLE secrets (id int); CREATE TABLE log (what text);
       CREATE VIEW old_orders AS SELECT * FROM orders WHERE id < 3;
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app; GRANT TEMPORARY ON DATABASE shop TO app`,
      "shop",
    );
    folder = await mkdtemp(join(tmpdir(), "postern-approvals-strings-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    const config = { policy: folder, approvals: { wait: "1m", heartbeat: "30s" } };
    gateway = await startGateway({ postgres, database: "shop", role: APP, config });
    desk = await openDesk(postgres.url("postgres"));
    owner = new pg.Client({ connectionString: postgres.url("shop") });
    await owner.connect();
  });
  afterAll(async () => {
    await owner?.end();
    await desk?.[Symbol.asyncDispose]();
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await owner.query("TRUNCATE orders, log; INSERT INTO orders SELECT i, 'new' FROM generate_series(1, 9) i");
    await owner.query("CREATE OR REPLACE VIEW old_orders AS SELECT * FROM orders WHERE id < 3");
    client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token());
    return () => client.destroy();
  });

  const count = async (sql = "SELECT count(*)::int AS n FROM orders"): Promise<number> =>
    (await owner.query(sql)).rows[0].n;
  const logged = () => count("SELECT count(*)::int AS n FROM log");

  async function held(sql: string) {
    const known = await desk.approvals.list({}, 200);
    const answer = client.query(sql);
    return { approval: await desk.next(known), answer };
  }

  function error(messages: readonly BackendMessage[]): string {
    const found = messages.find((message) => message.type === "ErrorResponse");
    if (found?.type !== "ErrorResponse") return "none";
    const { code, message, detail } = reportOf(found.fields);
    return [code, message, detail].filter((part) => part !== undefined).join(" | ");
  }

  const WHOLE =
    "BEGIN; INSERT INTO log VALUES ('tidy'); DELETE FROM orders WHERE id < 3; SELECT count(*) FROM orders; COMMIT";

  it("is asked about as one, with nothing of it run, and runs as one when it is approved", async () => {
    const { approval, answer } = await held(WHOLE);
    expect(JSON.parse(approval.card ?? "")).toMatchObject({
      statement: WHOLE,
      counted: false,
      requests: [
        { action: "insert", resource: "table:shop.public.log" },
        { action: "delete", resource: "table:shop.public.orders" },
        { action: "select", resource: "table:shop.public.orders" },
        { action: "select", resource: "table:shop.public.orders" },
      ],
    });
    expect([await count(), await logged()]).toEqual([9, 0]);
    const open = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'app' AND xact_start IS NOT NULL";
    expect(await count(open)).toBe(0);
    expect(await count("SELECT count(*)::int AS n FROM pg_locks WHERE relation = 'orders'::regclass")).toBe(0);

    await desk.decide(approval.id, DBA, "approve");
    const messages = await answer;
    expect(summary(messages).filter((one) => one.startsWith("CommandComplete"))).toEqual(
      ["BEGIN", "INSERT 0 1", "DELETE 2", "SELECT 1", "COMMIT"].map((tag) => `CommandComplete ${tag}`),
    );
    expect(rows(messages)).toEqual([["7"]]);
    expect(summary(messages).at(-1)).toBe("ReadyForQuery idle");
    expect([await count(), await logged()]).toEqual([7, 1]);
    const ran = (await logEntries(gateway)).filter(({ approval: id, type }) => {
      return id === approval.id && type === "statement.decided";
    });
    expect(ran.map(({ class: kind, verdict }) => [kind, verdict])).toEqual(
      ["transaction", "write", "write", "read", "transaction"].map((kind) => [kind, "permitted"]),
    );
  });

  it("is one implicit transaction without BEGIN too, and an error takes all of it back", async () => {
    const { approval, answer } = await held(
      "INSERT INTO log VALUES ('x'); DELETE FROM orders WHERE id = 1; INSERT INTO orders VALUES (2, 'there is one')",
    );
    await desk.decide(approval.id, DBA, "approve");
    expect(error(await answer)).toMatch(/^23505/);
    expect([await count(), await logged()]).toEqual([9, 0]);
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
    expect((await desk.ended(approval.id, "consumed")).state).toBe("consumed");
  });

  it("waits for all whom any of its statements needs", async () => {
    const { approval, answer } = await held(
      "DELETE FROM orders WHERE id = 1; UPDATE orders SET note = 'seen' WHERE id = 2",
    );
    expect(approval.approvers).toEqual(["dba", "security"]);
    await desk.decide(approval.id, DBA, "approve");
    expect(await count()).toBe(9);
    await desk.decide(approval.id, GUARD, "approve");
    expect(summary(await answer)).toContain("CommandComplete UPDATE 1");
    expect(await count()).toBe(8);
  });

  it("runs nothing of it where it is denied, and the session lives", async () => {
    const { approval, answer } = await held(WHOLE);
    await desk.decide(approval.id, DBA, "deny", "one at a time");
    expect(error(await answer)).toContain("Reason: one at a time");
    expect([await count(), await logged()]).toEqual([9, 0]);
    expect(summary(await client.query("SELECT 1")).at(-1)).toBe("ReadyForQuery idle");
  });

  it("runs once when it is sent again after its approval, and not twice", async () => {
    await client.query("SET postern.approval = 'defer'");
    const known = await desk.approvals.list({}, 200);
    expect(error(await client.query(WHOLE))).toContain("waits for approval by dba");
    const approval = await desk.next(known);
    await desk.decide(approval.id, DBA, "approve");

    expect(error(await client.query(`${WHOLE} `))).toContain("waits for approval by dba");
    expect(error(await client.query(WHOLE))).toBe("none");
    expect(await count()).toBe(7);
    expect(error(await client.query(WHOLE))).toContain("waits for approval by dba");
    expect([await count(), await logged()]).toEqual([7, 1]);
  });

  it("is void where a view behind one of its statements is another when it is approved", async () => {
    const { approval, answer } = await held("INSERT INTO log VALUES ('x'); DELETE FROM old_orders");
    await owner.query("CREATE OR REPLACE VIEW old_orders AS SELECT * FROM orders");
    await desk.decide(approval.id, DBA, "approve");
    expect(error(await answer)).toContain("what the statement does has changed");
    expect([await count(), await logged()]).toEqual([9, 0]);
    expect((await desk.ended(approval.id, "void")).state).toBe("void");
  });

  it("is void where a table that it reads is gone by then", async () => {
    await owner.query("CREATE TABLE passing (id int); GRANT SELECT ON passing TO app");
    const { approval, answer } = await held("SELECT * FROM passing; DELETE FROM orders");
    await owner.query("DROP TABLE passing");
    await desk.decide(approval.id, DBA, "approve");
    expect(error(await answer)).not.toBe("none");
    expect(await count()).toBe(9);
    expect((await desk.ended(approval.id, "void")).state).toBe("void");
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
  });

  it("is not asked about where policy denies one of its statements: none of it runs", async () => {
    const known = await desk.approvals.list({}, 200);
    const answer = await client.query("INSERT INTO log VALUES ('x'); DELETE FROM orders; SELECT * FROM secrets");
    expect(error(answer)).toMatch(/^42501/);
    expect([await count(), await logged()]).toEqual([9, 0]);
    expect((await desk.approvals.list({}, 200)).length).toBe(known.length);
  });

  it.each([
    ["CREATE TEMP TABLE mine AS SELECT 1; DELETE FROM orders", "cannot wait behind others"],
    ["BEGIN; SAVEPOINT a; DELETE FROM orders; COMMIT", "policy does not permit delete"],
    ["INSERT INTO log VALUES ('x'); PREPARE p AS SELECT 1; DELETE FROM orders", "cannot wait behind others"],
    [`${"SELECT 1; ".repeat(100)}DELETE FROM orders`, "cannot wait behind others"],
  ])("is refused where what it does can be seen only by doing it, or nobody would read it: %.60s", async (sql, why) => {
    expect(error(await client.query(sql))).toContain(why);
    await client.query("ROLLBACK");
    expect([await count(), await logged()]).toEqual([9, 0]);
  });

  it.each([
    ["CREATE TEMP TABLE mine AS SELECT 1 AS a; SELECT a FROM mine", [["1"]]],
    ["SELECT 1; SELECT nowhere FROM orders", "42703"],
    ["INSERT INTO log VALUES ('x'); SELECT what FROM log", [["x"]]],
  ] as const)("runs as before where nothing in it waits: %s", async (sql, expected) => {
    const answer = await client.query(sql);
    if (typeof expected === "string") expect(error(answer)).toMatch(new RegExp(`^${expected}`));
    else expect(rows(answer)).toEqual(expected);
    expect(summary(answer).at(-1)).toBe("ReadyForQuery idle");
  });

  it("leaves a log that verifies", async () => {
    await gateway.running.stop("to be verified");
    const { ok, problems } = await verifyLog(join(gateway.dataPath, "log"));
    expect([ok, problems]).toEqual([true, []]);
  });
});
