/**
 * Reading claims by path: conditions, groups, subject and actor chain.
 * Works on claims whose signature is verified. Decides nothing but whether the token says what the configuration asks for.
 */

import type { ActorHop } from "./principal.ts";
import { TokenRejected } from "./rejection.ts";

/** A JSON object from outside: read own members only, never `__proto__`. */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_TEXT = 512;
const MAX_GROUPS = 500;
/** Deeper delegation than anyone explains; RFC 8693 sets no limit. */
const MAX_ACTORS = 8;

/**
 * The value at a dotted `path`, undefined where there is none. A claim name may itself hold dots (`kubernetes.io.namespace`,
 * `https://example.com/groups`): every way of cutting the path is tried.
 * @throws {TokenRejected} "malformed" if more than one leads to a value: whoever controls one claim could pass it off as another.
 */
export function claimAt(claims: Claims, path: string): unknown {
  const found = valuesAt(claims, path.split("."));
  if (found.length > 1) throw new TokenRejected("malformed", { more: "Two of its claims have the same path." });
  return found[0];
}

function valuesAt(claims: Claims, names: readonly string[]): unknown[] {
  const found: unknown[] = [];
  for (let length = 1; length <= names.length; length++) {
    const name = names.slice(0, length).join(".");
    if (!Object.hasOwn(claims, name)) continue;
    const value = claims[name];
    const rest = names.slice(length);
    if (rest.length === 0) found.push(value);
    else if (isClaims(value)) found.push(...valuesAt(value, rest));
  }
  return found;
}

/** An object and not an array. */
export function isClaims(value: unknown): value is Claims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Holds the token against `where`: each path must hold one of its values, or an array that contains one. Text compares exactly; `true`, `false`
 * and whole numbers compare as JSON writes them. Answers with what was found, for the principal's claims.
 * @throws {TokenRejected} "claim_condition", naming the path and not the value.
 */
export function checkConditions(
  claims: Claims,
  where: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const [path, wanted] of Object.entries(where)) {
    const accepted = typeof wanted === "string" ? [wanted] : wanted;
    const value = claimAt(claims, path);
    const held = (Array.isArray(value) ? value : [value]).map(scalarText);
    const match = held.find((text) => text !== undefined && accepted.includes(text));
    if (match === undefined) throw new TokenRejected("claim_condition", { more: `The condition is on "${path}".` });
    found[path] = match;
  }
  return found;
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "boolean" || Number.isSafeInteger(value) ? String(value) : undefined;
}

/**
 * Groups at `path`: a text is one group, an array gives each text in it, anything else gives none. Order kept, doubles dropped.
 * @throws {TokenRejected} "malformed" over 500 groups, or one over 512 characters: to leave some out would escape a rule that forbids by group.
 */
export function groupsOf(claims: Claims, path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const value = claimAt(claims, path);
  const groups = new Set((Array.isArray(value) ? value : [value]).filter((group) => typeof group === "string"));
  if (groups.size > MAX_GROUPS)
    throw new TokenRejected("malformed", { more: `It lists more than ${MAX_GROUPS} groups.` });
  for (const group of groups) checkText(group, "a group");
  return [...groups];
}

/** The subject at `path`. @throws {TokenRejected} "subject_missing" where it is absent, empty or not a text. */
export function subjectOf(claims: Claims, path: string): string {
  const value = claimAt(claims, path);
  if (typeof value !== "string" || value === "") throw new TokenRejected("subject_missing");
  return checkText(value, "the subject");
}

/**
 * The actor chain at `path`, the one acting now first. `act.sub` reads `act`, its `iss`, and every nested `act`; a claim of the top
 * level (`azp`) gives one actor. Empty where the token names none.
 * Source: RFC 8693, section 4.1: the outermost `act` is the current actor, nested ones are prior actors.
 * @throws {TokenRejected} "malformed" for an `act` that is no object or names no one, and beyond 8 actors.
 */
export function actorsOf(claims: Claims, path: string): readonly ActorHop[] {
  const cut = path.lastIndexOf(".");
  const leaf = path.slice(cut + 1);
  const outermost = cut === -1 ? undefined : claimAt(claims, path.slice(0, cut));
  if (outermost === undefined) {
    const subject = claimAt(claims, path); // a claim of the top level, whose name may hold dots
    return subject === undefined ? [] : [hopOf({ [leaf]: subject }, leaf)];
  }
  const hops: ActorHop[] = [];
  for (let act: unknown = outermost; act !== undefined; act = ownMember(act, "act")) {
    if (hops.length === MAX_ACTORS)
      throw new TokenRejected("malformed", { more: `It names more than ${MAX_ACTORS} actors.` });
    hops.push(hopOf(act, leaf));
  }
  return hops;
}

function hopOf(act: unknown, leaf: string): ActorHop {
  const subject = ownMember(act, leaf);
  if (typeof subject !== "string" || subject === "")
    throw new TokenRejected("malformed", { more: "It holds an actor without a name." });
  const issuer = ownMember(act, "iss");
  if (issuer !== undefined && typeof issuer !== "string")
    throw new TokenRejected("malformed", { more: "The issuer of an actor is not a text." });
  checkText(subject, "an actor");
  if (issuer === undefined) return { subject, proof: "verified" };
  return { subject, issuer: checkText(issuer, "the issuer of an actor"), proof: "verified" };
}

function ownMember(value: unknown, name: string): unknown {
  return isClaims(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Lone surrogates cannot be written to the log (RFC 8785, section 3.2.2.2), and nobody's name is that long. */
function checkText(text: string, what: string): string {
  if (text.length > MAX_TEXT || !text.isWellFormed())
    throw new TokenRejected("malformed", { more: `It holds ${what} that is too long or no Unicode.` });
  return text;
}

/** A claim worth keeping with the principal: a short, well-formed text. */
export function plainClaim(claims: Claims, name: string): string | undefined {
  const value = ownMember(claims, name);
  return typeof value === "string" && value.length <= MAX_TEXT && value.isWellFormed() ? value : undefined;
}
