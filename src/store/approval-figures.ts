/** Query group: what people make of requests for approval, by which a tired reviewer shows. From the control store; the log has each step. */

import { z } from "zod";
import { APPROVAL_STATES } from "./approvals.ts";
import type { Queryable } from "./connection.ts";

const Figures = z.object({
  /** Decisions. */
  count: z.number(),
  perDay: z.number(),
  /** From the request to the decision; null: there is none. */
  medianSeconds: z.number().nullable(),
  /** Share from 0 to 1: nobody has read a statement in less. */
  underFiveSeconds: z.number().nullable(),
  /** Share of approvals. */
  approved: z.number().nullable(),
});
export type Figures = Readonly<z.infer<typeof Figures>>;

const Reviewer = Figures.extend({ by: z.string() });
const Asked = z.object({ state: z.enum(APPROVAL_STATES), count: z.number() });
const Oldest = z.object({ seconds: z.number().nullable() });

export interface ApprovalFigures {
  /** Requests that were asked for in that time, by what has become of them. */
  readonly requests: Readonly<Record<(typeof APPROVAL_STATES)[number], number>>;
  /** How long the oldest that still waits has done so; null: none does. */
  readonly oldestOpenSeconds: number | null;
  readonly decisions: Figures;
  /** Those who decided most first. */
  readonly reviewers: readonly (Figures & { readonly by: string })[];
}

const MAX_REVIEWERS = 200;

const FIGURES = `count(*)::int AS count, count(*) / $1::float8 AS "perDay",
  percentile_cont(0.5) WITHIN GROUP (ORDER BY d.seconds) AS "medianSeconds",
  avg((d.seconds < 5)::int)::float8 AS "underFiveSeconds", avg((d.verdict = 'approve')::int)::float8 AS approved`;
const DECIDED = `FROM postern.approval_decisions d JOIN postern.approvals a ON a.id = d.approval_id
  WHERE d.decided_at > clock_timestamp() - $1 * interval '1 day' AND ($2::text IS NULL OR a.database = $2)`;

/** @param days back from now. @param database null: all. */
export async function approvalFigures(q: Queryable, days: number, database: string | null): Promise<ApprovalFigures> {
  const given = [days, database];
  const all = await q.query(`SELECT ${FIGURES} ${DECIDED}`, given);
  const each = await q.query(
    `SELECT d.principal_id AS by, ${FIGURES} ${DECIDED} GROUP BY d.principal_id ORDER BY count(*) DESC, d.principal_id LIMIT ${MAX_REVIEWERS}`,
    given,
  );
  const asked = await q.query(
    `SELECT state, count(*)::int AS count FROM postern.approvals
     WHERE requested_at > clock_timestamp() - $1 * interval '1 day' AND ($2::text IS NULL OR database = $2) GROUP BY state`,
    given,
  );
  const oldest = await q.query(
    `SELECT extract(epoch FROM clock_timestamp() - min(requested_at))::float8 AS seconds FROM postern.approvals
     WHERE state = 'pending' AND expires_at > clock_timestamp() AND ($1::text IS NULL OR database = $1)`,
    [database],
  );
  const counts = new Map(asked.rows.map((row) => Asked.parse(row)).map(({ state, count }) => [state, count]));
  const of = (state: (typeof APPROVAL_STATES)[number]): number => counts.get(state) ?? 0;
  return {
    requests: {
      ...{ pending: of("pending"), approved: of("approved"), denied: of("denied"), consumed: of("consumed") },
      ...{ withdrawn: of("withdrawn"), expired: of("expired"), void: of("void") },
    },
    oldestOpenSeconds: Oldest.parse(oldest.rows[0]).seconds,
    decisions: Figures.parse(all.rows[0]),
    reviewers: each.rows.map((row) => Reviewer.parse(row)),
  };
}
