/**
 * Text to parsed statements: from the cache, by the parser at once where the text is short, by a worker with a deadline where
 * it is long. The one place where a session may wait for the parser.
 */

import { Buffer } from "node:buffer";
import type { ParsedStatement, ParseOutcome } from "../analysis/parsed-statement.ts";
import type { Parser } from "../analysis/parser.ts";
import type { StatementCache } from "../analysis/statement-cache.ts";
import { GatewayError } from "../base/errors.ts";
import type { StatementRecord } from "../statement/statement.ts";
import { commitment } from "./journal.ts";

/** Longer texts go to a worker: PostgreSQL's grammar in WebAssembly is quadratic on some of them. */
const INLINE_BYTES = 8 * 1024;
/** What a session keeps of its records, estimated; one that sends more different texts computes them again. */
const RECENT_BYTES = 256 * 1024;
/** Counted for each text and each statement on top of the text itself: objects, map slots, the commitment's digits. */
const ENTRY_BYTES = 200;

export interface ReadText {
  readonly statements: readonly ParsedStatement[];
  /** One for each statement. */
  readonly records: readonly StatementRecord[];
}

/** One session's reader. Salted records are the session's own; the parse is shared by all sessions through the cache. */
export class StatementReader {
  readonly #parser: Parser;
  readonly #cache: StatementCache;
  readonly #maxBytes: number;
  readonly #salt: Uint8Array;
  readonly #recent = new Map<string, ReadText>();
  #recentBytes = 0;

  constructor(parser: Parser, cache: StatementCache, maxBytes: number, salt: Uint8Array) {
    this.#parser = parser;
    this.#cache = cache;
    this.#maxBytes = maxBytes;
    this.#salt = salt;
  }

  /** What is known without waiting; null: call `readSlow`. */
  read(text: Uint8Array): ReadText | GatewayError | null {
    // First: what follows makes a string of the text, and a message may be as long as limits.messageSize.
    if (text.length > this.#maxBytes) return overLimit(text.length, this.#maxBytes);
    const key = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString("latin1");
    const recent = this.#recent.get(key);
    if (recent !== undefined) {
      this.#cache.hits++; // of the shared one, which it would have been
      return recent;
    }
    const cached = this.#cache.get(key);
    if (cached !== undefined) return this.#remember(key, text, cached);
    if (text.length > INLINE_BYTES) return null;
    return this.#take(key, text, this.#parser.parse(text));
  }

  /** In a worker, with a deadline. Never rejects but by the signal. */
  async readSlow(text: Uint8Array, signal: AbortSignal): Promise<ReadText | GatewayError> {
    const outcome = await this.#parser.parseLarge(text, signal);
    const key = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString("latin1");
    return this.#take(key, text, outcome);
  }

  #take(key: string, text: Uint8Array, outcome: ParseOutcome): ReadText | GatewayError {
    if (!outcome.ok) return parseError(outcome.sqlstate, outcome.message, outcome.position);
    this.#cache.set(key, outcome.statements);
    return this.#remember(key, text, outcome.statements);
  }

  #remember(key: string, text: Uint8Array, statements: readonly ParsedStatement[]): ReadText {
    const records = statements.map((statement) => ({
      commitment: commitment(this.#salt, "sql", text.subarray(statement.startByte, statement.endByte)),
      fingerprint: statement.fingerprint,
    }));
    const read: ReadText = { statements, records };
    const bytes = key.length + (1 + records.length) * ENTRY_BYTES;
    if (bytes > RECENT_BYTES / 4) return read;
    if (this.#recentBytes + bytes > RECENT_BYTES) {
      this.#recent.clear();
      this.#recentBytes = 0;
    }
    if (!this.#recent.has(key)) this.#recentBytes += bytes;
    this.#recent.set(key, read);
    return read;
  }
}

function overLimit(bytes: number, limit: number): GatewayError {
  return new GatewayError("STATEMENT_OVER_LIMIT", `a statement of ${bytes} bytes is over the limit of ${limit}`, {
    hint: "Send large values as parameters or by COPY, or have limits.statementSize raised.",
  });
}

/** PostgreSQL's own words and code, from its own grammar. */
function parseError(sqlstate: string, message: string, position: number | undefined): GatewayError {
  const options = position === undefined ? {} : { position };
  if (sqlstate === "42601") return new GatewayError("SYNTAX_ERROR", message, options);
  if (sqlstate === "22021") return new GatewayError("TEXT_MALFORMED", message, options);
  return new GatewayError("STATEMENT_OVER_LIMIT", message, options);
}
