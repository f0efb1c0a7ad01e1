/**
 * The client of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: how Postern proves the upstream's password and has the server prove it
 * too. Each step gives the next, so that none can be left out. Makes no nonce: that is an argument.
 * Source: RFC 5802, RFC 7677; PostgreSQL 18 docs, section 54.3.1 (sasl-authentication).
 */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import type { Secret } from "../base/secret.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { saslPrep } from "./saslprep.ts";
import { decodeUtf8 } from "./text.ts";

/**
 * What the exchange says of the TLS below it. "none": there is none, or its certificate has no hash. "unused": Postern could,
 * but the server did not offer it; a server that did will notice that someone hid its offer, and refuse.
 */
export type ScramBinding =
  | { readonly kind: "none" }
  | { readonly kind: "unused" }
  /** @see certificateHash for the hash. */
  | { readonly kind: "tls-server-end-point"; readonly hash: Uint8Array };

export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

/**
 * Rounds over which a server is not believed: a hostile one would have Postern compute for minutes. PostgreSQL's default is
 * 4,096; fewer are the server's operator's choice (scram_iterations).
 */
export const MAX_SCRAM_ITERATIONS = 1_000_000;
/** PostgreSQL's own limit for these messages is 1,024 bytes. */
const MAX_SCRAM_MESSAGE_BYTES = 4_096;

/**
 * The strongest use of SCRAM that both sides can make, or null where the server offers no SCRAM-SHA-256.
 * @param offered of AuthenticationSASL. @param hash of the server's certificate; null without TLS, or where it has none.
 */
export function chooseScram(offered: readonly string[], hash: Uint8Array | null): ScramBinding | null {
  if (hash !== null && offered.includes("SCRAM-SHA-256-PLUS")) return { kind: "tls-server-end-point", hash };
  if (!offered.includes("SCRAM-SHA-256")) return null;
  return hash === null ? { kind: "none" } : { kind: "unused" };
}

/** Step 1: say who we are. */
export interface ScramFirst {
  readonly mechanism: ScramMechanism;
  /** For SASLInitialResponse. */
  readonly message: Uint8Array;
  /** @param data of AuthenticationSASLContinue. @throws {ProtocolViolation} where it is malformed or not for this exchange. */
  challenged(data: Uint8Array): ScramChallenge;
}

/** Step 2: the server says how it keeps the password. */
export interface ScramChallenge {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** @param salted of {@link saltPassword}. */
  prove(salted: Uint8Array): ScramProof;
}

/** Step 3: the proof, and what the server must answer to it. */
export interface ScramProof {
  /** For SASLResponse. */
  readonly message: Uint8Array;
  /**
   * Not until this returns has the server shown that it knows the password's hash: AuthenticationOk alone is no proof.
   * @param data of AuthenticationSASLFinal. @throws {ProtocolViolation} where it is malformed or proves nothing.
   */
  verify(data: Uint8Array): void;
}

/**
 * @param nonce printable ASCII without comma, never used before: 18 random bytes in base 64, as libpq.
 * @param user PostgreSQL takes the startup packet's and ignores this one.
 */
export function beginScram(binding: ScramBinding, nonce: string, user = ""): ScramFirst {
  if (!/^[\x21-\x2b\x2d-\x7e]{18,}$/.test(nonce)) throw violation("client-first-message", "not a nonce");
  const header = gs2Header(binding);
  const bare = `n=${user.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  return {
    mechanism: binding.kind === "tls-server-end-point" ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256",
    message: utf8(header + bare),
    challenged(data) {
      const text = messageText("server-first-message", data);
      const { fullNonce, salt, iterations } = parseServerFirst(text, nonce);
      const bound = `c=${bindingInput(header, binding).toString("base64")},r=${fullNonce}`;
      const exchange = `${bare},${text},${bound}`;
      return { salt, iterations, prove: (salted) => prove(salted, exchange, bound) };
    },
  };
}

/**
 * The salted password. Takes about 2 ms for 4,096 iterations and blocks: a caller with many to make keeps results by salt, or
 * computes PBKDF2-HMAC-SHA-256 (32 bytes) of {@link saslPrep} elsewhere.
 */
export function saltPassword(password: Secret, challenge: Pick<ScramChallenge, "salt" | "iterations">): Uint8Array {
  return pbkdf2Sync(saslPrep(password.reveal()), challenge.salt, challenge.iterations, 32, "sha256");
}

function prove(salted: Uint8Array, exchange: string, bound: string): ScramProof {
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const signature = hmac(storedKey, exchange);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
  const serverSignature = hmac(hmac(salted, "Server Key"), exchange);
  return {
    message: utf8(`${bound},p=${proof.toString("base64")}`),
    verify: (data) => verifyServerFinal(messageText("server-final-message", data), serverSignature),
  };
}

function gs2Header(binding: ScramBinding): string {
  switch (binding.kind) {
    case "none":
      return "n,,";
    case "unused":
      return "y,,";
    case "tls-server-end-point":
      return "p=tls-server-end-point,,";
  }
}

function bindingInput(header: string, binding: ScramBinding): Buffer {
  const bytes = Buffer.from(header);
  return binding.kind === "tls-server-end-point" ? Buffer.concat([bytes, binding.hash]) : bytes;
}

/** r= nonce, s= salt, i= iterations, then extensions, of which none is known (RFC 5802, section 7). */
function parseServerFirst(text: string, nonce: string): { fullNonce: string; salt: Uint8Array; iterations: number } {
  const name = "server-first-message";
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=([1-9]\d{0,9})(?:,[A-Za-z]=[^,]*)*$/.exec(text);
  if (match === null) throw violation(name, "not of the form r=…,s=…,i=…");
  const [, fullNonce = "", salt = "", count = ""] = match;
  // An answer to another exchange would be replayed otherwise; and a server that adds nothing could be a replay itself.
  if (!fullNonce.startsWith(nonce) || fullNonce.length === nonce.length)
    throw violation(name, "not the nonce of this exchange");
  const iterations = Number(count);
  if (iterations > MAX_SCRAM_ITERATIONS) throw violation(name, "more than 1,000,000 iterations");
  return { fullNonce, salt: base64(name, salt), iterations };
}

function verifyServerFinal(text: string, expected: Uint8Array): void {
  const name = "server-final-message";
  if (text.startsWith("e=")) throw violation(name, "the server refused the proof");
  const match = /^v=([^,]+)(?:,[A-Za-z]=[^,]*)*$/.exec(text);
  if (match === null) throw violation(name, "not of the form v=…");
  const given = base64(name, match[1] ?? "");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw violation(name, "the server does not prove that it knows the password");
  }
}

function messageText(name: string, data: Uint8Array): string {
  if (data.length > MAX_SCRAM_MESSAGE_BYTES) throw violation(name, "longer than 4,096 bytes");
  const text = decodeUtf8(data);
  if (text === null) throw violation(name, "text is not UTF-8");
  return text;
}

/** Strict: what would decode but not encode to the same again is refused. */
function base64(name: string, text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.toString("base64") !== text) throw violation(name, "not base 64");
  return bytes;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

function violation(name: string, problem: string): ProtocolViolation {
  return new ProtocolViolation(`SCRAM ${name}`, problem, 0);
}
