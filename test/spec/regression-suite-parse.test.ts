/** Every statement of PostgreSQL's own regression suite, of 15 and of 18, under the grammar of every major: analysis survives all of it. */

import { beforeAll, describe, expect, it } from "vitest";
import type { ParsedStatement, ParseFailure } from "../../src/analysis/parsed-statement.ts";
import { INLINE_BYTES, loadParser, type Parser } from "../../src/analysis/parser.ts";
import { regressionSuite, withVariables } from "../support/regression-suite.ts";

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** Each different text once. */
function textsOf(...majors: readonly number[]): readonly string[] {
  const items = majors.flatMap((major) => regressionSuite(major).flatMap((script) => script.items));
  return [...new Set(items.map(({ sql }) => withVariables(sql, NO_VARIABLES)))].filter((sql) => sql !== "");
}

const TEXTS = textsOf(15, 18);

/** Why a statement cannot be judged, and which statements: the sets are exact. */
const UNDECIDED = {
  // What it reads has no text of its own.
  selectInto: ["CopyStmt", "DeclareCursorStmt", "ExplainStmt", "InsertStmt", "SelectStmt", "ViewStmt"],
  // Sub-selects where PostgreSQL takes none, statistics on what is no table, and CREATE SCHEMA with what is in it.
  form: ["CopyStmt", "CreatePublicationStmt", "CreateSchemaStmt", "CreateStatsStmt", "CreateStmt"],
  // CREATE RECURSIVE VIEW: its query is not in its text.
  inner: ["ViewStmt"],
};

describe("the extract of PostgreSQL's regression suite", () => {
  it("holds tens of thousands of statements, and nothing of psql's", () => {
    expect(TEXTS.length).toBeGreaterThan(39_000);
    expect(TEXTS.filter((sql) => /^\s*\\[a-z.]/m.test(sql))).toEqual([]);
  });
});

describe.each([15, 16, 17, 18] as const)("PostgreSQL's regression suite under the grammar of %i", (major) => {
  const statements: ParsedStatement[] = [];
  const failures: (ParseFailure & { readonly sql: string })[] = [];
  const crashes: string[] = [];
  beforeAll(async () => {
    const parser = await loadParser(major);
    for (const sql of TEXTS) {
      try {
        const outcome = await parse(parser, sql);
        if (outcome.ok) statements.push(...outcome.statements);
        else failures.push({ ...outcome, sql });
      } catch (error) {
        crashes.push(`${sql}: ${String(error)}`);
      }
    }
    await parser.close();
  });

  it("never breaks analysis", () => {
    expect(crashes).toEqual([]);
    expect(statements.length).toBeGreaterThan(37_500);
  });

  it("is refused with PostgreSQL's own errors alone, never for its size or depth", () => {
    expect(failures.filter(({ sqlstate }) => /^(54|XX|58)/.test(sqlstate))).toEqual([]);
    expect(failures.length).toBeLessThan(1_400);
  });

  it("has no statement of a class that is not known", () => {
    expect(statements.filter((statement) => statement.class === "unknown").map(({ node }) => node)).toEqual([]);
  });

  it("has only these that cannot be judged", () => {
    const found = new Map<string, Set<string>>();
    for (const { undecided, node } of statements) {
      if (undecided === undefined) continue;
      found.set(undecided, (found.get(undecided) ?? new Set()).add(node));
    }
    const sorted = [...found].map(([why, nodes]) => [why, [...nodes].sort()] as const);
    expect(Object.fromEntries(sorted)).toEqual(UNDECIDED);
  });
});

describe.each([
  [15, 45],
  [18, 51],
] as const)("PostgreSQL %i's own suite", (major, several) => {
  it("is one statement to the parser wherever psql sends one", async () => {
    const parser = await loadParser(major);
    const counts = new Map<number, number>();
    for (const sql of textsOf(major)) {
      const outcome = await parse(parser, sql);
      const count = outcome.ok ? Math.min(outcome.statements.length, 2) : 1;
      counts.set(count, (counts.get(count) ?? 0) + 1);
    }
    await parser.close();

    // psql sends nothing without a statement in it, and several where `\\;` is between them.
    expect([counts.get(0), counts.get(2)]).toEqual([undefined, several]);
  });
});

async function parse(parser: Parser, sql: string): ReturnType<Parser["parseLarge"]> {
  const text = new TextEncoder().encode(sql);
  return text.length > INLINE_BYTES ? parser.parseLarge(text, AbortSignal.timeout(10_000)) : parser.parse(text);
}
