/**
 * Which bytes a name of the raw tree stands in: PostgreSQL tells where its first token begins, and the tokens tell the rest. Each
 * is held against the tree, and nothing is guessed: null wherever they differ.
 */

import { identifierText, MAX_NAME_BYTES } from "./identifier.ts";
import { Lexer, TOKEN, type TokenKind } from "./lexer.ts";
import type { FoundRelation } from "./reference-finder.ts";
import type { Span } from "./references.ts";
import { isNode, number } from "./tree.ts";

/** The tokens of a statement, by index; -1 and the number of tokens are outside and match nothing. */
export class Tokens {
  readonly #source: Uint8Array;
  readonly #kinds: TokenKind[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Of "(" the index of its ")". */
  readonly #closing = new Map<number, number>();

  constructor(source: Uint8Array, { startByte, endByte }: Span) {
    this.#source = source;
    const lexer = new Lexer(source, startByte, endByte);
    const open: number[] = [];
    while (lexer.next() !== TOKEN.end) {
      const index = this.#kinds.push(lexer.kind) - 1;
      this.#starts.push(lexer.start);
      this.#ends.push(lexer.end);
      if (this.isSymbol(index, "(")) open.push(index);
      else if (this.isSymbol(index, ")")) this.#closing.set(open.pop() ?? -1, index);
    }
  }

  start(index: number): number {
    return this.#starts[index] ?? -1;
  }

  end(index: number): number {
    return this.#ends[index] ?? -1;
  }

