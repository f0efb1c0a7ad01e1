import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Catalog } from "../../analysis/catalog.ts";
import type { DetectorName } from "../detectors/finding.ts";
import { columnText } from "./check.ts";
import { compileLabels } from "./compile.ts";
import { type Proposal, proposalFor, proposalsYaml } from "./proposals.ts";

/** A catalog with one table and one column of text. */
function catalogWith(column: string, table = "t", database = "shop"): Catalog {
  const flags = { owner: "o", rowSecurity: false, hasTriggers: false, hasUserTriggers: false, hasRules: false };
  const shape = { type: 25, notNull: false, generated: "", identity: "", hasDefault: false } as const;
  return new Catalog({
    database,
    serverVersion: 180_000,
    role: "r",
    epoch: "e",
    ...{ schemas: [], functions: [], operators: [] },
    relations: [
      {
        oid: 20_000,
        schema: "s",
        name: table,
        kind: "r",
        ...flags,
        parents: [],
        columns: [{ number: 1, name: column, ...shape }],
      },
    ],
    types: [
      {
        oid: 25,
        schema: "pg_catalog",
        name: "text",
        kind: "b",
        hasChecks: false,
        checks: [],
        input: 0,
        output: 0,
        receive: 0,
        send: 0,
      },
    ],
  });
}

const NAME = { relation: 20_000, column: 1 };
const hits = (...found: readonly (readonly [DetectorName, number])[]) => ({ looked: 10, hits: new Map(found) });

describe("a proposal", () => {
  it("follows what most values look like before what the name says", () => {
    const catalog = catalogWith("email");

    expect(proposalFor(NAME, catalog, null, hits(["phone", 9], ["email", 1]))).toMatchObject({
      label: "pii.phone",
      confidence: "high",
      evidence: ['its name says "email"', "9 of 10 values look like phone", "1 of 10 values look like email"],
    });
    expect(proposalFor(NAME, catalog, null, hits(["phone", 2]))).toMatchObject({
      label: "pii.email",
      confidence: "high",
    });
    expect(proposalFor(NAME, catalog, null, hits())).toMatchObject({ label: "pii.email", confidence: "medium" });
  });

  it("is made for a few values in a column that says nothing, and for none is not", () => {
    const catalog = catalogWith("notes");

    expect(proposalFor(NAME, catalog, null, hits(["card", 1]))).toMatchObject({ label: "pii.card", confidence: "low" });
    expect(proposalFor(NAME, catalog, null, hits())).toBeNull();
    expect(proposalFor(NAME, catalog, "The customer's phone", undefined)).toMatchObject({ label: "pii.phone" });
  });

  it("makes a line that gives its label to its column and to nothing else, whatever the names and the evidence", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 20 }).map((name) => `x${name.toWellFormed()}`);
    fc.assert(
      fc.property(text, text, text, text, (column, table, database, evidence) => {
        const catalog = catalogWith(column, table, database);
        const proposal: Proposal = {
          ...NAME,
          label: "pii.x",
          mask: { mask: "null" },
          confidence: "low",
          evidence: [evidence],
        };

        const { rules, masks } = compileLabels(proposalsYaml([proposal], catalog, new Map()), "labels.yaml", [
          database,
        ]);

        expect(rules.map(({ parts }) => parts.map(({ pieces }) => pieces))).toEqual([
          [[database], ["s"], [table], [column]],
        ]);
        expect(masks.get("pii.x")?.mask).toEqual({ mask: "null" });
      }),
      { seed: 4 },
    );
  });

  it("with another mask than one before it makes a label of its own, and declares none that is there", () => {
    const catalog = catalogWith("x");
    const proposal = { ...NAME, label: "a", confidence: "high", evidence: [] } as const;
    const yaml = proposalsYaml(
      [
        { ...proposal, mask: { mask: "redact" } },
        { ...proposal, mask: { mask: "partial", show: 2, from: "end", fill: "#" } },
      ],
      catalog,
      new Map([["a", { mask: "redact" }]]),
    );

    expect(yaml).toBe(
      'masks:\n  a-2: { mask: partial, show: 2, from: end, fill: "#" }\ndatabases:\n  "shop":\n    columns:\n      "s.t.x": a\n      "s.t.x": a-2\n',
    );
    expect(
      proposalsYaml([{ ...proposal, mask: { mask: "default" } }], catalog, new Map([["a", { mask: "null" }]])),
    ).toBe('databases:\n  "shop":\n    columns:\n      "s.t.x": a\n');
    expect(columnText(NAME, catalog)).toBe("s.t.x");
  });
});
