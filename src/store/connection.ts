/**
 * Connections to the control store: pg's configuration from `store.url`, and the one place where pg's errors are judged.
 * Knows no table. TLS is by the URL's sslmode as pg reads it; `verify-full` checks chain and name.
 */

import pg from "pg";
import { GatewayError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";

/** Runs one statement of the control store. Rows are `unknown`: each query group parses its own. */
export interface Queryable {
  /** @throws {GatewayError} STORE_UNAVAILABLE where the connection is lost; other errors of the server come as pg's DatabaseError. */
  query(text: string, values?: readonly unknown[]): Promise<Answer>;
}

export interface Answer {
  readonly rows: readonly unknown[];
  /** Rows returned or affected; 0 for statements that have neither. */
  readonly rowCount: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A statement of ours that runs longer has met a dead peer; the connection is dropped, not waited for. */
const QUERY_TIMEOUT_MS = 60_000;

/** SQLSTATE classes and codes after which the connection, not the statement, is at fault. 25006: a standby after a fail-over. */
const CONNECTION_STATES = /^(08...|57P0[1-5]|53300|25006)$/;

/** @throws {GatewayError} STORE_UNAVAILABLE for a URL that pg cannot read; the URL, which holds a password, is in no message. */
export function clientConfig(url: Secret): pg.ClientConfig {
  const text = url.reveal();
  if (!/^postgres(ql)?:\/\//.test(text)) throw unusableUrl();
  try {
    new pg.Client({ connectionString: text }); // parses it, connects to nothing
  } catch {
    // The cause is left out on purpose: a parser's error may quote its input.
    throw unusableUrl();
  }
  return {
    connectionString: text,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: "postern",
    keepAlive: true,
    types: { getTypeParser },
  };
}

function unusableUrl(): GatewayError {
  return new GatewayError("STORE_UNAVAILABLE", "store.url cannot be used", {
    hint: "Write it as postgres://user:password@host:port/database?sslmode=verify-full; the files it names must be readable.",
  });
}

const INT8 = 20;

// int8 as a number: every count and index here stays far below 2^53, and one that does not must not pass unseen.
function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (oid === INT8 && format !== "binary") return parseInt8;
  return oid === INT8 ? String : pg.types.getTypeParser(oid, "text");
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("an int8 of the store is beyond 2^53");
  return value;
}

/** Our narrow view of a pg client, with its errors judged. */
export function asQueryable(client: pg.ClientBase): Queryable {
  return {
    async query(text, values = []) {
      try {
        const result = await client.query(text, [...values]);
        return { rows: result.rows ?? [], rowCount: result.rowCount ?? 0 };
      } catch (error) {
        throw isConnectionLoss(error) ? unavailable(error) : error;
      }
    },
  };
}

/** Runs `work` in one transaction of this connection: committed when it resolves, rolled back when it rejects. */
export async function inTransaction<T>(q: Queryable, work: (q: Queryable) => Promise<T>): Promise<T> {
  await q.query("BEGIN");
  try {
    const result = await work(q);
    await q.query("COMMIT");
    return result;
  } catch (error) {
    await q.query("ROLLBACK").catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/** True for errors that say the connection is gone or useless, false for the server's answer to one statement. */
function isConnectionLoss(error: unknown): boolean {
  return error instanceof pg.DatabaseError ? CONNECTION_STATES.test(error.code ?? "") : true;
}

/** STORE_UNAVAILABLE with a reason short enough for readiness: a code, no host, no account. */
export function unavailable(cause: unknown): GatewayError {
  return new GatewayError("STORE_UNAVAILABLE", "the control store cannot be reached", {
    detail: codeOf(cause),
    hint: "The audit log goes on without it; look at store.url and the server behind it.",
    cause,
  });
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message.slice(0, 80) : "unknown error";
}

/** True for an error that means "the store is away", whoever threw it. */
export function isUnavailable(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.code === "STORE_UNAVAILABLE";
}

/**
 * What may be logged of an error of the store: SQLSTATE and message. Never `detail` or `where`, which quote rows, and no message
 * of class 22 or 23, which quotes the value that was refused.
 */
export function loggable(error: unknown): { readonly code: string; readonly message: string } {
  const cause = error instanceof GatewayError && error.cause !== undefined ? error.cause : error;
  if (isRefusedValue(cause)) return { code: codeOf(cause), message: "a value was refused" };
  return { code: codeOf(cause), message: cause instanceof Error ? cause.message : String(cause) };
}

/** SQLSTATE classes 22 (data exception) and 23 (constraint): the value is at fault, and will be again. */
export function isRefusedValue(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^2[23]/.test(error.code ?? "");
}
