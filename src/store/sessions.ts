/** Query group: sessions. Written by the index alone, from session.opened and session.closed; searched by the HTTP API. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { asRecordset, isoUtc, Timestamp } from "./row.ts";

const Actor = z.object({
  subject: z.string(),
  issuer: z.string().optional(),
  proof: z.enum(["verified", "asserted", "inferred"]),
});

const Session = z.object({
  id: z.string(),
  instance: z.string(),
  logIndex: z.number(),
  openedAt: Timestamp,
  principalId: z.string(),
  principalKind: z.enum(["agent", "human"]),
  issuer: z.string(),
  subject: z.string(),
  actor: z.string(),
  actors: z.array(Actor),
  credentialKind: z.string(),
  credentialId: z.string(),
  database: z.string(),
  role: z.string(),
  clientAddress: z.string(),
  via: z.string(),
  applicationName: z.string().nullable(),
  closedAt: Timestamp.nullable(),
  closeReason: z.string().nullable(),
  statements: z.number().nullable(),
  rows: z.number().nullable(),
  bytes: z.number().nullable(),
});
/** `logIndex` is the leaf of session.opened in the log of `instance`. From `closedAt` on: null until the session is closed. */
export type Session = Readonly<z.infer<typeof Session>>;

export type NewSession = Omit<Session, "closedAt" | "closeReason" | "statements" | "rows" | "bytes">;

export interface SessionClose {
  readonly id: string;
  readonly closedAt: string;
  readonly closeReason: string;
  readonly statements: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What to look for; every member that is there must hold. */
export interface SessionFilter {
  /** One of these. */
  readonly ids?: readonly string[] | undefined;
  /** Exactly this principal's id. */
  readonly principal?: string | undefined;
  readonly database?: string | undefined;
  /** Anywhere in id, principal, subject, actor, database, role, client address, application name; case ignored. There is no SQL to look in. */
  readonly text?: string | undefined;
  /** Opened at or after, and before: RFC 3339. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** With at least one statement so decided. */
  readonly verdict?: string | undefined;
  readonly state?: "open" | "closed" | undefined;
}

const COLUMNS = `s.id, s.instance, s.log_index AS "logIndex", ${isoUtc("s.opened_at")} AS "openedAt",
  s.principal_id AS "principalId", s.principal_kind AS "principalKind", s.issuer, s.subject, s.actor, s.actors,
  s.credential_kind AS "credentialKind", s.credential_id AS "credentialId", s.database, s.role,
  s.client_address AS "clientAddress", s.via, s.application_name AS "applicationName", ${isoUtc("s.closed_at")} AS "closedAt", s.close_reason AS "closeReason",
  s.statements, s.rows, s.bytes`;

export async function insertSessions(q: Queryable, sessions: readonly NewSession[]): Promise<void> {
  if (sessions.length === 0) return;
  await q.query(
    `INSERT INTO postern.sessions (id, instance, log_index, opened_at, principal_id, principal_kind, issuer, subject, actor,
       actors, credential_kind, credential_id, database, role, client_address, via,
       application_name)
     SELECT r.id, r.instance, r."logIndex", r."openedAt", r."principalId", r."principalKind", r.issuer, r.subject, r.actor,
       r.actors, r."credentialKind", r."credentialId", r.database, r.role, r."clientAddress", r.via,
       r."applicationName"
     FROM json_to_recordset($1::json) AS r(id text, instance text, "logIndex" bigint, "openedAt" timestamptz,
       "principalId" text, "principalKind" text, issuer text, subject text, actor text, actors jsonb,
       "credentialKind" text, "credentialId" text, database text, role text, "clientAddress" text, via text,
       "applicationName" text)
     ON CONFLICT (id) DO NOTHING`,
    [asRecordset(sessions)],
  );
}

export async function closeSessions(q: Queryable, closes: readonly SessionClose[]): Promise<void> {
  if (closes.length === 0) return;
  await q.query(
    `UPDATE postern.sessions s SET closed_at = r."closedAt", close_reason = r."closeReason", statements = r.statements,
       rows = r.rows, bytes = r.bytes
     FROM json_to_recordset($1::json) AS r(id text, "closedAt" timestamptz, "closeReason" text, statements bigint,
       rows bigint, bytes bigint)
     WHERE s.id = r.id`,
    [asRecordset(closes)],
  );
}

export async function readSession(q: Queryable, id: string): Promise<Session | null> {
  const answer = await q.query(`SELECT ${COLUMNS} FROM postern.sessions s WHERE s.id = $1`, [id]);
  return answer.rows.length === 0 ? null : Session.parse(answer.rows[0]);
}

/**
 * Newest first by id (ids begin with the time, and a live session has its id before it is here), at most `limit`.
 * @param before the last id of the page before.
 */
export async function searchSessions(
  q: Queryable,
  filter: SessionFilter,
  limit: number,
  before?: string,
): Promise<Session[]> {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const add = (condition: (place: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  add((p) => `s.id = ANY(${p})`, filter.ids);
  add((p) => `s.principal_id = ${p}`, filter.principal);
  add((p) => `s.database = ${p}`, filter.database);
  add((p) => `s.opened_at >= ${p}`, filter.since);
  add((p) => `s.opened_at < ${p}`, filter.until);
  add(inText, filter.text);
  add(
    (p) => `EXISTS (SELECT 1 FROM postern.statements t WHERE t.session_id = s.id AND t.verdict = ${p})`,
    filter.verdict,
  );
  if (filter.state !== undefined) conditions.push(`s.closed_at IS ${filter.state === "open" ? "" : "NOT "}NULL`);
  add((p) => `s.id < ${p}`, before);
  values.push(limit);
  const answer = await q.query(
    `SELECT ${COLUMNS} FROM postern.sessions s ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""}
     ORDER BY s.id DESC LIMIT $${values.length}`,
    values,
  );
  return answer.rows.map((row) => Session.parse(row));
}

// strpos rather than LIKE: what a person types is text to find, not a pattern.
function inText(place: string): string {
  return `strpos(lower(concat_ws(' ', s.id, s.principal_id, s.subject, s.actor, s.database, s.role, s.client_address,
    s.application_name)),
    lower(${place})) > 0`;
}
