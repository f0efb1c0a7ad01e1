/** Who may do what through the HTTP API, what it refuses before that, and that nothing takes effect off the record. */

import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/base/errors.ts";
import { OPERATIONS } from "../../src/http/contract.ts";
import { type Ask, HttpApi, liveSession } from "../support/http-api.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
let api: HttpApi;

const BOT = liveSession("ses_x").principal.id;
const json = { "Content-Type": "application/json" };

beforeAll(async () => {
  server = await startPostgres();
  await server.psql("CREATE DATABASE http");
  api = await HttpApi.start(server.url("http"), { limits: { burst: 10_000, perSecond: 10_000 } });
});
afterEach(() => {
  api.parts.events.length = 0;
  api.parts.gateway.live = [];
});
afterAll(async () => {
  await api.close();
  await server.stop();
});

/** A request that each operation takes, with what it needs to succeed. */
const ASKS: Readonly<
  Record<
    Exclude<keyof typeof OPERATIONS, "readApproval" | "approveStatement" | "denyStatement">,
    { readonly path: string; readonly body?: object }
  >
> = {
  discovery: { path: "/api/v1/discovery" },
  whoami: { path: "/api/v1/whoami" },
  listDatabases: { path: "/api/v1/databases" },
  listSessions: { path: "/api/v1/sessions" },
  readSession: { path: "/api/v1/sessions/ses_x" },
  listStatements: { path: "/api/v1/sessions/ses_x/statements" },
  killSession: { path: "/api/v1/sessions/ses_x/kill", body: { reason: "test" } },
  approvalStats: { path: "/api/v1/approvals/stats" },
  listApprovals: { path: "/api/v1/approvals" },
  listPrincipals: { path: "/api/v1/principals?state=frozen" },
  freezePrincipal: { path: "/api/v1/principals/someone/freeze", body: { reason: "test" } },
  unfreezePrincipal: { path: "/api/v1/principals/someone/unfreeze", body: { reason: "test" } },
};
const NAMES = Object.keys(ASKS).filter((name): name is keyof typeof ASKS => name in OPERATIONS);

function askFor(name: keyof typeof ASKS, token?: string) {
  const { path, body } = ASKS[name];
  api.parts.gateway.live = [liveSession("ses_x")];
  const ask: Ask = { method: OPERATIONS[name].method, ...(token === undefined ? {} : { token }) };
  return api.ask(path, body === undefined ? ask : { ...ask, body });
}

describe("the roles of the HTTP API", () => {
  const matrix = NAMES.flatMap((name) =>
    (
      [
        ["nobody", null],
        ["a person without a group", []],
        ["a reviewer", ["dba"]],
        ["an auditor", ["audit"]],
        ["an admin", ["platform"]],
      ] as const
    ).map(([who, groups]) => ({ name, who, groups })),
  );
  const allowed = { public: 5, person: 4, reader: 2, admin: 1 } as const;

  it.each(matrix)("let $who ask for $name only as the contract says", async ({ name, who, groups }) => {
    const token = groups === null ? undefined : await api.token(groups);

    const answer = await askFor(name, token);

    const rank = ["an admin", "an auditor", "a reviewer", "a person without a group", "nobody"].indexOf(who);
    const expected = rank < allowed[OPERATIONS[name].access] ? 200 : groups === null ? 401 : 403;
    expect(answer.status).toBe(expected);
    // Equal to what the contract reads of it: nothing missing, and nothing told that the contract does not know.
    if (expected === 200) expect(OPERATIONS[name].answer.parse(answer.json)).toEqual(answer.json);
    else expect(api.parts.events).toEqual([]);
  });

  it("are not given by groups of an agent's token, which opens nothing", async () => {
    const token = await api.parts.agents.mint({ sub: "bot", groups: ["platform", "audit", "dba"] });

    const answers = await Promise.all(NAMES.map((name) => askFor(name, token)));

    expect(answers.map((answer) => answer.status)).toEqual(NAMES.map(() => 403));
    expect(answers[0]?.json).toMatchObject({ type: "urn:postern:problem:agent-token", status: 403 });
    expect(api.parts.events).toEqual([]);
  });

  it("are not given by a person's token that an agent holds", async () => {
    const token = await api.parts.people.mint({ sub: "ann", groups: ["platform"], act: { sub: "assistant" } });

    const answer = await askFor("killSession", token);

    expect(answer.json).toMatchObject({ type: "urn:postern:problem:agent-token" });
    expect(api.parts.events).toEqual([]);
  });
});

