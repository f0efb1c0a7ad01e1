/** The index of the audit log on a real PostgreSQL: exactly once, whatever breaks; the same by rebuild as by following. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { listGateways } from "../../src/store/gateways.ts";
import { createIndexer, type IndexerOptions } from "../../src/store/indexer.ts";
import { rebuildStore } from "../../src/store/rebuild.ts";
import { readSession, searchSessions } from "../../src/store/sessions.ts";
import { listStatements } from "../../src/store/statements.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { LogFixture, principal, readerOf } from "../support/log-fixture.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const silent = pino({ level: "silent" });
const principalName = (issuer: string, subject: string): string => `${issuer}#${subject}`;

let server: TestPostgres;
let databases = 0;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
});

/** A store on an empty database of its own. */
async function newStore(through?: (port: number) => number): Promise<{ store: Store; database: string }> {
  const database = `index_${++databases}`;
  await server.psql(`CREATE DATABASE ${database}`);
  const port = String(through === undefined ? server.port : through(server.port));
  const url = server.url(database).replace(String(server.port), port);
  return { store: await openStore(new Secret(url), silent, { retryMs: 20, probeMs: 200 }), database };
}

/** Indexes all of `log`, then stops. */
async function indexAll(store: Store, log: LogFixture, options: Partial<IndexerOptions> = {}): Promise<number> {
  const stop = new AbortController();
  let least = Number.POSITIVE_INFINITY;
  const indexer = createIndexer({
    store,
    logFolder: "log",
    instance: log.instance,
    principalName,
    logger: silent,
    clock: systemClock,
    signal: stop.signal,
    maxEntriesPerSecond: 1e9,
    readEntries: readerOf(log),
    logSize: () => log.entries.length,
    ...options,
    onLag: (entries) => {
      options.onLag?.(entries);
      least = Math.min(least, entries);
      if (entries === 0) stop.abort();
    },
  });
  const limit = setTimeout(() => stop.abort(), 40_000);
  await indexer.done;
  clearTimeout(limit);
  return least;
}

const TABLES = ["gateways", "sessions", "statements"];

/** All rows of the index as text, sorted. */
async function dump(database: string): Promise<string> {
  const parts = await Promise.all(
    TABLES.map((table) => server.psql(`SELECT t::text FROM postern.${table} t ORDER BY 1`, database)),
  );
  const cursors = await server.psql("SELECT instance, next_index FROM postern.log_cursors ORDER BY 1", database);
  return [...parts, cursors].join("\n--\n");
}

/** What a log gives when nothing goes wrong. */
async function undisturbed(log: LogFixture): Promise<string> {
  const { store, database } = await newStore();
  await indexAll(store, log);
  await store.close();
  return dump(database);
}

function manySessions(instance = "gw_1"): LogFixture {
  const log = new LogFixture(instance);
  log.start();
  log.addSessions("ses_", 20, 30);
  return log;
}

