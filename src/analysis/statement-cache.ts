/** What texts were parsed to, so that a text seen before costs one look-up. One for all sessions of a major: a parse depends on nothing else. */

import type { ParsedStatement } from "./parsed-statement.ts";

/** Counted for each entry and each statement on top of the key: objects, map slots. Estimated from heap sizes, rounded up. */
const ENTRY_BYTES = 200;
const STATEMENT_BYTES = 400;
/** Of each object that a utility statement names. */
const TARGET_BYTES = 200;
/** Of each place where a statement names a relation, or a column by its schema. */
const REFERENCE_BYTES = 250;

interface Entry {
  readonly statements: readonly ParsedStatement[];
  readonly bytes: number;
}

/**
 * Bounded by estimated bytes. Two generations: what is not asked for while one fills up is dropped with the older one. Every
 * operation takes constant time, and a hit in the younger generation writes nothing.
 */
export class StatementCache {
  readonly #generationBytes: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngBytes = 0;
  #oldBytes = 0;
  hits = 0;
  misses = 0;

  /** @param maxBytes of both generations together. */
  constructor(maxBytes: number) {
    this.#generationBytes = Math.floor(maxBytes / 2);
  }

  /** @param key the text's bytes as a latin1 string: exact, and quicker to make than UTF-16. */
  get(key: string): readonly ParsedStatement[] | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.hits++;
      return young.statements;
    }
    const old = this.#old.get(key);
    if (old === undefined) {
      this.misses++;
      return undefined;
    }
    this.hits++;
    this.#add(key, old);
    return old.statements;
  }

  /** A text that alone would fill a quarter of the cache is not kept. */
  set(key: string, statements: readonly ParsedStatement[]): void {
    const targets = statements.reduce((sum, { targets: named, settingWrites }) => {
      return sum + (named?.length ?? 0) + (settingWrites?.length ?? 0);
    }, 0);
    const references = statements.reduce((sum, { references: named }) => {
      return (
        sum + (named === undefined ? 0 : 1 + named.relations.length + named.columns.length + named.returned.length)
      );
    }, 0);
    const facts = targets * TARGET_BYTES + references * REFERENCE_BYTES;
    const bytes = key.length + ENTRY_BYTES + statements.length * STATEMENT_BYTES + facts;
    if (bytes <= this.#generationBytes / 2 && !this.#young.has(key)) this.#add(key, { statements, bytes });
  }

  /** Estimated. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #add(key: string, entry: Entry): void {
    if (this.#old.delete(key)) this.#oldBytes -= entry.bytes;
    if (this.#youngBytes + entry.bytes > this.#generationBytes) {
      this.#old = this.#young;
      this.#oldBytes = this.#youngBytes;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, entry);
    this.#youngBytes += entry.bytes;
  }
}
