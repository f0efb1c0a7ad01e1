/**
 * The hash of a server's certificate that SCRAM-SHA-256-PLUS binds to (tls-server-end-point). Verifies nothing: TLS has.
 * Source: RFC 5929, section 4.1.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { ProtocolViolation } from "./protocol-violation.ts";

/** Signature algorithms by the DER content of their object identifier, in hex, and the hash that each signs with. */
const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "md5"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha1"],
  ["2a864886f70d01010e", "sha224"],
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d0401", "sha1"], // ecdsa-with-SHA1
  ["2a8648ce3d040301", "sha224"],
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);

/** RSASSA-PSS names its hash in its parameters (RFC 4055, section 3.1). */
const RSASSA_PSS = "2a864886f70d01010a";

const HASHES: ReadonlyMap<string, string> = new Map([
  ["2b0e03021a", "sha1"],
  ["608648016503040204", "sha224"],
  ["608648016503040201", "sha256"],
  ["608648016503040202", "sha384"],
  ["608648016503040203", "sha512"],
]);

const TAG = { SEQUENCE: 0x30, OBJECT_IDENTIFIER: 0x06, CONTEXT_0: 0xa0 } as const;

/**
 * The channel binding data for a certificate: its hash by the hash function of its signature, SHA-256 in place of MD5 and
 * SHA-1. Null where that is not defined (Ed25519 and the like): such a connection cannot be bound.
 * @param der the server's own certificate. @throws {ProtocolViolation} where it is not one.
 */
export function certificateHash(der: Uint8Array): Uint8Array | null {
  const algorithm = signatureHash(der);
  if (algorithm === null) return null;
  return createHash(algorithm === "md5" || algorithm === "sha1" ? "sha256" : algorithm)
    .update(der)
    .digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, parameters }, … } */
function signatureHash(der: Uint8Array): string | null {
  const certificate = new DerReader(der).enter(TAG.SEQUENCE);
  certificate.enter(TAG.SEQUENCE);
  const algorithm = certificate.enter(TAG.SEQUENCE);
  const identifier = algorithm.hex(TAG.OBJECT_IDENTIFIER);
  return identifier === RSASSA_PSS ? pssHash(algorithm) : (SIGNATURE_HASHES.get(identifier) ?? null);
}

/** parameters ::= SEQUENCE { [0] hashAlgorithm SEQUENCE { OBJECT IDENTIFIER, … } DEFAULT sha1, … } */
function pssHash(algorithm: DerReader): string | null {
  if (algorithm.atEnd) return "sha1";
  const parameters = algorithm.enter(TAG.SEQUENCE);
  if (parameters.atEnd || parameters.tag !== TAG.CONTEXT_0) return "sha1";
  const identifier = parameters.enter(TAG.CONTEXT_0).enter(TAG.SEQUENCE).hex(TAG.OBJECT_IDENTIFIER);
  return HASHES.get(identifier) ?? null;
}

/** As much of DER (X.690, section 10) as the way to a signature algorithm needs. */
class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get tag(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  /** The contents of the value at the cursor, which moves behind it. */
  enter(tag: number): DerReader {
    return new DerReader(this.#contents(tag));
  }

  hex(tag: number): string {
    return Buffer.from(this.#contents(tag)).toString("hex");
  }

  #contents(tag: number): Uint8Array {
    if (this.tag !== tag || this.atEnd) throw this.#violation("another value in its place");
    this.#at++;
    const length = this.#length();
    const start = this.#at;
    if (length > this.#bytes.length - start) throw this.#violation("a value longer than what holds it");
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw this.#violation("a length that DER does not have");
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw this.#violation("it ends inside a value");
    this.#at++;
    return byte;
  }

  #violation(problem: string): ProtocolViolation {
    return new ProtocolViolation("certificate", problem, this.#at);
  }
}
