/**
 * The entry types of the audit log and the members of each: one table, from which the TypeScript types, the strict check
 * of a stored entry and the comparison with docs/reference/events.md are made. Reads no file and computes no hash.
 */

/**
 * Members of each entry type beside the common ones (`v`, `seq`, `ts`, `type`, and `session`, `sessionSeq` where SESSION_TYPES
 * says so). A value is the name of a shape (SHAPE_CHECKS), or words divided by `|`; `?` at its end: may be absent.
 */
export const ENTRY_SHAPES = {
  "gateway.started": { origin: "text", version: "text", runtime: "text" },
  "gateway.stopped": { reason: "text", counters: "counters" },
  "gateway.heartbeat": { counters: "counters", registry: "tree" },
  "config.changed": { actor: "text", before: "hash?", after: "hash", changed: "texts?" },
  "policy.published": { actor: "text", before: "hash?", after: "hash", mode: "enforce|shadow", labels: "hash?" },
  "session.opened": {
    principal: "principal",
    clientAddress: "text",
    via: "wire|mcp|cli",
    database: "text",
    upstreamRole: "text",
    tls: "text",
    protocol: "text?",
    applicationName: "text?",
    groups: "texts?",
    shadow: "text?",
  },
  "session.closed": { statements: "integer", rows: "integer", bytes: "integer", reason: "text" },
  "session.refused": {
    reason: "text",
    sqlstate: "sqlstate",
    clientAddress: "text",
    via: "wire|mcp|cli",
    claimed: "claimed",
    detail: "text?",
  },
  "statement.decided": {
    principal: "principal",
    clientAddress: "text",
    via: "wire|mcp|cli",
    database: "text",
    upstreamRole: "text",
    class: "text",
    verdict: "permitted|refused",
    reason: "text?",
    sql: "sql",
    parameters: "hash?",
    requests: "requests",
    policy: "hash?",
    runs: "sql?",
    shadow: "text?",
    masked: "texts?",
    revealed: "texts?",
    approval: "text?",
  },
  "statement.finished": {
    statement: "integer",
    outcome: "completed|failed|cancelled|skipped|unknown",
    sqlstate: "sqlstate?",
    rowsReturned: "integer",
    rowsAffected: "integer",
    bytes: "integer",
    durationMs: "number",
    rows: "hash?",
    transactionId: "text?",
  },
  "reveal.used": { statement: "integer", labels: "texts", columns: "texts", policies: "texts", rows: "integer" },
  "transaction.committed": { statements: "ranges", undone: "ranges?", by: "integer?", transactionId: "text?" },
  "transaction.rolled_back": { statements: "ranges", savepoint: "boolean", by: "integer?", transactionId: "text?" },
  "approval.requested": {
    approval: "text",
    binding: "hash",
    card: "hash",
    mode: "wait|defer",
    forSession: "text",
    database: "text",
    principal: "principal",
    approvers: "texts",
    quorum: "integer",
    reason: "text",
    purpose: "text?",
    expires: "text",
  },
  "approval.decided": {
    approval: "text",
    binding: "hash",
    card: "hash",
    verdict: "approved|denied",
    actor: "text",
    group: "text",
    reason: "text?",
    rows: "integer?",
    seconds: "number",
  },
  "approval.consumed": {
    approval: "text",
    binding: "hash",
    forSession: "text",
    decisions: "leaves",
    rows: "integer?",
  },
  "approval.ended": { approval: "text", state: "withdrawn|expired|void", reason: "text" },
  "admin.frozen": { actor: "text", target: "text", reason: "text?" },
  "admin.unfrozen": { actor: "text", target: "text", reason: "text?" },
  "admin.killed": { actor: "text", target: "text", reason: "text?" },
  "key.created": { purpose: "text", algorithm: "text", vkey: "text" },
  "journal.recovered": {
    replayed: "integer",
    cutBytes: "integer",
    kept: "text?",
    statementsUnknown: "integer",
    sessionsClosed: "integer",
  },
  "alarm.clock_stepped": { backMs: "number" },
  "alarm.log_interrupted": { reason: "text", seconds: "number" },
  "alarm.detector_hit": {
    statement: "integer",
    detector: "text",
    label: "text",
    column: "text?",
    position: "integer?",
    cells: "integer",
  },
  "alarm.unproven": { code: "text", detail: "text", statement: "integer?" },
  "alarm.raised": { name: "text", detail: "text", actor: "text?" },
  "log.opened": { origin: "text", vkey: "text", size: "integer", root: "text" },
  "log.updated": { origin: "text", size: "integer", root: "text" },
  "log.closed": { origin: "text", size: "integer", root: "text" },
} as const;

