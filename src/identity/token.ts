/**
 * From a token to a principal, in named steps: shape, issuer, signature and times, kind, conditions, subject and actors.
 * Fetches no key (key-cache.ts) and knows no database or role (roles.ts).
 */

import { createHash } from "node:crypto";
import { errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../base/clock.ts";
import type { Secret } from "../base/secret.ts";
import type { IssuerConfig } from "../config/schema.ts";
import { actorsOf, type Claims, checkConditions, groupsOf, plainClaim, subjectOf } from "./claims.ts";
import { readCompact } from "./compact.ts";
import type { KeyCache, KeySnapshot } from "./key-cache.ts";
import { makePrincipal, type Principal } from "./principal.ts";
import { TokenRejected } from "./rejection.ts";

/** One entry of `issuers` with the keys of its issuer. */
export interface TokenIssuer {
  readonly config: IssuerConfig;
  readonly keys: KeyCache;
}

/** The end of year 9999: what stands beyond is no date that any log can print. */
const LAST_SECOND = 253_402_300_799;

/**
 * Who the bearer of `token` is. Several entries with one URL are tried in their order; the first whose audience, algorithms and conditions
 * the token meets is who it is.
 * @param issuers entries by URL. @throws {TokenRejected} with the reason.
 */
export async function verifyToken(
  token: Secret,
  issuers: ReadonlyMap<string, readonly TokenIssuer[]>,
  clock: Clock,
): Promise<Principal> {
  const compact = token.reveal();
  const unverified = readCompact(compact);
  const entries = issuers.get(unverified.issuer) ?? [];
  let rejection = new TokenRejected("issuer_unknown");
  for (const { config, keys } of entries) {
    try {
      const claims = await verifiedClaims(compact, unverified.algorithm, config, keys, clock);
      return principalOf(claims, config, compact);
    } catch (error) {
      if (!(error instanceof TokenRejected)) throw error;
      // What an entry asks beyond the audience says more of what is missing than that another one has another audience.
      if (rejection.reason === "issuer_unknown" || rejection.reason === "audience") rejection = error;
    }
  }
  throw rejection;
}

async function verifiedClaims(
  token: string,
  algorithm: string,
  config: IssuerConfig,
  keys: KeyCache,
  clock: Clock,
): Promise<JWTPayload> {
  if (config.algorithms !== undefined && !config.algorithms.includes(algorithm)) throw new TokenRejected("algorithm");
  const nowMs = clock.nowMs();
  const verify = (snapshot: KeySnapshot) => verifyWith(snapshot, token, algorithm, config, nowMs);
  const snapshot = await keys.current();
  try {
    return checkTimes(await verify(snapshot), config, nowMs);
  } catch (error) {
    // An unknown key, or one whose material changed under the same name: the issuer may have rotated since the last fetch.
    if (!(error instanceof TokenRejected) || (error.reason !== "key_unknown" && error.reason !== "signature"))
      throw error;
    const newer = await keys.newerThan(snapshot);
    if (newer === null) throw error;
    return checkTimes(await verify(newer), config, nowMs);
  }
}

/** Signature, issuer, audience, `exp` and `nbf`, in that order. */
async function verifyWith(
  snapshot: KeySnapshot,
  token: string,
  algorithm: string,
  config: IssuerConfig,
  nowMs: number,
): Promise<JWTPayload> {
  const options = {
    algorithms: [algorithm],
    issuer: config.url,
    audience: [...config.audience],
    requiredClaims: ["exp"],
    clockTolerance: config.clockToleranceMs / 1000,
    currentDate: new Date(nowMs),
  };
  try {
    return (await jwtVerify(token, snapshot.resolve, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw rejectionOf(error, config);
    let last = new TokenRejected("key_unknown");
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        last = rejectionOf(failure, config);
        if (last.reason !== "signature") throw last; // this key signed it; the rest is wrong
      }
    }
    throw last;
  }
}

/** jose's errors as ours. Their own text and the claims that they carry go nowhere. */
function rejectionOf(error: unknown, config: IssuerConfig): TokenRejected {
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenRejected("signature");
  if (error instanceof errors.JWKSNoMatchingKey) return new TokenRejected("key_unknown");
  if (error instanceof errors.JWTExpired) return new TokenRejected("expired");
  if (error instanceof errors.JWTClaimValidationFailed) return claimRejection(error, config);
  if (error instanceof errors.JOSEAlgNotAllowed) return new TokenRejected("algorithm");
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return new TokenRejected("malformed");
  // What is left is a key that cannot be used: private, too short, of a curve that does not fit.
  return new TokenRejected("key_unknown", { more: "Its key cannot be used.", cause: error });
}

function claimRejection(error: errors.JWTClaimValidationFailed, config: IssuerConfig): TokenRejected {
  if (error.claim === "aud")
    return new TokenRejected("audience", { more: `Expected: ${config.audience.join(" or ")}.` });
  if (error.claim === "nbf" && error.reason === "check_failed") return new TokenRejected("not_yet_valid");
  if (error.claim === "exp" && error.reason === "missing")
    return new TokenRejected("malformed", { more: "It never expires." });
  return new TokenRejected("malformed", { more: `Its claim "${error.claim}" is of the wrong form.` });
}

/** What jose does not look at: an `iat` from the future is a forged or broken clock; an `exp` past all dates is no expiry. */
function checkTimes(claims: JWTPayload, config: IssuerConfig, nowMs: number): JWTPayload {
  const { iat, exp } = claims;
  if (exp === undefined || exp > LAST_SECOND) throw new TokenRejected("malformed", { more: "It never expires." });
  if (iat === undefined) return claims;
  if (typeof iat !== "number") throw new TokenRejected("malformed", { more: 'Its claim "iat" is of the wrong form.' });
  if (iat * 1000 > nowMs + config.clockToleranceMs) throw new TokenRejected("not_yet_valid");
  return claims;
}

function principalOf(claims: JWTPayload, config: IssuerConfig, token: string): Principal {
  checkKind(claims);
  const matched = checkConditions(claims, config.where);
  for (const name of ["client_id", "azp"]) {
    const value = plainClaim(claims, name);
    if (value !== undefined) matched[name] = value;
  }
  return makePrincipal({
    kind: config.kind,
    issuer: config.url,
    subject: subjectOf(claims, config.subject),
    actors: actorsOf(claims, config.actor),
    groups: groupsOf(claims, config.groups),
    credential: { kind: "token", id: tokenId(claims, token) },
    expiresAtMs: (claims.exp ?? 0) * 1000 + config.clockToleranceMs,
    claims: matched,
  });
}

/** Signed statements that are no access tokens although nothing in their header says so, and tokens that are worth nothing without a proof. */
function checkKind(claims: Claims): void {
  // RFC 8417, section 2.2: security event tokens, among them logout tokens, have `events`.
  if (Object.hasOwn(claims, "events"))
    throw new TokenRejected("token_type", { more: "It is a security event or logout token." });
  // RFC 7800, RFC 9449, section 7.2: to take a key-bound token from whoever holds it would undo the binding.
  if (Object.hasOwn(claims, "cnf"))
    throw new TokenRejected("token_type", { more: "It is bound to a key whose possession cannot be proved here." });
}

function tokenId(claims: Claims, token: string): string {
  const id = plainClaim(claims, "jti");
  if (id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id)) return id;
  return createHash("sha256").update(token).digest("hex").slice(0, 16);
}