describe("the entries of a session", () => {
  it("become one session and its statements, with outcome and fate", async () => {
    const log = new LogFixture("gw_1");
    log.start();
    log.open("ses_a", { applicationName: "reports" });
    const intent = log.decide("ses_a", 1, { class: "write" });
    log.finish("ses_a", 2, 1, { rowsReturned: 0, rowsAffected: 7 });
    log.add({ type: "transaction.committed", session: "ses_a", sessionSeq: 3, statements: [[1, 1]] });
    log.decide("ses_a", 4, { verdict: "refused", reason: "not yours" });
    log.close("ses_a", 5, 2);
    const { store } = await newStore();

    await indexAll(store, log);

    const session = await store.run((q) => readSession(q, "ses_a"));
    const statements = await store.run((q) => listStatements(q, "ses_a", {}, 10));
    await store.close();
    expect(session).toMatchObject({
      instance: "gw_1",
      logIndex: 1,
      openedAt: "2026-01-05T00:00:00.001000Z",
      principalId: "https://idp.example.test#bot",
      actor: "assistant",
      applicationName: "reports",
      closeReason: "client",
      statements: 2,
    });
    expect(statements).toEqual([
      {
        sessionId: "ses_a",
        seq: 1,
        instance: "gw_1",
        logIndex: intent,
        decidedAt: "2026-01-05T00:00:00.002000Z",
        class: "write",
        verdict: "permitted",
        fingerprint: "f1",
        finishedAt: "2026-01-05T00:00:00.003000Z",
        outcome: "completed",
        sqlstate: null,
        rowsReturned: 0,
        rowsAffected: 7,
        bytes: 120,
        durationMs: 1.25,
        transactionFate: "committed",
      },
      expect.objectContaining({ seq: 4, verdict: "refused", finishedAt: null, outcome: null, transactionFate: null }),
    ]);
  });

  it.each([
    1, 100,
  ])("give what a savepoint undid as rolled back in a committed transaction (batches of %i)", async (pieces) => {
    const log = new LogFixture("gw_1");
    log.open("ses_a");
    for (const seq of [1, 2, 3, 4]) log.decide("ses_a", seq, { class: "write" });
    log.add({
      type: "transaction.rolled_back",
      session: "ses_a",
      sessionSeq: 5,
      statements: [[2, 3]],
      savepoint: true,
    });
    log.add({ type: "transaction.committed", session: "ses_a", sessionSeq: 6, statements: [[1, 4]], undone: [[3, 3]] });
    log.decide("ses_a", 7);
    const { store } = await newStore();

    // Read to different ends, so that the entries fall into one transaction of the index or into one each.
    const whole = log.entries.splice(0);
    while (whole.length > 0) {
      log.entries.push(...whole.splice(0, pieces));
      await indexAll(store, log);
    }

    const statements = await store.run((q) => listStatements(q, "ses_a", {}, 10));
    await store.close();
    expect(statements.map((each) => each.transactionFate)).toEqual([
      "committed",
      "rolled_back",
      "rolled_back",
      "committed",
      null,
    ]);
  });

  it("begin the gateway's row anew at each start and end it at its stop", async () => {
    const log = new LogFixture("gw_1");
    log.start();
    log.add({ type: "gateway.stopped", reason: "SIGTERM", counters: {} });
    log.start();
    log.add({ type: "gateway.heartbeat", counters: {}, registry: { size: 1, root: "" } });
    const { store } = await newStore();

    await indexAll(store, log);

    const gateways = await store.run(listGateways);
    await store.close();
    expect(gateways).toEqual([
      {
        instance: "gw_1",
        name: "shop",
        origin: "shop/gw_1",
        version: "0.1.0",
        startedAt: "2026-01-05T00:00:00.002000Z",
        heartbeatAt: "2026-01-05T00:00:00.003000Z",
        stoppedAt: null,
        stopReason: null,
      },
    ]);
  });
});

describe("an index whose connection is killed", () => {
  it("inside its transactions writes each entry exactly once", async () => {
    const log = manySessions();
    const { store, database } = await newStore();
    // A sequence does not roll back, so each number comes once: the connection dies there, in the middle of a batch.
    await server.psql(
      `CREATE SEQUENCE kills;
       CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('kills') IN (3, 40, 41, 300, 301, 700) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
         RETURN NEW; END $$;
       CREATE TRIGGER die BEFORE INSERT OR UPDATE ON postern.statements FOR EACH ROW EXECUTE FUNCTION die()`,
      database,
    );

    await indexAll(store, log);
    await store.close();

    expect(Number(await server.psql("SELECT last_value FROM kills", database))).toBeGreaterThan(700);
    expect(await dump(database)).toBe(await undisturbed(log));
  });

  it("after a commit whose answer is lost writes each entry exactly once", async () => {
    const log = manySessions();
    const proxy = await startCommitCutter();
    const { store, database } = await newStore((port) => proxy.to(port));
    proxy.cutting = true;

    await indexAll(store, log);
    const cuts = proxy.cuts;
    await store.close();
    await proxy.stop();

    expect(cuts).toBeGreaterThanOrEqual(3);
    expect(await dump(database)).toBe(await undisturbed(log));
  });
});

describe("two indexers of one log", () => {
  it("write each entry exactly once", async () => {
    const log = manySessions();
    const { store, database } = await newStore();

    await Promise.all([indexAll(store, log), indexAll(store, log), indexAll(store, log)]);
    await store.close();

    expect(await dump(database)).toBe(await undisturbed(log));
  });
});

describe("an index whose store goes away", () => {
  it("tells its lag, and catches up by itself when the store is back", async () => {
    const log = manySessions();
    const { store, database } = await newStore();
    await indexAll(store, log);
    const lags: number[] = [];

    await server.pause();
    log.addSessions("later_", 5, 5);
    let done: Promise<unknown> = Promise.resolve();
    await new Promise<void>((failed) => {
      done = indexAll(store, log, {
        onLag: (entries) => {
          lags.push(entries);
          failed(); // the first try has met the dead server
        },
      });
    });
    await server.start();
    await done;
    await store.close();

    expect(lags[0]).toBe(log.entries.length);
    expect(lags.at(-1)).toBe(0);
    expect(await dump(database)).toBe(await undisturbed(log));
  });
});