describe("a token that does not identify anyone", () => {
  it.each([
    ["expired", { exp: 1_700_000_000 }],
    ["for another audience", { aud: "elsewhere" }],
    ["of another issuer", { iss: "https://other.example.test" }],
  ])("is refused where it is %s, without being repeated", async (_, claims) => {
    const token = await api.parts.people.mint({ groups: ["platform"], ...claims });

    const answer = await api.ask("/api/v1/whoami", { token });

    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe('Bearer realm="postern", error="invalid_token"');
    expect(answer.json).toMatchObject({ type: "urn:postern:problem:token-rejected" });
    expect(answer.text).not.toContain(token);
    expect(api.parts.logLines.join("")).not.toContain(token);
  });

  it.each([
    "Basic YTpi",
    "Bearer",
    "Bearer a b",
    "Bearer ü",
    "x",
  ])("is refused where the header is %j", async (header) => {
    const answer = await api.ask("/api/v1/whoami", {
      headers: { Authorization: Buffer.from(header).toString("latin1") },
    });

    expect(answer.status).toBe(401);
  });

  it("is refused on an open address too", async () => {
    const answer = await api.ask("/api/v1/discovery", { token: "x.y.z" });

    expect(answer.status).toBe(401);
  });
});

describe("discovery", () => {
  it("names the databases to people only", async () => {
    const open = await api.ask("/api/v1/discovery");
    const person = await api.ask("/api/v1/discovery", { token: await api.token([]) });

    expect(open.json).toEqual({
      gateway: { name: "shop", version: "0.1.0" },
      issuers: [{ url: "https://idp.example.test", kind: "human", audience: ["postern"], clientId: "cli" }],
      listener: { host: "127.0.0.1", port: 6432, tls: true },
    });
    expect(person.json).toMatchObject({ databases: ["shop"] });
  });
});

describe("whoami", () => {
  it("tells the person, its groups and its roles here", async () => {
    const answer = await api.ask("/api/v1/whoami", { token: await api.token(["platform", "audit", "other"]) });

    expect(answer.json).toMatchObject({
      id: `${api.parts.people.url}#ann`,
      groups: ["platform", "audit", "other"],
      roles: ["auditor", "admin"],
    });
  });
});

describe("a session that an admin ends", () => {
  it("ends after the entry that says who ended it and why", async () => {
    api.parts.gateway.live = [liveSession("ses_a"), liveSession("ses_b")];

    const answer = await api.ask("/api/v1/sessions/ses_a/kill", {
      method: "POST",
      token: await api.token(["platform"]),
      body: { reason: "runs away" },
    });

    expect(answer.json).toEqual({ id: "ses_a", killed: true });
    expect(api.parts.events).toEqual([
      { type: "admin.killed", actor: `${api.parts.people.url}#ann`, target: "ses_a", reason: "runs away" },
      { killed: "ses_a", reason: "runs away" },
    ]);
    expect(api.parts.gateway.live.map((session) => session.id)).toEqual(["ses_b"]);
  });

  it("is 404 where nobody knows it, and nothing is recorded", async () => {
    const answer = await api.ask("/api/v1/sessions/ses_none/kill", {
      method: "POST",
      token: await api.token(["platform"]),
      body: { reason: "x" },
    });

    expect(answer.status).toBe(404);
    expect(api.parts.events).toEqual([]);
  });
});

