/** What an agent is told of a request: one wording for wire, MCP and CLI. */

import { GatewayError } from "../base/errors.ts";

/** Told to who asked; `url`: where people decide, if the gateway has an address for them. */
export interface Told {
  readonly id: string;
  readonly approvers: readonly string[];
  readonly quorum: number;
  /** RFC 3339. */
  readonly expiresAt: string;
  readonly url: string | null;
}

/** `dba and security (2 people of each)`. */
export function whoApproves({ approvers, quorum }: Pick<Told, "approvers" | "quorum">): string {
  const people = quorum === 1 ? "" : ` (${quorum} people${approvers.length > 1 ? " of each" : ""})`;
  return `${approvers.join(" and ")}${people}`;
}

/** To the second: an agent has no use for microseconds. */
export function until(expiresAt: string): string {
  return expiresAt.replace(/\.\d+Z$/, "Z");
}

/** It waits for people, and its client does not. */
export function pending(told: Told): GatewayError {
  const where = told.url === null ? "" : ` They decide at ${told.url}.`;
  return new GatewayError("APPROVAL_PENDING", `the statement waits for approval by ${whoApproves(told)}`, {
    detail: `Approval ${told.id}, until ${until(told.expiresAt)}.`,
    hint: `Send the same statement again once it is approved: it then runs, once.${where}`,
  });
}

export function denied(id: string, reason: string | null): GatewayError {
  return new GatewayError("APPROVAL_DENIED", "a reviewer has denied the statement", {
    detail: `Approval ${id}. Reason: ${reason ?? "none was given"}`,
    hint: "Change what you ask for, or talk to the reviewer.",
  });
}

export function expired(id: string): GatewayError {
  return new GatewayError("APPROVAL_EXPIRED", "nobody has decided of the statement in time", {
    detail: `Approval ${id}.`,
    hint: "Send it again to ask anew.",
  });
}

/** What was approved is not what would run. */
export function changed(id: string): GatewayError {
  return new GatewayError("APPROVAL_VOID", "what the statement does has changed since it was approved", {
    detail: `Approval ${id} is void, and nothing has run.`,
    hint: "Send it again to ask anew.",
  });
}

/** @param changed rows that it changed; null: it was not run to its end, so that nobody knows. */
export function exceeded(bound: number, changed: number | null): GatewayError {
  const rows = bound === 1 ? "1 row" : `${bound} rows`;
  return new GatewayError("APPROVAL_EXCEEDED", `the statement was approved for ${rows} and has been undone`, {
    detail:
      changed === null
        ? "It was to be read in parts, and what it has changed is known at its end alone."
        : `It had changed ${changed}.`,
    hint: changed === null ? "Send it to be run at once." : "Narrow it, or ask anew and say how many rows it changes.",
  });
}

export function withdrawn(id: string, reason: string): GatewayError {
  return new GatewayError("APPROVAL_VOID", "the request for approval was withdrawn", {
    detail: `Approval ${id}: ${reason}.`,
    hint: "Send the statement again to ask anew.",
  });
}

export function tooManyOpen(most: number): GatewayError {
  return new GatewayError("APPROVAL_IMPOSSIBLE", `${most} statements of yours wait for approval already`, {
    hint: "Wait until some of them are decided.",
  });
}

/** The user's own cancel. */
export function cancelled(): GatewayError {
  return new GatewayError("STATEMENT_CANCELLED", "canceling statement due to user request");
}
