/**
 * The messages of SASL OAUTHBEARER: a client's bearer token in, the reason of a refusal out. Judges no token: see identity.
 * Source: RFC 7628, section 3; PostgreSQL 18 docs, section 54.3.2 (sasl-authentication).
 */

import { Buffer } from "node:buffer";
import { Secret } from "../base/secret.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

/** Ends the header, each pair, and the message. */
const SEPARATOR = "\x01";

/** client-resp of RFC 7628, section 3.1, as far as PostgreSQL takes it. */
export interface OAuthBearerResponse {
  /** Null where the client gives none: it asks where tokens come from (section 4.3; libpq 18's first connection). */
  readonly token: Secret | null;
}

/**
 * @param data of SASLInitialResponse (or of the SASLResponse to an empty challenge).
 * @throws {ProtocolViolation} where it is malformed, binds to a channel, names another identity, or gives `auth` twice or
 * not at all.
 */
export function parseOAuthBearerResponse(data: Uint8Array): OAuthBearerResponse {
  const text = latin1(data);
  const pairs = readPairs(text, readHeader(text));
  const auth = pairs.get("auth");
  if (auth === undefined) throw violation("no auth value", data.length);
  return { token: readToken(auth) };
}

/** gs2-header and the first separator; returns where the pairs start. */
function readHeader(text: string): number {
  if (text.startsWith("p")) throw violation("channel binding, which OAUTHBEARER does not have", 0);
  if (!/^[ny],/.test(text)) throw violation("no channel binding flag", 0);
  if (text.startsWith("a=", 2)) throw violation("an authorization identity, which is not supported", 2);
  if (text[2] !== ",") throw violation("an unknown attribute", 2);
  if (text[3] !== SEPARATOR) throw violation("no separator behind the header", 3);
  return 4;
}

/** Pairs up to the empty one, which must be the end. Unknown keys are to be ignored (section 3.1). */
function readPairs(text: string, start: number): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  let at = start;
  for (;;) {
    const end = text.indexOf(SEPARATOR, at);
    if (end === -1) throw violation("no final separator", at);
    if (end === at) break;
    const match = /^([A-Za-z]+)=([\x20-\x7e\t\r\n]*)$/.exec(text.slice(at, end));
    if (match === null) throw violation("not a key and its value", at);
    const [, key = "", value = ""] = match;
    if (pairs.has(key)) throw violation("a key stands twice", at);
    pairs.set(key, value);
    at = end + 1;
  }
  if (at + 1 !== text.length) throw violation("bytes behind the final separator", at + 1);
  return pairs;
}

/** RFC 6750, section 2.1. The scheme's case does not matter (RFC 9110, section 11.1). */
function readToken(auth: string): Secret | null {
  if (auth === "") return null;
  const match = /^bearer(?: +([A-Za-z0-9\-._~+/]+=*)?)?$/i.exec(auth);
  if (match === null) throw violation("an auth value that is not a bearer token", 0);
  return match[1] === undefined ? null : new Secret(match[1]);
}

/** The client's side of {@link parseOAuthBearerResponse}. */
export function encodeOAuthBearerResponse(token: Secret | null): Uint8Array {
  const auth = token === null ? "" : `Bearer ${token.reveal()}`;
  return Buffer.from(`n,,${SEPARATOR}auth=${auth}${SEPARATOR}${SEPARATOR}`, "latin1");
}

/** Why a token was refused, and where others come from. */
export interface OAuthBearerFailure {
  /** Of RFC 6750, section 3.1. libpq asks for a token, or a new one, after "invalid_token" only. */
  readonly status: "invalid_token" | "invalid_request" | "insufficient_scope";
  /** What to ask for, separated by spaces. */
  readonly scope: string;
  /** URL of the issuer's discovery document; libpq 18 takes only the `/.well-known/` forms. */
  readonly openidConfiguration: string;
}

/** Server's error challenge (section 3.2.2), for AuthenticationSASLContinue. The client answers, then authentication fails. */
export function encodeOAuthBearerFailure(failure: OAuthBearerFailure): Uint8Array {
  const { status, scope, openidConfiguration } = failure;
  return Buffer.from(JSON.stringify({ status, "openid-configuration": openidConfiguration, scope }), "utf8");
}

/**
 * The client's answer to the error challenge: one separator and nothing else (section 3.2.3).
 * @param data of SASLResponse. @throws {ProtocolViolation} where it is anything else.
 */
export function checkOAuthBearerFailureAcknowledged(data: Uint8Array): void {
  if (data.length !== 1 || data[0] !== SEPARATOR.charCodeAt(0)) {
    throw violation("another answer than the separator to the error challenge", 0);
  }
}

/** Byte for character: offsets stay, and what is not ASCII does not match. */
function latin1(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
}

function violation(problem: string, offset: number): ProtocolViolation {
  return new ProtocolViolation("OAUTHBEARER message", problem, offset);
}
