/**
 * Who may decide, and what decisions come to. Separation of duties goes by people, not by credentials: a second token of the same
 * person is the same person, at another issuer too. Pure.
 */

import type { Principal } from "../identity/principal.ts";
import type { Approval, PersonKey } from "../store/approvals.ts";

/** Everyone who stands behind a statement: who acts, on whose behalf, and all in between. */
export function requestersOf({ issuer, subject, actors }: Principal): readonly PersonKey[] {
  return [{ issuer, subject }, ...actors.map((hop) => ({ issuer: hop.issuer ?? issuer, subject: hop.subject }))];
}

/** Of a person as its issuer knows it. */
export function personOf({ issuer, subject }: PersonKey): string {
  return JSON.stringify([issuer, subject]);
}

/**
 * The same human, as far as anyone can tell: an organisation's issuers name a person alike, and two issuers that give one name to two
 * people cost one of them a decision, which another can take.
 */
function isRequester(requesters: readonly PersonKey[], person: PersonKey): boolean {
  return requesters.some(({ subject }) => isSame(subject, person.subject));
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

export type Standing =
  | { readonly may: true; readonly group: string }
  | {
      readonly may: false;
      readonly why: "ended" | "own" | "no-group" | "decided" | "settled" | "uncounted";
      readonly detail: string;
    };

/** Distinct people that `group` has approved with so far. */
function approvedIn(approval: Approval, group: string): number {
  return approval.decisions.filter(({ verdict, forGroup }) => verdict === "approve" && forGroup === group).length;
}

/** Groups that have not reached their quorum. */
export function missingGroups(approval: Approval): readonly string[] {
  return approval.approvers.filter((group) => approvedIn(approval, group) < approval.quorum);
}

/** Groups that have. */
export function reachedGroups(approval: Approval): readonly string[] {
  return approval.approvers.filter((group) => approvedIn(approval, group) >= approval.quorum);
}

/** Changed rows that it was approved for at most: the fewest that anyone who approved it has said. Null: nobody has. */
export function rowBound({ decisions }: Pick<Approval, "decisions">): number | null {
  const bounds = decisions.flatMap(({ verdict, rows }) => (verdict === "approve" && rows !== null ? [rows] : []));
  return bounds.length === 0 ? null : Math.min(...bounds);
}

/** @param people the reviewer; a person of no group of the approvers decides nothing. */
export function standing(approval: Approval, reviewer: Principal, verdict: "approve" | "deny"): Standing {
  if (approval.state !== "pending" || approval.leftMs <= 0) {
    const state = approval.state === "pending" ? "expired" : approval.state;
    return { may: false, why: "ended", detail: `It is ${state}.` };
  }
  if (isRequester(approval.requesters, reviewer)) {
    return { may: false, why: "own", detail: "You, or an agent of yours, asked for it." };
  }
  const held = approval.approvers.filter((group) => reviewer.groups.includes(group));
  if (held.length === 0) {
    return { may: false, why: "no-group", detail: `It is for ${approval.approvers.join(" and ")} to decide.` };
  }
  if (approval.decisions.some(({ subject }) => isSame(subject, reviewer.subject))) {
    return { may: false, why: "decided", detail: "Another person has to." };
  }
  // One person, one group: who is in two does not stand for two people.
  const missing = missingGroups(approval);
  const group = held.find((one) => missing.includes(one)) ?? (verdict === "deny" ? held[0] : undefined);
  if (group === undefined) {
    return { may: false, why: "settled", detail: `It waits for ${missing.join(" and ")} alone.` };
  }
  return { may: true, group };
}
