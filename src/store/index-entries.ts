/**
 * What the index keeps of an audit entry: one entry of the log in, rows of the query groups out. Pure but for writeRows().
 * Takes no SQL text and no parameter even where an entry should ever hold one: it names each member that it takes.
 */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { type GatewaySign, noteGateway } from "./gateways.ts";
import { storable } from "./row.ts";
import { closeSessions, insertSessions, type NewSession, type SessionClose } from "./sessions.ts";
import {
  finishStatements,
  insertStatements,
  type NewStatement,
  type StatementOutcome,
  settleStatements,
  type TransactionFate,
} from "./statements.ts";

const Actor = z.object({
  subject: z.string(),
  issuer: z.string().exactOptional(),
  proof: z.enum(["verified", "asserted", "inferred"]),
});
export type IndexedActor = z.infer<typeof Actor>;

/** The stable name of a principal: identity's principalId, handed in because the store stands above identity. */
export type PrincipalName = (issuer: string, subject: string, actors: readonly IndexedActor[]) => string;

const Principal = z.object({
  kind: z.enum(["agent", "human"]),
  issuer: z.string(),
  subject: z.string(),
  actors: z.array(Actor),
  credential: z.union([
    z.object({ kind: z.literal("token"), id: z.string() }),
    z.object({ kind: z.literal("certificate"), fingerprint: z.string() }),
  ]),
});

const Ranges = z.array(z.tuple([z.number(), z.number()]));
const InSession = { ts: z.string(), session: z.string(), sessionSeq: z.number() };

/** The members that the index takes of the entries it knows; the whole entry is src/audit/entry-shape.ts. */
const Known = z.discriminatedUnion("type", [
  z.object({ type: z.literal("gateway.started"), ts: z.string(), origin: z.string(), version: z.string() }),
  z.object({ type: z.literal("gateway.heartbeat"), ts: z.string() }),
  z.object({ type: z.literal("gateway.stopped"), ts: z.string(), reason: z.string() }),
  z.object({
    type: z.literal("session.opened"),
    ...InSession,
    principal: Principal,
    clientAddress: z.string(),
    via: z.string(),
    database: z.string(),
    upstreamRole: z.string(),
    applicationName: z.string().optional(),
  }),
  z.object({
    type: z.literal("session.closed"),
    ...InSession,
    statements: z.number(),
    rows: z.number(),
    bytes: z.number(),
    reason: z.string(),
  }),
  z.object({
    type: z.literal("statement.decided"),
    ...InSession,
    class: z.string(),
    verdict: z.string(),
    sql: z.object({ fingerprint: z.string() }),
  }),
  z.object({
    type: z.literal("statement.finished"),
    ...InSession,
    statement: z.number(),
    outcome: z.string(),
    sqlstate: z.string().optional(),
    rowsReturned: z.number(),
    rowsAffected: z.number(),
    bytes: z.number(),
    durationMs: z.number(),
  }),
  z.object({
    type: z.literal("transaction.committed"),
    ...InSession,
    statements: Ranges,
    undone: Ranges.optional(),
  }),
  z.object({ type: z.literal("transaction.rolled_back"), ...InSession, statements: Ranges }),
]);
type Known = z.infer<typeof Known>;

const KNOWN_TYPES: ReadonlySet<string> = new Set(Known.options.map((option) => option.shape.type.value));
const Typed = z.object({ type: z.string() });

/** Rows to write for a run of entries, in the order in which they depend on each other. */
export interface IndexRows {
  readonly gateways: GatewaySign[];
  readonly sessions: NewSession[];
  readonly statements: NewStatement[];
  readonly outcomes: StatementOutcome[];
  readonly fates: TransactionFate[];
  readonly closes: SessionClose[];
}

export function noRows(): IndexRows {
  return { gateways: [], sessions: [], statements: [], outcomes: [], fates: [], closes: [] };
}

/**
 * Adds what entry `index` of the log of `instance` says to `rows`. False where it could not be read: the entry is of a known
 * type and lacks something, or is no JSON. Entries of other types add nothing and are fine.
 */
export function addEntry(rows: IndexRows, instance: string, index: number, json: string, name: PrincipalName): boolean {
  const value = parse(json);
  const typed = Typed.safeParse(value);
  if (!typed.success) return false;
  if (!KNOWN_TYPES.has(typed.data.type)) return true;
  const known = Known.safeParse(value);
  if (known.success) addKnown(rows, instance, index, known.data, name);
  return known.success;
}

function parse(json: string): unknown {
  try {
    // Only an entry with the escape in it pays for the reviver.
    if (!json.includes("\\u0000")) return JSON.parse(json);
    return JSON.parse(json, (_, value: unknown) => (typeof value === "string" ? storable(value) : value));
  } catch {
    return undefined;
  }
}

