/**
 * Reads what a token says of itself, before anything is verified: only to choose the issuer and the algorithm, never to believe it.
 * Source: RFC 7515, section 7.1; RFC 8725 (JWT best current practices), sections 3.1 and 3.11.
 */

import { decodeJwt, decodeProtectedHeader, type ProtectedHeaderParameters } from "jose";
import { TokenRejected } from "./rejection.ts";

export const MAX_TOKEN_BYTES = 16 * 1024;

/** All asymmetric. HMAC is not here, so no public key is ever taken for a shared secret (RFC 8725, section 2.1); nor is "none". */
const ALGORITHMS: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Access tokens and plain ones. Logout tokens, DPoP proofs, authorization requests and the like carry a `typ` of their own. */
const TYPES = new Set(["jwt", "at+jwt"]);

/**
 * One text for one token: no stray characters, and no bits at the end of a part beyond its bytes, which decoders drop (RFC 4648, section 3.5).
 */
const PART = "(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?";
const COMPACT = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);

export interface UnverifiedToken {
  readonly algorithm: string;
  readonly issuer: string;
}

/** @throws {TokenRejected} for what could never be a token of any issuer. */
export function readCompact(token: string): UnverifiedToken {
  if (token.length > MAX_TOKEN_BYTES) throw new TokenRejected("too_large");
  if (!COMPACT.test(token)) throw new TokenRejected("malformed");
  const { header, issuer } = decoded(token);
  if ("crit" in header) throw new TokenRejected("malformed", { more: "Its header names an extension as critical." });
  if (header.typ !== undefined && !isTokenType(header.typ)) throw new TokenRejected("token_type");
  if (header.alg === undefined || !ALGORITHMS.includes(header.alg)) throw new TokenRejected("algorithm");
  if (typeof issuer !== "string") throw new TokenRejected("malformed", { more: "It names no issuer." });
  return { algorithm: header.alg, issuer };
}

/** A media type, whose `application/` may be left out and whose case says nothing (RFC 7515, section 4.1.9). */
function isTokenType(type: unknown): boolean {
  return typeof type === "string" && TYPES.has(type.toLowerCase().replace(/^application\//, ""));
}

function decoded(token: string): { header: ProtectedHeaderParameters; issuer: unknown } {
  try {
    return { header: decodeProtectedHeader(token), issuer: decodeJwt(token).iss };
  } catch {
    throw new TokenRejected("malformed"); // without the cause: parsers quote what they could not read
  }
}
