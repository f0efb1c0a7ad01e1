/** Query group: held statements and the decisions of people. Times are the store's own: several gateways share one clock by it. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { isoUtc, storable, Timestamp } from "./row.ts";

/** Told to every listening gateway with the id of the request that has changed. */
export const APPROVAL_CHANNEL = "postern_approvals";

export const APPROVAL_STATES = ["pending", "approved", "denied", "consumed", "withdrawn", "expired", "void"] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** A person, as its issuer knows it. */
export const PersonKey = z.object({ issuer: z.string(), subject: z.string() });
export type PersonKey = Readonly<z.infer<typeof PersonKey>>;

export const Decision = z.object({
  /** Id of the principal that decided, and its subject. */
  by: z.string(),
  subject: z.string(),
  verdict: z.enum(["approve", "deny"]),
  forGroup: z.string().nullable(),
  reason: z.string().nullable(),
  at: Timestamp,
  /** What it was decided by: the hash of the card that was shown. */
  card: z.string(),
  /** Changed rows that it is for at most; null: as many as there are. */
  rows: z.number().nullable(),
  /** From the request to the decision. */
  seconds: z.number(),
  instance: z.string(),
  logIndex: z.number(),
});
export type Decision = Readonly<z.infer<typeof Decision>>;

const Approval = z.object({
  id: z.string(),
  sameness: z.string(),
  binding: z.string(),
  state: z.enum(APPROVAL_STATES),
  mode: z.enum(["wait", "defer"]),
  instance: z.string(),
  sessionId: z.string(),
  database: z.string(),
  principalId: z.string(),
  requesters: z.array(PersonKey),
  approvers: z.array(z.string()),
  quorum: z.number(),
  reason: z.string(),
  fingerprint: z.string(),
  class: z.string(),
  requestedAt: Timestamp,
  expiresAt: Timestamp,
  /** Milliseconds until it expires, by the store's clock; negative: it has. */
  leftMs: z.number(),
  /** Milliseconds since it was asked for, by the same. */
  ageMs: z.number(),
  /** Canonical JSON; null: the request has ended. */
  card: z.string().nullable(),
  cardHash: z.string(),
  endedAt: Timestamp.nullable(),
  endedBy: z.string().nullable(),
  endedReason: z.string().nullable(),
  told: z.boolean(),
  decisions: z.array(Decision),
});
export type Approval = Readonly<z.infer<typeof Approval>>;

/** What a request is begun with. */
export type NewApproval = Pick<
  Approval,
  | "id"
  | "sameness"
  | "mode"
  | "instance"
  | "sessionId"
  | "database"
  | "principalId"
  | "requesters"
  | "approvers"
  | "quorum"
  | "reason"
  | "fingerprint"
  | "class"
  | "requestedAt"
  | "expiresAt"
  | "binding"
> & { readonly card: string; readonly cardHash: string };

const MS_TO = (column: string): string => `(extract(epoch FROM ${column} - clock_timestamp()) * 1000)::float8`;
const COLUMNS = `a.id, a.sameness, a.binding, a.state, a.mode, a.instance, a.session_id AS "sessionId", a.database,
  a.principal_id AS "principalId", a.requesters, a.approvers, a.quorum, a.reason, a.fingerprint, a.class,
  ${isoUtc("a.requested_at")} AS "requestedAt", ${isoUtc("a.expires_at")} AS "expiresAt", ${MS_TO("a.expires_at")} AS "leftMs",
  -${MS_TO("a.requested_at")} AS "ageMs", a.card, a.card_hash AS "cardHash", ${isoUtc("a.ended_at")} AS "endedAt",
  a.ended_by AS "endedBy", a.ended_reason AS "endedReason", a.told,
  (SELECT coalesce(json_agg(json_build_object('by', d.principal_id, 'subject', d.person::json->>1, 'verdict', d.verdict, 'forGroup', d.for_group,
      'reason', d.reason, 'at', ${isoUtc("d.decided_at")}, 'card', d.card_hash, 'rows', d.rows, 'seconds', d.seconds,
      'instance', d.instance, 'logIndex', d.log_index) ORDER BY d.decided_at, d.person), '[]')
    FROM postern.approval_decisions d WHERE d.approval_id = a.id) AS decisions`;

