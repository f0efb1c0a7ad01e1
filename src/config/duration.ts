/** Durations (`500ms 90s 5m 8h 400d`) and sizes (`64KiB 5GiB`) as postern.yaml writes them. A bare number is refused: it hides its unit. */

const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,12})(B|KiB|MiB|GiB|TiB)$/;

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Milliseconds of `text`; null where it is no duration. */
export function parseDuration(text: string): number | null {
  return inUnit(DURATION.exec(text), MILLISECONDS);
}

/** Bytes of `text`; null where it is no size. Only the binary units: `64KB` has two meanings. */
export function parseSize(text: string): number | null {
  return inUnit(SIZE.exec(text), BYTES);
}

/** The shortest exact way to write `durationMs`: 90000 is `90s`, 5400000 `90m`. */
export function formatDuration(durationMs: number): string {
  return inLargest(durationMs, MILLISECONDS);
}

/** The shortest exact way to write `sizeBytes`: 65536 is `64KiB`. */
export function formatSize(sizeBytes: number): string {
  return inLargest(sizeBytes, BYTES);
}

function inUnit(match: RegExpExecArray | null, units: Readonly<Record<string, number>>): number | null {
  const factor = units[match?.[2] ?? ""];
  if (factor === undefined) return null;
  const value = Number(match?.[1]) * factor;
  return Number.isSafeInteger(value) ? value : null;
}

function inLargest(value: number, units: Readonly<Record<string, number>>): string {
  let best = "";
  for (const [unit, factor] of Object.entries(units)) {
    if (best === "" || (value !== 0 && value % factor === 0)) best = `${value / factor}${unit}`;
  }
  return best;
}
