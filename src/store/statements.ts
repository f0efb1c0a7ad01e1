/** Query group: statements of sessions. A fingerprint says which text, never what it was: the text is not in the store. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { asRecordset, isoUtc, Timestamp } from "./row.ts";

const Statement = z.object({
  sessionId: z.string(),
  seq: z.number(),
  instance: z.string(),
  logIndex: z.number(),
  decidedAt: Timestamp,
  class: z.string(),
  verdict: z.string(),
  fingerprint: z.string().nullable(),
  finishedAt: Timestamp.nullable(),
  outcome: z.string().nullable(),
  sqlstate: z.string().nullable(),
  rowsReturned: z.number().nullable(),
  rowsAffected: z.number().nullable(),
  bytes: z.number().nullable(),
  durationMs: z.number().nullable(),
  transactionFate: z.string().nullable(),
});
/**
 * `seq` is the sessionSeq of its intent, `logIndex` the leaf of that in the log of `instance`. From `finishedAt` to
 * `durationMs`: null until it has finished. `transactionFate`: committed, rolled_back; null while the transaction is open.
 */
export type Statement = Readonly<z.infer<typeof Statement>>;

type OutcomeMembers = "finishedAt" | "outcome" | "sqlstate" | "rowsReturned" | "rowsAffected" | "bytes" | "durationMs";

/** With its outcome where that is known already: most are finished within the run of entries that holds their intent. */
export type NewStatement = Pick<
  Statement,
  "sessionId" | "seq" | "instance" | "logIndex" | "decidedAt" | "class" | "verdict" | "fingerprint"
> &
  Partial<Pick<Statement, OutcomeMembers>>;

export type StatementOutcome = Pick<Statement, "sessionId" | "seq" | OutcomeMembers>;

/** The fate of the transaction that the statements of `sessionId` from `first` to `last`, both included, ran in. */
export interface TransactionFate {
  readonly sessionId: string;
  readonly first: number;
  readonly last: number;
  readonly fate: "committed" | "rolled_back";
}

export async function insertStatements(q: Queryable, statements: readonly NewStatement[]): Promise<void> {
  if (statements.length === 0) return;
  await q.query(
    `INSERT INTO postern.statements (session_id, seq, instance, log_index, decided_at, class, verdict, fingerprint,
       finished_at, outcome, sqlstate, rows_returned, rows_affected, bytes, duration_ms)
     SELECT r."sessionId", r.seq, r.instance, r."logIndex", r."decidedAt", r.class, r.verdict, r.fingerprint,
       r."finishedAt", r.outcome, r.sqlstate, r."rowsReturned", r."rowsAffected", r.bytes, r."durationMs"
     FROM json_to_recordset($1::json) AS r("sessionId" text, seq bigint, instance text, "logIndex" bigint,
       "decidedAt" timestamptz, class text, verdict text, fingerprint text, "finishedAt" timestamptz, outcome text,
       sqlstate text, "rowsReturned" bigint, "rowsAffected" bigint, bytes bigint, "durationMs" double precision)
     ON CONFLICT (session_id, seq) DO UPDATE SET finished_at = excluded.finished_at, outcome = excluded.outcome,
       sqlstate = excluded.sqlstate, rows_returned = excluded.rows_returned, rows_affected = excluded.rows_affected,
       bytes = excluded.bytes, duration_ms = excluded.duration_ms
       WHERE excluded.finished_at IS NOT NULL`,
    [asRecordset(statements)],
  );
}

export async function finishStatements(q: Queryable, outcomes: readonly StatementOutcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  await q.query(
    `UPDATE postern.statements s SET finished_at = r."finishedAt", outcome = r.outcome, sqlstate = r.sqlstate,
       rows_returned = r."rowsReturned", rows_affected = r."rowsAffected", bytes = r.bytes, duration_ms = r."durationMs"
     FROM json_to_recordset($1::json) AS r("sessionId" text, seq bigint, "finishedAt" timestamptz, outcome text,
       sqlstate text, "rowsReturned" bigint, "rowsAffected" bigint, bytes bigint, "durationMs" double precision)
     WHERE s.session_id = r."sessionId" AND s.seq = r.seq`,
    [asRecordset(outcomes)],
  );
}

/**
 * Sets the fate of the statements in the ranges. Where ranges overlap, or a savepoint was rolled back before its transaction
 * was committed, `rolled_back` stands: a commit brings back nothing that was undone.
 */
export async function settleStatements(q: Queryable, fates: readonly TransactionFate[]): Promise<void> {
  if (fates.length === 0) return;
  await q.query(
    `UPDATE postern.statements s SET transaction_fate = f.fate
     FROM (SELECT t.session_id, t.seq, max(r.fate) AS fate
           FROM json_to_recordset($1::json) AS r("sessionId" text, first bigint, last bigint, fate text)
           JOIN postern.statements t ON t.session_id = r."sessionId" AND t.seq BETWEEN r.first AND r.last
           GROUP BY t.session_id, t.seq) f
     WHERE s.session_id = f.session_id AND s.seq = f.seq AND (s.transaction_fate IS NULL OR f.fate = 'rolled_back')`,
    [asRecordset(fates)],
  );
}

export interface StatementFilter {
  readonly verdict?: string | undefined;
  readonly class?: string | undefined;
}

/** In the order in which they were decided, at most `limit`, those with a seq above `afterSeq`. */
export async function listStatements(
  q: Queryable,
  sessionId: string,
  filter: StatementFilter,
  limit: number,
  afterSeq = -1,
): Promise<Statement[]> {
  const answer = await q.query(
    `SELECT session_id AS "sessionId", seq, instance, log_index AS "logIndex", ${isoUtc("decided_at")} AS "decidedAt",
       class, verdict, fingerprint, ${isoUtc("finished_at")} AS "finishedAt", outcome, sqlstate,
       rows_returned AS "rowsReturned", rows_affected AS "rowsAffected", bytes, duration_ms AS "durationMs",
       transaction_fate AS "transactionFate"
     FROM postern.statements
     WHERE session_id = $1 AND seq > $2 AND ($3::text IS NULL OR verdict = $3) AND ($4::text IS NULL OR class = $4)
     ORDER BY seq LIMIT $5`,
    [sessionId, afterSeq, filter.verdict ?? null, filter.class ?? null, limit],
  );
  return answer.rows.map((row) => Statement.parse(row));
}
