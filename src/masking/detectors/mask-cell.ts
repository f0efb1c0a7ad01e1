/** A cell with its findings masked. Decides nothing: which findings those are is the detectors'. */

import { Buffer } from "node:buffer";
import { MASK } from "./bytes.ts";
import type { Finding } from "./finding.ts";

/** The constant of the mask `redact`. It is no finding, nor makes one of what stands beside it. */
export const MASK_BYTES: Uint8Array = Buffer.from(MASK);

/**
 * The cell with `[masked]` for each finding; findings that meet or overlap become one. Any other byte stays.
 * @param extent cell: one finding masks all of it. finding: what was found only; of JSON that need not leave JSON.
 * @returns the cell itself where nothing was found.
 */
export function maskCell(
  cell: Uint8Array,
  findings: readonly Finding[],
  extent: "cell" | "finding" = "finding",
): Uint8Array {
  if (findings.length === 0) return cell;
  if (extent === "cell") return MASK_BYTES;
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { start, end } of mergedSpans(findings)) {
    pieces.push(cell.subarray(at, start), MASK_BYTES);
    at = end;
  }
  return Buffer.concat([...pieces, cell.subarray(at)]);
}

/**
 * The cell with a `*` for each letter, digit and byte beyond ASCII of what was found: as long as before, and with the same signs. So
 * lengths around it still hold, and what parts it from its neighbours still does, whatever that is.
 * @returns the cell itself where nothing was found.
 */
export function filledCell(cell: Uint8Array, findings: readonly Finding[]): Uint8Array {
  if (findings.length === 0) return cell;
  const filled = cell.slice();
  for (const { start, end } of findings) {
    for (let at = start; at < end; at++) if (isFilled(filled[at] ?? 0)) filled[at] = STAR;
  }
  return filled;
}

const STAR = 0x2a;

/** Letters and digits of ASCII, and every byte of a character beyond it. No delimiter of COPY is among them. */
function isFilled(byte: number): boolean {
  const letter = byte | 0x20;
  return byte >= 0x80 || (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What the findings take of the cell, in order; those that meet or overlap are one. */
export function mergedSpans(findings: readonly Finding[]): readonly Span[] {
  const spans: { start: number; end: number }[] = [];
  for (const { start, end } of findings.toSorted((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans;
}
