/** Reads the annotations of a policy: what Cedar carries and does not judge. Unknown ones and bad values are problems, not ignored. */

import { formatDuration, parseDuration } from "../config/duration.ts";
import { nearest } from "../config/nearest.ts";

/** Values of the annotations, with their defaults. */
export interface PolicyAnnotations {
  /** As given; undefined: none. */
  readonly id: string | undefined;
  /** Groups; empty: it is no hold. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly expiresMs: number;
  readonly reason: string | undefined;
  readonly maxRows: number | undefined;
  /** Of a hold inside an open transaction. */
  readonly inTransaction: "deny" | "hold";
}

export interface AnnotationProblem {
  /** "": of the policy as a whole. */
  readonly annotation: string;
  readonly message: string;
  readonly hint?: string;
}

export const KNOWN_ANNOTATIONS = [
  "id",
  "approvers",
  "quorum",
  "expires",
  "reason",
  "maxRows",
  "inTransaction",
] as const;

/** How long a held statement waits where its policy does not say. */
export const DEFAULT_EXPIRES_MS = 15 * 60_000;
const LONGEST_EXPIRES_MS = 7 * 86_400_000;
const LARGEST_QUORUM = 20;
const LONGEST_REASON = 500;
/** It stands in entries, errors and metrics. */
const ID = /^[\p{L}\p{N}][\p{L}\p{N} _.:/#-]{0,127}$/u;

/** @param effect a hold is a forbid, and a permit carries the bound on rows. */
export function readAnnotations(
  given: Readonly<Record<string, string | null>>,
  effect: "permit" | "forbid",
): { readonly values: PolicyAnnotations; readonly problems: readonly AnnotationProblem[] } {
  const problems: AnnotationProblem[] = [];
  const say = (annotation: string, message: string, hint?: string): void => {
    problems.push({ annotation, message, ...(hint === undefined ? {} : { hint }) });
  };
  unknownOnes(given, say);
  misplacedOnes(given, effect, say);
  const text = (name: string): string | undefined => (name in given ? (given[name] ?? "") : undefined);
  const values = {
    id: readId(text("id"), say),
    approvers: readApprovers(text("approvers"), say),
    quorum: readCount("quorum", text("quorum"), LARGEST_QUORUM, say) ?? 1,
    expiresMs: readExpires(text("expires"), say) ?? DEFAULT_EXPIRES_MS,
    reason: readReason(text("reason"), say),
    maxRows: readCount("maxRows", text("maxRows"), Number.MAX_SAFE_INTEGER, say),
    inTransaction: readInTransaction(text("inTransaction"), say),
  };
  return { values, problems };
}

type Say = (annotation: string, message: string, hint?: string) => void;

function unknownOnes(given: Readonly<Record<string, string | null>>, say: Say): void {
  for (const name of Object.keys(given)) {
    if (KNOWN_ANNOTATIONS.some((known) => known === name)) continue;
    const meant = nearest(name, KNOWN_ANNOTATIONS);
    const known = `known are ${KNOWN_ANNOTATIONS.map((one) => `@${one}`).join(", ")}`;
    say(name, `@${name} is no annotation of Postern`, meant === undefined ? known : `did you mean @${meant}?`);
  }
}

function misplacedOnes(given: Readonly<Record<string, string | null>>, effect: "permit" | "forbid", say: Say): void {
  if (effect === "permit") {
    const advice = 'a hold is a forbid: forbid (…) unless { context.approvedBy.contains("…") }';
    for (const name of ["approvers", "quorum", "expires"]) {
      if (name in given) say(name, `@${name} stands on a permit`, advice);
    }
    const condition = "say so in the condition: when { !context.inTransaction }";
    if ("inTransaction" in given) say("inTransaction", "@inTransaction stands on a permit", condition);
    return;
  }
  if ("maxRows" in given) say("maxRows", "@maxRows stands on a forbid", "put it on the permit whose rows it bounds");
  if ("approvers" in given) return;
  for (const name of ["quorum", "expires", "inTransaction"]) {
    if (name in given) say(name, `@${name} without @approvers`, 'name the groups that may approve: @approvers("dba")');
  }
}

function readId(text: string | undefined, say: Say): string | undefined {
  if (text === undefined) return undefined;
  if (ID.test(text)) return text;
  say(
    "id",
    "the id cannot be used",
    "1 to 128 letters, digits, spaces and _ . : / # -, beginning with a letter or digit",
  );
  return undefined;
}

function readApprovers(text: string | undefined, say: Say): readonly string[] {
  if (text === undefined) return [];
  const groups = text.split(",").map((group) => group.trim());
  if (groups.every((group) => /^[^\p{C}]+$/u.test(group))) return [...new Set(groups)].sort();
  say("approvers", "@approvers names no group", 'groups are separated by commas: @approvers("dba, security")');
  return [];
}

function readCount(name: string, text: string | undefined, largest: number, say: Say): number | undefined {
  if (text === undefined) return undefined;
  const count = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (count <= largest) return count;
  say(name, `@${name} needs a whole number`, `from 1 to ${largest}, in quotes: @${name}("1")`);
  return undefined;
}

function readExpires(text: string | undefined, say: Say): number | undefined {
  if (text === undefined) return undefined;
  const durationMs = parseDuration(text);
  if (durationMs !== null && durationMs > 0 && durationMs <= LONGEST_EXPIRES_MS) return durationMs;
  say("expires", "@expires needs a duration", `such as 90s, 15m or 8h, at most ${formatDuration(LONGEST_EXPIRES_MS)}`);
  return undefined;
}

function readReason(text: string | undefined, say: Say): string | undefined {
  if (text === undefined) return undefined;
  // It is told to clients: NUL cannot be sent, and a line break or a bidirectional mark would let it pass for something else.
  if (text !== "" && text.length <= LONGEST_REASON && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text))
    return text.replace(/\.$/, "");
  say(
    "reason",
    "@reason needs one line of text",
    `1 to ${LONGEST_REASON} characters, none of them a control character`,
  );
  return undefined;
}

function readInTransaction(text: string | undefined, say: Say): "deny" | "hold" {
  if (text === "deny" || text === "hold") return text;
  if (text !== undefined) say("inTransaction", "@inTransaction needs a known value", '"deny" or "hold"');
  return "deny";
}
