/** Sessions through the HTTP API: what is live and what is past as one list, with and without the control store. */

import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { SessionPage, StatementPage } from "../../src/http/contract.ts";
import { principalId } from "../../src/identity/principal.ts";
import { createIndexer } from "../../src/store/indexer.ts";
import { HttpApi, liveSession } from "../support/http-api.ts";
import { LogFixture, principal, readerOf } from "../support/log-fixture.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
let api: HttpApi;
let token: string;

/** Past sessions ses_1 to ses_4, oldest first; ses_4 is not closed, at another gateway. */
function pastLog(): LogFixture {
  const log = new LogFixture("gw_there");
  for (const id of ["ses_1", "ses_2", "ses_3", "ses_4"]) {
    log.open(id, {
      principal: principal(id === "ses_2" ? "carol" : "bot"),
      database: id === "ses_3" ? "payroll" : "shop",
    });
  }
  for (const seq of [1, 2, 3, 4, 5]) log.decide("ses_1", seq, { verdict: seq === 4 ? "refused" : "permitted" });
  for (const id of ["ses_1", "ses_2", "ses_3"]) log.close(id, 9, 5);
  return log;
}

async function index(log: LogFixture): Promise<void> {
  const stop = new AbortController();
  const indexer = createIndexer({
    store: api.parts.store,
    logFolder: "log",
    instance: log.instance,
    principalName: principalId,
    logger: pino({ level: "silent" }),
    clock: systemClock,
    signal: stop.signal,
    readEntries: readerOf(log),
    logSize: () => log.entries.length,
    onLag: (entries) => entries === 0 && stop.abort(),
  });
  await indexer.done;
}

async function list(query = ""): Promise<{ ids: string[]; next: string | null; complete: boolean; states: string[] }> {
  const answer = await api.ask(`/api/v1/sessions${query}`, { token });
  const { sessions, next, complete } = SessionPage.parse(answer.json);
  return { ids: sessions.map(({ id }) => id), states: sessions.map(({ state }) => state), next, complete };
}

beforeAll(async () => {
  server = await startPostgres();
  await server.psql("CREATE DATABASE http");
  api = await HttpApi.start(server.url("http"), { limits: { burst: 10_000, perSecond: 10_000 } });
  token = await api.token(["audit"]);
  await index(pastLog());
});
afterEach(() => {
  api.parts.gateway.live = [];
});
afterAll(async () => {
  await api.close();
  await server.stop();
});

describe("the list of sessions", () => {
  it("has what is live here before it is indexed, each session once, newest first", async () => {
    api.parts.gateway.live = [liveSession("ses_9"), liveSession("ses_4"), liveSession("ses_0")];

    const all = await list();

    expect(all).toEqual({
      ids: ["ses_9", "ses_4", "ses_3", "ses_2", "ses_1", "ses_0"],
      states: ["live", "live", "closed", "closed", "closed", "live"],
      next: null,
      complete: true,
    });
  });

  it.each([
    ["?state=live", ["ses_9", "ses_4"]],
    ["?state=open", ["ses_9", "ses_4"]],
    ["?state=closed", ["ses_3", "ses_2", "ses_1"]],
    ["?database=payroll", ["ses_9", "ses_3"]],
    [
      `?principal=${encodeURIComponent(principalId("https://idp.example.test", "carol", [{ subject: "assistant", proof: "verified" }]))}`,
      ["ses_2"],
    ],
    ["?verdict=refused", ["ses_1"]],
    ["?state=live&verdict=refused", []],
    ["?text=CAROL", ["ses_2"]],
    ["?text=report%20tool", ["ses_9"]],
    ["?since=2026-01-05T00:00:00.002Z&until=2026-01-05T00:00:00.003Z", ["ses_3"]],
    ["?since=2026-01-06T00:00:00Z&database=payroll", ["ses_9"]],
  ])("is filtered the same way for live and past sessions: %s", async (query, ids) => {
    api.parts.gateway.live = [
      liveSession("ses_9", { database: "payroll", applicationName: "Report Tool" }),
      liveSession("ses_4"),
    ];

    expect((await list(query)).ids).toEqual(ids);
  });

  it.each([1, 2, 3, 5])("comes in pages of %i that leave out and repeat nothing", async (limit) => {
    api.parts.gateway.live = [liveSession("ses_9"), liveSession("ses_25"), liveSession("ses_4")];
    const seen: string[] = [];

    let before = "";
    for (let next: string | null = ""; next !== null; before = `&before=${next}`) {
      const page = await list(`?limit=${limit}${before}`);
      expect(page.ids.length).toBeLessThanOrEqual(limit);
      seen.push(...page.ids);
      next = page.next;
    }

    expect(seen).toEqual(["ses_9", "ses_4", "ses_3", "ses_25", "ses_2", "ses_1"]);
  });
});

