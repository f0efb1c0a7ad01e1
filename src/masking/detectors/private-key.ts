/** Private keys in PEM (RFC 7468, RFC 4716, OpenPGP armour), with line breaks as they are, written as `\n`, or lost. */

import { BASE64, BLANK, byteAt, code, is, rawText, standsAt } from "./bytes.ts";
import type { FindingList, Probe } from "./finding.ts";

const DASH = code("-");
const DASHES = "-----";
const BEGIN = "-----BEGIN ";
const END = "-----END ";
/** `RSA PRIVATE KEY-----`, `PGP PRIVATE KEY BLOCK-----`. */
const NAME = /^([A-Z0-9]{1,12} ){0,2}PRIVATE KEY( BLOCK)?$/;
const NAME_BYTES = 48;
/** A key of 16,384 bits has 12,400 characters. */
const KEY_BYTES = 64 * 1024;
/** Lines have 64 characters; a header alone, or with prose behind it, is no secret. */
const SHORTEST_LINE = 32;

const WHOLE = 0.99;
const CUT_OFF = 0.95;

export class PrivateKeyProbe implements Probe {
  readonly anchors: readonly number[] = [DASH];

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const next = byteAt(cell, at + 1);
    if (next !== DASH || !standsAt(cell, at, end, BEGIN)) return at + 1;
    const nameStart = at + BEGIN.length;
    const nameEnd = findDashes(cell, nameStart, Math.min(end, nameStart + NAME_BYTES));
    if (nameEnd < 0 || !NAME.test(rawText(cell, nameStart, nameEnd))) return nameStart;
    const body = readBody(cell, nameEnd + DASHES.length, Math.min(end, nameEnd + KEY_BYTES));
    if (body.longestLine < SHORTEST_LINE) return body.end;
    const keyEnd = standsAt(cell, body.end, end, END) ? endOfLine(cell, body.end + END.length, end) : body.end;
    found.add("private-key", at, keyEnd, keyEnd === body.end ? CUT_OFF : WHOLE);
    return keyEnd;
  }
}

function findDashes(cell: Uint8Array, start: number, limit: number): number {
  for (let at = start; at < limit; at++)
    if (byteAt(cell, at) === DASH && standsAt(cell, at, cell.length, DASHES)) return at;
  return -1;
}

/** Key and headers up to the next dashes, or as far as they go: base64, blanks, `\n`, and `: , - . =` of headers. */
function readBody(
  cell: Uint8Array,
  start: number,
  limit: number,
): { readonly end: number; readonly longestLine: number } {
  let [line, longestLine] = [0, 0];
  let at = start;
  for (; at < limit; at++) {
    const byte = byteAt(cell, at);
    if (byte === DASH && standsAt(cell, at, cell.length, DASHES)) break;
    line = is(byte, BASE64) ? line + 1 : 0;
    longestLine = Math.max(longestLine, line);
    if (line === 0 && !is(byte, BLANK) && !OTHERS.has(byte)) break;
  }
  return { end: at, longestLine };
}

const OTHERS = new Set([..."\\=:,-.()"].map(code));

/** Behind `RSA PRIVATE KEY-----`. */
function endOfLine(cell: Uint8Array, start: number, end: number): number {
  const dashes = findDashes(cell, start, Math.min(end, start + NAME_BYTES));
  return dashes < 0 ? Math.min(end, start) : dashes + DASHES.length;
}
