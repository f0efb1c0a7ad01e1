/** The keys of an issuer over time: rotation, floods of unknown key ids, outages, staleness, and answers that no issuer should give. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "reflect-metadata";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import { exportJWK, exportPKCS8, generateKeyPair, type JWK } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startIdentity } from "../support/identity.ts";
import { type Behaviour, HeldClock, startIssuer, type TestIssuer } from "../support/issuer.ts";

const COOLDOWN_MS = 5_000;
const REFRESH_MS = 10 * 60_000;
const DAY_MS = 24 * 3_600_000;
/** Metadata and keys. */
const REQUESTS_PER_FETCH = 2;

let clock: HeldClock;
let issuer: TestIssuer;

beforeEach(async () => {
  clock = new HeldClock();
  issuer = await startIssuer({ clock });
});

afterEach(async () => {
  await issuer.close();
});

describe("an issuer that rotates its keys", () => {
  it("has its new key taken without a restart, at the price of one fetch", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const before = await issuer.mint();
    await gateway.verify(before);
    await issuer.rotate();
    clock.advance(COOLDOWN_MS);

    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
    await expect(gateway.verify(before)).resolves.toBeDefined();
    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();

    expect(issuer.requests).toBe(2 * REQUESTS_PER_FETCH);
  });

  it("has its new key taken under an old key id too", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    await gateway.verify(await issuer.mint());
    const old = await issuer.mint();
    await issuer.rotate(0, "ES256", issuer.key.kid);
    clock.advance(COOLDOWN_MS);

    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
    expect((await gateway.rejection(old)).reason).toBe("signature");
  });

  it("has a withdrawn key refused ten minutes later at most", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const token = await issuer.mint({ exp: clock.nowMs() / 1000 + 86_400 });
    await gateway.verify(token);
    await issuer.rotate(0);

    clock.advance(REFRESH_MS - 1);
    await expect(gateway.verify(token)).resolves.toBeDefined();
    clock.advance(1);
    expect((await gateway.rejection(token)).reason).toBe("key_unknown");
  });

  it("is believed where it withdraws all its keys", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const token = await issuer.mint();
    await gateway.verify(token);
    vi.spyOn(issuer, "jwks").mockResolvedValue({ keys: [] });

    clock.advance(REFRESH_MS);

    expect((await gateway.rejection(token)).reason).toBe("key_unknown");
  });

  it("is asked at once when the operator reloads", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    await gateway.verify(await issuer.mint());
    await issuer.rotate();

    gateway.identity.refresh();
    await until(() => issuer.requests === 2 * REQUESTS_PER_FETCH && gateway.log.length === 2);

    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
  });
});

describe("a flood of tokens with invented key ids", () => {
  it("costs the issuer one fetch in each cooldown, and good tokens pass meanwhile", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const good = await issuer.mint();
    await gateway.verify(good);
    clock.advance(COOLDOWN_MS);
    const bad = await Promise.all(Array.from({ length: 200 }, (_, n) => issuer.mint({}, { kid: `invented-${n}` })));

    const outcomes = await Promise.all([...bad.map((token) => gateway.rejection(token)), gateway.verify(good)]);

    expect(outcomes.slice(0, -1).map((rejection) => "reason" in rejection && rejection.reason)).toEqual(
      bad.map(() => "key_unknown"),
    );
    expect(issuer.requests).toBe(2 * REQUESTS_PER_FETCH);
    clock.advance(COOLDOWN_MS - 1);
    await gateway.rejection(bad[0] ?? "");
    expect(issuer.requests).toBe(2 * REQUESTS_PER_FETCH);
    clock.advance(1);
    await gateway.rejection(bad[0] ?? "");
    expect(issuer.requests).toBe(3 * REQUESTS_PER_FETCH);
  });

  it("does the same with bad signatures under a known key id", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    await gateway.verify(await issuer.mint());
    clock.advance(COOLDOWN_MS);
    const { privateKey } = await generateKeyPair("ES256");
    const bad = await Promise.all(Array.from({ length: 50 }, () => issuer.mint({}, { key: privateKey })));

    const rejections = await Promise.all(bad.map((token) => gateway.rejection(token)));

    expect(new Set(rejections.map(({ reason }) => reason))).toEqual(new Set(["signature"]));
    expect(issuer.requests).toBe(2 * REQUESTS_PER_FETCH);
  });
});

