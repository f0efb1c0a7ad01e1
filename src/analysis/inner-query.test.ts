import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import { sameTree } from "./inner-query.ts";
import { loadParser, type Parser } from "./parser.ts";

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});

function parse(major: Major, text: string) {
  const outcome = parsers.get(major)!.parse(new TextEncoder().encode(text));
  if (!outcome.ok) throw new Error(`${outcome.message}: ${text}`);
  return outcome.statements;
}

/** The text of the inner query of the last statement. */
function inside(major: Major, text: string): string | undefined {
  const inner = parse(major, text).at(-1)?.inner;
  if (inner === undefined) return undefined;
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(inner.startByte, inner.endByte));
}

/** Statement, how the query is in it, the query. */
const QUERIES: readonly (readonly [string, string, string])[] = [
  ["explain select 1", "explain", "select 1"],
  ["EXPLAIN ANALYZE VERBOSE SELECT a FROM t;", "explain", "SELECT a FROM t"],
  ["explain analyse update t set a = 1", "explain", "update t set a = 1"],
  ["explain (analyze, buffers off, format json) delete from t", "explain", "delete from t"],
  ["explain (select 1)", "explain", "(select 1)"],
  ["explain (select 1) union (select 2)", "explain", "(select 1) union (select 2)"],
  ["explain (analyze) (select 1)", "explain", "(select 1)"],
  ["explain ((select 1))", "explain", "((select 1))"],
  ["explain verbose (select ')') order by 1", "explain", "(select ')') order by 1"],
  ["explain (verbose) values (1), (2)", "explain", "values (1), (2)"],
  ["explain table t", "explain", "table t"],
  [
    "explain with a as (insert into t values (1) returning *) select * from a",
    "explain",
    "with a as (insert into t values (1) returning *) select * from a",
  ],
  [
    "explain merge into t using s on t.a = s.a when matched then delete",
    "explain",
    "merge into t using s on t.a = s.a when matched then delete",
  ],
  ["explain /* select 0 */ -- select 1\n select 2 /* tail */ ;", "explain", "select 2 /* tail */"],
  [
    "explain select 'explain select 1', $$explain analyze delete from t$$",
    "explain",
    "select 'explain select 1', $$explain analyze delete from t$$",
  ],
  ["explain select $1", "explain", "select $1"],
  ["explain analyze create table x as select 1 with no data", "explain", "select 1"],
  ["explain create materialized view x as select 1", "explain", "select 1"],
  ['explain (costs off) create table "as select" as select 2', "explain", "select 2"],
  ["explain declare c cursor for select 3", "explain", "select 3"],
  ["declare c cursor for select 1", "declare", "select 1"],
  ['declare "for select" no scroll cursor with hold for (select 2)', "declare", "(select 2)"],
  ["declare cursor cursor for select a from t for update", "declare", "select a from t for update"],
  ["declare c insensitive cursor without hold for values (1)", "declare", "values (1)"],
  ["prepare p as select $1", "prepare", "select $1"],
  ['prepare "as" (int, numeric(3, 2), "my as"[]) as insert into t values ($1)', "prepare", "insert into t values ($1)"],
  ["create table x as select 1", "ctas", "select 1"],
  [
    "create temp table if not exists x (a, b) with (fillfactor = 10) on commit drop as table t with data",
    "ctas",
    "table t",
  ],
  ["create unlogged table x with (autovacuum_enabled = as) as select 1", "ctas", "select 1"],
  ["create table x as with a as (select 1) select * from a", "ctas", "with a as (select 1) select * from a"],
  [
    "create table x as (with a as (select 1) select * from a) with no data",
    "ctas",
    "(with a as (select 1) select * from a)",
  ],
  ["create table x as select a::timestamp with time zone from t", "ctas", "select a::timestamp with time zone from t"],
  ["create table x as values (1) with /* no */ data", "ctas", "values (1)"],
  ['create table x as select 1 as "with data"', "ctas", 'select 1 as "with data"'],
  ["create materialized view x using heap as select 1 with no data", "matview", "select 1"],
  ["create materialized view if not exists s.x (a) as select 'as'", "matview", "select 'as'"],
  ["create view v as select 1", "view", "select 1"],
  ['create or replace temp view "as select 0" (a, "as") with (security_barrier) as select 1, 2', "view", "select 1, 2"],
  ["create view v as select * from t with check option", "view", "select * from t"],
  ["create view v as select * from t with local check option", "view", "select * from t"],
  [
    "create view v as select * from t where a in (with x as (select 1) select * from x)",
    "view",
    "select * from t where a in (with x as (select 1) select * from x)",
  ],
  ["create view v as select * from t with cascaded check option", "view", "select * from t"],
  ['create view U&"d\\0061t" as select 1', "view", "select 1"],
  ["copy (select 1) to stdout", "copy", "select 1"],
  ["copy ( (select ')') ) to stdout (format csv)", "copy", "(select ')')"],
  [
    "copy (with a as (delete from t returning *) select * from a) to stdout",
    "copy",
    "with a as (delete from t returning *) select * from a",
  ],
  ["copy(insert into t values ($$)$$) returning a)to stdout", "copy", "insert into t values ($$)$$) returning a"],
  ["/* é😀 */ select 'é'; explain /*ü*/ select '日本' -- é", "explain", "select '日本' -- é"],
  ['copy (select E\'\\\')\', "as)" from "é)") to stdout', "copy", 'select E\'\\\')\', "as)" from "é)"'],
  [
    "explain select a /* as */ , /* nested /* ( */ */ b from t",
    "explain",
    "select a /* as */ , /* nested /* ( */ */ b from t",
  ],
];

