/** JSON Web Tokens, signed and encrypted (RFC 7519, RFC 7516), by their header. */

import { Buffer } from "node:buffer";
import { BASE64URL, byteAt, code, isWordBefore, rawText, runEnd, standsAt } from "./bytes.ts";
import type { FindingList, Probe } from "./finding.ts";

const DOT = code(".");
/** `eyJ` is `{"` and what begins a name: every header in JSON without a space begins so. */
const HEADER = "eyJ";
/** `{"alg":"x"}` */
const SHORTEST_HEADER = 15;
const HEADER_BYTES = 2048;

const TOKEN = 0.98;

export class JwtProbe implements Probe {
  // The rarest of its letters in prose.
  readonly anchors: readonly number[] = [code("J")];

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const start = at - 2;
    // Only where a run begins: a later `eyJ` in it would read the rest of the run again.
    if (!standsAt(cell, start, end, HEADER) || isWordBefore(cell, start) || byteAt(cell, start - 1) === code("-"))
      return at + 1;
    const tokenEnd = endOfToken(cell, start, end);
    if (tokenEnd === 0) return at + 1;
    found.add("jwt", start, tokenEnd, TOKEN);
    return tokenEnd;
  }
}

function endOfToken(cell: Uint8Array, start: number, end: number): number {
  const headerEnd = runEnd(cell, start, end, BASE64URL);
  // `alg: dir` leaves the second part of a JWE empty; a JWT that is not signed has an empty third.
  const parts = partsOf(cell, start, headerEnd);
  let at = headerEnd;
  for (let part = 1; part < parts; part++) {
    if (byteAt(cell, at) !== DOT || at >= end) return 0;
    const partEnd = runEnd(cell, at + 1, end, BASE64URL);
    if (partEnd === at + 1 && parts === 3 && part === 1) return 0;
    at = partEnd;
  }
  return parts === 0 ? 0 : at;
}

/**
 * Parts of a token with this header: five of a JWE, three of a JWS, 0 where it is none. By its text: what throws on bad JSON can be
 * made to throw at every eighth byte of a cell.
 */
function partsOf(cell: Uint8Array, start: number, end: number): number {
  if (end - start < SHORTEST_HEADER || end - start > HEADER_BYTES) return 0;
  const header = Buffer.from(rawText(cell, start, end), "base64url").toString("latin1");
  if (!/\}\s*$/.test(header.slice(-4))) return 0;
  return /"enc"\s{0,9}:/.test(header) ? 5 : /"alg"\s{0,9}:/.test(header) ? 3 : 0;
}
