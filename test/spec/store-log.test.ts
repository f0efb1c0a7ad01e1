/** The index over a real audit log: follows it while it is written, goes on after a restart, and a rebuild gives the same. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EntryBody, PrincipalRecord } from "../../src/audit/entry.ts";
import { AuditLog } from "../../src/audit/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { principalId } from "../../src/identity/principal.ts";
import { listGateways } from "../../src/store/gateways.ts";
import { createIndexer } from "../../src/store/indexer.ts";
import { rebuildStore } from "../../src/store/rebuild.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const logger = pino({ level: "silent" });

let server: TestPostgres;
let folder: string;
let store: Store;

beforeEach(async () => {
  server = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), "postern-store-log-"));
  store = await openStore(new Secret(server.url()), logger, { retryMs: 20 });
});
afterEach(async () => {
  await store.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const openLog = (): Promise<AuditLog> =>
  AuditLog.open({ folder, gatewayName: "shop", clock: systemClock, durability: "default", logger });

const PRINCIPAL: PrincipalRecord = {
  kind: "agent",
  issuer: "https://idp.example.test",
  subject: "bot",
  actors: [],
  credential: { kind: "token", id: "0123456789abcdef" },
};
const WHERE = {
  principal: PRINCIPAL,
  clientAddress: "192.0.2.7:1",
  via: "wire",
  database: "shop",
  upstreamRole: "agent",
} as const;

/** The entries of one session with a statement that was committed. */
function sessionEntries(session: string): EntryBody[] {
  const sql = { commitment: "c".repeat(64), fingerprint: "f".repeat(64) };
  const numbers = { rowsReturned: 1, rowsAffected: 0, bytes: 20, durationMs: 0.5 };
  return [
    { type: "session.opened", session, sessionSeq: 0, ...WHERE, tls: "off" },
    {
      type: "statement.decided",
      session,
      sessionSeq: 1,
      ...WHERE,
      class: "read",
      verdict: "permitted",
      sql,
      requests: [],
    },
    { type: "statement.finished", session, sessionSeq: 2, statement: 1, outcome: "completed", ...numbers },
    { type: "transaction.committed", session, sessionSeq: 3, statements: [[1, 1]] },
    { type: "session.closed", session, sessionSeq: 4, statements: 1, rows: 1, bytes: 20, reason: "client" },
  ];
}

/** Follows `log` until all that it holds now is in the store. */
async function follow(log: AuditLog): Promise<void> {
  const size = log.size;
  const stop = new AbortController();
  const indexer = createIndexer({
    store,
    logFolder: join(folder, "log"),
    instance: log.instance,
    principalName: principalId,
    logger,
    clock: systemClock,
    signal: stop.signal,
    pollMs: 10,
    logSize: () => size,
    onLag: (entries) => entries === 0 && stop.abort(),
  });
  await indexer.done;
}

const dump = (): Promise<string> =>
  server.psql(
    `SELECT t::text FROM postern.sessions t UNION ALL SELECT t::text FROM postern.statements t
     UNION ALL SELECT t::text FROM postern.gateways t UNION ALL SELECT instance || next_index FROM postern.log_cursors ORDER BY 1`,
  );

describe("the index of a real audit log", () => {
  it("has what was written before and after a restart, and is the same when it is rebuilt", async () => {
    const first = await openLog();
    for (let i = 0; i < 200; i++) for (const entry of sessionEntries(`ses_a${i}`)) first.append(entry);
    first.handOver();
    await follow(first);
    await first.close("restart");

    const second = await openLog();
    for (const entry of sessionEntries("ses_b")) second.append(entry);
    second.handOver();
    await follow(second);
    const running = await store.run(listGateways);
    await second.close("end");
    await follow(second); // it cannot grow any more: both readings below are of the same log
    const followed = await dump();
    const counts = await rebuildStore({ store, logFolder: join(folder, "log"), principalName: principalId, logger });
    const stopped = await store.run(listGateways);

    expect(counts.get(second.instance)).toBeGreaterThanOrEqual(1_000);
    expect(
      await server.psql("SELECT count(*), count(DISTINCT closed_at), min(principal_id) FROM postern.sessions"),
    ).toMatch(/^201\|\d+\|https:\/\/idp\.example\.test#bot$/);
    expect(await server.psql("SELECT DISTINCT outcome, transaction_fate FROM postern.statements")).toBe(
      "completed|committed",
    );
    expect(running).toMatchObject([{ instance: second.instance, name: "shop", stoppedAt: null }]);
    expect(stopped).toMatchObject([{ instance: second.instance, stopReason: "end" }]);
    expect(await dump()).toBe(followed);
  });
});
