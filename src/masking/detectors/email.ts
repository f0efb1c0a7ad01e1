/** E-mail addresses as people have them: a dot-atom, `@`, a host name with a top-level domain. No quoted local parts, no literals. */

import { ALNUM, byteAt, code, DIGIT, HYPHEN, is, LETTER, lowerText, MASK, standsAt, WORD } from "./bytes.ts";
import type { FindingList, Probe } from "./finding.ts";

/** RFC 5321, section 4.5.3.1. */
const LOCAL_BYTES = 64;
const DOMAIN_BYTES = 255;
const LABEL_BYTES = 63;

const AT = code("@");
const DOT = code(".");
const COLON = code(":");
const SLASH = code("/");
const LOCAL = new Set([..."._%+-'&~"].map(code));
const NO_START = new Set([...".'&~%-"].map(code));

/** Files of more than one resolution (`logo@2x.png`) and packages (`x@next.js`); none of these is a top-level domain. */
const FILE_ENDINGS = new Set(
  "png jpg jpeg gif svg webp avif css scss js mjs cjs ts jsx tsx json html htm xml pdf txt tgz gz tar yaml yml local localhost internal invalid lan".split(
    " ",
  ),
);

const ADDRESS = 0.95;

export class EmailProbe implements Probe {
  readonly anchors: readonly number[] = [AT];

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const start = localStart(cell, at);
    if (start < 0) return at + 1;
    const domainEnd = endOfDomain(cell, at + 1, end);
    if (domainEnd === 0 || isOther(cell, start, domainEnd)) return at + 1;
    found.add("email", start, domainEnd, ADDRESS);
    return domainEnd;
  }
}

/** -1 where no local part stands before. */
function localStart(cell: Uint8Array, at: number): number {
  let start = at;
  const lowest = Math.max(0, at - LOCAL_BYTES);
  while (start > lowest && isLocal(byteAt(cell, start - 1))) start--;
  if (start === lowest && isLocal(byteAt(cell, start - 1))) return -1;
  while (start < at && NO_START.has(byteAt(cell, start))) start++;
  if (start === at || byteAt(cell, at - 1) === DOT) return -1;
  if (standsAt(cell, start - MASK.length, start, MASK)) return -1;
  for (let index = start; index < at - 1; index++)
    if (byteAt(cell, index) === DOT && byteAt(cell, index + 1) === DOT) return -1;
  return start;
}

function isLocal(byte: number): boolean {
  return is(byte, WORD) || LOCAL.has(byte) || isTwoByteLetter(byte);
}

/**
 * A byte of a letter of two bytes: accented Latin, Greek, Cyrillic (RFC 6531). Longer ones are scripts that put no space between a
 * word and an address.
 */
function isTwoByteLetter(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xd4;
}

/** Behind the last label; 0 where it is no domain. */
function endOfDomain(cell: Uint8Array, start: number, end: number): number {
  const limit = Math.min(end, start + DOMAIN_BYTES);
  let label = start;
  let labels = 0;
  let domainEnd = 0;
  while (label < limit) {
    const labelEnd = endOfLabel(cell, label, limit);
    if (labelEnd === label || labelEnd - label > LABEL_BYTES) break;
    labels++;
    if (labels > 1) domainEnd = isTopLevel(cell, label, labelEnd) ? labelEnd : 0;
    if (byteAt(cell, labelEnd) !== DOT) break;
    label = labelEnd + 1;
  }
  if (domainEnd === limit && limit < end) return 0; // longer than a domain can be
  return domainEnd > 0 && !standsAt(cell, domainEnd, cell.length, MASK) && !is(byteAt(cell, domainEnd), WORD)
    ? domainEnd
    : 0;
}

function endOfLabel(cell: Uint8Array, start: number, limit: number): number {
  let end = start;
  while (end < limit && (is(byteAt(cell, end), ALNUM | HYPHEN) || isTwoByteLetter(byteAt(cell, end)))) end++;
  while (end > start && byteAt(cell, end - 1) === code("-")) end--;
  return byteAt(cell, start) === code("-") ? start : end;
}

/** Letters only, two at least; or `xn--`. */
function isTopLevel(cell: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2) return false;
  if (standsAt(cell, start, end, "xn--")) return true;
  for (let at = start; at < end; at++) {
    const byte = byteAt(cell, at);
    if (is(byte, DIGIT) || (!is(byte, LETTER) && !isTwoByteLetter(byte))) return false;
  }
  return end - start <= 24 && !FILE_ENDINGS.has(lowerText(cell, start, end));
}

/** `user@host` of a URL, and `git@host.org:path` of a copy over SSH. */
function isOther(cell: Uint8Array, start: number, domainEnd: number): boolean {
  if (byteAt(cell, start - 1) === SLASH && byteAt(cell, start - 2) === SLASH) return true;
  if (byteAt(cell, start - 1) === COLON && byteAt(cell, domainEnd) === SLASH) return true;
  return (
    byteAt(cell, domainEnd) === COLON &&
    is(byteAt(cell, domainEnd + 1), ALNUM) &&
    standsAt(cell, start, domainEnd, "git@")
  );
}
