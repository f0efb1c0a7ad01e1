/** Which tokens are taken and which are refused, and with what reason. Real issuer over HTTP, real signatures. */

import { createPublicKey, KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { exportJWK, generateKeyPair, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenRejected } from "../../src/identity/rejection.ts";
import type { IdentityUnderTest } from "../support/identity.ts";
import { startIdentity } from "../support/identity.ts";
import { forge, HeldClock, startIssuer, type TestIssuer } from "../support/issuer.ts";

const clock = new HeldClock();
const TOLERANCE_S = 30;
let issuer: TestIssuer;
let other: TestIssuer;
let gateway: IdentityUnderTest;

beforeAll(async () => {
  issuer = await startIssuer({ clock, algorithm: "RS256" });
  other = await startIssuer({ clock });
  gateway = startIdentity([issuer.config()], { clock });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await issuer.close();
  await other.close();
});

function seconds(offset = 0): number {
  return clock.nowMs() / 1000 + offset;
}

describe("a token of a configured issuer", () => {
  it("makes a principal of its subject, groups and issuer", async () => {
    const principal = await gateway.verify(
      await issuer.mint({ groups: ["agents", 7, "agents"], client_id: "report", jti: "token-7" }),
    );

    expect(principal).toEqual({
      id: `${issuer.url}#report-agent`,
      kind: "agent",
      issuer: issuer.url,
      subject: "report-agent",
      actors: [],
      actor: "report-agent",
      groups: ["agents"],
      credential: { kind: "token", id: "token-7" },
      expiresAtMs: (seconds(900) + TOLERANCE_S) * 1000,
      claims: { client_id: "report" },
    });
  });

  it("is named by a part of its SHA-256 where it has no usable id", async () => {
    for (const jti of [undefined, 7, "", "with space", "x".repeat(200)]) {
      const principal = await gateway.verify(await issuer.mint({ jti }));
      expect(principal.credential).toEqual({ kind: "token", id: expect.stringMatching(/^[0-9a-f]{16}$/) });
    }
  });

  it.each(["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT", undefined])("may be of type %s", async (typ) => {
    await expect(gateway.verify(await issuer.mint({}, { header: { typ } }))).resolves.toMatchObject({
      subject: "report-agent",
    });
  });

  it("may be meant for several audiences", async () => {
    await expect(gateway.verify(await issuer.mint({ aud: ["other", "postern"] }))).resolves.toBeDefined();
  });

  it("has no groups where the claim is of another form", async () => {
    for (const groups of [undefined, 7, { agents: true }, null]) {
      await expect(gateway.verify(await issuer.mint({ groups }))).resolves.toMatchObject({ groups: [] });
    }
  });

  it.each([
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
  ])("may be signed with %s", async (algorithm) => {
    await using signer = await startIssuer({ clock, algorithm });
    await using verifier = startIdentity([signer.config()], { clock });

    await expect(verifier.verify(await signer.mint())).resolves.toMatchObject({ subject: "report-agent" });
  });
});

describe("a token at the edge of its time", () => {
  it.each([
    ["exp", -TOLERANCE_S + 1, null],
    ["exp", -TOLERANCE_S, "expired"],
    ["exp", -3600, "expired"],
    ["nbf", TOLERANCE_S, null],
    ["nbf", TOLERANCE_S + 1, "not_yet_valid"],
    ["nbf", 3600, "not_yet_valid"],
    ["iat", TOLERANCE_S, null],
    ["iat", TOLERANCE_S + 1, "not_yet_valid"],
  ])("with %s at %d seconds from now is judged %s", async (claim, offset, reason) => {
    const token = await issuer.mint({ [claim]: seconds(offset) });

    if (reason === null) await expect(gateway.verify(token)).resolves.toBeDefined();
    else expect((await gateway.rejection(token)).reason).toBe(reason);
  });

  it("ends its principal at the moment from which it is refused", async () => {
    const later = new HeldClock();
    await using verifier = startIdentity([issuer.config()], { clock: later });
    const token = await issuer.mint();
    const { expiresAtMs } = await verifier.verify(token);

    later.advance((expiresAtMs ?? 0) - later.nowMs() - 1);
    await expect(verifier.verify(token)).resolves.toBeDefined();
    later.advance(1);
    expect((await verifier.rejection(token)).reason).toBe("expired");
  });

  it.each([
    ["exp", undefined],
    ["exp", "2030-01-01"],
    ["exp", 1e300],
    ["exp", null],
    ["nbf", "soon"],
    ["iat", "now"],
  ])("is refused as malformed with %s of %s", async (claim, value) => {
    const rejection = await gateway.rejection(await issuer.mint({ [claim]: value }));

    expect(rejection.reason).toBe("malformed");
  });
});

describe("a token that is not for this gateway", () => {
  it.each([
    ["another"],
    [["a", "b"]],
    [[]],
    [""],
    [undefined],
    [{ postern: true }],
    ["postern "],
    ["POSTERN"],
  ])("is refused with audience %j", async (aud) => {
    const rejection = await gateway.rejection(await issuer.mint({ aud }));

    expect(rejection.reason).toBe("audience");
    expect(rejection.detail).toContain("Expected: postern");
  });

  it("is refused from an issuer that is not configured, whose keys are never asked for", async () => {
    const rejection = await gateway.rejection(await other.mint());

    expect(rejection.reason).toBe("issuer_unknown");
    expect(other.requests).toBe(0);
  });

  it("is refused where another issuer signs in the name of a configured one", async () => {
    const unknownKey = await gateway.rejection(await other.mint({ iss: issuer.url }, { alg: "ES256" }));
    const knownKeyId = await gateway.rejection(
      await other.mint(
        { iss: issuer.url },
        { alg: "RS256", kid: issuer.key.kid, key: (await generateKeyPair("RS256")).privateKey },
      ),
    );

    expect(unknownKey.reason).toBe("key_unknown");
    expect(knownKeyId.reason).toBe("signature");
  });

  it.each([
    "/",
    "/x",
    "?",
    "#",
    " ",
  ])("is refused where its issuer differs from the configured one by %j", async (suffix) => {
    expect((await gateway.rejection(await issuer.mint({ iss: `${issuer.url}${suffix}` }))).reason).toBe(
      "issuer_unknown",
    );
  });

  it.each([[undefined], [null], [7], [["a"]]])("is refused with issuer %j", async (iss) => {
    expect((await gateway.rejection(await issuer.mint({ iss }))).reason).toBe("malformed");
  });

  it.each([undefined, "", 7, null, ["report-agent"]])("is refused with subject %j", async (sub) => {
    expect((await gateway.rejection(await issuer.mint({ sub }))).reason).toBe("subject_missing");
  });
});

describe("a token whose signature proves nothing", () => {
  const claims = () => ({ iss: issuer.url, aud: "postern", sub: "admin", exp: seconds(900) });

  it.each(["none", "None", "NONE", "nOnE", ""])('is refused with algorithm "%s"', async (alg) => {
    expect((await gateway.rejection(forge({ alg, typ: "at+jwt" }, claims()))).reason).toBe("algorithm");
    expect((await gateway.rejection(forge({ alg, kid: issuer.key.kid }, claims(), new Uint8Array(256)))).reason).toBe(
      "algorithm",
    );
  });

  it("is refused as a library writes unsecured ones", async () => {
    expect((await gateway.rejection(new UnsecuredJWT(claims()).encode())).reason).toBe("algorithm");
  });

  // The confusion of CVE-2015-9235 and CVE-2016-5431: the public key as the secret of an HMAC.
  it.each([
    "HS256",
    "HS384",
    "HS512",
  ])("is refused with %s over the public key, in every form that is public", async (alg) => {
    const pem = await issuer.publicPem();
    const jwk = await exportJWK(issuer.key.publicKey);
    const der = createPublicKey(pem).export({ type: "spki", format: "der" });
    const secrets = [pem, `${pem}\n`, JSON.stringify(jwk), JSON.stringify((await issuer.jwks()).keys[0]), jwk.n ?? ""];
    for (const key of [...secrets.map((secret) => new TextEncoder().encode(secret)), new Uint8Array(der)]) {
      expect((await gateway.rejection(await issuer.mint({}, { alg, key }))).reason).toBe("algorithm");
    }
  });

  it("is refused with HMAC even where the issuer publishes the secret as a key", async () => {
    await using careless = await startIssuer({ clock });
    const secret = new Uint8Array(32).fill(7);
    careless.publish({ kty: "oct", kid: "shared", k: Buffer.from(secret).toString("base64url"), alg: "HS256" });
    await using verifier = startIdentity([careless.config()], { clock });

    const token = await careless.mint({}, { alg: "HS256", kid: "shared", key: secret });

    expect((await verifier.rejection(token)).reason).toBe("algorithm");
  });

  it("is refused with a changed header, claim or signature", async () => {
    const token = await issuer.mint();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const admin = Buffer.from(JSON.stringify({ ...claims(), sub: "admin" })).toString("base64url");
    const flipped = `${signature.slice(0, 10)}${signature[10] === "A" ? "B" : "A"}${signature.slice(11)}`;
    const otherHeader = Buffer.from(JSON.stringify({ alg: "RS256", kid: issuer.key.kid })).toString("base64url");

    for (const forged of [
      `${header}.${admin}.${signature}`,
      `${header}.${payload}.${flipped}`,
      `${header}.${payload}.`,
      `${otherHeader}.${payload}.${signature}`,
    ]) {
      expect((await gateway.rejection(forged)).reason).toBe("signature");
    }
  });

  it("is refused with a key id that the issuer does not publish", async () => {
    for (const kid of ["unknown", "", "../../etc/passwd", "' OR 1=1 --", "__proto__"]) {
      expect((await gateway.rejection(await issuer.mint({}, { kid }))).reason).toBe("key_unknown");
    }
  });

  it("is refused with an algorithm that its key is not for", async () => {
    expect(
      (
        await gateway.rejection(
          await issuer.mint({}, { alg: "ES256", key: (await generateKeyPair("ES256")).privateKey }),
        )
      ).reason,
    ).toBe("key_unknown");
    const { privateKey } = await generateKeyPair("PS256");
    expect((await gateway.rejection(await issuer.mint({}, { alg: "PS256", key: privateKey }))).reason).toBe(
      "key_unknown",
    );
  });

  it("is refused with an algorithm that the configuration leaves out", async () => {
    await using strict = startIdentity([issuer.config({ algorithms: ["ES256"] })], { clock });

    expect((await strict.rejection(await issuer.mint())).reason).toBe("algorithm");
  });
});

describe("a token that brings its own key", () => {
  it("is refused when an attacker's embedded key signed it", async () => {
    const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const embedded = [
      { jwk },
      { jwk: { ...jwk, kid: issuer.key.kid } },
      { jku: `${other.url}/keys` },
      { x5u: `${other.url}/certificate` },
      { x5c: ["MIIB"] },
      { "x5t#S256": "AAAA" },
    ];
    for (const header of embedded) {
      expect((await gateway.rejection(await issuer.mint({}, { key: privateKey, header }))).reason).toBe("signature");
      expect((await gateway.rejection(await issuer.mint({}, { key: privateKey, header, kid: "mine" }))).reason).toBe(
        "key_unknown",
      );
    }
    expect(other.requests).toBe(0);
  });

  it("is taken on the word of the issuer's key alone, whatever else the header names", async () => {
    const header = { jku: `${other.url}/keys`, x5u: `${other.url}/certificate`, jwk: { kty: "oct" } };

    await expect(gateway.verify(await issuer.mint({}, { header }))).resolves.toBeDefined();
    expect(other.requests).toBe(0);
  });
});

describe("a signed statement that is no access token", () => {
  it.each([
    "logout+jwt",
    "dpop+jwt",
    "secevent+jwt",
    "oauth-authz-req+jwt",
    "JWE",
    "entity-statement+jwt",
    7,
    ["JWT"],
  ])("is refused with type %j", async (typ) => {
    expect((await gateway.rejection(await issuer.mint({}, { header: { typ } }))).reason).toBe("token_type");
  });

  it("is refused as a logout token without a type of its own", async () => {
    const events = { "http://schemas.openid.net/event/backchannel-logout": {} };

    expect((await gateway.rejection(await issuer.mint({ events }))).reason).toBe("token_type");
  });

  it("is refused where it is bound to a key that cannot be asked for here", async () => {
    expect(
      (await gateway.rejection(await issuer.mint({ cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } })))
        .reason,
    ).toBe("token_type");
  });

  it("is refused with a critical extension, known or not", async () => {
    const { privateKey } = issuer.key;
    for (const extra of [{ crit: ["exp"], exp: 1 }, { crit: ["b64"], b64: false }, { crit: [] }, { crit: "x" }]) {
      const unsigned = forge(
        { alg: "RS256", kid: issuer.key.kid, ...extra },
        { iss: issuer.url, aud: "postern", sub: "a", exp: seconds(60) },
      );
      const input = unsigned.slice(0, -1);
      const signature = sign("sha256", new TextEncoder().encode(input), KeyObject.from(privateKey));
      expect((await gateway.rejection(`${input}.${signature.toString("base64url")}`)).reason).toBe("malformed");
    }
  });
});

