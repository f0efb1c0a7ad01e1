/** The demo's issuer: its tokens are what the gateway takes, by every way that an agent or a person gets one. */

import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import * as oidc from "openid-client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { IssuerConfig } from "../../src/config/schema.ts";
import { type DemoIssuer, startDemoIssuer } from "../../src/demo/issuer/issuer.ts";
import { type IdentityUnderTest, startIdentity } from "../support/identity.ts";
import { HeldClock } from "../support/issuer.ts";

// Before the imports: the provider warns while it is loaded.
const printed = vi.hoisted(() => {
  const lines: string[] = [];
  for (const method of ["info", "warn", "error", "log"] as const)
    console[method] = (...values: unknown[]) => lines.push(values.join(" "));
  return lines;
});

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

let issuer: DemoIssuer;
let gateway: IdentityUnderTest;

beforeAll(async () => {
  issuer = await startDemoIssuer();
  gateway = startIdentity(configs(issuer), { clock: new HeldClock(Date.now()) });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await issuer.close();
});

/** The entries as the configuration gives them to the identity stage. */
function configs({ entries }: DemoIssuer): IssuerConfig[] {
  const defaults = { subject: "sub", actor: "act.sub", where: {}, clockToleranceMs: 30_000, jwksMaxAgeMs: 86_400_000 };
  return entries.map((entry) =>
    Object.assign({ url: "", kind: "agent" as const }, defaults, entry, { audience: ["postern"] }),
  );
}