describe("an action while the audit log cannot be written", () => {
  it("is answered 503 and does not take effect", async () => {
    const url = server.url("http");
    const failing = await HttpApi.start(url, {
      record: async () => {
        throw new GatewayError("AUDIT_UNAVAILABLE", "the audit log cannot be written");
      },
    });
    failing.parts.gateway.live = [liveSession("ses_a")];
    const token = await failing.token(["platform"]);
    const post = (path: string) => failing.ask(path, { method: "POST", token, body: { reason: "x" } });

    const answers = [await post("/api/v1/sessions/ses_a/kill"), await post("/api/v1/principals/nobody-else/freeze")];
    const { events, freezes, gateway } = failing.parts;
    const after = { events: [...events], frozen: freezes.isFrozen("nobody-else"), live: gateway.live.length };
    await failing.close();

    expect(answers.map((answer) => [answer.status, answer.json])).toEqual(
      Array(2).fill([503, expect.objectContaining({ type: "urn:postern:problem:audit-unavailable" })]),
    );
    expect(after).toEqual({ events: [], frozen: null, live: 1 });
  });
});

describe("a principal that an admin freezes", () => {
  const post = async (id: string, verb: string, reason = "leaked") =>
    api.ask(`/api/v1/principals/${encodeURIComponent(id)}/${verb}`, {
      method: "POST",
      token: await api.token(["platform"]),
      body: { reason },
    });

  it("is frozen after the entry, listed with who and why, and freed in the same way", async () => {
    const by = `${api.parts.people.url}#ann`;

    const frozen = await post(BOT, "freeze");
    const again = await post(BOT, "freeze");
    const list = await api.ask("/api/v1/principals?state=frozen", { token: await api.token(["audit"]) });
    const freed = await post(BOT, "unfreeze", "found");

    expect(frozen.json).toEqual({ id: BOT, state: "frozen", changed: true });
    expect(again.json).toEqual({ id: BOT, state: "frozen", changed: false });
    expect(list.json).toMatchObject({
      principals: expect.arrayContaining([expect.objectContaining({ id: BOT, reason: "leaked", by })]),
    });
    expect(freed.json).toEqual({ id: BOT, state: "free", changed: true });
    expect(api.parts.freezes.isFrozen(BOT)).toBeNull();
    expect(api.parts.events).toEqual([
      { type: "admin.frozen", actor: by, target: BOT, reason: "leaked" },
      { frozen: BOT },
      { type: "admin.unfrozen", actor: by, target: BOT, reason: "found" },
    ]);
  });

  it.each(["https://i.example.test/a b#x%20y|act:z", "ü%/..%2f?#", "%", "..#.."])("may have any id: %j", async (id) => {
    await post(id, "freeze");

    expect(api.parts.freezes.isFrozen(id)?.principalId).toBe(id);
    await post(id, "unfreeze");
  });

  it("is refused by the HTTP API itself where it is a person", async () => {
    await post(`${api.parts.people.url}#bob`, "freeze");
    const token = await api.token(["platform"], "bob");

    const answer = await api.ask("/api/v1/whoami", { token });
    await post(`${api.parts.people.url}#bob`, "unfreeze");

    expect(answer.json).toMatchObject({ type: "urn:postern:problem:principal-frozen", status: 403 });
  });

  it("is not the admin who asks", async () => {
    const answer = await post(`${api.parts.people.url}#ann`, "freeze");

    expect(answer.json).toMatchObject({ type: "urn:postern:problem:own-principal", status: 409 });
    expect(api.parts.events).toEqual([]);
  });
});

describe("the name that a request is for (Host)", () => {
  it.each([
    ["localhost:1", "/api/v1/discovery", 200],
    ["127.0.0.1", "/api/v1/discovery", 200],
    ["[::1]:8432", "/api/v1/discovery", 200],
    ["postern.example.test", "/api/v1/discovery", 200],
    ["POSTERN.example.test", "/api/v1/discovery", 200],
    ["evil.example.test", "/api/v1/discovery", 421],
    ["evil.example.test", "/metrics", 421],
    ["evil.example.test", "/healthz", 421],
    ["localhost.evil.example.test", "/api/v1/discovery", 421],
    ["192.0.2.1:8432", "/api/v1/discovery", 421],
    ["192.0.2.1:8432", "/metrics", 200],
    ["[2001:db8::1]", "/readyz", 200],
  ])("%s for %s is answered %i", async (host, path, status) => {
    expect((await api.ask(path, { headers: { Host: host } })).status).toBe(status);
  });
});