describe("an issuer that is down", () => {
  it("has its tokens taken with the keys kept, until these are too old", async () => {
    await using gateway = startIdentity([issuer.config({ jwksMaxAgeMs: DAY_MS })], { clock });
    const token = await issuer.mint({ exp: clock.nowMs() / 1000 + 10 * 86_400 });
    await gateway.verify(token);
    await issuer.outage();

    clock.advance(DAY_MS);
    await expect(gateway.verify(token)).resolves.toBeDefined();
    clock.advance(1);
    const rejection = await gateway.rejection(token);

    expect(rejection.reason).toBe("keys_stale");
    expect(rejection.detail).toMatch(/older than allowed/);
    expect(gateway.log.join("")).toContain("issuer keys could not be fetched");
  });

  it("has its tokens taken again when it is back", async () => {
    await using gateway = startIdentity([issuer.config({ jwksMaxAgeMs: 3_600_000 })], { clock });
    const token = await issuer.mint({ exp: clock.nowMs() / 1000 + 10 * 86_400 });
    await gateway.verify(token);
    await issuer.outage();
    clock.advance(DAY_MS);
    expect((await gateway.rejection(token)).reason).toBe("keys_stale");

    await issuer.back();
    expect((await gateway.rejection(token)).reason).toBe("keys_stale"); // within the cooldown of the failed attempt
    clock.advance(COOLDOWN_MS);

    await expect(gateway.verify(token)).resolves.toBeDefined();
    expect(gateway.log.join("")).toContain("issuer is back");
  });

  it("at start has its own sessions refused and no others, and is found in the background", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await using other = await startIssuer({ clock });
      const token = await issuer.mint();
      await issuer.outage();
      await using gateway = startIdentity([issuer.config(), other.config()], { clock });

      expect((await gateway.rejection(token)).reason).toBe("issuer_unreachable");
      await expect(gateway.verify(await other.mint())).resolves.toBeDefined();
      await issuer.back();
      await until(() => vi.getTimerCount() === 2); // both wait for their next turn
      vi.advanceTimersByTime(COOLDOWN_MS);
      await until(() => gateway.log.some((line) => line.includes("issuer is back")));

      await expect(gateway.verify(token)).resolves.toBeDefined(); // no fetch of its own: the clock stands within the cooldown
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps serving by its kept keys through a reload, which makes them no younger", async () => {
    const before = startIdentity([issuer.config({ jwksMaxAgeMs: DAY_MS })], { clock });
    const token = await issuer.mint({ exp: clock.nowMs() / 1000 + 10 * 86_400 });
    await before.verify(token);
    await issuer.outage();
    clock.advance(DAY_MS - 1);
    await using after = startIdentity([issuer.config({ jwksMaxAgeMs: DAY_MS, audience: ["postern", "x"] })], {
      clock,
      previous: before.identity,
    });
    before.identity.close();

    await expect(after.verify(token)).resolves.toBeDefined();
    clock.advance(2);
    expect((await after.rejection(token)).reason).toBe("keys_stale");
  });

  it("is said to be ok, stale or failed", async () => {
    await using gateway = startIdentity([issuer.config({ jwksMaxAgeMs: 3_600_000 })], { clock });
    const state = () => gateway.identity.issuerStates();
    expect(state()).toEqual([{ url: issuer.url, state: "failed" }]);
    await gateway.verify(await issuer.mint());
    expect(state()).toEqual([{ url: issuer.url, state: "ok" }]);
    await issuer.outage();
    clock.advance(COOLDOWN_MS);
    await gateway.rejection(await issuer.mint({}, { kid: "unknown" }));
    expect(state()).toEqual([{ url: issuer.url, state: "stale" }]);
    clock.advance(3_600_000);
    expect(state()).toEqual([{ url: issuer.url, state: "failed" }]);
  });

  it("holds up one session at most while keys are kept", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const token = await issuer.mint({ exp: clock.nowMs() / 1000 + 86_400 });
    await gateway.verify(token);
    issuer.behave("hang");
    clock.advance(REFRESH_MS);
    const first = gateway.verify(token);
    await until(() => issuer.requests === REQUESTS_PER_FETCH + 1);
    await issuer.outage(); // the hanging request fails now rather than at its limit

    await expect(first).resolves.toBeDefined();
    await issuer.back();
    clock.advance(COOLDOWN_MS);
    await expect(gateway.verify(token)).resolves.toBeDefined(); // asks again, in the background, and hangs there
    await until(() => issuer.requests === REQUESTS_PER_FETCH + 2);
    await expect(gateway.verify(token)).resolves.toBeDefined();
    expect(issuer.requests).toBe(REQUESTS_PER_FETCH + 2);
  });

  it("leaves no wait behind when the gateway stops", async () => {
    issuer.behave("hang");
    const gateway = startIdentity([issuer.config()], { clock });
    const waiting = gateway.rejection(await issuer.mint());
    await until(() => issuer.requests === 1);

    gateway.identity.close();

    expect((await waiting).reason).toBe("issuer_unreachable");
    expect(gateway.log).toEqual([]);
  });
});

