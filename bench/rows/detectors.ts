/**
 * What the detectors cost: cells of a column taken out of DataRow messages, with a scan of each and without. In this process alone;
 * no server or gateway takes part.
 */

import { CATALOGUE } from "../../src/masking/detectors/catalogue.ts";
import { DetectorSet } from "../../src/masking/detectors/detector-set.ts";
import { DETECTORS as NAMES } from "../../src/masking/detectors/finding.ts";
import type { Bench } from "../bench.ts";
import { columns, short } from "../numbers.ts";
import type { Samples } from "../samples.ts";

/** Its series are this, a comma and the column. */
export const DETECTORS = "detectors";
const WITHOUT = "rows/s, without";
const WITH = "rows/s, with";
const ROWS_PER_COLUMN = 1_000;

const COLUMNS: Readonly<Record<string, (row: number) => string>> = {
  "names, 13 bytes": (row) => ["Ada Lovelace", "Jürgen Fischer", "Mei Chen", "Noah O'Brien"][row % 4] ?? "",
  "prose, 120 bytes": (row) =>
    `The customer asked for ${["two", "three"][row % 2]} desk lamps and a coffee grinder, to be delivered on Tuesday before noon if possible`,
  "numbers, 7 bytes": (row) => String(1_000_000 + row * 37),
  UUIDs: (row) => `550e8400-e29b-41d4-a716-${(446_655_440_000 + row).toString(16).padStart(12, "0")}`,
  "timestamps as text": (row) => `2026-01-15 10:${10 + (row % 50)}:07.${100_000 + row}+00`,
  "JSON, 100 bytes": (row) =>
    `{"id": ${row}, "name": "desk lamp", "price": 19.99, "tags": ["a", "b"], "at": "2026-01-15T10:30:00Z"}`,
  "SHA-256": (row) => (row * 2_654_435_761).toString(16).padStart(16, "9").repeat(4),
  "mails: each a finding": (row) => `customer${row}@example.com`,
  "cards: each a finding": () => "4111 1111 1111 1111",
};

export function detectors({ options, samples, say }: Bench): Promise<void> {
  say(DETECTORS);
  const on = new Set(NAMES.filter((name) => CATALOGUE[name].isOnByDefault));
  const set = new DetectorSet({ rate: 1, mask: "cell", cellBytes: 65_536, on });
  const durationMs = options.quick ? 5 : 300;
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    for (const [name, make] of Object.entries(COLUMNS)) {
      const rows = Array.from({ length: ROWS_PER_COLUMN }, (_, row) => dataRow(make(row)));
      const series = `${DETECTORS}, ${name}`;
      samples.add(
        series,
        WITHOUT,
        "node",
        rowsPerSecond(rows, durationMs, (cell) => cell.length),
      );
      samples.add(
        series,
        WITH,
        "node",
        rowsPerSecond(rows, durationMs, (cell) => set.scan(cell).length),
      );
    }
  }
  return Promise.resolve();
}

/** DataRow (B) with one column. */
function dataRow(text: string): Uint8Array {
  const value = Buffer.from(text);
  const message = Buffer.alloc(11 + value.length);
  message.write("D", 0, "latin1");
  message.writeInt32BE(10 + value.length, 1);
  message.writeInt16BE(1, 5);
  message.writeInt32BE(value.length, 7);
  value.copy(message, 11);
  return message;
}

function rowsPerSecond(rows: readonly Uint8Array[], durationMs: number, look: (cell: Uint8Array) => number): number {
  let [seen, sum] = [0, 0];
  const startMs = performance.now();
  let elapsedMs = 0;
  while (elapsedMs < durationMs) {
    for (const row of rows) sum += look(cellOf(row));
    seen += rows.length;
    elapsedMs = performance.now() - startMs;
  }
  if (sum < 0) throw new Error("a scan without a result"); // the sum is used, or it would not be computed
  return (seen * 1_000) / elapsedMs;
}

function cellOf(row: Uint8Array): Uint8Array {
  const length = ((row[7] ?? 0) << 24) | ((row[8] ?? 0) << 16) | ((row[9] ?? 0) << 8) | (row[10] ?? 0);
  return row.subarray(11, 11 + length);
}

/** A line for each column; empty where the row did not run. */
export function detectorsTable(samples: Samples): string {
  const lines = samples.seriesWith(WITH).map((series) => {
    const [without, scanned] = [WITHOUT, WITH].map((metric) => samples.median(series, metric, "node") ?? Number.NaN);
    const added = 1e9 / (scanned ?? Number.NaN) - 1e9 / (without ?? Number.NaN);
    return [series, short(without ?? Number.NaN), short(scanned ?? Number.NaN), short(added)];
  });
  return lines.length === 0
    ? ""
    : columns([["a column of text, this process", WITHOUT, WITH, "ns added a cell"], ...lines]);
}
