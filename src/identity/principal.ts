/**
 * Who a session is: the value that every later stage is given, and its stable printable name.
 * Reads no token and no certificate: see token.ts and certificate.ts.
 */

/** How far a hop of the chain is proved: signed by an issuer or certified, claimed by the client, or guessed from the connection. */
export type Proof = "verified" | "asserted" | "inferred";

/** One actor of a delegation (RFC 8693, section 4.1). */
export interface ActorHop {
  readonly subject: string;
  /** Issuer of the actor where the token names one; absent: the issuer of the token. */
  readonly issuer?: string;
  readonly proof: Proof;
}

/** What proved the principal, without a byte that could be used again. */
export type Credential =
  /** `id`: the token's `jti`, or the first 16 hexadecimal digits of SHA-256 over the token. */
  | { readonly kind: "token"; readonly id: string }
  /** `fingerprint`: SHA-256 over the DER certificate, lower-case hexadecimal. */
  | { readonly kind: "certificate"; readonly fingerprint: string };

export type PrincipalKind = "agent" | "human";

/** The authenticated pair of subject (on whose behalf) and actors (who acts). Frozen; every string in it is well-formed Unicode. */
export interface Principal {
  /** Stable over tokens of the same chain, printable, unambiguous: see {@link principalId}. */
  readonly id: string;
  readonly kind: PrincipalKind;
  /** Issuer URL; `spiffe://<trust domain>` or `x509` for a certificate. */
  readonly issuer: string;
  readonly subject: string;
  /** The actor acting now first, earlier ones after it. Empty: the subject acts itself. */
  readonly actors: readonly ActorHop[];
  /** Printable name of who acts now: the first actor, or the subject. For application_name. */
  readonly actor: string;
  readonly groups: readonly string[];
  readonly credential: Credential;
  /** The moment from which the credential is no longer accepted, tolerance included (ms since the epoch); null: never. May be far beyond what a timer can wait. */
  readonly expiresAtMs: number | null;
  /** The claims that conditions named, and `client_id` and `azp` where present. Null prototype. */
  readonly claims: Readonly<Record<string, string>>;
}

/** What a principal is made of; id and actor follow from it. */
export type PrincipalParts = Omit<Principal, "id" | "actor">;

/** Completes and freezes a principal. */
export function makePrincipal(parts: PrincipalParts): Principal {
  return Object.freeze({
    ...parts,
    actors: Object.freeze(parts.actors.map((hop) => Object.freeze({ ...hop }))),
    groups: Object.freeze([...parts.groups]),
    credential: Object.freeze({ ...parts.credential }),
    claims: Object.freeze(parts.claims),
    id: principalId(parts.issuer, parts.subject, parts.actors),
    actor: printable(parts.actors[0]?.subject ?? parts.subject),
  });
}

/**
 * `<issuer>#<subject>`, then `|act:<subject>` or `|act:<issuer>#<subject>` for each actor, the one acting now first. Two different chains never
 * have the same name: `%`, `#`, `|` inside a part are percent-encoded, with all that does not print.
 */
export function principalId(issuer: string, subject: string, actors: readonly ActorHop[]): string {
  const hops = actors.map((hop) =>
    hop.issuer === undefined ? `|act:${part(hop.subject)}` : `|act:${part(hop.issuer)}#${part(hop.subject)}`,
  );
  return `${part(issuer)}#${part(subject)}${hops.join("")}`;
}

/** `text` with what does not print (controls, bidirectional marks, white space other than a space) and `%` percent-encoded. */
export function printable(text: string): string {
  return text.replace(/[%\p{C}]|(?! )\p{Z}/gu, encodeURIComponent);
}

function part(text: string): string {
  return text.replace(/[%#|\p{C}\p{Z}]/gu, encodeURIComponent);
}