describe("a request that changes something from another site's page", () => {
  const ask = async (headers: Readonly<Record<string, string>>) =>
    api.ask("/api/v1/principals/p/unfreeze", {
      method: "POST",
      token: await api.token(["platform"]),
      headers: { ...json, ...headers },
      body: '{"reason":"x"}',
    });

  it.each([
    ["the other site's Origin", { Origin: "https://evil.example.test" }, 403],
    ["Origin null", { Origin: "null" }, 403],
    ["our Origin with another port", { Origin: "https://postern.example.test:444" }, 403],
    ["Sec-Fetch-Site cross-site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["our public Origin", { Origin: "https://postern.example.test" }, 200],
    ["no Origin, as programs do", {}, 200],
  ])("with %s", async (_, headers, status) => {
    expect((await ask(headers)).status).toBe(status);
  });
});

describe("a body", () => {
  const token = () => api.token(["platform"]);
  const path = "/api/v1/principals/p/unfreeze";

  it("over the limit is answered 413, with and without a length", async () => {
    const large = JSON.stringify({ reason: "x".repeat(70_000) });

    const withLength = await api.ask(path, { method: "POST", token: await token(), body: large });
    const chunked = await api.ask(path, {
      method: "POST",
      token: await token(),
      headers: { ...json, "Transfer-Encoding": "chunked" },
      body: large,
    });

    expect([withLength.status, chunked.status]).toEqual([413, 413]);
  });

  it.each([
    ["is not JSON", "{", json, 400],
    ["lacks its reason", "{}", json, 400],
    ["has an empty reason", '{"reason":"  "}', json, 400],
    ["has a member too many", '{"reason":"x","force":true}', json, 400],
    ["is of another type", '{"reason":"x"}', { "Content-Type": "text/plain" }, 415],
  ])("that %s is refused", async (_, body, headers, status) => {
    const answer = await api.ask(path, { method: "POST", token: await token(), headers, body });

    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
  });
});

describe("any address, query and body", () => {
  it("is answered, never with 500", async () => {
    const token = await api.token(["platform"]);
    const odd = fc.constantFrom("\0", "%", "..", "a/b", "0000-01-01T00:00:00Z", "-1", "1e9");
    const piece = fc.oneof(fc.string({ unit: "binary" }), odd);
    const encoded = fc.oneof(
      piece.map((text) => encodeURIComponent(text.toWellFormed())),
      fc.stringMatching(/^[%0-9A-Fa-f]{0,9}$/),
    );
    const name = fc.constantFrom("principal", "text", "since", "until", "before", "limit", "after", "class", "x");
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      piece.map((reason) => JSON.stringify({ reason })),
      piece.map((reason) => JSON.stringify({ reason, card: "0".repeat(64) })),
      fc.constant('{"reason":"\\ud800"}'),
    );
    const rest = fc.constantFrom("", "/statements", "/kill", "/freeze", "/unfreeze", "/approve", "/deny");
    const noun = fc.constantFrom("sessions", "principals", "approvals");

    await fc.assert(
      fc.asyncProperty(noun, encoded, rest, name, encoded, body, async (first, id, last, key, value, sent) => {
        const path = `/api/v1/${first}/${id}${last}`;
        const list = await api.ask(`/api/v1/${first === "approvals" ? first : "sessions"}?${key}=${value}`, { token });
        const got = await api.ask(`${path}?${key}=${value}`, { token });
        const posted = await api.ask(path, { method: "POST", token, headers: json, body: sent });

        expect([list.status, got.status, posted.status].filter((status) => status >= 500)).toEqual([]);
      }),
      { numRuns: 150, seed: 2 },
    );
  });
});

describe("a query", () => {
  it.each([
    "?colour=red",
    "?limit=0",
    "?limit=1000",
    "?limit=x",
    "?state=half",
    "?since=yesterday",
    "?since=0000-01-01T00:00:00Z",
    "?text=%00",
    "?limit=1&limit=2",
  ])("is refused as %s", async (query) => {
    const answer = await api.ask(`/api/v1/sessions${query}`, { token: await api.token(["audit"]) });

    expect(answer.status).toBe(400);
  });
});

