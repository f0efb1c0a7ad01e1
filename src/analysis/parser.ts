/**
 * Text to statements: byte checks, PostgreSQL's grammar of the upstream's major, then what the gateway needs of each statement.
 * Refuses what it cannot read; decides nothing. Short texts at once, long ones in a worker thread (worker-pool.ts).
 */

import { describeStatements } from "./describe.ts";
import { Grammar, type Major } from "./grammar.ts";
import type { ParseFailure, ParseOutcome } from "./parsed-statement.ts";
import { checkText } from "./text.ts";
import { WorkerPool } from "./worker-pool.ts";

/** Longest text that `parse` takes: up to here PostgreSQL's grammar neither overflows the stack nor takes longer than some 50 ms. */
export const INLINE_BYTES = 8 * 1024;

export interface ParserOptions {
  /** Longest text that is looked at in a worker. The gateway's own limit is usually lower. */
  readonly maxBytes?: number;
  /** Time for one text in a worker, of the processor where the machine is busy. */
  readonly deadlineMs?: number;
  /** The longest by the clock; ten times the other where absent. */
  readonly longestMs?: number;
  /** Milliseconds of the processor that this process has used; absent: texts have their time by the clock alone. */
  readonly usedMs?: () => number;
  /** Worker threads, started when first needed. */
  readonly workers?: number;
}

const byTheClock = (): number => Number.POSITIVE_INFINITY;

/** What a client reads when the grammar broke on its text. PostgreSQL says the same of its own stack. */
const TOO_COMPLEX: ParseFailure = { ok: false, sqlstate: "54001", message: "stack depth limit exceeded" };
/** Only if one text after the other breaks the grammar faster than it is made anew. */
const NOT_READY: ParseFailure = {
  ok: false,
  sqlstate: "54000",
  message: "the parser is starting again, try once more",
};

/** Loads the grammar of a server's major, and a second instance to take its place. @throws {RangeError} for a major that is not supported. */
export async function loadParser(major: number, options: ParserOptions = {}): Promise<Parser> {
  if (major !== 15 && major !== 16 && major !== 17 && major !== 18) {
    throw new RangeError(`no grammar for PostgreSQL ${major}`);
  }
  return new Parser(major, await Grammar.load(major), await Grammar.load(major), options);
}

export class Parser {
  readonly major: Major;
  readonly #maxBytes: number;
  readonly #pool: WorkerPool;
  #grammar: Grammar | null;
  #spare: Grammar | null;
  #loading = false;

  /** Use loadParser. */
  constructor(major: Major, grammar: Grammar, spare: Grammar, options: ParserOptions) {
    this.major = major;
    this.#grammar = grammar;
    this.#spare = spare;
    this.#maxBytes = options.maxBytes ?? 1024 * 1024;
    const deadlineMs = options.deadlineMs ?? 250;
    const { longestMs = 10 * deadlineMs, usedMs = byTheClock, workers = 2 } = options;
    this.#pool = new WorkerPool({ major, size: workers, deadlineMs, longestMs, usedMs });
  }

  /**
   * At once. Empty text, and text of comments and semicolons only, has no statements.
   * @throws {RangeError} for more than INLINE_BYTES: those are for parseLarge.
   */
  parse(text: Uint8Array): ParseOutcome {
    if (text.length > INLINE_BYTES) throw new RangeError(`${text.length} bytes are not parsed inline`);
    const refused = checkText(text, INLINE_BYTES);
    if (refused !== null) return refused;
    const grammar = this.#grammar;
    if (grammar === null) {
      this.#load();
      return NOT_READY;
    }
    try {
      return parseChecked(grammar, text);
    } catch {
      this.#replace();
      return TOO_COMPLEX;
    }
  }

  /**
   * In a worker thread, ended and replaced where it takes longer than the deadline (54000) or breaks (54001).
   * @param signal gives up the wait: the promise rejects with its reason. Nothing else makes it reject.
   */
  async parseLarge(text: Uint8Array, signal: AbortSignal): Promise<ParseOutcome> {
    return checkText(text, this.#maxBytes) ?? (await this.#pool.parse(text, signal));
  }

  /** Ends the worker threads. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** An instance that threw may answer wrongly next time (after 30-40 stack overflows it hangs): it is never asked again. */
  #replace(): void {
    this.#grammar = this.#spare;
    this.#spare = null;
    this.#load();
  }

  #load(): void {
    if (this.#loading) return;
    this.#loading = true;
    void Grammar.load(this.major).then(
      (grammar) => this.#loaded(grammar),
      // Out of memory, say. The next text that breaks an instance tries again.
      () => this.#loaded(null),
    );
  }

  #loaded(grammar: Grammar | null): void {
    this.#loading = false;
    if (grammar === null) return;
    if (this.#grammar === null) this.#grammar = grammar;
    else this.#spare = grammar;
    if (this.#spare === null) this.#load();
  }
}

/** @param text that checkText has let pass. @throws as Grammar.parse. */
export function parseChecked(grammar: Grammar, text: Uint8Array): ParseOutcome {
  if (text.length === 0) return { ok: true, statements: [] }; // for which 15 to 17 give no tree at all
  const outcome = grammar.parse(text);
  if (!outcome.ok) return outcome;
  return { ok: true, statements: describeStatements(text, outcome.tree, (part) => grammar.parse(part)) };
}
