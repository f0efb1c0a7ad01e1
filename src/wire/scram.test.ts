import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { Secret } from "../base/secret.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { beginScram, chooseScram, MAX_SCRAM_ITERATIONS, saltPassword } from "./scram.ts";

/** RFC 7677, section 3. */
const NONCE = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const PASSWORD = new Secret("pencil");

const bytes = (text: string) => Buffer.from(text, "utf8");
const text = (data: Uint8Array) => Buffer.from(data).toString("utf8");

function proofOfRfc() {
  const challenge = beginScram({ kind: "none" }, NONCE, "user").challenged(bytes(SERVER_FIRST));
  return challenge.prove(saltPassword(PASSWORD, challenge));
}

describe("a SCRAM-SHA-256 exchange", () => {
  it("sends the messages of RFC 7677, section 3, and takes its server's signature", () => {
    const first = beginScram({ kind: "none" }, NONCE, "user");

    const proof = proofOfRfc();

    expect(first.mechanism).toBe("SCRAM-SHA-256");
    expect(text(first.message)).toBe(`n,,n=user,r=${NONCE}`);
    expect(text(proof.message)).toBe(
      `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    );
    expect(() => proof.verify(bytes(SERVER_FINAL))).not.toThrow();
  });

  it("leaves the user to the startup packet, as libpq does", () => {
    expect(text(beginScram({ kind: "unused" }, NONCE).message)).toBe(`y,,n=,r=${NONCE}`);
  });

  it("binds to the server's certificate by its hash", () => {
    const first = beginScram({ kind: "tls-server-end-point", hash: Buffer.alloc(32, 7) }, NONCE);

    const challenge = first.challenged(bytes(SERVER_FIRST));
    const final = text(challenge.prove(saltPassword(PASSWORD, challenge)).message);

    expect(first.mechanism).toBe("SCRAM-SHA-256-PLUS");
    expect(text(first.message)).toBe(`p=tls-server-end-point,,n=,r=${NONCE}`);
    const bound = Buffer.from(/^c=([^,]+),/.exec(final)?.[1] ?? "", "base64");
    expect(bound).toEqual(Buffer.concat([bytes("p=tls-server-end-point,,"), Buffer.alloc(32, 7)]));
  });
});

describe("a SCRAM server that is not to be trusted", () => {
  it.each([
    ["another nonce", SERVER_FIRST.replace(NONCE, "x".repeat(20))],
    ["our nonce and nothing of its own", `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ["an iteration count of minutes", SERVER_FIRST.replace("4096", String(MAX_SCRAM_ITERATIONS + 1))],
    ["no iterations", SERVER_FIRST.replace("4096", "0")],
    ["an iteration count that is no number", SERVER_FIRST.replace("4096", "4096x")],
    ["a salt that is not base 64", SERVER_FIRST.replace("W22Z", "W2*Z")],
    ["an empty salt", SERVER_FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "")],
    ["the mandatory extension of a later version", `m=x,${SERVER_FIRST}`],
    ["attributes in another order", `s=W22ZaJ0SNY7soEsUEjb6gQ==,${SERVER_FIRST}`],
    ["nothing", ""],
    ["a message of a megabyte", `${SERVER_FIRST},x=${"y".repeat(1_000_000)}`],
  ])("is refused for %s in its challenge", (_, challenge) => {
    const first = beginScram({ kind: "none" }, NONCE);

    expect(() => first.challenged(bytes(challenge))).toThrow(ProtocolViolation);
  });

  it.each([
    ["a signature of another password", `v=${Buffer.alloc(32).toString("base64")}`],
    ["a shorter signature", `v=${Buffer.alloc(4).toString("base64")}`],
    ["a refusal", "e=invalid-proof"],
    ["no signature", "v="],
    ["nothing", ""],
    ["bytes that are not text", "\xff"],
  ])("is refused for %s in its final message", (_, final) => {
    const proof = proofOfRfc();

    expect(() => proof.verify(Buffer.from(final, "latin1"))).toThrow(ProtocolViolation);
  });

  it("is told nothing of the password in the error", () => {
    const refused = (() => {
      try {
        proofOfRfc().verify(bytes("v=AAAA"));
        return "";
      } catch (error) {
        return String(error);
      }
    })();

    expect(refused).toContain("does not prove");
    expect(refused).not.toContain("pencil");
  });
});

describe("the choice of a SCRAM mechanism", () => {
  const hash = Buffer.alloc(32, 1);
  it.each([
    [
      "binds where the server offers it",
      ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
      hash,
      { kind: "tls-server-end-point", hash },
    ],
    ["says that it could where the server does not offer it", ["SCRAM-SHA-256"], hash, { kind: "unused" }],
    ["does without TLS", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], null, { kind: "none" }],
    ["is none where the server knows others only", ["OAUTHBEARER"], hash, null],
  ])("%s", (_, offered, certificate, chosen) => {
    expect(chooseScram(offered, certificate)).toEqual(chosen);
  });
});
