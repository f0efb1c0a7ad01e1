/** JSON Web Tokens, signed and encrypted (RFC 7519, RFC 7516), by their header. */

import { Buffer } from "node:buffer";
import { BASE64URL, byteAt, code, isWordBefore, rawText, runEnd, standsAt } from "./bytes.ts";
import type { FindingList, Probe } from "./finding.ts";

const DOT = code(".");
/** `eyJ` is `{"` and what begins a name: every header in JSON without a space begins so. */
const HEADER = "eyJ";
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
  const names = headerNames(cell, start, headerEnd);
  if (names === null) return 0;
  // A JWE has five parts, of which `alg: dir` leaves the second empty; a JWT that is not signed has an empty third.
  const parts = names.has("enc") ? 5 : names.has("alg") ? 3 : 0;
  let at = headerEnd;
  for (let part = 1; part < parts; part++) {
    if (byteAt(cell, at) !== DOT || at >= end) return 0;
    const partEnd = runEnd(cell, at + 1, end, BASE64URL);
    if (partEnd === at + 1 && parts === 3 && part === 1) return 0;
    at = partEnd;
  }
  return parts === 0 ? 0 : at;
}

/** The names in the header; null where it is none. */
function headerNames(cell: Uint8Array, start: number, end: number): ReadonlySet<string> | null {
  if (end - start < 12 || end - start > HEADER_BYTES) return null;
  try {
    const header: unknown = JSON.parse(Buffer.from(rawText(cell, start, end), "base64url").toString("utf8"));
    return typeof header === "object" && header !== null ? new Set(Object.keys(header)) : null;
  } catch {
    return null; // base64 of something else
  }
}
