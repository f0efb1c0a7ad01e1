/**
 * A denied or held statement in words: one wording for wire, MCP and CLI. The message names action and resource, the detail the
 * policy and its reason, the hint the smallest change that would pass, or how to ask.
 */

import type { PolicyRequest } from "../analysis/requests.ts";
import { GatewayError } from "../base/errors.ts";
import { printable } from "../identity/principal.ts";
import type { Decision, Deny, Hold } from "./decision.ts";
import { actionOn } from "./policy-set.ts";

/** Requests told one by one; of more, the number. */
const TOLD = 4;

interface Refused<D extends Decision> {
  readonly request: PolicyRequest;
  readonly decision: D;
}

/** @param decisions one for each of `requests`. @returns null where all are permitted. */
export function refusalOf(requests: readonly PolicyRequest[], decisions: readonly Decision[]): GatewayError | null {
  const denied: Refused<Deny>[] = [];
  const held: Refused<Hold>[] = [];
  for (const [index, request] of requests.entries()) {
    const decision = decisions[index] ?? undecided(request);
    if (decision.verdict === "deny") denied.push({ request, decision });
    if (decision.verdict === "hold") held.push({ request, decision });
  }
  if (denied[0] !== undefined) return denial(denied[0], denied);
  return held[0] === undefined ? null : needsApproval(held[0], held);
}

function undecided(request: PolicyRequest): Deny {
  return { verdict: "deny", policies: [], reason: `${actionOn(request)} was not decided`, hint: "", errored: true };
}

function denial({ request }: Refused<Deny>, all: readonly Refused<Deny>[]): GatewayError {
  const others = all.length === 1 ? "" : ` (and ${all.length - 1} more)`;
  const hint = hintOf(all);
  return new GatewayError("STATEMENT_DENIED", printable(`policy does not permit ${actionOn(request)}${others}`), {
    detail: detailOf(all),
    ...(hint === "" ? {} : { hint }),
  });
}

/** One for all where there is one; else a line for each, since each of them is needed. */
function hintOf(all: readonly Refused<Deny>[]): string {
  const hints = [...new Set(all.map(({ decision }) => decision.hint).filter((hint) => hint !== ""))];
  if (hints.length <= 1) return printable(hints[0] ?? "");
  const told = all.slice(0, TOLD).filter(({ decision }) => decision.hint !== "");
  return told.map(({ request, decision }) => printable(`${actionOn(request)}: ${decision.hint}`)).join("\n");
}

/** Where it cannot wait: who asks, and can wait, tells it otherwise. */
function needsApproval({ request }: Refused<Hold>, all: readonly Refused<Hold>[]): GatewayError {
  const approvers = [...new Set(all.flatMap(({ decision }) => decision.approvers))].sort().join(" and ");
  const quorum = Math.max(...all.map(({ decision }) => decision.quorum));
  const people = quorum === 1 ? "" : ` (${quorum} people of each)`;
  const message = `${actionOn(request)} needs approval by ${approvers}${people}, which cannot be waited for here`;
  return new GatewayError("APPROVAL_IMPOSSIBLE", printable(message), {
    detail: detailOf(all),
    hint: "Send the statement alone, outside of a transaction and not inside a function: it then waits for approval.",
  });
}

/** A line for each, with policy, reason, action and resource: `Policy writes-wait: a DBA approves (update on table shop.public.orders).` */
function detailOf(refused: readonly Refused<Deny | Hold>[]): string {
  const lines = refused.slice(0, TOLD).map(({ request, decision }) => {
    const { policies, reason } = decision;
    const by = policies.length === 0 ? "" : `${policies.length === 1 ? "Policy" : "Policies"} ${policies.join(", ")}: `;
    const what = reason.includes(actionOn(request)) ? "" : ` (${actionOn(request)})`;
    const line = `${by}${reason}${what}.`;
    return printable(line.charAt(0).toUpperCase() + line.slice(1));
  });
  const rest = refused.length - TOLD;
  const told = [...new Set(lines)];
  return (rest > 0 ? [...told, `And ${rest} more.`] : told).join("\n");
}
