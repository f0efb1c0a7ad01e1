/**
 * What name an identifier's token is: folded, unquoted, cut, as PostgreSQL's scanner does it. Only for holding a token against a
 * name that the grammar gave.
 *
 * Source: PostgreSQL 18, scan.l, scansup.c (downcase_identifier, truncate_identifier), parser.c (str_udeescape).
 */

import { Buffer } from "node:buffer";

/** NAMEDATALEN less its NUL. */
export const MAX_NAME_BYTES = 63;
const BACKSLASH = "\\";

/**
 * @param token of a word, `"name"` or `U&"name"`, in UTF-8. @param escapeLiteral the string behind UESCAPE, quotes included; null without.
 * @returns null for what is no identifier.
 */
export function identifierText(token: Uint8Array, escapeLiteral: Uint8Array | null): string | null {
  const text = Buffer.from(token.buffer, token.byteOffset, token.length).toString();
  if (text.startsWith('"')) return escapeLiteral === null ? cut(unquoted(text, 1)) : null;
  if (!/^u&"/i.test(text)) return escapeLiteral === null ? cut(lowerAscii(text)) : null;
  const character = escapeLiteral === null ? BACKSLASH : escapeCharacter(escapeLiteral);
  const name = character === null ? null : unescaped(unquoted(text, 3), character);
  return name === null ? null : cut(name);
}

/** In a UTF-8 database nothing but ASCII is folded. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function unquoted(text: string, from: number): string {
  return text.slice(from, -1).replaceAll('""', '"');
}

function escapeCharacter(literal: Uint8Array): string | null {
  const text = Buffer.from(literal.buffer, literal.byteOffset, literal.length).toString();
  return /^'[^']'$/.test(text) ? text.charAt(1) : null;
}

/** \XXXX, \+XXXXXX, and the escape character doubled. */
function unescaped(text: string, mark: string): string | null {
  let name = "";
  for (let at = 0; at < text.length; ) {
    const character = text.charAt(at);
    if (character !== mark) {
      name += character;
      at++;
    } else if (text.charAt(at + 1) === mark) {
      name += mark;
      at += 2;
    } else {
      const long = text.charAt(at + 1) === "+";
      const digits = text.slice(at + (long ? 2 : 1), at + (long ? 8 : 5));
      if (!/^[0-9a-f]+$/i.test(digits) || digits.length !== (long ? 6 : 4)) return null;
      const code = Number.parseInt(digits, 16);
      if (code > 0x10ffff) return null;
      // Two halves of a surrogate pair become one character where they meet in a string.
      name += String.fromCodePoint(code);
      at += long ? 8 : 5;
    }
  }
  return name;
}

/** At a character's boundary. */
function cut(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) return name;
  let end = MAX_NAME_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
