/**
 * The HTTP API's contract: what each operation takes, gives and asks for, as schemas. Routes, OpenAPI document and console are
 * made from it. Imports nothing of the gateway, so that the console can use it. What is sent is strict; what is answered may have
 * more members one day, and an older client lets them pass.
 */

import { z } from "zod";

/** RFC 3339 in UTC. */
const Time = z.string().meta({ format: "date-time" });
const Count = z.int().nonnegative();

export const Person = z.object({
  /** Stable id of the principal; what freeze and audit entries name. */
  id: z.string(),
  issuer: z.string(),
  subject: z.string(),
  groups: z.array(z.string()),
  roles: z.array(z.enum(["reviewer", "auditor", "admin"])),
  /** When the token ends; null: never. */
  expiresAt: Time.nullable(),
});

export const Discovery = z.object({
  gateway: z.object({ name: z.string(), version: z.string() }),
  /** Who may sign tokens for this gateway. `clientId`: for logging in from a terminal. */
  issuers: z.array(
    z.object({
      url: z.string(),
      kind: z.enum(["agent", "human"]),
      audience: z.array(z.string()),
      clientId: z.string().optional(),
    }),
  ),
  listener: z.object({ host: z.string(), port: z.int(), tls: z.boolean() }),
  /** Only for a person who is logged in. */
  databases: z.array(z.string()).optional(),
});

export const Database = z.object({
  name: z.string(),
  environment: z.string(),
  roles: z.array(z.string()),
  defaultRole: z.string(),
});

export const Session = z.object({
  id: z.string(),
  /** live: at this gateway now. open: not closed on record, at another gateway. */
  state: z.enum(["live", "open", "closed"]),
  /** What a live session does, in words; null for the others. */
  activity: z.string().nullable(),
  principal: z.object({
    id: z.string(),
    kind: z.enum(["agent", "human"]),
    issuer: z.string(),
    subject: z.string(),
    actor: z.string(),
    actors: z.array(
      z.object({
        subject: z.string(),
        issuer: z.string().optional(),
        proof: z.enum(["verified", "asserted", "inferred"]),
      }),
    ),
  }),
  database: z.string(),
  role: z.string(),
  clientAddress: z.string(),
  via: z.string(),
  applicationName: z.string().nullable(),
  openedAt: Time,
  closedAt: Time.nullable(),
  closeReason: z.string().nullable(),
  /** So far for a live session; null for an open one, whose numbers are told when it closes. */
  statements: Count.nullable(),
  rows: Count.nullable(),
  bytes: Count.nullable(),
  /** Gateway instance whose log has it, and the leaf of session.opened there; null until it is indexed. */
  instance: z.string().nullable(),
  logIndex: Count.nullable(),
});

export const SessionPage = z.object({
  sessions: z.array(Session),
  /** `before` of the next page; null: this is the last. */
  next: z.string().nullable(),
  /** False while the control store is away: live sessions of this gateway only. */
  complete: z.boolean(),
});

export const Statement = z.object({
  /** sessionSeq of its intent. */
  seq: Count,
  /** Leaf of its intent in the log of `instance`. */
  logIndex: Count,
  instance: z.string(),
  decidedAt: Time,
  class: z.string(),
  verdict: z.string(),
  /** Which text, not the text: that is in no part of the API. */
  fingerprint: z.string().nullable(),
  finishedAt: Time.nullable(),
  outcome: z.string().nullable(),
  sqlstate: z.string().nullable(),
  rowsReturned: Count.nullable(),
  rowsAffected: Count.nullable(),
  bytes: Count.nullable(),
  durationMs: z.number().nullable(),
  /** committed, rolled_back; null while the transaction is open. */
  transactionFate: z.string().nullable(),
});

export const StatementPage = z.object({
  statements: z.array(Statement),
  /** `after` of the next page; null: this is the last for now. */
  next: Count.nullable(),
});

export const FrozenPrincipal = z.object({ id: z.string(), reason: z.string(), by: z.string(), at: Time });

export const PrincipalState = z.object({
  id: z.string(),
  state: z.enum(["frozen", "free"]),
  /** False where it was so already. */
  changed: z.boolean(),
});

const Groups = z.array(z.string());
const ApprovalState = z.enum(["pending", "approved", "denied", "consumed", "withdrawn", "expired", "void"]);