describe("a log with an entry that cannot be indexed", () => {
  it("is indexed but for that entry, which is named in the operator's log without its value", async () => {
    const log = new LogFixture("gw_1");
    log.open("ses_a");
    log.decide("ses_a", 1);
    const refused = log.decide("ses_a", 2, { ts: "hunter2" });
    const unread = log.add({ type: "statement.decided", session: "ses_a", sessionSeq: "hunter2" });
    log.decide("ses_a", 3, { class: "nul \0 inside" });
    log.add({ type: "of.the.future", any: "thing" });
    log.close("ses_a", 4, 3);
    const { store } = await newStore();
    const lines: string[] = [];

    await indexAll(store, log, { logger: pino({ level: "error" }, { write: (line: string) => lines.push(line) }) });

    const statements = await store.run((q) => listStatements(q, "ses_a", {}, 10));
    const session = await store.run((q) => readSession(q, "ses_a"));
    await store.close();
    expect(statements.map((each) => [each.seq, each.class])).toEqual([
      [1, "read"],
      [3, "nul � inside"],
    ]);
    expect(session?.closeReason).toBe("client");
    expect(lines.map((line) => JSON.parse(line).index).sort()).toEqual([refused, unread]);
    expect(lines.join()).not.toContain("hunter2");
  });
});

describe("the rate of the index", () => {
  it("stays under its limit while it catches up", async () => {
    const log = manySessions();
    const { store } = await newStore();
    const begun = performance.now();

    await indexAll(store, log, { maxEntriesPerSecond: 4_000 });

    const seconds = (performance.now() - begun) / 1000;
    await store.close();
    // The last batch is not waited for.
    expect((log.entries.length - 256) / seconds).toBeLessThan(4_000);
  });

  it("falls to a tenth while the thread is busy with statements", async () => {
    const log = manySessions();
    const { store } = await newStore();
    const begun = performance.now();

    await indexAll(store, log, { maxEntriesPerSecond: 40_000, busy: () => 1 });

    const seconds = (performance.now() - begun) / 1000;
    await store.close();
    expect((log.entries.length - 256) / seconds).toBeLessThan(4_000);
  });
});

describe("a rebuild of the store", () => {
  it("gives what following the logs gave, for all instances, and keeps the freezes", async () => {
    const first = manySessions("gw_1");
    const second = new LogFixture("gw_2");
    second.start();
    second.addSessions("other_", 3, 4);
    const { store, database } = await newStore();
    await indexAll(store, first);
    await indexAll(store, second);
    const followed = await dump(database);
    await server.psql(
      "INSERT INTO postern.frozen_principals VALUES ('p', 'why', 'who', now()); DELETE FROM postern.sessions WHERE id = 'ses_3'; UPDATE postern.statements SET class = 'x'",
      database,
    );
    const logFolder = await mkdtemp(join(tmpdir(), "postern-rebuild-"));
    await Promise.all(["gw_1", "gw_2", "registry"].map((name) => mkdir(join(logFolder, name))));
    const progress: number[] = [];

    const counts = await rebuildStore({
      store,
      logFolder,
      principalName,
      logger: silent,
      readEntries: readerOf(first, second),
      onProgress: ({ entries }) => progress.push(entries),
    });
    await store.close();
    await rm(logFolder, { recursive: true });

    expect(await dump(database)).toBe(followed);
    expect([...counts]).toEqual([
      ["gw_1", first.entries.length],
      ["gw_2", second.entries.length],
    ]);
    expect(progress.at(-1)).toBe(second.entries.length);
    expect(await server.psql("SELECT count(*) FROM postern.frozen_principals", database)).toBe("1");
  });

  it("beside a running indexer still writes each entry exactly once", async () => {
    const log = manySessions();
    const { store, database } = await newStore();
    const logFolder = await mkdtemp(join(tmpdir(), "postern-rebuild-"));
    await mkdir(join(logFolder, "gw_1"));

    const indexing = indexAll(store, log, { maxEntriesPerSecond: 20_000 });
    await rebuildStore({ store, logFolder, principalName, logger: silent, readEntries: readerOf(log) });
    await indexing;
    await indexAll(store, log);
    await store.close();
    await rm(logFolder, { recursive: true });

    expect(await dump(database)).toBe(await undisturbed(log));
  });
});