describe("one session", () => {
  it("that is live is shown so, with its place in the log once it is indexed", async () => {
    api.parts.gateway.live = [liveSession("ses_4", { activity: "active", statements: 7 }), liveSession("ses_9")];

    const indexed = await api.ask("/api/v1/sessions/ses_4", { token });
    const fresh = await api.ask("/api/v1/sessions/ses_9", { token });

    expect(indexed.json).toMatchObject({
      state: "live",
      activity: "active",
      statements: 7,
      instance: "gw_there",
      logIndex: 3,
    });
    expect(fresh.json).toMatchObject({ state: "live", openedAt: "2026-01-06T00:00:00.000Z", logIndex: null });
  });

  it("that is past is told as it was recorded", async () => {
    const answer = await api.ask("/api/v1/sessions/ses_2", { token });

    expect(answer.json).toMatchObject({
      state: "closed",
      principal: { subject: "carol", actor: "assistant", actors: [{ subject: "assistant", proof: "verified" }] },
      closeReason: "client",
      statements: 5,
    });
  });

  it("that nobody knows is 404", async () => {
    const answers = await Promise.all(
      ["", "/statements"].map((rest) => api.ask(`/api/v1/sessions/ses_no${rest}`, { token })),
    );

    expect(answers.map((answer) => answer.status)).toEqual([404, 404]);
  });
});

describe("the statements of a session", () => {
  const statements = async (query: string) => {
    const answer = await api.ask(`/api/v1/sessions/ses_1/statements${query}`, { token });
    return StatementPage.parse(answer.json);
  };

  it("come in pages in the order in which they were decided", async () => {
    const first = await statements("?limit=3");
    const second = await statements(`?limit=3&after=${first.next}`);

    expect([first, second].map((page) => page.statements.map(({ seq }) => seq))).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    expect(second.next).toBeNull();
  });

  it("are filtered by verdict and class", async () => {
    const refused = await statements("?verdict=refused");
    const writes = await statements("?class=write");

    expect([refused.statements.map(({ seq }) => seq), writes.statements]).toEqual([[4], []]);
  });

  it("are none yet for a live session that is not indexed", async () => {
    api.parts.gateway.live = [liveSession("ses_9")];

    const answer = await api.ask("/api/v1/sessions/ses_9/statements", { token });

    expect(answer.json).toEqual({ statements: [], next: null });
  });
});

describe("a session that is not live here", () => {
  const kill = async (id: string) =>
    api.ask(`/api/v1/sessions/${id}/kill`, {
      method: "POST",
      token: await api.token(["platform"]),
      body: { reason: "x" },
    });

  it("is not killed: the answer says where it is, or that it has ended", async () => {
    const [elsewhere, closed] = [await kill("ses_4"), await kill("ses_1")];

    expect(elsewhere.json).toMatchObject({
      type: "urn:postern:problem:session-elsewhere",
      status: 409,
      detail: "It is at gateway instance gw_there.",
    });
    expect(closed.json).toMatchObject({ type: "urn:postern:problem:session-closed", status: 409 });
    expect(api.parts.events).toEqual([]);
  });
});

describe("the API while the control store is away", () => {
  it("lists and kills what is live, says that the list is not all, and refuses what only the store knows", async () => {
    api.parts.gateway.live = [liveSession("ses_9"), liveSession("ses_8")];
    await server.pause();

    const page = await list();
    const live = await list("?state=live");
    const one = await api.ask("/api/v1/sessions/ses_9", { token });
    const past = await api.ask("/api/v1/sessions/ses_1", { token });
    const statements = await api.ask("/api/v1/sessions/ses_9/statements", { token });
    const killed = await api.ask("/api/v1/sessions/ses_8/kill", {
      method: "POST",
      token: await api.token(["platform"]),
      body: { reason: "x" },
    });
    await server.start();
    await api.parts.store.whenUp(AbortSignal.timeout(20_000));

    expect([page.ids, page.complete]).toEqual([["ses_9", "ses_8"], false]);
    expect([live.ids, live.complete]).toEqual([["ses_9", "ses_8"], true]);
    expect([one, past, statements, killed].map((answer) => answer.status)).toEqual([200, 503, 503, 200]);
    expect(past.json).toMatchObject({ type: "urn:postern:problem:store-unavailable" });
    expect((await list()).complete).toBe(true);
  });
});