/** A statement that waits for people, or has. */
export const Approval = z.object({
  id: z.string(),
  state: ApprovalState,
  /** wait: its client waits. defer: it was told to come back. */
  mode: z.enum(["wait", "defer"]),
  database: z.string(),
  /** Id of the principal that asks. */
  principal: z.string(),
  session: z.string(),
  class: z.string(),
  fingerprint: z.string(),
  /** Why it is held, by the policies that hold it. */
  reason: z.string(),
  approvers: Groups,
  /** Distinct people of each group. */
  quorum: Count,
  /** Groups that have not approved it yet. */
  missing: Groups,
  requestedAt: Time,
  expiresAt: Time,
  /** Hash of what there is to see: a decision names it. */
  cardHash: z.string(),
  endedAt: Time.nullable(),
  endedReason: z.string().nullable(),
  decisions: z.array(
    z.object({
      by: z.string(),
      verdict: z.enum(["approve", "deny"]),
      group: z.string().nullable(),
      reason: z.string().nullable(),
      /** Changed rows that it is for at most; null: as many as there are. */
      rows: Count.nullable(),
      at: Time,
      seconds: z.number(),
    }),
  ),
  /** The fewest rows that anyone has approved it for; null: as many as there are. */
  rows: Count.nullable(),
  /** Null: the caller may decide it. Else why not. */
  mayNotDecide: z.string().nullable(),
  /** What is to be decided; null: the request has ended, and nothing of it is kept. */
  card: z
    .looseObject({
      statement: z.string(),
      parameters: z.array(z.looseObject({ typeOid: z.number(), format: z.string(), value: z.string().nullable() })),
      environment: z.string(),
      role: z.string(),
      clientAddress: z.string(),
      applicationName: z.string().nullable(),
      /** In the agent's own words: verified by nobody. */
      purpose: z.string().nullable(),
      maxRows: z.number().nullable(),
      /** It can be approved for so many changed rows at most. */
      counted: z.boolean(),
      /** What the server's planner expects; null: nobody knows. */
      estimate: z.object({ rows: z.number(), cost: z.number(), plan: z.array(z.string()) }).nullable(),
      requests: z.array(z.looseObject({ action: z.string(), resource: z.string(), decision: z.string() })),
    })
    .nullable(),
});

export const ApprovalPage = z.object({
  approvals: z.array(Approval),
  /** `before` of the next page; null: this is the last. */
  next: z.string().nullable(),
});

const Share = z.number().min(0).max(1).nullable();
const Figures = z.object({
  count: Count,
  perDay: z.number(),
  /** From the request to the decision; null: nothing was decided. */
  medianSeconds: z.number().nullable(),
  underFiveSeconds: Share,
  approved: Share,
});

/** How people decide: what a tired reviewer shows by. */
export const ApprovalStats = z.object({
  days: Count,
  /** Asked for in that time, by state. */
  requests: z.record(ApprovalState, Count),
  oldestOpenSeconds: z.number().nullable(),
  decisions: Figures,
  /** Those who decided most first, at most 200. */
  reviewers: z.array(Figures.extend({ by: z.string() })),
});

/** RFC 9457. `type` is `urn:postern:problem:<code>`; the codes are in problem.ts. */
export const Problem = z.object({
  type: z.string(),
  code: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  /** The next step. */
  hint: z.string().optional(),
});

/** Text that canonical JSON and PostgreSQL can hold: no NUL, no lone surrogate. */
const Text = z
  .string()
  .refine((text) => !text.includes("\0") && text.isWellFormed(), "it has a NUL or a lone surrogate");
const Reason = z.strictObject({ reason: Text.trim().min(1).max(500) });
const Id = z.strictObject({ id: Text.min(1).max(4_000) });
const Limit = z.coerce.number().int().min(1).max(200).default(50);
const Name = Text.min(1).max(4_000);
const Instant = z.iso.datetime({ offset: true });
const None = z.strictObject({});

const SessionQuery = z.strictObject({
  principal: Name.optional(),
  database: Name.optional(),
  /** Anywhere in the session's names and addresses; there is no SQL to look in. */
  text: Name.optional(),
  since: Instant.optional(),
  until: Instant.optional(),
  /** With at least one statement so decided. */
  verdict: z.enum(["permitted", "refused"]).optional(),
  /** open holds live ones too. */
  state: z.enum(["live", "open", "closed"]).optional(),
  before: Text.min(1).max(100).optional(),
  limit: Limit,
});

const StatementQuery = z.strictObject({
  verdict: z.enum(["permitted", "refused"]).optional(),
  class: Name.optional(),
  after: z.coerce.number().int().nonnegative().optional(),
  limit: Limit,
});

const ApprovalQuery = z.strictObject({
  state: ApprovalState.optional(),
  database: Name.optional(),
  before: Text.min(1).max(100).optional(),
  limit: Limit,
});
/** SHA-256 of the card that the person was shown. */
const Card = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * Who may ask. `reader`: auditor or admin. `decider`: a person whom the request for approval is for; those with a role may read it.
 * Agents' tokens open nothing here.
 */
export type Access = "public" | "person" | "decider" | "reader" | "admin";

export interface Operation {
  readonly id: string;
  readonly method: "GET" | "POST";
  /** As in OpenAPI: `{id}` is one percent-encoded segment. */
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** JSON of a POST; a GET has none. */
  readonly body: z.ZodObject;
  readonly answer: z.ZodType;
}