async function token(form: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${issuer.url}/token`, { method: "POST", body: new URLSearchParams(form) });
  return { status: response.status, body: Object(await response.json()) };
}

function secretOf(name: string): string {
  return issuer.clients.find(({ id }) => id === name)?.secret ?? "";
}

describe("the demo's issuer", () => {
  it.each([
    ["report-agent", { kind: "agent", subject: "report-agent", actors: [], groups: ["agents"] }],
    [
      "support-agent",
      {
        kind: "agent",
        subject: "sam",
        actor: "support-agent",
        actors: [{ subject: "support-agent", proof: "verified" }],
        groups: ["agents"],
      },
    ],
    ["ada", { kind: "human", subject: "ada", actors: [], groups: ["dba"] }],
    ["bob", { kind: "human", subject: "bob", groups: ["dba"] }],
    ["carol", { kind: "human", subject: "carol", groups: ["audit"] }],
    ["dan", { kind: "human", subject: "dan", groups: ["platform"] }],
    ["sam", { kind: "human", subject: "sam", groups: ["support"] }],
  ])("gives %s a token that the gateway takes for what it is", async (name, principal) => {
    expect(await gateway.verify(await issuer.tokenFor(name))).toMatchObject(principal);
  });

  it("knows the names that it says", async () => {
    expect(issuer.names).toEqual(["report-agent", "support-agent", "ada", "bob", "carol", "dan", "sam"]);
    await expect(issuer.tokenFor("mallory")).rejects.toThrow(/no person named mallory/);
  });

  it("gives tokens of fifteen minutes at most", async () => {
    for (const name of ["report-agent", "support-agent", "ada"]) {
      const { exp = 0, iat = 0 } = decodeJwt(await issuer.tokenFor(name));
      expect(exp - iat).toBeGreaterThan(800);
      expect(exp - iat).toBeLessThanOrEqual(900);
    }
  });

  it("goes on verifying tokens of its former key when it signs with a new one", async () => {
    const rotating = await startDemoIssuer();
    const clock = new HeldClock(Date.now());
    await using verifier = startIdentity(configs(rotating), { clock });
    try {
      const before = await rotating.tokenFor("report-agent");
      await verifier.verify(before);
      await rotating.rotate();
      clock.advance(5000);
      const after = await rotating.tokenFor("support-agent"); // exchanges a person's token, both of the new key

      await expect(verifier.verify(after)).resolves.toMatchObject({ subject: "sam" });
      await expect(verifier.verify(before)).resolves.toMatchObject({ subject: "report-agent" });
    } finally {
      await rotating.close();
    }
  });

  it("prints nothing", () => {
    expect(printed).toEqual([]);
  });

  it("answers under its own name only", async () => {
    const status = await new Promise((resolve, reject) => {
      const asked = request(
        `${issuer.url}/.well-known/openid-configuration`,
        { headers: { host: "evil.example" } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      asked.on("error", reject).end();
    });

    expect(status).toBe(421);
  });
});

describe("the demo issuer's token exchange", () => {
  const form = async (overrides: Record<string, string> = {}) => ({
    grant_type: TOKEN_EXCHANGE,
    client_id: "support-agent",
    client_secret: secretOf("support-agent"),
    subject_token: await issuer.tokenFor("sam"),
    subject_token_type: ACCESS_TOKEN,
    ...overrides,
  });

  it("answers as RFC 8693 says, and keeps an actor that was there before", async () => {
    const first = await token(await form());
    expect(first).toMatchObject({ status: 200, body: { issued_token_type: ACCESS_TOKEN, token_type: "Bearer" } });

    const second = await token(await form({ subject_token: String(first.body["access_token"]) }));
    const principal = await gateway.verify(String(second.body["access_token"]));

    expect(principal.actors.map(({ subject }) => subject)).toEqual(["support-agent", "support-agent"]);
  });

  it.each<[string, () => Promise<Record<string, string>>, string]>([
    [
      "an agent's token as subject",
      async () => form({ subject_token: await issuer.tokenFor("report-agent") }),
      "invalid_grant",
    ],
    [
      "a changed token",
      async () => form({ subject_token: `${(await issuer.tokenFor("sam")).slice(0, -4)}AAAA` }),
      "invalid_grant",
    ],
    ["no token", async () => form({ subject_token: "" }), "invalid_request"],
    [
      "another type of token",
      async () => form({ subject_token_type: "urn:ietf:params:oauth:token-type:id_token" }),
      "invalid_request",
    ],
    [
      "another type wanted",
      async () => form({ requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }),
      "invalid_request",
    ],
    ["a wrong secret", async () => form({ client_secret: "wrong" }), "invalid_client"],
    [
      "a client that may not",
      async () => form({ client_id: "report-agent", client_secret: secretOf("report-agent") }),
      "invalid_request",
    ],
  ])("refuses %s", async (_what, asked, error) => {
    const { status, body } = await token(await asked());

    expect(status).toBeGreaterThanOrEqual(400);
    expect(body["error"]).toBe(error);
  });
});

describe("the demo issuer's device flow", () => {
  async function start() {
    const configuration = await oidc.discovery(new URL(issuer.url), "postern-cli", {}, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    });
    return {
      configuration,
      device: await oidc.initiateDeviceAuthorization(configuration, { scope: "openid offline_access groups" }),
    };
  }

  it("gives a person's token once the code is entered and the person has logged in", async () => {
    const { configuration, device } = await start();
    await issuer.approveDevice(device.user_code, "ada");

    const answer = await oidc.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 0.01 });

    expect(await gateway.verify(answer.access_token)).toMatchObject({ kind: "human", subject: "ada", groups: ["dba"] });
    const renewed = await oidc.refreshTokenGrant(configuration, answer.refresh_token ?? "");
    expect(await gateway.verify(renewed.access_token)).toMatchObject({ kind: "human", subject: "ada" });
  });

  it("takes no code twice and none that it did not give", async () => {
    const { device } = await start();
    await issuer.approveDevice(device.user_code, "bob");

    await expect(issuer.approveDevice(device.user_code, "bob")).rejects.toThrow();
    await expect(issuer.approveDevice("ZZZZ-ZZZZ", "bob")).rejects.toThrow();
  });
});

describe("the demo issuer's login page", () => {
  async function open() {
    const question = new URLSearchParams({
      client_id: "postern-cli",
      response_type: "code",
      redirect_uri: "http://127.0.0.1:1/callback",
      scope: "openid",
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      code_challenge_method: "S256",
    });
    const asked = await fetch(`${issuer.url}/auth?${question}`, { redirect: "manual" });
    const cookie = asked.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    return { cookie, address: new URL(asked.headers.get("location") ?? "", issuer.url) };
  }

  it("lists the people, works without script, and lets no other page frame it", async () => {
    const { cookie, address } = await open();
    const response = await fetch(address, { headers: { cookie } });
    const html = await response.text();

    expect(html).not.toContain("<script");
    for (const name of ["ada", "bob", "carol", "dan", "sam"]) expect(html).toContain(`value="${name}"`);
    expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  });

  it.each([
    { person: "ada", password: "wrong" },
    { person: "ada", password: "" },
    { person: "mallory", password: "mallory-demo" },
    { person: "ada", password: "bob-demo" },
    { padding: "x".repeat(10_000) },
  ])("lets %j not in", async (form) => {
    const { cookie, address } = await open();

    const response = await fetch(address, {
      method: "POST",
      headers: { cookie },
      body: new URLSearchParams(Object.entries(form)),
      redirect: "manual",
    });

    expect(response.status).toBe(401);
    expect(await response.text()).toContain("not the password");
  });

  it("is of no use without the cookie of whoever asked", async () => {
    const { address } = await open();

    const response = await fetch(address, {
      method: "POST",
      body: new URLSearchParams({ person: "ada", password: "ada-demo" }),
      redirect: "manual",
    });

    expect(response.status).toBe(400);
  });

  it("is not shown without PKCE", async () => {
    const question = new URLSearchParams({
      client_id: "postern-cli",
      response_type: "code",
      redirect_uri: "http://127.0.0.1/callback",
      scope: "openid",
    });
    const response = await fetch(`${issuer.url}/auth?${question}`, { redirect: "manual" });

    expect(response.headers.get("location")).toMatch(/^http:\/\/127\.0\.0\.1\/callback\?error=invalid_request/);
  });
});

describe("the demo issuer with a folder", () => {
  it("gives tokens that are good after a restart, and keeps its keys from others", async () => {
    const folder = await mkdtemp(join(tmpdir(), "postern-issuer-"));
    try {
      const first = await startDemoIssuer({ folder });
      const kept = await first.tokenFor("report-agent");
      await first.rotate();
      await first.close();
      const second = await startDemoIssuer({ folder, port: Number(new URL(first.url).port) });
      try {
        await using verifier = startIdentity(configs(second), { clock: new HeldClock(Date.now()) });

        expect(second.clients).toEqual(first.clients);
        await expect(verifier.verify(kept)).resolves.toMatchObject({ subject: "report-agent" });
        const file = join(folder, "issuer.json");
        expect((await stat(file)).mode & 0o777).toBe(0o600);
        expect(JSON.parse(await readFile(file, "utf8")).keys).toHaveLength(2);
      } finally {
        await second.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("fails to start on a port that is taken", async () => {
    await expect(startDemoIssuer({ port: Number(new URL(issuer.url).port) })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
