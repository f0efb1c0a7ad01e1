/** A short name for "the same statement with other constants", for reports and search. Not a key for decisions: those see the exact text. */

import { hash } from "node:crypto";
import { Lexer, TOKEN } from "./lexer.ts";

const SPACE = 0x20;
/** Stands for any constant: no text holds it. */
const CONSTANT = 0;
const COMMA = 0x2c;
const OPENING = 0x28;

/** Where in `IN (constant, constant, …)` we are: lists of different lengths are one statement. */
type ListState = "none" | "in" | "open" | "constant" | "comma";

/**
 * The first 16 hex digits of the SHA-256 of the statement's tokens, one space between: words in lower case (ASCII), each
 * constant a NUL byte, `IN (1, 2, 3)` as `IN (1)`, without comments. Two texts of one fingerprint differ in nothing else.
 */
export function fingerprint(text: Uint8Array, startByte: number, endByte: number): string {
  return hash("sha256", normalForm(text, startByte, endByte), "hex").slice(0, 16);
}

/** What is hashed. Twice the text is enough: each token is at least one byte and brings one space. */
export function normalForm(text: Uint8Array, startByte: number, endByte: number): Uint8Array {
  const form = new Uint8Array(2 * (endByte - startByte) + 2);
  const lexer = new Lexer(text, startByte, endByte);
  let length = 0;
  let list: ListState = "none";
  while (lexer.next() !== TOKEN.end) {
    const before = list;
    list = nextListState(list, text, lexer);
    if (list === "comma" || (before === "comma" && list === "constant")) continue;
    if (before === "comma") {
      // The list goes on with something else than a constant: the comma that was held back belongs there after all.
      form[length++] = COMMA;
      form[length++] = SPACE;
    }
    length = writeToken(form, length, text, lexer);
    form[length++] = SPACE;
  }
  return form.subarray(0, length);
}

function writeToken(form: Uint8Array, at: number, text: Uint8Array, lexer: Lexer): number {
  if (lexer.kind === TOKEN.constant) {
    form[at] = CONSTANT;
    return at + 1;
  }
  const fold = lexer.kind === TOKEN.word;
  let length = at;
  for (let from = lexer.start; from < lexer.end; from++) {
    const byte = text[from] ?? 0;
    form[length++] = fold && byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  }
  return length;
}

function nextListState(state: ListState, text: Uint8Array, lexer: Lexer): ListState {
  const { kind, start, end } = lexer;
  if (kind === TOKEN.word && end - start === 2) {
    return ((text[start] ?? 0) | 0x20) === 0x69 && ((text[start + 1] ?? 0) | 0x20) === 0x6e ? "in" : "none";
  }
  if (kind === TOKEN.constant) return state === "open" || state === "comma" ? "constant" : "none";
  if (kind !== TOKEN.symbol || end - start !== 1) return "none";
  if (state === "in" && text[start] === OPENING) return "open";
  return state === "constant" && text[start] === COMMA ? "comma" : "none";
}