describe("a dump of the store", () => {
  it("holds no SQL text, parameter or token, though an entry should hold one", async () => {
    const planted = "planted-hunter2";
    const log = new LogFixture("gw_1");
    const token = { kind: "token", id: "0123456789abcdef", bytes: planted };
    log.open("ses_a", {
      principal: { kind: "agent", issuer: "i", subject: "s", actors: [], credential: token },
      claims: planted,
    });
    log.decide("ses_a", 1, {
      sql: { commitment: "c", fingerprint: "f", text: planted },
      parameters: planted,
      reason: planted,
      requests: [{ action: "select", resource: planted, decision: "permit", policies: [] }],
    });
    log.finish("ses_a", 2, 1, { rows: planted, message: planted });
    log.close("ses_a", 3, 1);
    const { store, database } = await newStore();

    await indexAll(store, log);
    await store.close();

    const tables = (await server.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'postern'", database)).split(
      "\n",
    );
    const rows = await Promise.all(
      tables.map((table) => server.psql(`SELECT t::text FROM postern.${table} t`, database)),
    );
    expect(tables.length).toBeGreaterThanOrEqual(6);
    expect(rows.join("\n")).toContain("ses_a");
    expect(rows.join("\n")).not.toContain(planted);
    expect(rows.join("\n")).not.toContain(server.password);
  });
});

describe("the search of sessions", () => {
  let store: Store;
  const ids = async (filter: Parameters<typeof searchSessions>[1]): Promise<string[]> =>
    (await store.run((q) => searchSessions(q, filter, 100))).map((session) => session.id);

  beforeAll(async () => {
    const log = new LogFixture("gw_1");
    log.open("ses_1", { principal: principal("ann"), database: "shop" }); // .000
    log.open("ses_2", { principal: principal("bob"), database: "payroll", applicationName: "100%_sure" }); // .001
    log.open("ses_3", { principal: principal("ann"), database: "payroll", clientAddress: "198.51.100.9:1" }); // .002
    log.decide("ses_1", 1);
    log.decide("ses_3", 1, { verdict: "refused" });
    log.close("ses_2", 1, 0);
    ({ store } = await newStore());
    await indexAll(store, log);
  });
  afterAll(() => store.close());

  it.each([
    ["newest first without a filter", {}, ["ses_3", "ses_2", "ses_1"]],
    ["by principal", { principal: "https://idp.example.test#ann" }, ["ses_3", "ses_1"]],
    ["by database", { database: "payroll" }, ["ses_3", "ses_2"]],
    ["by verdict", { verdict: "refused" }, ["ses_3"]],
    ["by state open", { state: "open" as const }, ["ses_3", "ses_1"]],
    ["by state closed", { state: "closed" as const }, ["ses_2"]],
    ["by text in the subject, case ignored", { text: "BOB" }, ["ses_2"]],
    ["by text in the client address", { text: "198.51" }, ["ses_3"]],
    ["by text that is a pattern elsewhere", { text: "0%_s" }, ["ses_2"]],
    ["by text that is nowhere", { text: "_e_" }, []],
    ["by time, until excluded", { since: "2026-01-05T00:00:00.001Z", until: "2026-01-05T00:00:00.002Z" }, ["ses_2"]],
    [
      "by all at once",
      { principal: "https://idp.example.test#ann", database: "payroll", verdict: "refused" },
      ["ses_3"],
    ],
  ])("finds %s", async (_, filter, expected) => {
    expect(await ids(filter)).toEqual(expected);
  });

  it("gives pages that leave out and repeat nothing", async () => {
    const seen: string[] = [];
    let before: string | undefined;
    for (;;) {
      const page = await store.run((q) => searchSessions(q, {}, 1, before));
      const last = page.at(-1);
      if (last === undefined) break;
      seen.push(last.id);
      before = last.id;
    }

    expect(seen).toEqual(["ses_3", "ses_2", "ses_1"]);
  });
});

interface CommitCutter {
  cutting: boolean;
  readonly cuts: number;
  to(port: number): number;
  stop(): Promise<void>;
}

/** A hop that lets every second COMMIT through to the server and drops the connection before its answer. */
async function startCommitCutter(): Promise<CommitCutter> {
  let target = 0;
  // Marsaglia's xorshift: the same in each run.
  let state = 0x2545f491;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const sockets = new Set<Socket>();
  const proxy = { cutting: false, cuts: 0 };
  const hop: Server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let dropping = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.on("data", (bytes) => {
      // By no period: how many commits the store makes to come up again must not decide which are hit.
      if (proxy.cutting && bytes.includes("COMMIT\0") && random() % 3 === 0) dropping = true;
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (!dropping) return client.write(bytes);
      proxy.cuts++;
      return client.destroy();
    });
  });
  await new Promise<void>((resolve) => hop.listen(0, "127.0.0.1", resolve));
  const address = hop.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return Object.assign(proxy, {
    to: (server: number) => {
      target = server;
      return port;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => hop.close(resolve));
    },
  });
}