function approvalOf(rows: readonly unknown[]): Approval | null {
  const [row] = rows;
  return row === undefined ? null : Approval.parse(row);
}

export async function readApproval(q: Queryable, id: string): Promise<Approval | null> {
  const { rows } = await q.query(`SELECT ${COLUMNS} FROM postern.approvals a WHERE a.id = $1`, [id]);
  return approvalOf(rows);
}

/** The same, and nobody else changes it before the end of the transaction. */
export async function lockApproval(q: Queryable, id: string): Promise<Approval | null> {
  const { rows } = await q.query(`SELECT ${COLUMNS} FROM postern.approvals a WHERE a.id = $1 FOR UPDATE OF a`, [id]);
  return approvalOf(rows);
}

/** For one sameness at a time, until the end of the transaction: two gateways must not ask for the same statement twice. */
export async function lockSameness(q: Queryable, sameness: string): Promise<void> {
  await q.query("SELECT pg_advisory_xact_lock(hashtextextended('postern approval ' || $1, 0))", [sameness]);
}

/** The newest request of it that can still come to something, or whose denial nobody was told of. */
export async function findOpen(q: Queryable, sameness: string): Promise<Approval | null> {
  const { rows } = await q.query(
    `SELECT ${COLUMNS} FROM postern.approvals a
     WHERE a.sameness = $1 AND a.expires_at > clock_timestamp() AND (a.state IN ('pending', 'approved') OR a.state = 'denied' AND NOT a.told)
     ORDER BY a.state = 'approved' DESC, a.id DESC LIMIT 1 FOR UPDATE OF a`,
    [sameness],
  );
  return approvalOf(rows);
}

