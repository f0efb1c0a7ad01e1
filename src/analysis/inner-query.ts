/**
 * Where the query inside a statement stands: EXPLAIN, DECLARE, CREATE TABLE AS, CREATE VIEW, COPY (…), PREPARE. Found by tokens, which
 * is a guess, and believed only when that text alone parses to the same tree: so what the server shows of it is the truth of it.
 */

import { Lexer, TOKEN } from "./lexer.ts";
import type { InnerQuery } from "./parsed-statement.ts";
import { isNode, list, type Node } from "./tree.ts";

/** One text to its tree, by the grammar that made the outer tree. */
export type ParseText = (text: Uint8Array) => { readonly ok: boolean; readonly tree?: unknown };

interface Span {
  readonly startByte: number;
  readonly endByte: number;
}

/**
 * @param bounds of the outer statement. @param query its inner query in its tree, wrapped.
 * @returns undefined where no text was found whose tree is that query: a denial.
 */
export function innerQuery(
  source: Uint8Array,
  bounds: Span,
  query: unknown,
  by: InnerQuery["by"],
  parse: ParseText,
): InnerQuery | undefined {
  for (const span of spans(source, bounds)) {
    const outcome = parse(source.subarray(span.startByte, span.endByte));
    if (!outcome.ok || !isNode(outcome.tree)) continue;
    const statements = list(outcome.tree, "stmts");
    const only = statements[0];
    if (statements.length === 1 && isNode(only) && sameTree(only["stmt"], query)) return { ...span, by };
  }
  return undefined;
}

/** Likeliest first. */
function spans(source: Uint8Array, { startByte, endByte }: Span): readonly Span[] {
  const tokens = new Tokens(source, startByte, endByte);
  switch (tokens.next()) {
    case "explain":
      return explained(source, tokens);
    case "declare":
      return tokens.skipTo("for") ? rest(tokens) : [];
    case "prepare":
      return tokens.skipTo("as") ? rest(tokens) : [];
    case "create":
      return tokens.skipTo("as") ? defining(tokens) : [];
    case "copy":
      return tokens.next() === "(" ? parenthesised(tokens) : [];
    default:
      return [{ startByte, endByte }];
  }
}

/** EXPLAIN (options) query, or EXPLAIN (query): the tree tells which. */
function explained(source: Uint8Array, tokens: Tokens): readonly Span[] {
  const starts: number[] = [];
  let word = tokens.next();
  if (word === "(") {
    starts.push(tokens.start);
    tokens.skipGroup();
    tokens.next();
    if (tokens.start < tokens.limit) starts.unshift(tokens.start);
  } else {
    while (word === "analyze" || word === "analyse" || word === "verbose") word = tokens.next();
    starts.push(tokens.start);
  }
  return starts.flatMap((startByte) => spans(source, { startByte, endByte: tokens.limit }));
}

function rest(tokens: Tokens): readonly Span[] {
  tokens.next();
  return [{ startByte: tokens.start, endByte: tokens.limit }];
}

function parenthesised(tokens: Tokens): readonly Span[] {
  const startByte = tokens.end;
  tokens.skipGroup();
  return [{ startByte, endByte: tokens.start }];
}

/** Behind AS, without WITH [NO] DATA and WITH [LOCAL | CASCADED] CHECK OPTION. */
function defining(tokens: Tokens): readonly Span[] {
  tokens.next();
  const startByte = tokens.start;
  let clause = tokens.limit;
  for (let at = startByte; at < tokens.limit; at = tokens.start) {
    if (tokens.word === "with") clause = at;
    tokens.next();
  }
  const whole = { startByte, endByte: tokens.limit };
  return clause > startByte && clause < tokens.limit ? [{ startByte, endByte: clause }, whole] : [whole];
}

/** Tokens of a part of the text, as lower-case words: a quoted name is none of them. */
class Tokens {
  readonly #source: Uint8Array;
  readonly #lexer: Lexer;
  readonly limit: number;
  word = "";

  constructor(source: Uint8Array, from: number, limit: number) {
    this.#source = source;
    this.#lexer = new Lexer(source, from, limit);
    this.limit = limit;
  }

  get start(): number {
    return this.#lexer.start;
  }
  get end(): number {
    return this.#lexer.end;
  }

  /** @returns "" for the end and for what is neither word nor parenthesis. */
  next(): string {
    const kind = this.#lexer.next();
    const known = kind === TOKEN.word || kind === TOKEN.symbol;
    // No word that matters here is longer.
    const short = this.end - this.start <= 16;
    this.word = known && short ? asciiLower(this.#source.subarray(this.start, this.end)) : "";
    return this.word;
  }

  /** Reads to behind a word outside parentheses. */
  skipTo(word: string): boolean {
    while (this.start < this.limit) {
      const at = this.next();
      if (at === word) return true;
      if (at === "(") this.skipGroup();
    }
    return false;
  }

  /** Behind "(": reads to the ")" that closes it. */
  skipGroup(): void {
    let depth = 1;
    while (depth > 0 && this.start < this.limit) {
      const at = this.next();
      if (at === "(") depth++;
      else if (at === ")") depth--;
    }
  }
}

function asciiLower(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes).toLowerCase();
}

/**
 * Whether two raw trees say the same; where each token stands is left out. Iterative: trees nest as deep as texts are long.
 * Only numbers are left out, so that nothing that has a meaning is (a tablespace's `location` is text).
 */
export function sameTree(one: unknown, other: unknown): boolean {
  const stack: unknown[] = [one, other];
  while (stack.length > 0) {
    const right = stack.pop();
    const left = stack.pop();
    if (left === right) continue;
    if (Array.isArray(left) && Array.isArray(right)) {
      if (left.length !== right.length) return false;
      for (let i = 0; i < left.length; i++) stack.push(left[i], right[i]);
    } else if (isNode(left) && isNode(right)) {
      for (const key in left) if (!isPlace(key, left)) stack.push(left[key], right[key]);
      for (const key in right) if (!isPlace(key, right) && (!(key in left) || isPlace(key, left))) return false;
    } else return false;
  }
  return true;
}

const PLACES: ReadonlySet<string> = new Set([
  "location",
  "name_location",
  "list_start",
  "list_end",
  "rexpr_list_start",
  "rexpr_list_end",
]);

function isPlace(key: string, node: Node): boolean {
  return PLACES.has(key) && typeof node[key] === "number";
}
