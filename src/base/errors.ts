/**
 * The catalogue of errors that Postern itself answers with, and the class that carries one.
 * Expected outcomes are values; these are thrown at a boundary and turned into an ErrorResponse by gateway/refuse.ts alone.
 */

/** SQLSTATE and severity of each error. Source of the codes: PostgreSQL 18 docs, appendix A (errcodes-appendix). */
export const ERRORS = {
  /** A token or certificate that does not identify anyone here, or one that has ended. */
  TOKEN_REJECTED: { sqlstate: "28000", severity: "FATAL" },
  /** A known identity that may not connect to this database, or not as this role. */
  CONNECT_REFUSED: { sqlstate: "28000", severity: "FATAL" },
  /** An identity that an administrator has frozen. */
  PRINCIPAL_FROZEN: { sqlstate: "28000", severity: "FATAL" },
  /** The client took too long to say who it is; the code is the server's own for it. */
  STARTUP_TIMEOUT: { sqlstate: "57014", severity: "FATAL" },
  /** The database is not in the configuration. */
  DATABASE_UNKNOWN: { sqlstate: "3D000", severity: "FATAL" },
  /** A startup parameter that Postern does not pass on. */
  STARTUP_PARAMETER_REFUSED: { sqlstate: "0A000", severity: "FATAL" },
  PROTOCOL_VIOLATION: { sqlstate: "08P01", severity: "FATAL" },
  /** A protocol version that is well-formed and not served (2, or a major above 3). */
  PROTOCOL_UNSUPPORTED: { sqlstate: "0A000", severity: "FATAL" },
  /** A statement that policy does not permit. */
  STATEMENT_DENIED: { sqlstate: "42501", severity: "ERROR" },
  /** A statement that waits for people, and whose client does not: the same one runs once they have approved it. */
  APPROVAL_PENDING: { sqlstate: "42501", severity: "ERROR" },
  APPROVAL_DENIED: { sqlstate: "42501", severity: "ERROR" },
  APPROVAL_EXPIRED: { sqlstate: "42501", severity: "ERROR" },
  /** What was approved is not what would run, or its request was withdrawn. */
  APPROVAL_VOID: { sqlstate: "42501", severity: "ERROR" },
  /** It has changed more rows than it was approved for, and is undone. */
  APPROVAL_EXCEEDED: { sqlstate: "42501", severity: "ERROR" },
  /** A statement that needs approval where it cannot be held: behind others of its batch, or where the store is away. */
  APPROVAL_IMPOSSIBLE: { sqlstate: "42501", severity: "ERROR" },
  /** A statement that would use a masked column by its own value. */
  COLUMN_MASKED: { sqlstate: "42501", severity: "ERROR" },
  /** A statement that would write a mask over the value that it stands for. */
  MASK_WRITTEN: { sqlstate: "22023", severity: "ERROR" },
  /** A construct that cannot be judged; the detail names it. */
  CANNOT_JUDGE: { sqlstate: "0A000", severity: "ERROR" },
  /** A statement that its client cancelled before it was judged. */
  STATEMENT_CANCELLED: { sqlstate: "57014", severity: "ERROR" },
  /** Text that PostgreSQL's grammar does not accept. */
  SYNTAX_ERROR: { sqlstate: "42601", severity: "ERROR" },
  /** Bytes that are not UTF-8, or a NUL inside text. */
  TEXT_MALFORMED: { sqlstate: "22021", severity: "ERROR" },
  /** A prepared statement whose text was made for what could be seen then; the code and the message are the server's own for such a one. */
  PLAN_CHANGED: { sqlstate: "0A000", severity: "ERROR" },
  STATEMENT_UNKNOWN: { sqlstate: "26000", severity: "ERROR" },
  PORTAL_UNKNOWN: { sqlstate: "34000", severity: "ERROR" },
  STATEMENT_EXISTS: { sqlstate: "42P05", severity: "ERROR" },
  PORTAL_EXISTS: { sqlstate: "42P03", severity: "ERROR" },
  /** A statement over one of the configured limits. */
  STATEMENT_OVER_LIMIT: { sqlstate: "54000", severity: "ERROR" },
  TOO_MANY_SESSIONS: { sqlstate: "53300", severity: "FATAL" },
  /** The audit log cannot be written: nothing runs. */
  AUDIT_UNAVAILABLE: { sqlstate: "58030", severity: "FATAL" },
  /** The upstream cannot be reached, is full, or refused Postern. */
  UPSTREAM_UNAVAILABLE: { sqlstate: "08006", severity: "FATAL" },
  /** The upstream is starting up, shutting down or in recovery: the same attempt may do in a moment. */
  UPSTREAM_NOT_READY: { sqlstate: "57P03", severity: "FATAL" },
  /** The upstream is of a version, or set up in a way, that Postern does not judge statements for. */
  UPSTREAM_UNSUPPORTED: { sqlstate: "0A000", severity: "FATAL" },
  /** The gateway is stopping, an operator ended the session, or the token expired. */
  SESSION_ENDED: { sqlstate: "57P01", severity: "FATAL" },
  /** What a statement ran inside changed a setting, or the role, that the judgement of statements rests on. */
  SETTING_LOST: { sqlstate: "0A000", severity: "FATAL" },
  /** What a statement does has turned out to be otherwise than it was judged: it was stopped, and nothing of it delivered. */
  JUDGEMENT_LOST: { sqlstate: "0A000", severity: "FATAL" },
  GATEWAY_STOPPING: { sqlstate: "57P03", severity: "FATAL" },
  IDLE_TIMEOUT: { sqlstate: "57P05", severity: "FATAL" },
  IDLE_IN_TRANSACTION_TIMEOUT: { sqlstate: "25P03", severity: "FATAL" },
  /** The control store cannot be reached, or not with this URL. Never told to a client of the wire: statements do without it. */
  STORE_UNAVAILABLE: { sqlstate: "58000", severity: "ERROR" },
  /** The control store was made by a newer or a changed Postern: this one leaves it alone. */
  STORE_REFUSED: { sqlstate: "55000", severity: "ERROR" },
  /** Something inside Postern broke; the session ends rather than go on in an unknown state. */
  INTERNAL: { sqlstate: "XX000", severity: "FATAL" },
} as const satisfies Record<string, { sqlstate: string; severity: "ERROR" | "FATAL" }>;

export type ErrorCode = keyof typeof ERRORS;

export interface GatewayErrorOptions {
  /** What the client reads as DETAIL. */
  readonly detail?: string;
  /** The next step, as HINT. */
  readonly hint?: string;
  /** 1-based character position in the statement text, as PostgreSQL counts. */
  readonly position?: number;
  /** For the operator's log only. */
  readonly cause?: unknown;
}

/**
 * An error of the catalogue. `message`, `detail` and `hint` are told to the client: no SQL text of others, no parameter,
 * token or upstream host may stand in them. `cause` goes to the operator's log only.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: number | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GatewayError";
    this.code = code;
    this.detail = options.detail;
    this.hint = options.hint;
    this.position = options.position;
  }

  get sqlstate(): string {
    return ERRORS[this.code].sqlstate;
  }

  get severity(): "ERROR" | "FATAL" {
    return ERRORS[this.code].severity;
  }
}

/** For the default arm of a switch over a union: a new member does not compile until every switch has judged it. */
export function unreachable(value: never): never {
  throw new GatewayError("INTERNAL", `unreachable: ${String(value)}`);
}
