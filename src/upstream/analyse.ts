/**
 * Asks the server what a text means, outside any session of a client: its own rewritten tree, for `postern policy explain` and
 * `policy test`. Only ever sends Parse and Sync: nothing that it is given runs, and what it prepares ends with the connection.
 */

import type { InnerQuery } from "../analysis/parsed-statement.ts";
import { GatewayError } from "../base/errors.ts";
import { decodeBackend } from "../wire/backend.ts";
import { encoded } from "../wire/encode.ts";
import { type Report, reportOf } from "../wire/error-response.ts";
import { encodeParse, encodeSync, encodeTerminate } from "../wire/extended.ts";
import { backendLimits } from "../wire/frame-limits.ts";
import { FrameScanner, type FrameVisitor } from "../wire/framing.ts";
import { connectUpstream, type UpstreamConnection } from "./connect.ts";
import type { UpstreamTarget } from "./target.ts";

/** As sessions of the gateway have them; a role's own settings come before none of these. */
const STARTUP = new Map([
  ["application_name", "postern/policy"],
  ["debug_print_rewritten", "on"],
  ["debug_pretty_print", "off"],
  ["client_min_messages", "log"],
  // Nothing runs here; should anything ever, it writes nothing.
  ["default_transaction_read_only", "on"],
]);
const ANSWER_TIMEOUT_MS = 30_000;
/** A tree is some ten times as long as its text. */
const MAX_TREE_BYTES = 64 * 1024 * 1024;

/** What the server says of a text. */
export type ServerAnswer =
  /** Field D of the notice. Null: it printed none, as for statements that have no tree. */
  { readonly ok: true; readonly tree: Uint8Array | null } | { readonly ok: false; readonly report: Report };

interface Pending {
  readonly resolve: (answer: ServerAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly trees: Uint8Array[];
  report: Report | null;
}

/** One text at a time. Unusable after the first failure that is not the text's. */
export class AnalysisConnection implements FrameVisitor {
  readonly serverVersion: number;
  readonly #connection: UpstreamConnection;
  readonly #name: string;
  readonly #scanner: FrameScanner;
  #pending: Pending | undefined;
  #ended: unknown;

  private constructor(connection: UpstreamConnection, name: string) {
    this.serverVersion = connection.serverVersion;
    this.#connection = connection;
    this.#name = name;
    this.#scanner = new FrameScanner(backendLimits({ streamed: [], messageBytes: MAX_TREE_BYTES }), this);
    const { socket } = connection;
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("error", (cause) => this.#end(cause));
    socket.on("close", () => this.#end(new Error("the server closed the connection")));
    if (socket.destroyed) this.#end(new Error("the server closed the connection"));
    socket.resume();
  }

  /** As the target's role. @param signal gives the attempt up. @throws {UpstreamFailure} */
  static async open(target: UpstreamTarget, signal: AbortSignal): Promise<AnalysisConnection> {
    return new AnalysisConnection(await connectUpstream(target, STARTUP, signal), target.name);
  }

  /**
   * Parses one statement.
   * @param query its text alone. @param parameterTypes OIDs, 0 for "infer it"; may be shorter than the parameters are many.
   * @throws {GatewayError} UPSTREAM_UNAVAILABLE where the server goes away or says what is no answer to a Parse.
   */
  async parse(query: Uint8Array, parameterTypes: readonly number[] = []): Promise<ServerAnswer> {
    if (this.#ended !== undefined) throw this.#failure();
    if (this.#pending !== undefined) throw new GatewayError("INTERNAL", "two statements are analysed at a time");
    const timer = setTimeout(() => this.#end(new Error("no answer in time")), ANSWER_TIMEOUT_MS);
    try {
      return await new Promise<ServerAnswer>((resolve, reject) => {
        this.#pending = { resolve, reject, trees: [], report: null };
        this.#connection.socket.write(
          encoded((writer) => {
            encodeParse(writer, { statement: "", query, parameterTypes });
            encodeSync(writer);
          }),
        );
      });
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    const { socket } = this.#connection;
    if (this.#ended === undefined) socket.end(encoded(encodeTerminate), () => socket.destroy());
    this.#end(new Error("closed"));
  }

  message(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    const pending = this.#pending;
    const message = decodeBackend(type, bytes.subarray(start + 5, end));
    switch (message.type) {
      case "NoticeResponse": {
        const tree = treeOf(reportOf(message.fields));
        if (tree !== null) pending?.trees.push(tree);
        return true;
      }
      case "ErrorResponse":
        if (pending !== undefined) pending.report = reportOf(message.fields);
        return true;
      case "ReadyForQuery":
        this.#pending = undefined;
        if (pending !== undefined) answer(pending);
        return true;
      case "ParseComplete":
      case "ParameterStatus":
      case "NotificationResponse":
        return true;
      default:
        throw new Error(`${message.type} came in answer to a Parse`);
    }
  }

  streamed(): void {
    throw new GatewayError("INTERNAL", "nothing is streamed here");
  }

  piece(): void {
    throw new GatewayError("INTERNAL", "nothing is streamed here");
  }

  #take(chunk: Uint8Array): void {
    try {
      this.#scanner.feed(chunk);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    const { socket } = this.#connection;
    if (!socket.writableEnded) socket.destroy();
    this.#pending?.reject(this.#failure());
    this.#pending = undefined;
  }

  #failure(): GatewayError {
    return new GatewayError("UPSTREAM_UNAVAILABLE", `the server of "${this.#name}" went away while it was asked`, {
      hint: "postern doctor tells what is wrong with it.",
      cause: this.#ended,
    });
  }
}

/** More than one tree for one text is no evidence of which of them would run. */
function answer({ resolve, reject, trees, report }: Pending): void {
  if (report !== null) resolve({ ok: false, report });
  else if (trees.length > 1) reject(new GatewayError("CANNOT_JUDGE", "the server has shown more than one tree"));
  else resolve({ ok: true, tree: trees[0] ?? null });
}

/** As gateway/tree-notice.ts tells it: by what a function's own RAISE cannot imitate. */
function treeOf({ severity, message, detail, file, routine, where }: Report): Uint8Array | null {
  if (severity !== "LOG" || message !== "rewritten parse tree:" || detail === undefined || where !== undefined)
    return null;
  return file === "print.c" && routine === "elog_node_display" ? new TextEncoder().encode(detail) : null;
}

/** The query inside `text`, cut out as the gateway cuts it. */
export function textOfInner(text: Uint8Array, { startByte, endByte }: InnerQuery): Uint8Array {
  return text.slice(startByte, endByte);
}