export async function insertApproval(q: Queryable, fresh: NewApproval): Promise<void> {
  await q.query(
    `INSERT INTO postern.approvals (id, sameness, binding, state, mode, instance, session_id, database, principal_id, requesters,
       approvers, quorum, reason, fingerprint, class, requested_at, expires_at, card, card_hash)
     VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
    [
      ...[
        fresh.id,
        fresh.sameness,
        fresh.binding,
        fresh.mode,
        fresh.instance,
        fresh.sessionId,
        storable(fresh.database),
      ],
      ...[storable(fresh.principalId), storable(JSON.stringify(fresh.requesters)), JSON.stringify(fresh.approvers)],
      ...[fresh.quorum, storable(fresh.reason), fresh.fingerprint, fresh.class, fresh.requestedAt, fresh.expiresAt],
      ...[fresh.card, fresh.cardHash],
    ],
  );
  await notify(q, fresh.id);
}

/** A request that a socket is held for has become one that is not, or the other way round. */
export async function setMode(q: Queryable, id: string, mode: "wait" | "defer", instance: string): Promise<void> {
  await q.query("UPDATE postern.approvals SET mode = $2, instance = $3 WHERE id = $1", [id, mode, instance]);
}

/** @param decision without the time, which is the store's. */
export async function insertDecision(
  q: Queryable,
  id: string,
  person: string,
  decision: Omit<Decision, "at" | "subject">,
): Promise<void> {
  await q.query(
    `INSERT INTO postern.approval_decisions
       (approval_id, person, principal_id, verdict, for_group, reason, decided_at, card_hash, seconds, instance, log_index, rows)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8, $9, $10, $11)`,
    [
      ...[id, storable(person), storable(decision.by), decision.verdict, decision.forGroup],
      ...[decision.reason === null ? null : storable(decision.reason), decision.card, decision.seconds],
      ...[decision.instance, decision.logIndex, decision.rows],
    ],
  );
}

/** Of one that is pending or approved: the state that people's decisions have come to. */
export async function setState(q: Queryable, id: string, state: "approved" | "denied"): Promise<void> {
  const ended = state === "denied" ? ", ended_at = clock_timestamp()" : "";
  await q.query(`UPDATE postern.approvals SET state = $2${ended} WHERE id = $1 AND state = 'pending'`, [id, state]);
  await notify(q, id);
}

/** Takes the one attempt that an approval is good for: whoever gets `true` may run it, and nobody else ever will. */
export async function consume(q: Queryable, id: string, binding: string, by: string): Promise<boolean> {
  const { rowCount } = await q.query(
    `UPDATE postern.approvals SET state = 'consumed', ended_at = clock_timestamp(), ended_by = $3, card = NULL
     WHERE id = $1 AND binding = $2 AND state = 'approved' AND expires_at > clock_timestamp()`,
    [id, binding, by],
  );
  if (rowCount === 1) await notify(q, id);
  return rowCount === 1;
}

/** @returns false where it had ended already. */
export async function endApproval(
  q: Queryable,
  id: string,
  state: "withdrawn" | "expired" | "void",
  reason: string,
): Promise<boolean> {
  const { rowCount } = await q.query(
    `UPDATE postern.approvals SET state = $2, ended_at = clock_timestamp(), ended_reason = $3, card = NULL
     WHERE id = $1 AND state IN ('pending', 'approved')`,
    [id, state, storable(reason)],
  );
  if (rowCount === 1) await notify(q, id);
  return rowCount === 1;
}

export async function setTold(q: Queryable, id: string): Promise<void> {
  await q.query("UPDATE postern.approvals SET told = true, card = NULL WHERE id = $1", [id]);
}

/** How many requests of a principal can still come to something. */
export async function countOpen(q: Queryable, principalId: string): Promise<number> {
  const { rows } = await q.query(
    `SELECT count(*)::int AS n FROM postern.approvals
     WHERE principal_id = $1 AND state IN ('pending', 'approved') AND expires_at > clock_timestamp()`,
    [storable(principalId)],
  );
  return Count.parse(rows[0]).n;
}

/** Ids of those that have come to the end of their time, at most 100. */
export async function listOverdue(q: Queryable): Promise<readonly string[]> {
  const { rows } = await q.query(
    `SELECT id FROM postern.approvals WHERE state IN ('pending', 'approved') AND expires_at <= clock_timestamp() LIMIT 100`,
  );
  return rows.map((row) => Id.parse(row).id);
}

/** Ids of those that a socket was held for at `instance`. @param before asked for before then; null: whenever. */
export async function listHeldAt(q: Queryable, instance: string, before: string | null): Promise<readonly string[]> {
  const { rows } = await q.query(
    `SELECT id FROM postern.approvals WHERE state IN ('pending', 'approved') AND mode = 'wait' AND instance = $1
       AND ($2::timestamptz IS NULL OR requested_at < $2)`,
    [instance, before],
  );
  return rows.map((row) => Id.parse(row).id);
}

/** Instances that hold sockets and have not been seen for so long. */
export async function listLostHolders(q: Queryable, afterMs: number): Promise<readonly string[]> {
  const { rows } = await q.query(
    `SELECT DISTINCT a.instance AS id FROM postern.approvals a LEFT JOIN postern.approval_holders h USING (instance)
     WHERE a.state IN ('pending', 'approved') AND a.mode = 'wait'
       AND coalesce(h.seen_at, a.requested_at) < clock_timestamp() - $1 * interval '1 millisecond'`,
    [afterMs],
  );
  return rows.map((row) => Id.parse(row).id);
}

export async function seenHolder(q: Queryable, instance: string): Promise<void> {
  await q.query(
    `INSERT INTO postern.approval_holders (instance, seen_at) VALUES ($1, clock_timestamp())
     ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at`,
    [instance],
  );
}

export interface ApprovalFilter {
  readonly state?: ApprovalState | undefined;
  readonly database?: string | undefined;
}

/** Newest first. @param before id of the last of the page before. */
export async function listApprovals(
  q: Queryable,
  { state, database }: ApprovalFilter,
  limit: number,
  before?: string,
): Promise<readonly Approval[]> {
  const { rows } = await q.query(
    `SELECT ${COLUMNS} FROM postern.approvals a
     WHERE ($1::text IS NULL OR a.state = $1) AND ($2::text IS NULL OR a.database = $2) AND ($3::text IS NULL OR a.id < $3)
     ORDER BY a.id DESC LIMIT $4`,
    [state ?? null, database ?? null, before ?? null, limit],
  );
  return rows.map((row) => Approval.parse(row));
}

async function notify(q: Queryable, id: string): Promise<void> {
  await q.query("SELECT pg_notify($1, $2)", [APPROVAL_CHANNEL, id]);
}

const Id = z.object({ id: z.string() });
const Count = z.object({ n: z.number() });
