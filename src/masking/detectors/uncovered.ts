/**
 * What masks uncover: a number that was the end of a longer one is a number of its own once the rest is masked. Scans the masked
 * text until nothing more is found, so that masking a masked cell changes nothing.
 */

import { MASK } from "./bytes.ts";
import type { Finding } from "./finding.ts";
import { maskCell, mergedSpans, type Span } from "./mask-cell.ts";

/** Enough for everything but what is made to need more; each costs a scan. */
const ROUNDS_AT_MOST = 4;

/**
 * @param findings of `scanOnce(cell)`, at least one.
 * @returns them and what their masks uncover, as places of `cell`.
 */
export function withUncovered(
  cell: Uint8Array,
  findings: readonly Finding[],
  scanOnce: (cell: Uint8Array) => readonly Finding[],
): readonly Finding[] {
  let all = findings;
  for (let round = 0; round < ROUNDS_AT_MOST; round++) {
    const spans = mergedSpans(all);
    const more = scanOnce(maskCell(cell, all))
      .map((finding) => inCell(finding, spans))
      .filter(({ start, end }) => !spans.some((span) => start >= span.start && end <= span.end));
    if (more.length === 0) return all;
    all = [...all, ...more];
  }
  return all;
}

/** A finding of the masked text in the cell; one that touches a mask takes all that it hides. */
function inCell(finding: Finding, spans: readonly Span[]): Finding {
  let shift = 0;
  let [start, end] = [-1, -1];
  for (const span of spans) {
    const [maskStart, maskEnd] = [span.start + shift, span.start + shift + MASK.length];
    if (start < 0 && finding.start < maskStart) start = finding.start - shift;
    if (start < 0 && finding.start < maskEnd) start = span.start;
    if (end < 0 && finding.end <= maskStart) end = finding.end - shift;
    if (end < 0 && finding.end <= maskEnd) end = span.end;
    shift += MASK.length - (span.end - span.start);
  }
  return { ...finding, start: start < 0 ? finding.start - shift : start, end: end < 0 ? finding.end - shift : end };
}
