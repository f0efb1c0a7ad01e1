/** Recall and precision on the vectors, and that docs/reference/detectors.md says what was measured. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { tableRows } from "../../../test/support/reference.ts";
import { makeVectors } from "../../../test/vectors/detectors/make.mjs";
import { documentedRow, FOUND, measure, VECTORS } from "../../../test/vectors/detectors/measure.ts";
import { CATALOGUE } from "./catalogue.ts";
import { DetectorSet } from "./detector-set.ts";
import { DETECTORS } from "./finding.ts";
import { DetectorSettings } from "./settings.ts";

/** Of what a detector that is on by default finds in all vectors together. docs/reference/detectors.md states both. */
const LEAST_PRECISION = 0.98;
const LEAST_RECALL = 0.85;
const FEWEST = 200;

function fileOf(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
}

const measured = DETECTORS.map(measure);

describe("the vectors of the detectors", () => {
  it("are what the script makes, to the byte", () => {
    const made = Object.entries(makeVectors());

    expect(made.length).toBe(DETECTORS.length + 1);
    for (const [name, text] of made) expect(fileOf(`../../../test/vectors/detectors/${name}`) === text).toBe(true);
  });

  it.each(measured)("hold 200 cells with and 200 without for $detector", ({ detector, expected, negatives }) => {
    expect(expected, detector).toBeGreaterThanOrEqual(FEWEST);
    expect(negatives, detector).toBeGreaterThanOrEqual(FEWEST);
  });

  it("have hard cases by hand, each with what makes it hard", () => {
    const byHand = VECTORS.filter(({ file }) => file === "hand.jsonl");

    expect(byHand.length).toBeGreaterThan(80);
    expect(byHand.filter(({ why }) => why === "")).toEqual([]);
  });
});

describe("a detector", () => {
  it.each(measured)("$detector finds what it is for", ({ found, expected, missed }) => {
    expect(found / expected, missed.slice(0, 5).join("\n")).toBeGreaterThanOrEqual(LEAST_RECALL);
  });

  it.each(measured)("$detector is off by default where it is not precise", ({ detector, found, wrong, mistaken }) => {
    const isPrecise = found / (found + wrong) >= LEAST_PRECISION;

    expect(isPrecise || !CATALOGUE[detector].isOnByDefault, mistaken.slice(0, 5).join("\n")).toBe(true);
  });
});

describe("the hard cases", () => {
  const byHand = VECTORS.filter(({ file }) => file === "hand.jsonl").map((vector) => ({
    vector,
    why: vector.why,
  }));

  it.each(byHand)("$why", ({ vector }) => {
    const textOf = ({ start, end }: { start: number; end: number }) =>
      Buffer.from(vector.cell.subarray(start, end)).toString("utf8");
    // An address is one also where it stands beside a mail, and off by default.
    const found = (FOUND.get(vector) ?? []).filter(({ detector }) => detector !== "ip-address");

    expect(found.map((one) => `${one.detector} ${textOf(one)}`)).toEqual(
      vector.expected.map((one) => expect.stringMatching(new RegExp(`^${one.detector} `))),
    );
    for (const one of vector.expected)
      expect(found.some(({ start, end }) => start <= one.start && end >= one.end)).toBe(true);
  });
});

describe("text that was not written for detectors", () => {
  const suite = brotliDecompressSync(
    readFileSync(new URL("../../../test/vectors/postgresql-regress/suite.jsonl.br", import.meta.url)),
  ).toString("utf8");
  const byDefault = new DetectorSet(DetectorSettings.parse({ cellBytes: "16MiB" }));

  it("holds few findings, each of them what it is said to be: PostgreSQL's regression suite, 6.6 MB", () => {
    const found = suite.split("\n").flatMap((line) => {
      const cell = Buffer.from(line);
      return byDefault
        .scan(cell)
        .map(({ detector, start, end }) => `${detector} ${cell.subarray(start, end).toString("utf8")}`);
    });

    expect(suite.length).toBeGreaterThan(6_000_000);
    expect([...new Set(found)].sort()).toEqual([
      "connection-string regress_fakepassword",
      "email 123-teodor@stack.net",
      "email 123_teodor@stack.net",
      "email teodor@123-stack.net",
      "email teodor@stack.net",
      "phone +49-8765-43210",
      "phone +81-12-3456-7890",
    ]);
  });
});

describe("docs/reference/detectors.md", () => {
  it("has each detector with what was measured, and no other", () => {
    const written = tableRows(fileOf("../../../docs/reference/detectors.md")).filter((cells) => cells.length === 9);

    expect(written.map((cells) => `| ${cells.join(" | ")} |`)).toEqual(
      measured.map((one) => `| ${documentedRow(one).join(" | ")} |`),
    );
  });

  it("says how many cells were measured, and what is asked for", () => {
    const text = fileOf("../../../docs/reference/detectors.md");

    expect(text).toContain(`${VECTORS.length.toLocaleString("en-US")} cells`);
    expect(text).toContain(`at least ${LEAST_PRECISION * 100} %`);
    expect(text).toContain(`at least ${LEAST_RECALL * 100} %`);
  });
});