describe("an address that is not there", () => {
  it.each([
    ["GET", "/api/v1/nothing", 404],
    ["GET", "/", 404],
    ["DELETE", "/api/v1/sessions", 405],
    ["GET", "/api/v1/sessions/ses_x/kill", 405],
    ["OPTIONS", "/api/v1/sessions", 405],
  ])("%s %s is answered %i as a problem", async (method, path, status) => {
    const answer = await api.ask(path, { method });

    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ status });
  });
});

describe("every answer", () => {
  it.each([
    "/healthz",
    "/metrics",
    "/api/v1/discovery",
    "/api/v1/openapi.json",
    "/api/v1/whoami",
    "/nothing",
  ])("carries the headers of a page that does nothing: %s", async (path) => {
    const { headers } = await api.ask(path, { headers: { Origin: "https://evil.example.test" } });

    expect(headers).toMatchObject({
      "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "strict-transport-security": "max-age=31536000",
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    expect(headers["x-powered-by"]).toBeUndefined();
  });
});

describe("an error inside a route", () => {
  it("is answered 500 without its words, which go to the operator's log", async () => {
    const broken = await HttpApi.start(server.url("http"), {
      renderMetrics: async () => {
        throw new Error("the inside of it");
      },
    });

    const answer = await broken.ask("/metrics");
    const logged = broken.parts.logLines.join("");
    await broken.close();

    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("inside of it");
    expect(logged).toContain("the inside of it");
  });

  it("that hangs is given up and answered 503", async () => {
    const hanging = await HttpApi.start(server.url("http"), {
      record: () => new Promise(() => {}),
      limits: { answerMs: 50 },
    });

    const answer = await hanging.ask("/api/v1/principals/p/freeze", {
      method: "POST",
      token: await hanging.token(["platform"]),
      body: { reason: "x" },
    });
    await hanging.close();

    expect(answer.json).toMatchObject({ type: "urn:postern:problem:timeout" });
  });
});

describe("a client that asks too often", () => {
  it("is answered 429 with the seconds to wait; probes are not counted", async () => {
    const slow = await HttpApi.start(server.url("http"), { limits: { burst: 3, perSecond: 0.001 } });

    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await slow.ask("/api/v1/discovery"));
    const probe = await slow.ask("/healthz");
    await slow.close();

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 429, 429]);
    expect(Number(answers[4]?.headers["retry-after"])).toBeGreaterThan(0);
    expect(probe.status).toBe(200);
  });
});

describe("bytes that are no HTTP", () => {
  it("end their connection and nothing else", async () => {
    const { port } = api.parts.server.address;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("\u0016\u0003\u0001 not HTTP\r\n\r\n"));
      let text = "";
      socket.on("data", (bytes) => {
        text += bytes.toString();
      });
      socket.on("close", () => resolve(text));
    });

    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await api.ask("/healthz")).status).toBe(200);
  });
});

describe("readiness", () => {
  const ready = async () => {
    const { status, json: body } = await api.ask("/readyz");
    return { status, body };
  };
  const base = { stopping: false, auditLog: "ok", listener: "ok", issuers: [] } as const;
  afterEach(() => {
    api.parts.gateway.state = base;
  });

  it.each([
    ["all is well", base, 200, "ok"],
    ["the audit log has failed", { ...base, auditLog: "failed" as const }, 503, "failed"],
    ["the listener is down", { ...base, listener: "failed" as const }, 503, "failed"],
    ["the gateway is stopping", { ...base, stopping: true }, 503, "failed"],
    ["an issuer is away", { ...base, issuers: [{ url: "https://i", state: "failed" as const }] }, 200, "degraded"],
  ])("when %s", async (_, state, status, word) => {
    api.parts.gateway.state = state;

    expect(await ready()).toMatchObject({ status, body: { status: word } });
  });

  it("stays with the control store away, which is told by a code", async () => {
    await server.pause();
    await expect.poll(() => api.parts.store.state.phase).toBe("down");

    const answer = await ready();
    await server.start();

    expect(answer).toMatchObject({ status: 200, body: { status: "degraded" } });
    expect(JSON.stringify(answer.body)).not.toContain(String(server.port));
    await api.parts.store.whenUp(AbortSignal.timeout(20_000));
  });
});
