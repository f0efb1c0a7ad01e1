import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import type { ParsedStatement } from "./parsed-statement.ts";
import { loadParser, type Parser } from "./parser.ts";
import { MAX_REFERENCES, type RelationReference, type StatementReferences } from "./references.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const parsers = new Map<Major, Parser>();
beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});
afterAll(async () => {
  for (const parser of parsers.values()) await parser.close();
});

function statements(major: Major, text: string): readonly ParsedStatement[] {
  const outcome = parsers.get(major)!.parse(encode(text));
  if (!outcome.ok) throw new Error(`${outcome.message}: ${text}`);
  return outcome.statements;
}

function references(major: Major, text: string): StatementReferences {
  const [first] = statements(major, text);
  if (first?.references === undefined) throw new Error(`no references: ${text}`);
  return first.references;
}

/** `place name alias`, and the bytes of both. */
function shown(text: string, reference: RelationReference): string {
  const { name, place, alias, startByte, endByte, aliasEndByte, sampled } = reference;
  const cut = (from: number, to: number) => new TextDecoder().decode(encode(text).subarray(from, to));
  const flags = [reference.shadowed ? "shadowed" : "", reference.only ? "only" : "", reference.twin ? "twin" : ""];
  const sample = sampled === null ? "" : cut(sampled.startByte, sampled.endByte);
  const parts = [
    place,
    name.join("."),
    alias ?? "-",
    `[${cut(startByte, endByte)}|${cut(endByte, aliasEndByte)}|${sample}]`,
  ];
  return [...parts, ...flags].filter((part) => part !== "").join(" ");
}

const FORMS: readonly (readonly [string, readonly string[]])[] = [
  ["SELECT 'é' FROM s . T AS X (a)", ["from s.t x [s . T| AS X (a)|]"]],
  ["TABLE ONLY (t)", ["table t - [TABLE ONLY (t)||] only"]],
  [
    "SELECT 1 FROM t * x TABLESAMPLE f (1) REPEATABLE (2), u",
    ["from t x [t *| x|TABLESAMPLE f (1) REPEATABLE (2)]", "from u - [u||]"],
  ],
  ["SELECT 1 FROM a.t, b.t, b.t x", ["from a.t - [a.t||] twin", "from b.t - [b.t||] twin", "from b.t x [b.t| x|]"]],
  ["WITH t AS (TABLE t) TABLE t", ["table t - [TABLE t||]", "table t - [TABLE t||] shadowed"]],
  ["INSERT INTO t AS x SELECT 1 FROM u", ["target t x [t| AS x|]", "from u - [u||]"]],
  ["UPDATE ONLY t x SET a = 1 FROM u", ["target t x [ONLY t| x|] only", "from u - [u||]"]],
  ["DELETE FROM t USING ONLY u", ["target t - [t||]", "from u - [ONLY u||] only"]],
  ["MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", ["target t - [t||]", "from u - [u||]"]],
  ["COPY s.t (a) TO STDOUT", ["other s.t - [s.t||]"]],
  ["LOCK TABLE t, ONLY u", ["other t - [t||]", "other u - [ONLY u||] only"]],
  ["CREATE VIEW v AS TABLE t", ["other v - [v||]", "table t - [TABLE t||]"]],
  ["SELECT 1 INTO TABLE x FROM t", ["other x - [x||]", "from t - [t||]"]],
  ["SELECT 1 FROM t FOR UPDATE OF t", ["from t - [t||]"]],
  ["EXPLAIN SELECT * FROM (t CROSS JOIN u) AS j", ["from t - [t||]", "from u - [u||]"]],
];

describe.each(MAJORS)("the references of a statement, by the grammar of PostgreSQL %i", (major) => {
  it.each(FORMS)("have names and bytes: %s", (text, expected) => {
    const { relations } = references(major, text);

    expect(relations.map((reference) => shown(text, reference))).toEqual(expected);
    expect(relations.every(({ proved }) => proved)).toBe(true);
  });

  it("are those of the statement, in bytes of the whole text", () => {
    const text = "SELECT 'é'; TABLE t; SELECT s.é.a FROM s.é";
    const [first, second, third] = statements(major, text);

    expect(first?.references).toBeUndefined();
    expect(second?.references?.relations).toMatchObject([{ startByte: 13, endByte: 20 }]);
    expect(third?.references?.columns).toMatchObject([
      { parts: ["s", "é", "a"], startByte: 29, endByte: 31, relations: [0] },
    ]);
  });

  it("tell which system columns may be meant, and what would show a column more", () => {
    expect(references(major, "SELECT CTID, t.xmin FROM t")).toMatchObject({
      systemColumns: ["ctid", "xmin"],
      star: false,
      natural: false,
      wholeRows: [],
    });
    for (const text of ["SELECT * FROM t", "TABLE t", "SELECT t.* FROM t", "SELECT f(t.*) FROM t"]) {
      expect(references(major, text).star).toBe(true);
    }
    expect(references(major, "SELECT count(*) FROM t NATURAL JOIN u")).toMatchObject({ star: false, natural: true });
    expect(references(major, "SELECT t, f(x.*), u.*, w FROM t, t x, u").wholeRows.toSorted()).toEqual(["t", "x"]);
  });

  it("have names that are cut as the grammar cuts them", () => {
    const relation = `${"x".repeat(62)}é`;

    expect(references(major, `SELECT 1 FROM ${relation}`).relations).toMatchObject([
      { name: ["x".repeat(62)], proved: true },
    ]);
  });

  it("are not all listed where there are too many", () => {
    const many = Array.from({ length: MAX_REFERENCES + 1 }, (_, i) => `t${i}`);
    const few = many.slice(1);

    expect(references(major, `SELECT 1 FROM ${few.join(",")}`)).toMatchObject({ complete: true });
    expect(references(major, `SELECT 1 FROM ${many.join(",")}`)).toMatchObject({ complete: false });
    expect(references(major, `SELECT ${"a.b.c,".repeat(MAX_REFERENCES + 1)} 1 FROM t`)).toMatchObject({
      complete: false,
    });
    const queries = few.slice(0, 280).map((name) => `${name} AS (TABLE t)`);
    expect(references(major, `WITH ${queries.join(",")} TABLE t0`).complete).toBe(true);
  });

  it("are found in a text as deep as a text may be", () => {
    const sums = `SELECT ${"1+".repeat(900)}1 FROM t`;
    const unions = `TABLE t${" UNION TABLE t".repeat(500)}`;
    const joins = `SELECT 1 FROM t${Array.from({ length: 300 }, (_, i) => ` CROSS JOIN t t${i}`).join("")}`;

    expect(references(major, sums).relations).toHaveLength(1);
    expect(references(major, unions).relations).toHaveLength(501);
    expect(references(major, joins).relations).toHaveLength(301);
  });
});
