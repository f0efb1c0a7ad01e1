/**
 * Postern's own connection for reading the catalog: made by connect.ts, so that it proves the server and itself as strictly as
 * a session's does (pg would answer a request for an MD5 hash, or for the password in clear). Simple queries, one at a time.
 */

import { GatewayError } from "../base/errors.ts";
import { decodeBackend } from "../wire/backend.ts";
import { encoded } from "../wire/encode.ts";
import { type Report, reportOf } from "../wire/error-response.ts";
import { encodeTerminate } from "../wire/extended.ts";
import { backendLimits } from "../wire/frame-limits.ts";
import { FrameScanner, type FrameVisitor } from "../wire/framing.ts";
import { BACKEND } from "../wire/message-types.ts";
import { encodeQuery } from "../wire/query.ts";
import { MessageReader } from "../wire/reader.ts";
import { decodeUtf8 } from "../wire/text.ts";
import { connectUpstream, type UpstreamConnection } from "./connect.ts";
import type { UpstreamTarget } from "./target.ts";

/** Values of one row as text, null for SQL NULL. */
export type CatalogRow = readonly (string | null)[];

/** One statement, and what takes its rows as they come. */
export interface CatalogStatement {
  readonly sql: string;
  readonly row?: (row: CatalogRow) => void;
}

/** The server's own limit, set with each query, ends a statement first; beyond this one the peer is dead. */
const QUERY_TIMEOUT_MS = 90_000;
/** Longest row that is read: a view's or domain's text is in none, a check's tree may be long. */
const MAX_ROW_BYTES = 16 * 1024 * 1024;

interface Pending {
  readonly statements: readonly CatalogStatement[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Which statement's rows come. */
  at: number;
}

/** Unusable after the first error: open another. */
export class CatalogConnection implements FrameVisitor {
  readonly serverVersion: number;
  readonly #connection: UpstreamConnection;
  readonly #target: UpstreamTarget;
  readonly #scanner: FrameScanner;
  #pending: Pending | undefined;
  #ended: GatewayError | undefined;

  private constructor(connection: UpstreamConnection, target: UpstreamTarget) {
    this.serverVersion = connection.serverVersion;
    this.#connection = connection;
    this.#target = target;
    this.#scanner = new FrameScanner(backendLimits({ streamed: [], messageBytes: MAX_ROW_BYTES }), this);
    const { socket } = connection;
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("error", (cause) => this.#end(cause));
    socket.on("close", () => this.#end(new Error("the server closed the connection")));
    if (socket.destroyed) this.#end(new Error("the server closed the connection"));
    socket.resume();
  }

  /** @param signal gives the attempt up. @throws {UpstreamFailure} */
  static async open(target: UpstreamTarget, signal: AbortSignal): Promise<CatalogConnection> {
    const startup = new Map([["application_name", "postern/catalog"]]);
    return new CatalogConnection(await connectUpstream(target, startup, signal), target);
  }

  /** False: what it was asked last, or is asked next, fails. */
  get usable(): boolean {
    return this.#ended === undefined;
  }

  /**
   * Runs the statements as one Query message; resolves when all have ended.
   * @throws {GatewayError} UPSTREAM_UNAVAILABLE where the server refuses one or goes away.
   */
  async query(statements: readonly CatalogStatement[]): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#pending !== undefined) throw new GatewayError("INTERNAL", "the catalog is read by two at a time");
    const text = new TextEncoder().encode(statements.map(({ sql }) => sql).join(";\n"));
    const timer = setTimeout(() => this.#end(new Error("no answer in time")), QUERY_TIMEOUT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#pending = { statements, resolve, reject, at: 0 };
        this.#connection.socket.write(encoded((writer) => encodeQuery(writer, { query: text })));
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it politely and resolves when nothing of it is left; what runs is given up. */
  async close(): Promise<void> {
    const { socket } = this.#connection;
    const closed = socket.closed ? undefined : new Promise((resolve) => socket.once("close", resolve));
    if (this.usable) socket.end(encoded(encodeTerminate), () => socket.destroy());
    this.#end(new Error("closed"));
    await closed;
  }

  message(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    const body = bytes.subarray(start + 5, end);
    if (type === BACKEND.DataRow) this.#row(body);
    else this.#other(type, body);
    return true;
  }

  streamed(): void {
    throw new GatewayError("INTERNAL", "nothing is streamed here");
  }

  piece(): void {
    throw new GatewayError("INTERNAL", "nothing is streamed here");
  }

  #take(chunk: Uint8Array): void {
    const { socket } = this.#connection;
    try {
      this.#scanner.feed(chunk);
      // A large catalog would otherwise be read in one go, and sessions would wait for it.
      socket.pause();
      setImmediate(() => socket.resume());
    } catch (error) {
      this.#end(error);
    }
  }

  #row(body: Uint8Array): void {
    const reader = new MessageReader("DataRow", body);
    const row = reader.list(() => textOf(reader), 4);
    reader.end();
    const pending = this.#pending;
    pending?.statements[pending.at]?.row?.(row);
  }

  #other(type: number, body: Uint8Array): void {
    const message = decodeBackend(type, body);
    const pending = this.#pending;
    switch (message.type) {
      case "CommandComplete":
        if (pending !== undefined) pending.at += 1;
        return;
      case "ErrorResponse":
        this.#end(new Error(describe(reportOf(message.fields))));
        return;
      case "ReadyForQuery":
        this.#pending = undefined;
        pending?.resolve();
        return;
      case "RowDescription":
      case "NoticeResponse":
      case "ParameterStatus":
      case "NotificationResponse":
        return;
      default:
        throw new Error(`${message.type} came in answer to a query`);
    }
  }

  #end(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause instanceof GatewayError ? cause : unreadable(this.#target, cause);
    const { socket } = this.#connection;
    if (!socket.writableEnded) socket.destroy();
    this.#pending?.reject(this.#ended);
    this.#pending = undefined;
  }
}

function textOf(reader: MessageReader): string | null {
  const bytes = reader.bytesOrNull();
  if (bytes === null) return null;
  const text = decodeUtf8(bytes);
  if (text === null) throw reader.violation("text is not UTF-8");
  return text;
}

function unreadable(target: UpstreamTarget, cause: unknown): GatewayError {
  return new GatewayError("UPSTREAM_UNAVAILABLE", `the catalog of "${target.name}" cannot be read`, {
    hint: "The gateway's operator finds the cause in its log.",
    cause,
  });
}

/** Catalog queries hold no value of a row, so what the server says of them may be logged. */
function describe(report: Report): string {
  return `the server said ${report.code}: ${report.message}`;
}
