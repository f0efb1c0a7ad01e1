/** Approvals for so many rows: what changes more is undone before it can be committed, however it is sent. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import pino from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/approval/card.ts";
import { AuditLog } from "../../src/audit/log.ts";
import { verifyLog } from "../../src/audit/verify.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Approval } from "../../src/store/approvals.ts";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const POLICY = `
@id("all") permit (principal, action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("deletes-wait") @approvers("dba") @reason("deletes wait")
forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
@id("updates-wait") @approvers("dba") @quorum("2") @inTransaction("hold") @reason("updates wait, in a block too")
forbid (principal, action == Action::"update", resource) unless { context.approvedBy.contains("dba") };
`;
const VERIFIER = fileURLToPath(new URL("../../verifier/postern_verify.py", import.meta.url));
const DBA = person("dora", "dba");
const OTHER = person("otto", "dba");

describe.each([15, 18] as const)("a statement that is approved for so many rows, on PostgreSQL %i", (version) => {
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
      "CREATE TABLE orders (id int PRIMARY KEY, note text); GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO app",
      "shop",
    );
    folder = await mkdtemp(join(tmpdir(), "postern-approvals-rows-"));
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
    await owner.query("TRUNCATE orders; INSERT INTO orders SELECT i, 'new' FROM generate_series(1, 9) i");
    client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token());
    return () => client.destroy();
  });

  const left = async (): Promise<number> => Number((await owner.query("SELECT count(*) FROM orders")).rows[0].count);

  /** @param send what makes a request. */
  async function held(send: () => Promise<BackendMessage[]>) {
    const known = await desk.approvals.list({}, 200);
    const answer = send();
    return { approval: await desk.next(known), answer };
  }

  const query = (sql: string) => held(() => client.query(sql));

  function extended(sql: string, maxRows: number) {
    client.send(
      (w) => encodeParse(w, { statement: "", query: new TextEncoder().encode(sql), parameterTypes: [] }),
      (w) => encodeBind(w, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] }),
      (w) => encodeExecute(w, { portal: "", maxRows }),
      encodeSync,
    );
    return client.until("ReadyForQuery");
  }

  function error(messages: readonly BackendMessage[]): string {
    const found = messages.find((message) => message.type === "ErrorResponse");
    if (found?.type !== "ErrorResponse") return "none";
    const { code, message, detail } = reportOf(found.fields);
    return [code, message, detail].join(" | ");
  }

  it("runs where it changes no more, and the record says how many it was for", async () => {
    const { approval, answer } = await query("DELETE FROM orders WHERE id < 3");
    const { approval: decided } = await desk.decide(approval.id, DBA, "approve", undefined, 2);
    expect(decided.decisions).toMatchObject([{ rows: 2 }]);

    expect(summary(await answer)).toEqual(["NoticeResponse", "CommandComplete DELETE 2", "ReadyForQuery idle"]);
    expect(await left()).toBe(7);
    const consumed = (await logEntries(gateway)).filter((entry) => entry["approval"] === approval.id);
    expect(consumed.find(({ type }) => type === "approval.consumed")).toMatchObject({ rows: 2 });
  });

  it("is undone where it changes more, and the session lives", async () => {
    const { approval, answer } = await query("DELETE FROM orders WHERE id < 4");
    await desk.decide(approval.id, DBA, "approve", undefined, 2);
    const messages = await answer;

    expect(summary(messages)).toEqual(["NoticeResponse", "ErrorResponse 42501", "ReadyForQuery idle"]);
    expect(error(messages)).toBe(
      "42501 | the statement was approved for 2 rows and has been undone | It had changed 3.",
    );
    expect(await left()).toBe(9);
    expect(rows(await client.query("SELECT count(*) FROM orders"))).toEqual([["9"]]);
    const entries = await logEntries(gateway);
    const decided = entries.find(({ type, approval: id }) => type === "statement.decided" && id === approval.id);
    const ofIt = entries.filter(({ session }) => session === decided?.session);
    expect(ofIt.find(({ statement }) => statement === decided?.sessionSeq)).toMatchObject({
      ...{ type: "statement.finished", outcome: "failed", sqlstate: "42501" },
    });
    expect(ofIt.some(({ type }) => type === "transaction.rolled_back")).toBe(true);
    expect(ofIt.some(({ type }) => type === "transaction.committed")).toBe(false);
  });

  it("is undone in the extended protocol, with the Sync sent along", async () => {
    const { approval, answer } = await held(() => extended("DELETE FROM orders WHERE id < 4", 0));
    await desk.decide(approval.id, DBA, "approve", undefined, 1);

    expect(error(await answer)).toContain("approved for 1 row and has been undone");
    expect(await left()).toBe(9);
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
  });

  it("is undone where its rows are read in parts, so that its count would come later", async () => {
    const { approval, answer } = await held(() => extended("DELETE FROM orders RETURNING id", 1));
    await desk.decide(approval.id, DBA, "approve", undefined, 3);

    expect(error(await answer)).toContain("It was to be read in parts");
    expect(await left()).toBe(9);
    expect(rows(await client.query("SELECT 1"))).toEqual([["1"]]);
  });

  it.each([
    "WITH gone AS (DELETE FROM orders WHERE id < 4 RETURNING id) DELETE FROM orders WHERE id = 9",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone",
    "WITH gone AS (DELETE FROM orders RETURNING id) INSERT INTO orders SELECT id + 10 FROM gone WHERE id = 1",
  ])("cannot be approved so where the server does not count all of it: %s", async (sql) => {
    const { approval, answer } = await query(sql);
    const { refused, approval: now } = await desk.decide(approval.id, DBA, "approve", undefined, 100);
    expect(refused).toMatchObject({ why: "uncounted" });
    expect(now.state).toBe("pending");

    await desk.decide(approval.id, DBA, "deny", "not like this");
    expect(error(await answer)).toContain("a reviewer has denied the statement");
    expect(await left()).toBe(9);
  });

  describe("where policy has it wait in a block", () => {
    const update = async (): Promise<{ approval: Approval; answer: Promise<BackendMessage[]> }> => {
      await client.query("BEGIN");
      await client.query("INSERT INTO orders VALUES (10, 'new')");
      return query("UPDATE orders SET note = 'seen' WHERE id < 4");
    };
    const seen = async () => (await owner.query("SELECT count(*)::int AS n FROM orders WHERE note = 'seen'")).rows[0].n;

    it("the fewest rows of all who approve it count, and its whole transaction is lost", async () => {
      const { approval, answer } = await update();
      await desk.decide(approval.id, DBA, "approve", undefined, 3);
      await desk.decide(approval.id, OTHER, "approve", undefined, 2);
      const messages = await answer;

      expect(error(messages)).toContain("approved for 2 rows");
      expect(summary(messages).at(-1)).toBe("ReadyForQuery failed");
      expect(summary(await client.query("COMMIT"))).toEqual(["CommandComplete ROLLBACK", "ReadyForQuery idle"]);
      expect([await seen(), await left()]).toEqual([0, 9]);
    });

    it("runs there, and is committed with it", async () => {
      const { approval, answer } = await update();
      await desk.decide(approval.id, DBA, "approve", undefined, 3);
      await desk.decide(approval.id, OTHER, "approve");

      expect(summary(await answer)).toContain("CommandComplete UPDATE 3");
      expect(summary(await client.query("COMMIT"))).toContain("CommandComplete COMMIT");
      expect([await seen(), await left()]).toEqual([3, 10]);
    });
  });

  it("leaves a log that verifies", async () => {
    await gateway.running.stop("to be verified");
    const { ok, problems } = await verifyLog(join(gateway.dataPath, "log"));
    expect([ok, problems]).toEqual([true, []]);
    const python = spawnSync("python3", [VERIFIER, join(gateway.dataPath, "log")], { encoding: "utf8" });
    if (python.error === undefined) expect([python.status, python.stdout]).toEqual([0, expect.stringMatching("well")]);
  });
});