describe("an issuer that answers wrongly", () => {
  it.each<Behaviour>([
    "error",
    "garbage",
    "redirect",
    "huge",
  ])("(%s) has its sessions refused, and the log says why", async (behaviour) => {
    issuer.behave(behaviour);
    await using gateway = startIdentity([issuer.config()], { clock });

    expect((await gateway.rejection(await issuer.mint())).reason).toBe("issuer_unreachable");
    expect(gateway.log.join("")).toContain("issuer keys could not be fetched");
    expect([...issuer.hits.keys()]).toEqual(["/.well-known/openid-configuration"]);
  });

  it.each([
    ["another issuer", () => ({ issuer: "https://idp.example.com" })],
    ["its issuer with a slash more", (url: string) => ({ issuer: `${url}/` })],
    ["no issuer", () => ({ issuer: undefined })],
    ["keys over plain http", () => ({ jwks_uri: "http://keys.example.com/keys" })],
    ["keys in a file", () => ({ jwks_uri: "file:///etc/passwd" })],
    ["no address for its keys", () => ({ jwks_uri: undefined })],
    ["an address for its keys that is none", () => ({ jwks_uri: "keys" })],
  ])("in its metadata, naming %s, has its sessions refused", async (_what, overrides) => {
    await using liar = await startIssuer({ clock, overrides });
    await using gateway = startIdentity([liar.config()], { clock });

    expect((await gateway.rejection(await liar.mint())).reason).toBe("issuer_unreachable");
    expect(liar.hits.has("/keys")).toBe(false);
  });

  it("keeps the keys that it gave before", async () => {
    await using gateway = startIdentity([issuer.config()], { clock });
    const token = await issuer.mint();
    await gateway.verify(token);
    for (const behaviour of ["error", "garbage", "redirect", "huge"] as const) {
      issuer.behave(behaviour);
      clock.advance(COOLDOWN_MS);
      await gateway.rejection(await issuer.mint({}, { kid: "unknown" }));
      await expect(gateway.verify(token)).resolves.toBeDefined();
    }
  });

  it("is not asked over plain http on another machine", async () => {
    await using gateway = startIdentity([issuer.config({ url: "http://idp.example.com" })], { clock });

    expect((await gateway.rejection(await issuer.mint({ iss: "http://idp.example.com" }))).reason).toBe(
      "issuer_unreachable",
    );
    expect(gateway.log.join("")).toContain("neither https nor on this machine");
  });
});

describe("an issuer's key set", () => {
  it.each([
    ["for encryption", async (key: JWK) => ({ ...key, use: "enc" })],
    ["for other operations", async (key: JWK) => ({ ...key, key_ops: ["sign"] })],
    ["for another algorithm", async (key: JWK) => ({ ...key, alg: "PS256" })],
    ["of another type", async (key: JWK) => ({ ...key, kty: "EC" })],
    [
      "that is private",
      async () => ({
        ...(await exportJWK((await generateKeyPair("RS256", { extractable: true })).privateKey)),
        kid: "bad",
      }),
    ],
    [
      "too short",
      async () => ({ kty: "RSA", n: Buffer.alloc(128, 0xab).toString("base64url"), e: "AQAB", kid: "bad" }),
    ],
    ["that is garbage", async () => ({ kty: "RSA", n: "!", e: "?", kid: "bad" })],
  ])("may hold a key %s, which verifies nothing and harms no other", async (_what, spoil) => {
    const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
    issuer.publish({ ...(await spoil({ ...(await exportJWK(publicKey)), kid: "bad" })), kid: "bad" });
    await using gateway = startIdentity([issuer.config()], { clock });

    const rejection = await gateway.rejection(await issuer.mint({}, { alg: "RS256", kid: "bad", key: privateKey }));

    expect(rejection.reason).toBe("key_unknown");
    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
  });

  it("may do without key ids, even with several keys", async () => {
    await using nameless = await startIssuer({ clock, withoutKeyIds: true });
    const first = await nameless.mint();
    await nameless.rotate();
    await using gateway = startIdentity([nameless.config()], { clock });

    await expect(gateway.verify(first)).resolves.toBeDefined();
    await expect(gateway.verify(await nameless.mint())).resolves.toBeDefined();
    expect((await gateway.rejection(await nameless.mint({ exp: 1 }))).reason).toBe("expired");
    const { privateKey } = await generateKeyPair("ES256");
    expect((await gateway.rejection(await nameless.mint({}, { key: privateKey }))).reason).toBe("signature");
  });
});

