/** Every way a session ends that is not the client's goodbye: what the client reads, what is on record, what happens upstream. */

import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { principalId } from "../../src/identity/principal.ts";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startIssuer, type TestIssuer } from "../support/issuer.ts";
import { type LogEntry, logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

let postgres: TestPostgres;
let agents: TestIssuer;
let people: TestIssuer;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startPostgres();
  [agents, people] = await Promise.all([startIssuer(), startIssuer()]);
  gateway = await startGateway({
    postgres,
    issuer: agents,
    config: { issuers: issuers(), roles: { admin: ["platform"] } },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await Promise.all([agents?.close(), people?.close()]);
  await postgres?.stop();
});

/** Tolerance is low, so that a test need not wait for it. */
function issuers() {
  const common = { audience: "postern", groups: "groups", clockTolerance: "1ms" };
  return [
    { ...common, url: agents.url, kind: "agent" },
    { ...common, url: people.url, kind: "human" },
  ];
}

async function login(of: TestGateway, claims: Readonly<Record<string, unknown>> = {}): Promise<RawClient> {
  const client = await RawClient.connect(of);
  const greeting = summary(await client.login({ user: of.role, database: of.database }, await of.token(claims)));
  expect(greeting.at(-1)).toBe("ReadyForQuery idle");
  return client;
}

/** What a login is answered with. */
async function refusal(of: TestGateway, claims: Readonly<Record<string, unknown>> = {}): Promise<BackendMessage[]> {
  const client = await RawClient.connect(of);
  return client.login({ user: of.role, database: of.database }, await of.token(claims));
}

const ask = (client: RawClient, text: string) =>
  client.send((writer) => encodeQuery(writer, { query: new TextEncoder().encode(text) }));

function lastError(messages: readonly BackendMessage[]) {
  const error = messages.filter((message) => message.type === "ErrorResponse").at(-1);
  return error === undefined ? null : reportOf(error.fields);
}

async function post(of: TestGateway, path: string, reason: string): Promise<unknown> {
  const token = await people.mint({ sub: "ann", groups: ["platform"] });
  const response = await fetch(`${of.http}/api/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ reason }),
  });
  expect(response.status).toBe(200);
  return response.json();
}

/** Entries of the session that this subject's token opened, once it is closed on record. */
async function closedRecord(of: TestGateway, subject: string): Promise<LogEntry[]> {
  const Opened = z.looseObject({ principal: z.object({ subject: z.string() }) });
  for (;;) {
    const entries = await logEntries(of);
    const opened = entries.find(
      (entry) => entry.type === "session.opened" && Opened.parse(entry).principal.subject === subject,
    );
    const own = entries.filter(({ session }) => session !== undefined && session === opened?.session);
    if (own.at(-1)?.type === "session.closed") return own;
  }
}

async function running(marker: string): Promise<number> {
  const active = `state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%${marker}%'`;
  return Number(await postgres.psql(`SELECT count(*) FROM pg_stat_activity WHERE ${active}`));
}

async function untilRunning(marker: string): Promise<void> {
  while ((await running(marker)) === 0);
}

describe("a principal that is frozen", () => {
  it("loses its live sessions within a second, gets no new one, and others keep theirs", async () => {
    const frozen = await login(gateway, { sub: "frozen-agent" });
    const other = await login(gateway, { sub: "other-agent" });

    const askedMs = performance.now();
    const end = frozen.rest();
    const id = principalId(agents.url, "frozen-agent", []);
    await post(gateway, `principals/${encodeURIComponent(id)}/freeze`, "it misbehaved");
    const told = await end;
    const tookMs = performance.now() - askedMs;
    const again = await refusal(gateway, { sub: "frozen-agent" });
    const alive = summary(await other.query("SELECT 1"));
    other.destroy();

    expect(lastError(told)).toMatchObject({ severity: "FATAL", code: "28000", detail: "Reason: it misbehaved" });
    expect(tookMs).toBeLessThan(1_000);
    expect(lastError(again)).toMatchObject({ code: "28000", message: "this identity is frozen" });
    expect(alive.at(-1)).toBe("ReadyForQuery idle");
    const record = await closedRecord(gateway, "frozen-agent");
    expect(record.at(-1)).toMatchObject({ reason: "28000 this identity is frozen" });
  });

  it("has what runs cancelled, and the cancel on record", async () => {
    const client = await login(gateway, { sub: "busy-frozen-agent" });
    ask(client, "SELECT pg_sleep(60) AS frozen_while_busy");
    await untilRunning("frozen_while_busy");

    const id = principalId(agents.url, "busy-frozen-agent", []);
    await post(gateway, `principals/${encodeURIComponent(id)}/freeze`, "now");
    const told = await client.rest();
    const record = await closedRecord(gateway, "busy-frozen-agent");

    expect(lastError(told)).toMatchObject({ code: "28000" });
    expect(record.find(({ type }) => type === "statement.finished")).toMatchObject({ outcome: "cancelled" });
    expect(await running("frozen_while_busy")).toBe(0);
  });
});

describe("a session that an administrator kills", () => {
  it("ends with 57P01, the reason, and an entry that names who did it", async () => {
    const client = await login(gateway, { sub: "killed-agent" });
    const id = await sessionOf("killed-agent");

    const end = client.rest();
    await post(gateway, `sessions/${id}/kill`, "maintenance");
    const told = await end;
    const record = await closedRecord(gateway, "killed-agent");

    expect(lastError(told)).toMatchObject({ severity: "FATAL", code: "57P01", detail: "maintenance" });
    expect(record.at(-1)).toMatchObject({ reason: "57P01 an administrator of the gateway ended this session" });
    const killed = (await logEntries(gateway)).find(({ type, target }) => type === "admin.killed" && target === id);
    expect(killed).toMatchObject({ actor: principalId(people.url, "ann", []), reason: "maintenance" });
  });

  async function sessionOf(subject: string): Promise<string> {
    const Opened = z.looseObject({ session: z.string(), principal: z.object({ subject: z.string() }) });
    const opened = (await logEntries(gateway))
      .filter(({ type }) => type === "session.opened")
      .map((entry) => Opened.parse(entry))
      .find(({ principal }) => principal.subject === subject);
    return opened?.session ?? "";
  }
});

describe("a session whose token expires", () => {
  it("is warned before, and ends with 57P01 when the token does", async () => {
    const expiresAt = Math.floor(Date.now() / 1000) + 5;
    const client = await login(gateway, { sub: "short-agent", exp: expiresAt });

    const warning = await client.next();
    const warnedAtMs = Date.now();
    const worked = await client.query("SELECT 7");
    const rest = await client.rest();
    const endedAtMs = Date.now();

    if (warning?.type !== "NoticeResponse") throw new Error(`no notice but ${warning?.type}`);
    expect(reportOf(warning.fields)).toMatchObject({ severity: "WARNING", code: "01000" });
    expect(reportOf(warning.fields).message).toMatch(/^the token of this session expires in [1-5] s/);
    expect(warnedAtMs).toBeLessThan(expiresAt * 1000);
    expect(rows(worked)).toEqual([["7"]]);
    expect(summary(rest)).toEqual(["ErrorResponse 57P01"]);
    expect(lastError(rest)?.message).toBe("the token of this session has expired");
    expect(endedAtMs).toBeGreaterThanOrEqual(expiresAt * 1000);
    expect(endedAtMs).toBeLessThan(expiresAt * 1000 + 2_000);
  });

  it("ends in the middle of a statement too, which is cancelled", async () => {
    const client = await login(gateway, { sub: "short-busy-agent", exp: Math.floor(Date.now() / 1000) + 5 });
    ask(client, "SELECT pg_sleep(60) AS past_expiry");

    const told = await client.rest();
    const record = await closedRecord(gateway, "short-busy-agent");

    expect(lastError(told)).toMatchObject({ code: "57P01" });
    expect(record.find(({ type }) => type === "statement.finished")).toMatchObject({
      outcome: "cancelled",
      sqlstate: "57014",
    });
  });
});

describe("a session beyond its time limits", () => {
  const limited = (session: Readonly<Record<string, string>>) =>
    startGateway({ postgres, issuer: agents, config: { limits: { session } } });

  it("ends with 57P05 when it is idle for too long, and one that works does not", async () => {
    await using own = await limited({ idle: "1500ms" });
    const idle = await login(own, { sub: "idle-agent" });
    const busy = await login(own, { sub: "busy-agent" });

    const end = idle.rest();
    const slow = await busy.query("SELECT pg_sleep(3)");
    const told = await end;

    expect(summary(told)).toEqual(["ErrorResponse 57P05"]);
    expect(summary(slow).at(-1)).toBe("ReadyForQuery idle");
    busy.destroy();
  });

  it("ends with 25P03 when its transaction is left open, and the transaction is rolled back", async () => {
    await using own = await limited({ idleInTransaction: "700ms" });
    await postgres.psql("CREATE TABLE left_open (n int)");
    const client = await login(own, { sub: "tx-agent" });
    await client.query("BEGIN; INSERT INTO left_open VALUES (1)");

    const told = await client.rest();
    const record = await closedRecord(own, "tx-agent");

    expect(summary(told)).toEqual(["ErrorResponse 25P03"]);
    expect(await postgres.psql("SELECT count(*) FROM left_open")).toBe("0");
    expect(record.map(({ type }) => type).slice(-2)).toEqual(["transaction.rolled_back", "session.closed"]);
  });

  it("ends with 57P01 when it has lived long enough, whatever it does", async () => {
    await using own = await limited({ lifetime: "1s" });
    const client = await login(own, { sub: "old-agent" });
    ask(client, "SELECT pg_sleep(60)");

    const told = await client.rest();

    expect(lastError(told)).toMatchObject({ code: "57P01", message: "the session has reached its lifetime" });
  });
});

describe("a gateway that stops", () => {
  it("lets a running statement finish, ends its session with 57P01, and tells newcomers 57P03", async () => {
    const own = await startGateway({ postgres, issuer: agents });
    await postgres.psql("CREATE TABLE stopping (n int)");
    const idle = await login(own, { sub: "idle-at-stop" });
    const busy = await login(own, { sub: "busy-at-stop" });
    ask(busy, "INSERT INTO stopping SELECT 1 FROM pg_sleep(2) AS held_at_stop");
    await untilRunning("held_at_stop");

    const stopped = own.running.stop("test");
    const idleTold = summary(await idle.rest());
    const newcomer = await RawClient.connect(own);
    const newTold = summary(await newcomer.rest());
    const ready = await fetch(`${own.http}/readyz`);
    const stillRunning = await running("held_at_stop");
    const busyTold = summary(await busy.rest());
    await stopped;
    await own.stop();

    expect(idleTold).toEqual(["ErrorResponse 57P01"]);
    expect(newTold).toEqual(["ErrorResponse 57P03"]);
    expect(ready.status).toBe(503);
    expect(stillRunning).toBe(1);
    expect(busyTold).toEqual(["CommandComplete INSERT 0 1", "ReadyForQuery idle", "ErrorResponse 57P01"]);
    expect(await postgres.psql("SELECT count(*) FROM stopping")).toBe("1");
  });
});

describe("an upstream that goes away", () => {
  it("in the middle of a session: the client reads the server's own FATAL, and the record is closed", async () => {
    const client = await login(gateway, { sub: "terminated-agent" });
    const pid = rows(await client.query("SELECT pg_backend_pid()"))[0]?.[0];

    await postgres.psql(`SELECT pg_terminate_backend(${pid})`);
    const told = await client.rest();
    const record = await closedRecord(gateway, "terminated-agent");

    expect(lastError(told)).toMatchObject({
      severity: "FATAL",
      code: "57P01",
      message: "terminating connection due to administrator command",
    });
    expect(record.at(-1)).toMatchObject({ reason: "upstream closed the connection" });
  });

  it("in the middle of a statement: its outcome is on record as unknown", async () => {
    const client = await login(gateway, { sub: "cut-agent" });
    ask(client, "SELECT pg_sleep(60) AS cut_upstream");
    await untilRunning("cut_upstream");

    await postgres.psql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%cut_upstream%' AND pid <> pg_backend_pid()",
    );
    const told = await client.rest();
    const record = await closedRecord(gateway, "cut-agent");

    expect(lastError(told)).toMatchObject({ severity: "FATAL", code: "57P01" });
    expect(record.map(({ type, outcome }) => [type, outcome]).slice(1)).toEqual([
      ["statement.decided", undefined],
      ["statement.finished", "unknown"],
      ["session.closed", undefined],
    ]);
  });

  it("before a login: a clear error without its address, while sessions of another database live", async () => {
    await using away = await startPostgres();
    const databases = (server: TestPostgres, name: string) => ({
      [name]: {
        host: server.host,
        port: server.port,
        database: "postgres",
        environment: "test",
        tls: { mode: "disable" },
        roles: { postgres: { user: "postgres", password: server.password, groups: ["*"] } },
        defaultRole: "postgres",
      },
    });
    await using own = await startGateway({
      postgres,
      issuer: agents,
      config: { databases: { ...databases(postgres, "postgres"), ...databases(away, "away") } },
    });
    const living = await login(own);
    await away.pause();

    const client = await RawClient.connect(own);
    const told = await client.login({ user: "postgres", database: "away" }, await own.token());
    const alive = await living.query("SELECT 5");
    await away.start();
    const back = await RawClient.connect(own);
    const welcome = await back.login({ user: "postgres", database: "away" }, await own.token());
    living.destroy();
    back.destroy();

    expect(lastError(told)).toMatchObject({ code: "08006", message: 'database "away" cannot be reached' });
    expect(JSON.stringify(lastError(told))).not.toContain(String(away.port));
    expect(rows(alive)).toEqual([["5"]]);
    expect(summary(welcome).at(-1)).toBe("ReadyForQuery idle");
  });
});

describe("a client that vanishes in the middle of a statement", () => {
  it.each([
    ["with a reset", (client: RawClient) => client.socket.resetAndDestroy()],
    ["with an end of stream", (client: RawClient) => client.socket.end()],
  ])("%s has it cancelled upstream, and the cancel on record", async (name, vanish) => {
    const subject = `vanished ${name}`;
    const marker = `vanish_${name.replaceAll(" ", "_")}`;
    const client = await login(gateway, { sub: subject });
    ask(client, `SELECT pg_sleep(60) AS ${marker}`);
    await untilRunning(marker);

    vanish(client);
    const record = await closedRecord(gateway, subject);

    expect(record.find(({ type }) => type === "statement.finished")).toMatchObject({
      outcome: "cancelled",
      sqlstate: "57014",
    });
    expect(record.at(-1)).toMatchObject({ reason: "client disconnected" });
    expect(await running(marker)).toBe(0);
  });
});

describe("a gateway that is full", () => {
  const listen = { host: "127.0.0.1", port: 0, maxSessions: 3 };
  const http = { host: "127.0.0.1", port: 0 };

  it("refuses one session more than maxSessions with 53300, also when many come at once, and has room again after", async () => {
    await using own = await startGateway({
      postgres,
      issuer: agents,
      config: { gateway: { name: "full", listen, tls: "off", http } },
    });

    const tries = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = await RawClient.connect(own);
        const last = summary(await client.login({ user: own.role, database: own.database }, await own.token())).at(-1);
        return { client, last };
      }),
    );
    const inside = tries.filter(({ last }) => last === "ReadyForQuery idle");
    const outside = tries.filter(({ last }) => last === "ErrorResponse 53300");
    const [first] = inside;
    first?.client.socket.end();
    if (first !== undefined) await once(first.client.socket, "close");
    while ((await lives(own)) >= 3) await wait(5);
    const after = await login(own);

    expect([inside.length, outside.length]).toEqual([3, 5]);
    expect(summary(await after.query("SELECT 1")).at(-1)).toBe("ReadyForQuery idle");
    for (const { client } of [...tries, { client: after }]) client.destroy();
  });

  it("is not filled by connections that have not proved who they are", async () => {
    await using own = await startGateway({
      postgres,
      issuer: agents,
      config: { gateway: { name: "silent", listen, tls: "off", http } },
    });
    const startup = new Map([["user", own.role]]);
    const silent = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await RawClient.connect(own);
        client.send((writer) => encodeStartupMessage(writer, { minor: 0, parameters: startup }));
        expect((await client.next())?.type).toBe("AuthenticationCleartextPassword");
        return client;
      }),
    );

    const client = await login(own);
    const answer = rows(await client.query("SELECT 3"));

    expect(answer).toEqual([["3"]]);
    for (const each of [client, ...silent]) each.destroy();
  });

  it("refuses one connection more than a database's maxConnections with 53300", async () => {
    await using own = await startGateway({
      postgres,
      issuer: agents,
      config: {
        databases: {
          postgres: {
            host: postgres.host,
            port: postgres.port,
            database: "postgres",
            environment: "test",
            tls: { mode: "disable" },
            maxConnections: 2,
            roles: { postgres: { user: "postgres", password: postgres.password, groups: ["*"] } },
            defaultRole: "postgres",
          },
        },
      },
    });
    const [one, two] = [await login(own), await login(own)];

    const told = lastError(await refusal(own));

    expect(told).toMatchObject({ severity: "FATAL", code: "53300", detail: "The limit is 2." });
    expect(summary(await one.query("SELECT 1")).at(-1)).toBe("ReadyForQuery idle");
    one.destroy();
    two.destroy();
  });

  /** Sessions that the metrics count now. */
  async function lives(of: TestGateway): Promise<number> {
    const text = await (await fetch(`${of.http}/metrics`)).text();
    return [...text.matchAll(/^postern_sessions\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  }
});

describe("an issuer that is away", () => {
  it("keeps being served with the keys that were fetched, and one that was never reached is refused in words", async () => {
    await using issuer = await startIssuer();
    await using never = await startIssuer();
    await using own = await startGateway({
      postgres,
      issuer,
      config: {
        issuers: [issuer, never].map(({ url }) => ({ url, audience: "postern", kind: "agent", groups: "groups" })),
      },
    });
    const before = await login(own, { sub: "before-outage" });
    await Promise.all([issuer.outage(), never.outage()]);

    const during = await login(own, { sub: "during-outage" });
    const worked = [rows(await before.query("SELECT 1")), rows(await during.query("SELECT 2"))];
    const client = await RawClient.connect(own);
    const token = await never.mint({ groups: ["agents"], kid: "other" }, { kid: "never-seen" });
    const refused = lastError(await client.login({ user: own.role, database: own.database }, token));
    before.destroy();
    during.destroy();

    expect(worked).toEqual([[["1"]], [["2"]]]);
    expect(refused).toMatchObject({ severity: "FATAL", code: "28000" });
  });
});