describe("something that is no token", () => {
  it("is refused as malformed, and never as anything worse", async () => {
    const [header = "", payload = "", signature = ""] = (await issuer.mint()).split(".");
    const texts = [
      ...["", ".", "..", "a", "a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e", "postgres", "\0", "ü.ü.ü", "eyJ.eyJ.eyJ"],
      ` ${header}.${payload}.${signature}`,
      `${header}.${payload}.${signature}\n`,
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}`,
      `Bearer ${header}.${payload}.${signature}`,
      `${header}.${Buffer.from("[]").toString("base64url")}.${signature}`,
      `${header}.${Buffer.from("null").toString("base64url")}.${signature}`,
      `${header}.${Buffer.from([0xff, 0xfe]).toString("base64url")}.${signature}`,
      `${Buffer.from('"x"').toString("base64url")}.${payload}.${signature}`,
      `${header}.${Buffer.from(`${"[".repeat(5000)}`).toString("base64url")}.${signature}`,
    ];
    for (const text of texts) expect((await gateway.rejection(text)).reason, JSON.stringify(text)).toBe("malformed");
  });

  it("is refused where its text ends in bits that its bytes do not have", async () => {
    const token = await issuer.mint(); // RS256: 256 bytes, so the last character has four bits too many, all 0
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(token.at(-1) ?? "");
    for (let bits = 1; bits < 16; bits++) {
      await gateway.rejection(`${token.slice(0, -1)}${alphabet[last + bits]}`);
    }
  });

  it("is refused over 16 KiB, and taken just below", async () => {
    const small = (await issuer.mint({ padding: "" })).length;
    const room = 16_384 - small;
    const token = await issuer.mint({ padding: "x".repeat(Math.floor((room * 3) / 4) - 8) });
    expect(token.length).toBeLessThanOrEqual(16_384);

    await expect(gateway.verify(token)).resolves.toBeDefined();
    expect((await gateway.rejection(await issuer.mint({ padding: "x".repeat(room) }))).reason).toBe("too_large");
    expect((await gateway.rejection("x".repeat(10_000_000))).reason).toBe("too_large");
  });
});

describe("a refusal", () => {
  it("has SQLSTATE 28000, says why in words, and shows not a byte of the token, not even in the log", async () => {
    const token = await issuer.mint({ sub: "planted-subject", exp: seconds(-3600) });
    const parts = token.split(".");

    const rejection = await gateway.rejection(token);

    expect(rejection).toMatchObject({ code: "TOKEN_REJECTED", sqlstate: "28000", severity: "FATAL" });
    expect(rejection.message).toBe("the token was not accepted");
    expect(rejection.detail).toBe("It has expired.");
    const seen = [JSON.stringify(rejection), rejection.stack ?? "", String(rejection.cause), ...gateway.log].join("\n");
    for (const part of [...parts, "planted-subject"]) expect(seen).not.toContain(part);
  });
});

describe("whatever an issuer signs", () => {
  const path = fc.constantFrom(
    "sub",
    "act",
    "groups",
    "iat",
    "nbf",
    "jti",
    "client_id",
    "azp",
    "cnf",
    "events",
    "kubernetes.io",
    "__proto__",
  );
  const claims = fc.dictionary(path, fc.jsonValue({ depthSize: "small" }), { noNullPrototype: true });

  it("makes a principal that can be printed and logged, or a rejection", async () => {
    await using signer = await startIssuer({ clock });
    const where = { "kubernetes.io.namespace": "reports" };
    await using strict = startIdentity([signer.config({ where })], { clock });
    await using lenient = startIdentity([signer.config({ actor: "azp" })], { clock });
    await fc.assert(
      fc.asyncProperty(claims, async (given) => {
        const token = await signer.mint(given);
        for (const gatewayUnderTest of [strict, lenient]) {
          const outcome: unknown = await gatewayUnderTest.verify(token).catch((error: unknown) => error);
          if (outcome instanceof TokenRejected) continue;
          expect(outcome).toMatchObject({
            id: expect.stringMatching(/^[^\s\p{C}]+$/u),
            actor: expect.stringMatching(/^[^\p{C}]+$/u),
          });
          expect(JSON.stringify(outcome).isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 300, seed: 20300101 },
    );
  });

  it("and whatever anyone sends is refused as a token, and nothing else is thrown", async () => {
    const good = await issuer.mint();
    const mutation = fc.record({ at: fc.nat(good.length - 1), text: fc.string({ maxLength: 3, unit: "binary" }) });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), mutation), async (sent) => {
        const token = typeof sent === "string" ? sent : good.slice(0, sent.at) + sent.text + good.slice(sent.at + 1);
        if (token !== good) expect(await gateway.rejection(token)).toBeInstanceOf(TokenRejected);
      }),
      { numRuns: 500, seed: 20300101 },
    );
  });
});
