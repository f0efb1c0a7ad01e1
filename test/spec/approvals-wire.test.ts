/** Statements that need approval, on the wire: they wait, and what people decide is what happens. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { verifyLog } from "../../src/audit/verify.ts";
import type { Approval } from "../../src/store/approvals.ts";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeCancelRequest } from "../../src/wire/startup.ts";
import { type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { functionListings } from "../support/function-listings.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE orders (id int PRIMARY KEY, note text);
  CREATE TABLE log (at timestamptz DEFAULT now(), what text);
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE note = 'open';
  CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("deletes-wait") @approvers("dba") @expires("15m") @reason("deletes are approved by a DBA")
forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
@id("two-for-logs") @approvers("dba, security") @quorum("1") @reason("the log is evidence")
forbid (principal, action == Action::"update", resource == Table::"shop.public.log") unless { context.approvedBy.containsAll(["dba", "security"]) };
`;

const VERIFIER = fileURLToPath(new URL("../../verifier/postern_verify.py", import.meta.url));
const DBA = person("dora", "dba");

describe.each([15, 18] as const)("a statement that needs approval, on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;
  let desk: Desk;
  let owner: pg.Client;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-approvals-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(
      join(folder, "functions.yaml"),
      await functionListings(postgres, "shop", (one) => one.includes("twice")),
    );
    const config = { policy: folder, approvals: { wait: "1m", heartbeat: "1s" } };
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
    await owner.query(
      "TRUNCATE orders; INSERT INTO orders SELECT i, CASE WHEN i < 4 THEN 'open' ELSE 'done' END FROM generate_series(1, 9) i",
    );
  });

  async function connect(claims: Readonly<Record<string, unknown>> = {}): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token(claims));
    return client;
  }

  const left = async (): Promise<number> => Number((await owner.query("SELECT count(*) FROM orders")).rows[0].count);

  /** A request that the client's statement makes, and the answer that is still to come. */
  async function held(
    client: RawClient,
    sql: string,
  ): Promise<{ approval: Approval; answer: Promise<BackendMessage[]> }> {
    const known = await desk.approvals.list({}, 200);
    const answer = client.query(sql);
    return { approval: await desk.next(known), answer };
  }

  const told = (messages: readonly BackendMessage[]): string[] =>
    messages.flatMap((message) => {
      if (message.type !== "ErrorResponse" && message.type !== "NoticeResponse") return [];
      const { code, message: text, detail, hint } = reportOf(message.fields);
      return [[code, text, detail, hint].filter((part) => part !== undefined).join(" | ")];
    });

  it("waits, runs once it is approved, and reports its rows", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id < 3");
    expect(await left()).toBe(9);
    expect(approval).toMatchObject({ state: "pending", mode: "wait", approvers: ["dba"], quorum: 1, class: "write" });

    await desk.decide(approval.id, DBA, "approve", "tidy");
    const messages = await answer;

    expect(summary(messages)).toEqual(["NoticeResponse", "CommandComplete DELETE 2", "ReadyForQuery idle"]);
    expect(told(messages)[0]).toContain(`approval ${approval.id}: the statement waits for dba, until `);
    expect(await left()).toBe(7);
    expect((await desk.ended(approval.id, "consumed")).card).toBe(null);
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
    client.destroy();
  });

  it("is counted, while it waits and after", async () => {
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${gateway.http}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${name} `)) ?? `${name} 0`;
      return Number(line.slice(name.length + 1));
    };
    const requested = 'postern_approvals_requested_total{mode="wait"}';
    const consumed = 'postern_approvals_ended_total{state="consumed"}';
    const before = [await metric(requested), await metric(consumed)];
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 8");
    expect(await metric("postern_approvals_held")).toBe(1);
    await desk.decide(approval.id, DBA, "approve");
    await answer;

    expect(await metric("postern_approvals_held")).toBe(0);
    const after = [await metric(requested), await metric(consumed)];
    expect(after.map((now, at) => now - (before[at] ?? 0))).toEqual([1, 1]);
    client.destroy();
  });

  it("is on record at each step, and the statement names its approval", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 4");
    await desk.decide(approval.id, DBA, "approve");
    await answer;
    client.destroy();

    const here = (await logEntries(gateway)).filter((entry) => entry["approval"] === approval.id);
    expect(here.map(({ type }) => type)).toEqual(["approval.requested", "approval.consumed", "statement.decided"]);
    expect(here[0]).toMatchObject({ mode: "wait", approvers: ["dba"], quorum: 1, binding: approval.binding });
    expect(here[1]).toMatchObject({ binding: approval.binding, decisions: [{ instance: desk.log.instance }] });
    expect(here[2]).toMatchObject({ verdict: "permitted", class: "write" });
  });

  it("is refused with the reviewer's reason where that denies it, and the session lives", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders");
    await desk.decide(approval.id, DBA, "deny", "name the rows");
    const messages = await answer;

    expect(summary(messages)).toEqual(["NoticeResponse", "ErrorResponse 42501", "ReadyForQuery idle"]);
    expect(told(messages)[1]).toContain("a reviewer has denied the statement");
    expect(told(messages)[1]).toContain("name the rows");
    expect(await left()).toBe(9);
    expect(rows(await client.query("SELECT count(*) FROM orders"))).toEqual([["9"]]);
    client.destroy();
  });

  it("holds no lock and no transaction while it waits", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 5");
    const locks = "SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass";
    const open = "SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND datname = 'shop' AND xact_start IS NOT NULL";
    expect((await owner.query(locks)).rowCount).toBe(0);
    expect((await owner.query(open)).rowCount).toBe(0);
    await owner.query("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE NOWAIT; COMMIT");
    await desk.decide(approval.id, DBA, "approve");
    expect(summary(await answer)).toContain("CommandComplete DELETE 1");
    client.destroy();
  });

  it("is withdrawn by a cancel, and cannot be approved any more", async () => {
    const client = await RawClient.connect(gateway);
    const greeting = await client.login({ user: APP.user, database: "shop" }, await gateway.token());
    const key = greeting.find((message) => message.type === "BackendKeyData");
    if (key === undefined) throw new Error("the gateway gave no key");
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 6");
    const canceller = await RawClient.connect(gateway);
    canceller.send((writer) => encodeCancelRequest(writer, { processId: key.processId, secretKey: key.secretKey }));
    expect(await canceller.rest()).toEqual([]);

    expect(summary(await answer)).toEqual(["NoticeResponse", "ErrorResponse 57014", "ReadyForQuery idle"]);
    await desk.ended(approval.id, "withdrawn");
    expect((await desk.decide(approval.id, DBA, "approve")).refused).toMatchObject({ why: "ended" });
    expect(rows(await client.query("SELECT count(*) FROM orders"))).toEqual([["9"]]);
    client.destroy();
  });

  it("is withdrawn where its client goes", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 7");
    client.destroy();
    await answer;
    expect((await desk.ended(approval.id, "withdrawn")).endedReason).toBe("client disconnected");
    expect(await left()).toBe(9);
  });

  it("fails at once where the agent wants that, and runs once and only once when it is sent again", async () => {
    const client = await connect();
    await client.query("SET postern.approval = 'defer'");
    await client.query("SET postern.purpose = 'orders of 2019'");
    const sql = "DELETE FROM orders WHERE id = 8";
    const first = await client.query(sql);
    const [approval] = await desk.approvals.list({}, 1);
    if (approval === undefined) throw new Error("nothing was asked");
    expect(told(first)[0]).toContain(`the statement waits for approval by dba | Approval ${approval.id}`);
    expect(JSON.parse(approval.card ?? "").purpose).toBe("orders of 2019");

    expect(told(await client.query(sql))[0]).toContain(approval.id);
    await desk.decide(approval.id, DBA, "approve");
    expect(summary(await client.query(sql))).toEqual(["CommandComplete DELETE 1", "ReadyForQuery idle"]);
    const again = await client.query(sql);
    expect(told(again)[0]).toContain("the statement waits for approval by dba");
    expect(told(again)[0]).not.toContain(approval.id);
    client.destroy();
  });

  const estimateOf = (approval: Approval): unknown => JSON.parse(approval.card ?? "").estimate;

  it("tells people what the planner expects, and has run nothing for it", async () => {
    await owner.query("ANALYZE orders");
    const client = await connect();
    const known = await desk.approvals.list({}, 200);
    client.send(
      (w) =>
        encodeParse(w, {
          ...{ statement: "", query: Buffer.from("DELETE FROM orders WHERE id <= $1"), parameterTypes: [23] },
        }),
      (w) =>
        encodeBind(w, {
          ...{ portal: "", statement: "", parameterFormats: [1], parameters: [Uint8Array.of(0, 0, 0, 3)] },
          resultFormats: [],
        }),
      (w) => encodeExecute(w, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    const approval = await desk.next(known);
    const { rows: estimated, plan } = z
      .object({ rows: z.number(), cost: z.number(), plan: z.array(z.string()) })
      .parse(estimateOf(approval));

    expect(estimated).toBeGreaterThan(0);
    expect(estimated).toBeLessThan(9);
    expect([plan[0], plan.length]).toEqual(["Delete on orders (rows=0)", 2]);
    expect(await left()).toBe(9);
    await desk.decide(approval.id, DBA, "approve");
    expect(summary(await client.until("ReadyForQuery"))).toContain("CommandComplete DELETE 3");
    client.destroy();
  });

  it("does not ask the planner where that would run code of somebody's", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = twice(2)");
    expect(estimateOf(approval)).toBe(null);
    await desk.decide(approval.id, DBA, "deny", "no");
    await answer;
    client.destroy();
  });

  it("does not wait for the planner where somebody holds a lock, and asks without it", async () => {
    const [client, other] = [await connect(), new pg.Client({ connectionString: postgres.url("shop") })];
    // Parsed and judged before: what locks it then meets the planner alone.
    const sql = "DELETE FROM orders WHERE id = 6";
    client.send((w) => encodeParse(w, { statement: "kept", query: Buffer.from(sql), parameterTypes: [] }), encodeSync);
    await client.until("ReadyForQuery");
    await other.connect();
    await other.query("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    const known = await desk.approvals.list({}, 200);
    client.send(
      (w) => encodeBind(w, { portal: "", statement: "kept", parameterFormats: [], parameters: [], resultFormats: [] }),
      (w) => encodeExecute(w, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    const approval = await desk.next(known);
    expect(estimateOf(approval)).toBe(null);
    await other.query("ROLLBACK");
    await other.end();
    await desk.decide(approval.id, DBA, "approve");
    expect(summary(await client.until("ReadyForQuery"))).toContain("CommandComplete DELETE 1");
    client.destroy();
  });

  it("waits in the extended protocol too, with its parameters, and nothing overtakes it", async () => {
    const client = await connect();
    const known = await desk.approvals.list({}, 200);
    const text = new TextEncoder();
    client.send(
      (writer) =>
        encodeParse(writer, {
          statement: "",
          query: text.encode("DELETE FROM orders WHERE id = $1"),
          parameterTypes: [23],
        }),
      (writer) =>
        encodeBind(writer, {
          portal: "",
          statement: "",
          parameterFormats: [],
          parameters: [text.encode("3")],
          resultFormats: [],
        }),
      (writer) => encodeDescribe(writer, { kind: "portal", name: "" }),
      (writer) => encodeExecute(writer, { portal: "", maxRows: 0 }),
      encodeSync,
      (writer) =>
        encodeParse(writer, { statement: "", query: text.encode("SELECT count(*) FROM orders"), parameterTypes: [] }),
      (writer) =>
        encodeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] }),
      (writer) => encodeExecute(writer, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    const approval = await desk.next(known);
    expect(JSON.parse(approval.card ?? "").parameters).toEqual([{ format: "text", typeOid: 23, value: "3" }]);
    await desk.decide(approval.id, DBA, "approve");
    const messages = [...(await client.until("ReadyForQuery")), ...(await client.until("ReadyForQuery"))];

    expect(summary(messages)).toEqual([
      ...[
        "ParseComplete",
        "NoticeResponse",
        "BindComplete",
        "NoData",
        "CommandComplete DELETE 1",
        "ReadyForQuery idle",
      ],
      ...["ParseComplete", "BindComplete", "DataRow", "CommandComplete SELECT 1", "ReadyForQuery idle"],
    ]);
    expect(rows(messages)).toEqual([["8"]]);
    client.destroy();
  });

  it("cannot wait in a transaction, or behind what cannot be shown before it has run", async () => {
    const client = await connect();
    await client.query("BEGIN");
    expect(told(await client.query("DELETE FROM orders WHERE id = 1"))[0]).toContain("Ask before BEGIN");
    await client.query("ROLLBACK");
    const several = await client.query(
      "INSERT INTO log (what) VALUES ('x'); PREPARE p AS SELECT 1; DELETE FROM orders WHERE id = 1",
    );
    expect(told(several)[0]).toContain("a statement that needs approval cannot wait behind others");
    expect((await owner.query("SELECT 1 FROM log WHERE what = 'x'")).rowCount).toBe(0);
    expect(await left()).toBe(9);
    client.destroy();
  });

  it("needs a person of each group", async () => {
    await owner.query("INSERT INTO log (what) VALUES ('kept')");
    const client = await connect();
    const { approval, answer } = await held(client, "UPDATE log SET what = 'gone' WHERE what = 'kept'");
    const both = person("bo", "dba", "security");
    expect((await desk.decide(approval.id, both, "approve")).approval.state).toBe("pending");
    expect((await desk.decide(approval.id, both, "approve")).refused).toMatchObject({ why: "decided" });
    expect((await desk.decide(approval.id, DBA, "approve")).refused).toMatchObject({ why: "settled" });
    expect((await desk.decide(approval.id, person("sam", "security"), "approve")).approval.state).toBe("approved");
    expect(summary(await answer)).toContain("CommandComplete UPDATE 1");
    client.destroy();
  });

  it("is not for who asked to decide, by whatever issuer and token, nor for who is in no group of it", async () => {
    const client = await connect({ sub: "dora", act: { sub: "report-agent" } });
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 1");
    expect((await desk.decide(approval.id, DBA, "approve")).refused).toMatchObject({ why: "own" });
    expect((await desk.decide(approval.id, person("report-agent", "dba"), "approve")).refused).toMatchObject({
      why: "own",
    });
    expect((await desk.decide(approval.id, person("eve", "sales"), "approve")).refused).toMatchObject({
      why: "no-group",
    });
    expect((await desk.decide(approval.id, person("dan", "dba"), "approve")).approval.state).toBe("approved");
    expect(summary(await answer)).toContain("CommandComplete DELETE 1");
    client.destroy();
  });

  it.each([
    [
      "the view's definition",
      "DELETE FROM open_orders WHERE id = 1",
      "CREATE OR REPLACE VIEW open_orders AS SELECT * FROM orders WHERE note <> 'open'",
    ],
    [
      "the table's triggers",
      "DELETE FROM orders WHERE id = 1",
      "CREATE OR REPLACE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; CREATE OR REPLACE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION noted()",
    ],
    [
      "what refers to it",
      "DELETE FROM orders WHERE id = 1",
      "DROP TABLE IF EXISTS lines; CREATE TABLE lines (o int REFERENCES orders ON DELETE CASCADE)",
    ],
  ])("is void where %s changes between approval and run", async (_, sql, change) => {
    const client = await connect();
    await client.query("SET postern.approval = 'defer'");
    await client.query(sql);
    const [asked] = await desk.approvals.list({}, 1);
    await desk.decide(asked?.id ?? "", DBA, "approve");
    await owner.query(change);
    expect(told(await client.query(sql))[0]).not.toContain(asked?.id);
    expect(await left()).toBe(9);

    await client.query("SET postern.approval = 'wait'");
    const { approval, answer } = await held(client, `${sql} -- waits`);
    await owner.query(`${change}; COMMENT ON TABLE orders IS '${Math.random()}'`);
    await owner.query(
      "CREATE OR REPLACE VIEW open_orders AS SELECT * FROM orders WHERE note = 'open'; DROP TABLE IF EXISTS lines; DROP TRIGGER IF EXISTS noted ON orders",
    );
    await desk.decide(approval.id, DBA, "approve");
    expect(told(await answer).at(-1)).toContain("what the statement does has changed since it was approved");
    expect((await desk.ended(approval.id, "void")).endedReason).toBe("what it does has changed");
    expect(await left()).toBe(9);
    client.destroy();
  });

  it.each([
    ["one byte", "DELETE FROM orders WHERE id = 1", "DELETE FROM orders WHERE id =  1", ""],
    [
      "the search_path",
      "DELETE FROM orders WHERE id = 2",
      "DELETE FROM orders WHERE id = 2",
      "SET search_path = public",
    ],
  ])("is another one where %s differs", async (_, approved, sent, before) => {
    const client = await connect();
    await client.query("SET postern.approval = 'defer'");
    await client.query(approved);
    const [asked] = await desk.approvals.list({}, 1);
    await desk.decide(asked?.id ?? "", DBA, "approve");
    if (before !== "") await client.query(before);
    const answer = told(await client.query(sent))[0];
    expect(answer).toContain("the statement waits for approval by dba");
    expect(answer).not.toContain(asked?.id);
    expect(await left()).toBe(9);
    client.destroy();
  });

  it("is told that it waits, and is told to come back when it has waited for long", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 9");
    const before = await client.until("NoticeResponse");
    expect(told(before)[0]).toContain(approval.id);
    const beat = await client.until("NoticeResponse");
    expect(told(beat)[0]).toBe(`00000 | approval ${approval.id}: still waiting for dba`);
    await desk.decide(approval.id, DBA, "deny", "no");
    await answer;
    client.destroy();
  });

  it("is void where a function that it calls is replaced between approval and run", async () => {
    const client = await connect();
    const sql = "DELETE FROM orders WHERE id = twice(1)";
    const { approval, answer } = await held(client, sql);
    await owner.query("CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 3'");
    await desk.decide(approval.id, DBA, "approve");
    const messages = await answer;
    await owner.query("CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2'");

    expect(summary(messages)).toEqual(["NoticeResponse", "ErrorResponse 42501", "ReadyForQuery idle"]);
    expect(await left()).toBe(9);
    expect((await desk.ended(approval.id, "void")).endedReason).toBe("what it does has changed");
    client.destroy();
  });

  it("is not asked of people where its parameters are more than they could read", async () => {
    const client = await connect();
    const text = new TextEncoder();
    client.send(
      (writer) =>
        encodeParse(writer, {
          ...{ statement: "", parameterTypes: [25] },
          query: text.encode("DELETE FROM orders WHERE note = $1"),
        }),
      (writer) =>
        encodeBind(writer, {
          ...{ portal: "", statement: "", parameterFormats: [], resultFormats: [] },
          parameters: [text.encode("x".repeat(70_000))],
        }),
      (writer) => encodeExecute(writer, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    expect(told(await client.until("ReadyForQuery"))[0]).toContain("parameters of 70000 characters are more than");
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
    client.destroy();
  });

  it("that has waited for long is told to come back, and runs when it does", async () => {
    const config = { policy: folder, approvals: { wait: "1s", heartbeat: "1s" } };
    const hasty = await startGateway({ postgres, database: "shop", role: APP, config, issuer: gateway.issuer });
    const client = await RawClient.connect(hasty);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token());
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 2");
    const messages = await answer;
    expect(told(messages).at(-1)).toContain(`the statement waits for approval by dba | Approval ${approval.id}`);
    expect((await desk.approvals.read(approval.id))?.state).toBe("pending");
    await desk.decide(approval.id, DBA, "approve");
    expect(summary(await client.query("DELETE FROM orders WHERE id = 2"))).toContain("CommandComplete DELETE 1");
    client.destroy();
    await hasty.stop();
  });

  it("runs on an approval that was forged in the control store, and both verifiers say that nobody gave it", async () => {
    const client = await connect();
    const { approval, answer } = await held(client, "DELETE FROM orders WHERE id = 1");
    const store = new pg.Client({ connectionString: postgres.url("postgres") });
    await store.connect();
    await store.query(
      `INSERT INTO postern.approval_decisions VALUES ($1, '["x", "nobody"]', 'x#nobody', 'approve', 'dba', NULL, now(), $2, 1, $3, 1)`,
      [approval.id, approval.cardHash, gateway.running.instance],
    );
    await store.query("UPDATE postern.approvals SET state = 'approved' WHERE id = $1", [approval.id]);
    await store.query("SELECT pg_notify('postern_approvals', $1)", [approval.id]);
    expect(summary(await answer)).toContain("CommandComplete DELETE 1");
    await store.end();
    client.destroy();
    await gateway.running.stop("to be verified");

    const folder = join(gateway.dataPath, "log");
    const { ok, problems } = await verifyLog(folder);
    expect([ok, problems.length]).toEqual([false, 1]);
    expect(problems[0]).toContain(`uses approval ${approval.id}, which entry 1 does not give`);
    const python = spawnSync("python3", [VERIFIER, folder], { encoding: "utf8" });
    if (python.error === undefined) {
      expect(python.status).toBe(1);
      expect(python.stdout + python.stderr).toContain("uses an approval that the entries which it names do not give");
    }
  });
});