/** Statements without an inner query of their own. */
const NONE: readonly string[] = [
  "explain execute p(1)",
  "create table x as execute p",
  "explain create table x as execute p",
  "copy t to stdout",
  "copy t (a, b) from stdin",
  "select 'explain select 1'",
  "create table x (a int)",
  "create rule r as on insert to t do also insert into u values (1)",
  "create function f() returns int language sql begin atomic select 1; end",
  "create schema s",
];

describe.each(MAJORS)("the query inside a statement of PostgreSQL %i", (major) => {
  it.each(QUERIES)("of %j (%s) is %j", (text, by, query) => {
    expect(inside(major, text)?.trim()).toBe(query);
    expect(parse(major, text).at(-1)).toMatchObject({ inner: { by }, optimisable: false });
  });

  it.each(QUERIES)("of %j is one statement that prints a tree alone", (text) => {
    const [only, ...others] = parse(major, inside(major, text) ?? "");

    expect(others).toEqual([]);
    expect(only).toMatchObject({ optimisable: true });
  });

  it.each(NONE)("is absent from %j, which is judged otherwise", (text) => {
    const statement = parse(major, text).at(-1);

    expect(statement?.inner).toBeUndefined();
    expect(statement?.undecided).toBeUndefined();
  });

  it("names the types of PREPARE's parameters", () => {
    const [statement] = parse(major, 'prepare p (int, text[], s."T y", numeric(3, 2)) as select $1');

    expect(statement?.inner?.parameterTypes).toEqual([
      '"pg_catalog"."int4"',
      '"text"[]',
      '"s"."T y"',
      '"pg_catalog"."numeric"',
    ]);
  });

  it("is not taken from a recursive view, whose tree is another than that of its text", () => {
    const [statement] = parse(major, "create recursive view v (a) as select 1 union all select a + 1 from v");

    expect(statement).toMatchObject({ undecided: "inner" });
    expect(statement?.targets).toBeUndefined();
  });

  it.each([
    "select a into x from t",
    "explain analyze select a into x from t",
    "prepare p as select a into x from t",
    "declare c cursor for select a into x from t",
    "create view v as select 1 into x",
  ])("is denied where it is SELECT INTO: %s", (text) => {
    const [statement] = parse(major, text);

    expect(statement).toMatchObject({ optimisable: false, undecided: "selectInto" });
    expect(statement?.inner).toBeUndefined();
  });
});

/** Where a space may be. */
const gap = fc.constantFrom(
  " ",
  "\n\t",
  " /* as select ( */ ",
  " -- for ) with data\n",
  "/*é /* nested ' */ \"*/ ",
  " /**/ ",
);
/** Names that look like what comes before or behind the query. */
const name = fc.constantFrom(
  '"as"',
  '"as select"',
  '"for ""select"""',
  '") to stdout"',
  "a",
  "data",
  '"with data"',
  '"é😀"',
  'U&"\\0061s"',
);
const query = fc
  .tuple(name, name, gap, fc.constantFrom("'as ('", "$$ for ) $$", "$x$ ; $x$", "E'\\' with data'", "1", "$1"))
  .map(
    ([column, table, space, value]) => `select${space}${value} as ${column},${space}(a)${space}from${space}${table}`,
  );
const template = fc.constantFrom<(name: string, query: string, gap: string) => string>(
  (_, q, s) => `explain${s}${q}`,
  (_, q, s) => `explain${s}(verbose, costs off)${s}${q}`,
  (n, q, s) => `declare${s}${n} cursor${s}for${s}${q}`,
  (n, q, s) => `prepare ${n}${s}(int)${s}as${s}${q}`,
  (n, q, s) => `create table${s}${n}${s}(${n})${s}as${s}${q}`,
  (n, q, s) => `create temp table ${n} as${s}${q}${s}with${s}no${s}data`,
  (n, q, s) => `create materialized view ${n} as${s}${q}${s}with data`,
  (n, q, s) => `create view${s}${n} (${n})${s}as${s}${q}${s}with local check option`,
  (_, q, s) => `copy${s}(${s}${q}${s})${s}to stdout`,
);

describe("a query inside a statement of any spacing and any names", () => {
  it("is found, with at most comments around it", () => {
    fc.assert(
      fc.property(template, name, query, gap, (statement, named, asked, space) => {
        const text = `/* é */ ; ${statement(named, asked, space)};`;
        const found = inside(18, text) ?? "";

        expect(found).toContain(asked);
        expect(parse(18, found)).toHaveLength(1);
        expect(parse(18, found)[0]?.fingerprint).toBe(parse(18, asked)[0]?.fingerprint);
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });
});

describe("two trees", () => {
  it("are the same but for where their tokens stand", () => {
    expect(sameTree({ a: [{ b: 1, location: 4 }] }, { a: [{ b: 1 }] })).toBe(true);
    expect(sameTree({ a: 1, rexpr_list_end: 2 }, { a: 1, rexpr_list_end: 9 })).toBe(true);
  });

  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, {}],
    [{}, { a: 1 }],
    [{ a: [1] }, { a: [1, 2] }],
    [{ a: [] }, { a: {} }],
    [{ a: null }, { a: {} }],
    [{ location: "/one" }, { location: "/other" }],
    [{ location: 1 }, { location: "/other" }],
    [{ location: "/one" }, {}],
    ["a", "b"],
  ])("differ: %j and %j", (one, other) => {
    expect(sameTree(one, other)).toBe(false);
  });
});