/** All operations under /api/v1 but the description of themselves. */
export const OPERATIONS = {
  discovery: {
    id: "discovery",
    method: "GET",
    path: "/api/v1/discovery",
    access: "public",
    summary: "What a client needs to log in and connect",
    params: None,
    query: None,
    body: None,
    answer: Discovery,
  },
  whoami: {
    id: "whoami",
    method: "GET",
    path: "/api/v1/whoami",
    access: "person",
    summary: "Who the token says you are, and your roles here",
    params: None,
    query: None,
    body: None,
    answer: Person,
  },
  listDatabases: {
    id: "listDatabases",
    method: "GET",
    path: "/api/v1/databases",
    access: "reader",
    summary: "The databases behind this gateway",
    params: None,
    query: None,
    body: None,
    answer: z.object({ databases: z.array(Database) }),
  },
  listSessions: {
    id: "listSessions",
    method: "GET",
    path: "/api/v1/sessions",
    access: "reader",
    summary: "Sessions, newest first: live at this gateway, and past at all",
    params: None,
    query: SessionQuery,
    body: None,
    answer: SessionPage,
  },
  readSession: {
    id: "readSession",
    method: "GET",
    path: "/api/v1/sessions/{id}",
    access: "reader",
    summary: "One session",
    params: Id,
    query: None,
    body: None,
    answer: Session,
  },
  listStatements: {
    id: "listStatements",
    method: "GET",
    path: "/api/v1/sessions/{id}/statements",
    access: "reader",
    summary: "The statements of a session in the order in which they were decided",
    params: Id,
    query: StatementQuery,
    body: None,
    answer: StatementPage,
  },
  killSession: {
    id: "killSession",
    method: "POST",
    path: "/api/v1/sessions/{id}/kill",
    access: "admin",
    summary: "End a session that is live at this gateway",
    params: Id,
    query: None,
    body: Reason,
    answer: z.object({ id: z.string(), killed: z.literal(true) }),
  },
  listApprovals: {
    id: "listApprovals",
    method: "GET",
    path: "/api/v1/approvals",
    access: "person",
    summary: "Statements that wait for people, and that have: those that you may see, newest first",
    params: None,
    query: ApprovalQuery,
    body: None,
    answer: ApprovalPage,
  },
  approvalStats: {
    id: "approvalStats",
    method: "GET",
    path: "/api/v1/approvals/stats",
    access: "reader",
    summary: "How many requests there are, and how people decide them",
    params: None,
    query: z.strictObject({
      days: z.coerce.number().int().min(1).max(3_650).default(30),
      database: Name.optional(),
    }),
    body: None,
    answer: ApprovalStats,
  },
  readApproval: {
    id: "readApproval",
    method: "GET",
    path: "/api/v1/approvals/{id}",
    access: "decider",
    summary: "One of them, with what there is to decide",
    params: Id,
    query: None,
    body: None,
    answer: Approval,
  },
  approveStatement: {
    id: "approveStatement",
    method: "POST",
    path: "/api/v1/approvals/{id}/approve",
    access: "decider",
    summary: "Approve a statement: it runs once, if it is still what you were shown",
    params: Id,
    query: None,
    body: z.strictObject({
      card: Card,
      reason: Text.trim().min(1).max(500).optional(),
      /** What changes more rows is undone. */
      rows: z.int().min(0).optional(),
    }),
    answer: Approval,
  },
  denyStatement: {
    id: "denyStatement",
    method: "POST",
    path: "/api/v1/approvals/{id}/deny",
    access: "decider",
    summary: "Deny a statement: its agent reads the reason",
    params: Id,
    query: None,
    body: z.strictObject({ card: Card, reason: Text.trim().min(1).max(500) }),
    answer: Approval,
  },
  listPrincipals: {
    id: "listPrincipals",
    method: "GET",
    path: "/api/v1/principals",
    access: "reader",
    summary: "The principals that are frozen",
    params: None,
    query: z.strictObject({ state: z.literal("frozen") }),
    body: None,
    answer: z.object({ principals: z.array(FrozenPrincipal) }),
  },
  freezePrincipal: {
    id: "freezePrincipal",
    method: "POST",
    path: "/api/v1/principals/{id}/freeze",
    access: "admin",
    summary: "End a principal's sessions and let it open none, at all gateways",
    params: Id,
    query: None,
    body: Reason,
    answer: PrincipalState,
  },
  unfreezePrincipal: {
    id: "unfreezePrincipal",
    method: "POST",
    path: "/api/v1/principals/{id}/unfreeze",
    access: "admin",
    summary: "Let a frozen principal in again",
    params: Id,
    query: None,
    body: Reason,
    answer: PrincipalState,
  },
} as const satisfies Readonly<Record<string, Operation>>;