it("is found by the log's verifiers where it was used for more rows than anyone gave it for", async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-approvals-rows-"));
  const log = await AuditLog.open({
    ...{ folder, gatewayName: "forged", clock: systemClock, durability: "default", version: "0.0.0" },
    logger: pino({ level: "silent" }),
    counters: () => ({}),
    onFlush: () => {},
  });
  const binding = sha256("what was approved");
  const approval = "apr_forged";
  const index = log.append({
    ...{ type: "approval.decided", approval, binding, card: sha256("card"), verdict: "approved", actor: DBA.id },
    ...{ group: "dba", seconds: 1, rows: 2 },
  });
  const decisions = [{ instance: log.instance, index }];
  log.append({ type: "approval.consumed", approval, binding, forSession: "ses_x", decisions, rows: 3 });
  await log.close("test ended");

  const { ok, problems } = await verifyLog(join(folder, "log"));
  expect([ok, problems.length]).toEqual([false, 1]);
  expect(problems[0]).toContain(`uses approval ${approval} for more rows than entry ${index} gives it for`);
  const python = spawnSync("python3", [VERIFIER, join(folder, "log")], { encoding: "utf8" });
  if (python.error === undefined) expect(python.stdout).toContain("uses an approval for more rows than it was given");
  await rm(folder, { recursive: true, force: true });
});