function addKnown(rows: IndexRows, instance: string, logIndex: number, entry: Known, name: PrincipalName): void {
  switch (entry.type) {
    case "gateway.started":
    case "gateway.heartbeat":
    case "gateway.stopped":
      rows.gateways.push(gatewaySign(instance, entry));
      return;
    case "session.opened":
      rows.sessions.push(newSession(instance, logIndex, entry, name));
      return;
    case "session.closed": {
      const { session: id, ts: closedAt, reason: closeReason, statements, rows: delivered, bytes } = entry;
      rows.closes.push({ id, closedAt, closeReason, statements, rows: delivered, bytes });
      return;
    }
    case "statement.decided": {
      const { session: sessionId, sessionSeq: seq, ts: decidedAt, class: statementClass, verdict, sql } = entry;
      const { fingerprint } = sql;
      rows.statements.push({
        sessionId,
        seq,
        instance,
        logIndex,
        decidedAt,
        class: statementClass,
        verdict,
        fingerprint,
      });
      return;
    }
    case "statement.finished": {
      const { session: sessionId, statement: seq, ts: finishedAt, outcome, sqlstate = null } = entry;
      const { rowsReturned, rowsAffected, bytes, durationMs } = entry;
      rows.outcomes.push({
        sessionId,
        seq,
        finishedAt,
        outcome,
        sqlstate,
        rowsReturned,
        rowsAffected,
        bytes,
        durationMs,
      });
      return;
    }
    case "transaction.committed":
      addFates(rows, entry.session, entry.statements, "committed");
      addFates(rows, entry.session, entry.undone ?? [], "rolled_back");
      return;
    case "transaction.rolled_back":
      addFates(rows, entry.session, entry.statements, "rolled_back");
      return;
    default:
      return;
  }
}

function addFates(
  rows: IndexRows,
  sessionId: string,
  ranges: z.infer<typeof Ranges>,
  fate: TransactionFate["fate"],
): void {
  for (const [first, last] of ranges) rows.fates.push({ sessionId, first, last, fate });
}

function gatewaySign(instance: string, entry: Extract<Known, { type: `gateway.${string}` }>): GatewaySign {
  const started = entry.type === "gateway.started" ? entry : null;
  const stopped = entry.type === "gateway.stopped" ? entry : null;
  return {
    instance,
    name: started?.origin.replace(/\/[^/]*$/, "") ?? null, // an origin is `<gateway name>/<instance>`
    origin: started?.origin ?? null,
    version: started?.version ?? null,
    startedAt: started?.ts ?? null,
    heartbeatAt: entry.ts,
    stoppedAt: stopped?.ts ?? null,
    stopReason: stopped?.reason ?? null,
  };
}

function newSession(
  instance: string,
  logIndex: number,
  entry: Extract<Known, { type: "session.opened" }>,
  name: PrincipalName,
): NewSession {
  const { kind, issuer, subject, actors, credential } = entry.principal;
  return {
    id: entry.session,
    instance,
    logIndex,
    openedAt: entry.ts,
    principalId: name(issuer, subject, actors),
    principalKind: kind,
    issuer,
    subject,
    actor: actors[0]?.subject ?? subject,
    actors,
    credentialKind: credential.kind,
    credentialId: credential.kind === "token" ? credential.id : credential.fingerprint,
    database: entry.database,
    role: entry.upstreamRole,
    clientAddress: entry.clientAddress,
    via: entry.via,
    applicationName: entry.applicationName ?? null,
  };
}

/** Outcomes of statements that are new in `rows` go in with them: to update a row costs more than to write it. */
function merged({ statements, outcomes }: IndexRows): Pick<IndexRows, "statements" | "outcomes"> {
  const key = ({ sessionId, seq }: { sessionId: string; seq: number }): string => `${seq} ${sessionId}`;
  const known = new Set(statements.map(key));
  const byStatement = new Map(outcomes.map((outcome) => [key(outcome), outcome]));
  return {
    statements: statements.map((statement) => ({ ...statement, ...byStatement.get(key(statement)) })),
    outcomes: outcomes.filter((outcome) => !known.has(key(outcome))),
  };
}

/** Writes `rows` by a handful of statements, whatever their number. Writing the same rows again changes nothing. */
export async function writeRows(q: Queryable, rows: IndexRows): Promise<void> {
  for (const sign of rows.gateways) await noteGateway(q, sign);
  await insertSessions(q, rows.sessions);
  const { statements, outcomes } = merged(rows);
  await insertStatements(q, statements);
  await finishStatements(q, outcomes);
  await settleStatements(q, rows.fates);
  await closeSessions(q, rows.closes);
}
