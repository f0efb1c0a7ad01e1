/** Looks into the text of a sub-select that is to stand for a relation: our own text, so that little is to be found out. */

import { Buffer } from "node:buffer";
import { Lexer, TOKEN } from "../analysis/lexer.ts";

/**
 * Where TABLESAMPLE goes in `(SELECT … FROM schema.relation WHERE …)`: before the outermost WHERE, or the last parenthesis.
 * @returns an index of the string; null where it is no such text.
 */
export function sampleByte(replacement: string): number | null {
  const bytes = Buffer.from(replacement);
  const lexer = new Lexer(bytes);
  let depth = 0;
  let found = -1;
  while (lexer.next() !== TOKEN.end) {
    const token = bytes.toString("utf8", lexer.start, lexer.end);
    if (lexer.kind === TOKEN.symbol && token === "(") depth++;
    else if (lexer.kind === TOKEN.symbol && token === ")") depth--;
    const ends = depth === 0 || (depth === 1 && lexer.kind === TOKEN.word && token.toLowerCase() === "where");
    if (ends && found < 0) found = lexer.start;
    if (depth <= 0) break;
  }
  const whole = depth === 0 && bytes[0] === 0x28 && lexer.end === bytes.length;
  return whole ? bytes.toString("utf8", 0, found).length : null;
}

/** @param word in lower case. */
export function holdsWord(text: string, word: string): boolean {
  const bytes = Buffer.from(text);
  const lexer = new Lexer(bytes);
  while (lexer.next() !== TOKEN.end) {
    if (lexer.kind === TOKEN.word && bytes.toString("utf8", lexer.start, lexer.end).toLowerCase() === word) return true;
  }
  return false;
}