  /** Index of the token that begins at a byte, or -1. */
  at(byte: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) < byte) low = middle + 1;
      else high = middle;
    }
    return this.#starts[low] === byte ? low : -1;
  }

  isSymbol(index: number, symbol: string): boolean {
    const start = this.#starts[index] ?? 0;
    const isOne = this.#kinds[index] === TOKEN.symbol && this.end(index) === start + 1;
    return isOne && this.#source[start] === symbol.charCodeAt(0);
  }

  /** @param word in lower case. */
  isWord(index: number, word: string): boolean {
    const start = this.#starts[index] ?? 0;
    if (this.#kinds[index] !== TOKEN.word || this.end(index) !== start + word.length) return false;
    for (let at = 0; at < word.length; at++) {
      if (((this.#source[start + at] ?? 0) | 0x20) !== word.charCodeAt(at)) return false;
    }
    return true;
  }

  /** @param index of "(". @returns behind the ")" that closes it; -1 where there is none. */
  behindGroup(index: number): number {
    const closing = this.isSymbol(index, "(") ? this.#closing.get(index) : undefined;
    return closing === undefined ? -1 : closing + 1;
  }

  /** @returns the index behind a token, or U&"" with its UESCAPE, that is this name; -1 where it is another. */
  behindName(index: number, name: string): number {
    const kind = this.#kinds[index];
    if (kind !== TOKEN.word && kind !== TOKEN.quotedIdentifier) return -1;
    // Nearly every name is a word, and nearly every word plain.
    if (kind === TOKEN.word && this.#isPlain(index, name)) return index + 1;
    const escaped = kind === TOKEN.quotedIdentifier && this.isWord(index + 1, "uescape");
    const escapeLiteral = escaped ? this.#source.subarray(this.start(index + 2), this.end(index + 2)) : null;
    const token = this.#source.subarray(this.start(index), this.end(index));
    if (identifierText(token, escapeLiteral) !== name) return -1;
    return index + (escaped ? 3 : 1);
  }

  /** A word of ASCII letters, digits and underscores that folds to this name. */
  #isPlain(index: number, name: string): boolean {
    const start = this.start(index);
    if (this.end(index) - start !== name.length || name.length > MAX_NAME_BYTES) return false;
    for (let at = 0; at < name.length; at++) {
      const byte = this.#source[start + at] ?? 0;
      const folded = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
      if (folded > 0x7f || folded !== name.charCodeAt(at)) return false;
    }
    return true;
  }

  /** As behindName, for a name of several parts with dots between. @returns for each part the index behind it; null where it is another. */
  behindParts(index: number, parts: readonly string[]): readonly number[] | null {
    const behind: number[] = [];
    let at = index;
    for (const part of parts) {
      if (behind.length > 0) at = this.isSymbol(at, ".") ? at + 1 : -1;
      at = part === "*" && this.isSymbol(at, "*") ? at + 1 : this.behindName(at, part);
      if (at < 0) return null;
      behind.push(at);
    }
    return behind;
  }
}

export interface PlacedRelation extends Span {
  readonly aliasEndByte: number;
  readonly sampled: Span | null;
  /** `TABLE x`: the span begins with that word. */
  readonly isTable: boolean;
  readonly only: boolean;
}

/** @returns null where the tokens are not what the tree says. */
export function placeRelation(found: FoundRelation, tokens: Tokens): PlacedRelation | null {
  const first = tokens.at(found.location);
  const name = tokens.behindParts(first, found.name);
  const behindName = name?.at(-1);
  if (behindName === undefined) return null;
  const whole = withOnly(found, tokens, first, behindName);
  if (whole === null) return null;
  const isTable = found.place === "from" && tokens.isWord(whole.first - 1, "table");
  const behindAlias = aliasBehind(found, tokens, whole.behind);
  if (behindAlias < 0) return null;
  const sampled = found.sample === null ? null : sampleBehind(found, tokens, behindAlias);
  if (found.sample !== null && sampled === null) return null;
  return {
    startByte: tokens.start(isTable ? whole.first - 1 : whole.first),
    endByte: tokens.end(whole.behind - 1),
    aliasEndByte: tokens.end(behindAlias - 1),
    sampled,
    isTable,
    only: whole.only,
  };
}

interface Indices {
  readonly first: number;
  readonly behind: number;
  readonly only: boolean;
}

/** `ONLY x`, `ONLY (x)`, `x *`. */
function withOnly(found: FoundRelation, tokens: Tokens, first: number, behind: number): Indices | null {
  if (found.fields["inh"] === true) {
    if (tokens.isWord(first - 1, "only")) return null;
    const starred = found.place !== "other" && tokens.isSymbol(behind, "*");
    return { first, behind: starred ? behind + 1 : behind, only: false };
  }
  const inGroup = tokens.isSymbol(first - 1, "(");
  if (!tokens.isWord(first - (inGroup ? 2 : 1), "only")) {
    // A composite type is held as a relation without children.
    return found.place === "other" ? { first, behind, only: false } : null;
  }
  if (!inGroup) return { first: first - 1, behind, only: true };
  return tokens.isSymbol(behind, ")") ? { first: first - 2, behind: behind + 1, only: true } : null;
}

/** @returns the index behind `AS alias (columns)`; -1 where it is another alias. */
function aliasBehind({ alias }: FoundRelation, tokens: Tokens, index: number): number {
  if (alias === null) return index;
  const behind = tokens.behindName(tokens.isWord(index, "as") ? index + 1 : index, alias.name);
  return behind >= 0 && alias.renames ? tokens.behindGroup(behind) : behind;
}

/** TABLESAMPLE method (arguments) REPEATABLE (seed). */
function sampleBehind({ sample }: FoundRelation, tokens: Tokens, index: number): Span | null {
  if (!isNode(sample) || !tokens.isWord(index, "tablesample")) return null;
  let at = index + 1;
  if (tokens.start(at) !== number(sample, "location")) return null;
  while (tokens.start(at) >= 0 && !tokens.isSymbol(at, "(")) at++;
  at = tokens.behindGroup(at);
  if (at >= 0 && sample["repeatable"] !== undefined) {
    at = tokens.isWord(at, "repeatable") ? tokens.behindGroup(at + 1) : -1;
  }
  return at < 0 ? null : { startByte: tokens.start(index), endByte: tokens.end(at - 1) };
}

/** The qualifiers of `schema.table.column` before the table's name. */
export function placeColumn(location: number, parts: readonly string[], tokens: Tokens): Span | null {
  const first = tokens.at(location);
  const behind = tokens.behindParts(first, parts);
  const beforeTable = behind?.at(-3);
  if (beforeTable === undefined) return null;
  return { startByte: tokens.start(first), endByte: tokens.start(beforeTable + 1) };
}

/** All of a name of several parts, star included. */
export function placeName(location: number, parts: readonly string[], tokens: Tokens): Span | null {
  const first = tokens.at(location);
  const behind = tokens.behindParts(first, parts)?.at(-1);
  return behind === undefined ? null : { startByte: tokens.start(first), endByte: tokens.end(behind - 1) };
}
