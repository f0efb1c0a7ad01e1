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
