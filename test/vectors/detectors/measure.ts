/** Recall and precision of the detectors on the vectors beside this file, and the table of docs/reference/detectors.md made of them. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { CATALOGUE } from "../../../src/masking/detectors/catalogue.ts";
import { DetectorSet } from "../../../src/masking/detectors/detector-set.ts";
import { DETECTORS, type DetectorName, type Finding } from "../../../src/masking/detectors/finding.ts";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));

const Line = z.strictObject({
  why: z.string().optional(),
  cell: z.string(),
  find: z.partialRecord(z.enum(DETECTORS), z.array(z.string().min(1))),
});

export interface Vector {
  readonly file: string;
  readonly why: string;
  readonly cell: Uint8Array;
  readonly expected: readonly Expected[];
}

export interface Expected {
  readonly detector: DetectorName;
  readonly start: number;
  readonly end: number;
}

export const VECTORS: readonly Vector[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".jsonl"))
  .sort()
  .flatMap((file) =>
    readFileSync(`${FOLDER}${file}`, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => vectorOf(file, Line.parse(JSON.parse(line)))),
  );

function vectorOf(file: string, { cell, why, find }: z.infer<typeof Line>): Vector {
  const bytes = Buffer.from(cell);
  const expected = DETECTORS.flatMap((detector) => {
    let from = 0;
    return (find[detector] ?? []).map((text) => {
      const start = bytes.indexOf(text, from);
      if (start < 0) throw new Error(`${file}: the cell does not hold ${text}`);
      from = start + Buffer.byteLength(text);
      return { detector, start, end: from };
    });
  });
  return { file, why: why ?? "", cell: bytes, expected };
}

export const EVERYTHING = new DetectorSet({ rate: 1, mask: "finding", cellBytes: 1 << 20, on: new Set(DETECTORS) });

/** What is found with every detector on. */
export const FOUND: ReadonlyMap<Vector, readonly Finding[]> = new Map(
  VECTORS.map((vector) => [vector, EVERYTHING.scan(vector.cell)]),
);

export interface Measured {
  readonly detector: DetectorName;
  /** Texts to be found; those of which every byte was found. */
  readonly expected: number;
  readonly found: number;
  /** Cells of its own file that hold none, and cells of all files. */
  readonly negatives: number;
  /** Findings in any cell of any file where none of its kind was to be found. */
  readonly wrong: number;
  readonly missed: readonly string[];
  readonly mistaken: readonly string[];
}

export function measure(detector: DetectorName): Measured {
  const missed: string[] = [];
  const mistaken: string[] = [];
  let [expected, negatives] = [0, 0];
  for (const vector of VECTORS) {
    const text = Buffer.from(vector.cell).toString("utf8");
    const due = vector.expected.filter((one) => one.detector === detector);
    const findings = (FOUND.get(vector) ?? []).filter((one) => one.detector === detector);
    expected += due.length;
    if (due.length === 0 && vector.file === `${detector}.jsonl`) negatives++;
    for (const one of due) if (!findings.some(({ start, end }) => start <= one.start && end >= one.end)) missed.push(text);
    for (const one of findings)
      if (!due.some(({ start, end }) => one.start < end && one.end > start)) mistaken.push(`${vector.file}: ${text}`);
  }
  return { detector, expected, found: expected - missed.length, negatives, wrong: mistaken.length, missed, mistaken };
}

/** One row of the documentation's table. */
export function documentedRow({ detector, expected, found, wrong }: Measured): readonly string[] {
  const { finds, validator, threshold, cost, label, isOnByDefault } = CATALOGUE[detector];
  return [
    `\`${detector}\``,
    isOnByDefault ? "on" : "off",
    finds,
    validator,
    String(threshold),
    cost,
    `\`${label}\``,
    percent(found, expected),
    percent(found, found + wrong),
  ];
}

/** One digit behind the point, downwards: 99.96 % are not 100. */
export function percent(part: number, whole: number): string {
  return `${(Math.floor((1000 * part) / whole) / 10).toFixed(1)} %`;
}