describe("an issuer's metadata", () => {
  it.each([
    ["/realms/acme", "openid-configuration", "/realms/acme/.well-known/openid-configuration"],
    ["/", "openid-configuration", "/.well-known/openid-configuration"],
    ["/tenant", "oauth-authorization-server", "/.well-known/oauth-authorization-server/tenant"],
    ["", "oauth-authorization-server", "/.well-known/oauth-authorization-server"],
  ] as const)("of an issuer at %j is found as %s", async (path, metadata, wanted) => {
    await using tenant = await startIssuer({ clock, path, metadata });
    await using gateway = startIdentity([tenant.config()], { clock });

    await expect(gateway.verify(await tenant.mint())).resolves.toMatchObject({ issuer: tenant.url });
    expect(tenant.hits.has(wanted)).toBe(true);
    expect(gateway.identity.oauthDiscovery()).toEqual({
      openidConfiguration: `${tenant.url.replace(/\/$/, "")}/.well-known/openid-configuration`,
      scope: "openid",
    });
  });
});

describe("an issuer with its keys in a file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "postern-jwks-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it("is never asked, and the file is read again for a key that it lacked", async () => {
    const jwksPath = join(folder, "jwks.json");
    await writeFile(jwksPath, JSON.stringify(await issuer.jwks()));
    await using gateway = startIdentity([issuer.config({ jwksPath })], { clock });
    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
    await issuer.rotate();
    await writeFile(jwksPath, JSON.stringify(await issuer.jwks()));
    clock.advance(COOLDOWN_MS);

    await expect(gateway.verify(await issuer.mint())).resolves.toBeDefined();
    expect(issuer.requests).toBe(0);
    expect(gateway.identity.oauthDiscovery()).toEqual({ openidConfiguration: "", scope: "" });
  });

  it("that is missing or no key set has its sessions refused, and the log names the file", async () => {
    const jwksPath = join(folder, "none.json");
    await using gateway = startIdentity([issuer.config({ jwksPath })], { clock });
    expect((await gateway.rejection(await issuer.mint())).reason).toBe("issuer_unreachable");
    expect(gateway.log.join("")).toContain("none.json");

    await writeFile(jwksPath, '{"keys":"none"}');
    clock.advance(COOLDOWN_MS);
    expect((await gateway.rejection(await issuer.mint())).reason).toBe("issuer_unreachable");
  });

  it("over TLS of a private authority is trusted with that authority's certificate only", async () => {
    const keys = await generateKeyPair("ES256", { extractable: true });
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: "CN=localhost",
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }])],
    });
    const cert = certificate.toString("pem");
    await using secure = await startIssuer({ clock, tls: { key: await exportPKCS8(keys.privateKey), cert } });
    const caPath = join(folder, "ca.pem");
    await writeFile(caPath, cert);
    await using trusting = startIdentity([secure.config({ caPath })], { clock });
    await using plain = startIdentity([secure.config()], { clock });

    await expect(trusting.verify(await secure.mint())).resolves.toBeDefined();
    expect((await plain.rejection(await secure.mint())).reason).toBe("issuer_unreachable");
    expect(plain.log.join("")).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
  });
});

/** Lets the event loop turn until `condition` holds; fails after a number of turns rather than a time. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200_000; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("the awaited condition never came");
}
