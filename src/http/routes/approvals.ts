/**
 * Approvals: list, one, approve, deny. Who may decide is told by the request itself, its groups and who asked for it, and not by a role:
 * src/approval/reviewers.ts. Who may not decide may see it by a role alone.
 */

import { z } from "zod";
import { missingGroups, rowBound, type Standing, standing } from "../../approval/reviewers.ts";
import type { Principal } from "../../identity/principal.ts";
import type { Approval as StoredApproval } from "../../store/approvals.ts";
import type { Caller } from "../authenticate.ts";
import { Approval, OPERATIONS } from "../contract.ts";
import type { HttpServerOptions } from "../parts.ts";
import { HttpProblem, type ProblemCode } from "../problem.ts";
import type { Router } from "../router.ts";

type Parts = Pick<HttpServerOptions, "approvals" | "logger">;

export function addApprovals(router: Router, { approvals, logger }: Parts): void {
  router.add(OPERATIONS.listApprovals, async ({ query: { limit, before, ...filter }, caller }) => {
    const found = await approvals.list(filter, limit, before);
    const next = found.length === limit ? (found.at(-1)?.id ?? null) : null;
    // A page may be short of what is not for the caller's eyes; `next` goes by what was read.
    const shown = found.filter((approval) => maySee(approval, caller));
    return { approvals: shown.map((approval) => viewOf(approval, caller.principal)), next };
  });

  // Before what takes any word there for an id.
  router.add(OPERATIONS.approvalStats, async ({ query: { days, database } }) => {
    const { requests, oldestOpenSeconds, decisions, reviewers } = await approvals.figures(days, database ?? null);
    return { days, requests, oldestOpenSeconds, decisions, reviewers: [...reviewers] };
  });

  router.add(OPERATIONS.readApproval, async ({ params: { id }, caller }) => {
    const approval = await approvals.read(id);
    if (approval === null || !maySee(approval, caller)) throw unknown();
    return viewOf(approval, caller.principal);
  });

  const decide = async (id: string, caller: Caller, verdict: "approve" | "deny", said: Said) => {
    const before = await approvals.read(id);
    if (before === null || !maySee(before, caller)) throw unknown();
    if (before.cardHash !== said.card) {
      throw new HttpProblem("approval-changed", { hint: "Look at the request again, and decide what you see then." });
    }
    const decided = await approvals.decide(id, caller.principal, verdict, said.reason ?? null, said.rows);
    if (decided === null) throw unknown();
    const { approval, refused } = decided;
    if (refused !== null) throw notDecided(refused);
    logger.warn({ approval: id, by: caller.principal.id, verdict, state: approval.state }, "a statement was decided");
    return viewOf(approval, caller.principal);
  };
  router.add(OPERATIONS.approveStatement, async ({ params: { id }, body, caller }) =>
    decide(id, caller, "approve", body),
  );
  router.add(OPERATIONS.denyStatement, async ({ params: { id }, body, caller }) => decide(id, caller, "deny", body));
}

interface Said {
  readonly card: string;
  readonly reason?: string | undefined;
  readonly rows?: number | undefined;
}

function maySee({ approvers }: StoredApproval, { roles, principal }: Caller): boolean {
  return roles.length > 0 || approvers.some((group) => principal.groups.includes(group));
}

const PROBLEM_OF = {
  ...{ ended: "approval-ended", decided: "approval-ended", settled: "approval-ended" },
  ...{ own: "approval-refused", "no-group": "approval-refused", uncounted: "approval-refused" },
} as const satisfies Record<Refused["why"], ProblemCode>;
type Refused = Exclude<Standing, { readonly may: true }>;

function notDecided({ why, detail }: Refused): HttpProblem {
  const again = why === "decided" ? "You have decided it already. " : "";
  return new HttpProblem(PROBLEM_OF[why], { detail: `${again}${detail}` });
}

function unknown(): HttpProblem {
  return new HttpProblem("not-found", { detail: "There is no request for approval with that id for you to see." });
}

const StoredCard = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(Approval.shape.card);

function viewOf(approval: StoredApproval, viewer: Principal): z.input<typeof Approval> {
  const { principalId: principal, sessionId: session, card, decisions } = approval;
  const { id, state, mode, database, fingerprint, reason, approvers, quorum } = approval;
  const { requestedAt, expiresAt, cardHash, endedAt, endedReason } = approval;
  const may = standing(approval, viewer, "approve");
  return {
    ...{ id, state, mode, database, principal, session, class: approval.class, fingerprint, reason, approvers, quorum },
    ...{ requestedAt, expiresAt, cardHash, endedAt, endedReason },
    missing: [...missingGroups(approval)],
    decisions: decisions.map(({ by, verdict, forGroup, reason: said, rows, at, seconds }) => {
      return { by, verdict, group: forGroup, reason: said, rows, at, seconds };
    }),
    rows: rowBound(approval),
    mayNotDecide: may.may ? null : may.detail,
    card: card === null ? null : StoredCard.parse(card),
  };
}
