/** The first look at a text, at its bytes alone: what the parser would misread or choke on never gets to it. Reads no SQL beyond comments. */

import { isUtf8 } from "node:buffer";
import { Lexer, TOKEN } from "./lexer.ts";
import type { ParseFailure } from "./parsed-statement.ts";

/** PostgreSQL's own scanner takes time with the square of this depth; people nest two or three. */
const MAX_COMMENT_DEPTH = 32;

/** Shown of a broken sequence, as PostgreSQL does: as many bytes as its first one promises. */
const SEQUENCE_LENGTHS = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4] as const;

const QUOTE = 0x27;
const STAR = 0x2a;
const MINUS = 0x2d;
const SLASH = 0x2f;

/**
 * Refuses NUL (the parser would cut the text there, the upstream would not), ill-formed UTF-8 (the parser would read other
 * characters than the upstream), texts over `maxBytes`, deeply nested comments, and strings that the upstream and libpg-query read
 * differently (lexer.ts, continuesBehindComment). Linear in the length.
 * @returns null for a text that may be parsed.
 */
export function checkText(text: Uint8Array, maxBytes: number): ParseFailure | null {
  if (text.length > maxBytes) {
    return refusal("54000", `statement text is longer than ${maxBytes} bytes`);
  }
  if (text.includes(0)) return refusal("22021", 'invalid byte sequence for encoding "UTF8": 0x00');
  if (!isUtf8(text)) return refusal("22021", `invalid byte sequence for encoding "UTF8": ${brokenSequence(text)}`);
  return checkComments(text);
}

function refusal(sqlstate: string, message: string): ParseFailure {
  return { ok: false, sqlstate, message };
}

function checkComments(text: Uint8Array): ParseFailure | null {
  const mayContinue = text.includes(QUOTE) && countPairs(text, MINUS, MINUS) > 0;
  // Nearly every text is let go here, without finding its tokens.
  if (!mayContinue && countPairs(text, SLASH, STAR) <= MAX_COMMENT_DEPTH) return null;
  const lexer = new Lexer(text);
  while (lexer.next() !== TOKEN.end);
  if (lexer.continuesBehindComment) {
    return refusal("0A000", "a string constant that goes on behind a comment cannot be judged");
  }
  if (lexer.commentDepth <= MAX_COMMENT_DEPTH) return null;
  return refusal("54000", `comments are nested deeper than ${MAX_COMMENT_DEPTH} levels`);
}

function countPairs(text: Uint8Array, first: number, second: number): number {
  let count = 0;
  for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at + 1)) if (text[at + 1] === second) count++;
  return count;
}

/** The first ill-formed sequence as PostgreSQL prints it: "0xe9 0x20 0x61". */
function brokenSequence(text: Uint8Array): string {
  let at = 0;
  while (at < text.length) {
    const length = SEQUENCE_LENGTHS[(text[at] ?? 0) >> 4] ?? 1;
    const sequence = text.subarray(at, at + length);
    if (sequence.length < length || !isUtf8(sequence)) {
      return Array.from(sequence, (byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ");
    }
    at += length;
  }
  return "";
}