/** Entry types that belong to a session: they carry `session` and `sessionSeq`, dense from 0 in each session. */
export const SESSION_TYPES = [
  "session.opened",
  "session.closed",
  "statement.decided",
  "statement.finished",
  "reveal.used",
  "alarm.detector_hit",
  "alarm.unproven",
  "transaction.committed",
  "transaction.rolled_back",
] as const;

/** One actor of a delegation chain (RFC 8693 `act`), outermost first, and how its name is known. A type, as canonicalJson takes no interface. */
export type ActorRecord = {
  readonly subject: string;
  readonly issuer?: string | undefined;
  readonly proof: "verified" | "asserted" | "inferred";
};

/** Who a session belongs to. `credential.id` is a `jti` or a hash of the token, never bytes of the token. */
export type PrincipalRecord = {
  readonly kind: "agent" | "human";
  readonly issuer: string;
  readonly subject: string;
  readonly actors: readonly ActorRecord[];
  readonly credential:
    | { readonly kind: "token"; readonly id: string }
    | { readonly kind: "certificate"; readonly fingerprint: string };
};

/** What of its context was not as usual when a request was decided; `shortened`: orElse and orElseAll are left out for length. */
export const CONTEXT_WORDS = ["inTransaction", "matchesAll", "noWhere", "shortened"] as const;

/** One (action, resource) that a statement asks for, with what was decided and by which policies, and what a second decision needs. */
export type RequestRecord = {
  readonly action: string;
  readonly resource: string;
  readonly decision: "permit" | "deny" | "hold";
  readonly policies: readonly string[];
  readonly context?: readonly (typeof CONTEXT_WORDS)[number][] | undefined;
  /** pg_class.relkind where it is no plain table. */
  readonly kind?: string | undefined;
  readonly setting?: string | undefined;
  readonly channel?: string | undefined;
  readonly orElse?: readonly string[] | undefined;
  readonly orElseAll?: readonly string[] | undefined;
};

/** Inclusive ranges of `sessionSeq`, ascending: the `statement.decided` entries in them are meant. */
export type Ranges = readonly (readonly [first: number, last: number])[];

interface ShapeTypes {
  readonly text: string;
  readonly texts: readonly string[];
  readonly boolean: boolean;
  readonly integer: number;
  readonly number: number;
  readonly hash: string;
  readonly sqlstate: string;
  readonly counters: Readonly<Record<string, number>>;
  readonly tree: { readonly size: number; readonly root: string };
  readonly principal: PrincipalRecord;
  readonly claimed: {
    readonly user?: string | undefined;
    readonly database?: string | undefined;
    readonly applicationName?: string | undefined;
  };
  readonly sql: { readonly commitment: string; readonly fingerprint: string };
  readonly requests: readonly RequestRecord[];
  readonly ranges: Ranges;
  readonly leaves: readonly { readonly instance: string; readonly index: number }[];
}

/** Names of the shapes, as events.md explains them. */
export type ShapeName = keyof ShapeTypes;

type Words<S extends string> = S extends `${infer Word}|${infer Rest}` ? Word | Words<Rest> : S;
type TypeOf<S extends string> = S extends ShapeName ? ShapeTypes[S] : Words<S>;
type OptionalKeys<M> = { [K in keyof M]: M[K] extends `${string}?` ? K : never }[keyof M];
type MembersOf<M> = {
  readonly [K in Exclude<keyof M, OptionalKeys<M>>]: M[K] extends string ? TypeOf<M[K]> : never;
} & { readonly [K in OptionalKeys<M>]?: M[K] extends `${infer S}?` ? TypeOf<S> | undefined : never };

export type EntryType = keyof typeof ENTRY_SHAPES;
export type SessionEntryType = (typeof SESSION_TYPES)[number];

type BodyOf<T extends EntryType> = { readonly type: T } & MembersOf<(typeof ENTRY_SHAPES)[T]> &
  (T extends SessionEntryType ? { readonly session: string; readonly sessionSeq: number } : unknown);

/** An entry as a stage hands it to the log, which adds `v`, `seq` and `ts`. One member of the union for each type. */
export type EntryBody = { [T in EntryType]: BodyOf<T> }[EntryType];
