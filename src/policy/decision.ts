/** What policy says of a request, and of all the requests of a statement together. Evaluates nothing: see policy-set.ts. */

export type Decision = Permit | Deny | Hold;

export interface Permit {
  readonly verdict: "permit";
  /** Ids of the policies that permit it, sorted. */
  readonly policies: readonly string[];
  readonly obligations: Obligations;
}

export interface Deny {
  readonly verdict: "deny";
  /** Ids of the policies that forbid it, or that erred; empty: none permits it. */
  readonly policies: readonly string[];
  /** In words, without a full stop. */
  readonly reason: string;
  /** The smallest change that would pass, or how to ask. */
  readonly hint: string;
  /** A policy could not be evaluated. */
  readonly errored?: boolean;
}

/** It may run once a reviewer of each of `approvers` has approved it. */
export interface Hold {
  readonly verdict: "hold";
  readonly policies: readonly string[];
  /** Groups, sorted. */
  readonly approvers: readonly string[];
  /** Distinct people of each group. */
  readonly quorum: number;
  readonly expiresMs: number;
  readonly reason: string;
  /** What becomes of it inside an open transaction, where locks are held: refused, or held there. */
  readonly inTransaction: "deny" | "hold";
}

/** What a permitted statement is still bound to. */
export interface Obligations {
  /** More rows than this abort it. */
  readonly maxRows?: number;
}

/** Of a statement that touches nothing that policy judges. */
const NOTHING_ASKED: Permit = { verdict: "permit", policies: [], obligations: {} };

/** All requests of one statement: any deny denies, else any hold holds for the union, else the strictest obligations bind. */
export function combine(decisions: readonly Decision[]): Decision {
  const [first, ...others] = decisions;
  if (first === undefined) return NOTHING_ASKED;
  if (others.length === 0) return first;
  const denials = decisions.filter((decision) => decision.verdict === "deny");
  if (denials.length > 0) return combineDenials(denials);
  const holds = decisions.filter((decision) => decision.verdict === "hold");
  if (holds.length > 0) return combineHolds(holds);
  const permits = decisions.filter((decision) => decision.verdict === "permit");
  return {
    verdict: "permit",
    policies: union(permits.map(({ policies }) => policies)),
    obligations: strictest(permits.map(({ obligations }) => obligations)),
  };
}

function combineDenials(denials: readonly Deny[]): Deny {
  const [first] = denials;
  return {
    verdict: "deny",
    policies: union(denials.map(({ policies }) => policies)),
    reason: distinct(denials.map(({ reason }) => reason)).join("; "),
    hint: first?.hint ?? "",
    ...(denials.some(({ errored }) => errored === true) ? { errored: true } : {}),
  };
}

function combineHolds(holds: readonly Hold[]): Hold {
  return {
    verdict: "hold",
    policies: union(holds.map(({ policies }) => policies)),
    approvers: union(holds.map(({ approvers }) => approvers)),
    quorum: Math.max(...holds.map(({ quorum }) => quorum)),
    expiresMs: Math.min(...holds.map(({ expiresMs }) => expiresMs)),
    reason: distinct(holds.map(({ reason }) => reason)).join("; "),
    inTransaction: holds.every(({ inTransaction }) => inTransaction === "hold") ? "hold" : "deny",
  };
}

/** The least of the bounds on rows. */
export function strictest(all: readonly Obligations[]): Obligations {
  const rows = all.map(({ maxRows }) => maxRows).filter((bound) => bound !== undefined);
  return rows.length === 0 ? {} : { maxRows: Math.min(...rows) };
}

/** Sorted, each once. */
export function union(lists: readonly (readonly string[])[]): readonly string[] {
  return distinct(lists.flat()).sort();
}

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)];
}
