/** What src/analysis believes of PostgreSQL, compared with the servers: functions that change nothing, words and codes of errors, what is a statement at all. */

import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadParser, type Parser } from "../../src/analysis/parser.ts";
import { HARMLESS_VOLATILE_FUNCTIONS, STABLE_FUNCTIONS } from "../../src/analysis/pure-functions.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

/** Texts with one error each, of all kinds that the scanner and the grammar know. */
const ERRORS = [
  "selec 1",
  "select 1 from from",
  "select 'é😀', x from from",
  "select 1 +",
  "select (1",
  "select 'open",
  'select "open',
  "select $$open",
  "select /* open",
  "select E'open",
  "select b'1",
  'select ""',
  "select U&'\\zzzz'",
  "select U&'\\D800'",
  "select U&'a' uescape '+'",
  "select E'\\uD800'",
  "select E'\\xff'",
  "select E'\\u12'",
  "select 1 union select 2 order by 1 union select 3",
  "select * from (select 1) limit 1, 2",
  "select * from t limit 1 limit 2",
  "select 1 fetch first 1 rows with ties",
  "select a.*.b from a",
  "select f(*, 1)",
  "select f(variadic 1, 2)",
  "insert into t values (1) on conflict do update",
  "create role none",
  "create assertion a check (true)",
  "create table t (a int) with oids",
  "create aggregate a (out int) (sfunc = f)",
  "create table t (a float(0))",
  "create table t (a float(54))",
  "alter type t alter attribute a type int cascade restrict",
  "create trigger t before insert or insert on t execute function f()",
  "create recursive view v (a) as select 1 with check option",
  "select interval(3) '1' day(2)",
  "select (1,2) overlaps (1)",
  "select x'0g' y z w",
  "select count(distinct *)",
  "alter system set a = b, c d",
  "set session characteristics",
  "create database d.e",
  "copy t from stdin (format",
  "begin read",
  "select @ from t where a = ;",
  "select 1; selec 2",
  "create schema if not exists s create table t (a int)",
  "create table t (a int references u on update set null (a))",
  "alter index i alter column 0 set statistics 1000",
];

describe.each([15, 16, 17, 18] as const)("analysis beside PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let client: pg.Client;
  let parser: Parser;

  beforeAll(async () => {
    [server, parser] = await Promise.all([startPostgres({ version }), loadParser(version)]);
    client = new pg.Client({ connectionString: server.url() });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await server.stop();
    await parser.close();
  });

  const names = (list: string) => list.split(/\s+/).filter(Boolean);

  it("lists as stable only functions that no overload makes volatile", async () => {
    const volatile = await client.query(
      "select distinct proname::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v' and proname = any ($1)",
      [names(STABLE_FUNCTIONS)],
    );

    expect(volatile.rows.map(({ proname }) => proname)).toEqual([]);
  });

  it("lists only functions that exist on some supported server, and names volatile ones apart", async () => {
    const known = await client.query(
      "select distinct proname::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname = any ($1)",
      [names(`${STABLE_FUNCTIONS} ${HARMLESS_VOLATILE_FUNCTIONS}`)],
    );
    const overlap = names(HARMLESS_VOLATILE_FUNCTIONS).filter((name) => names(STABLE_FUNCTIONS).includes(name));

    expect(overlap).toEqual([]);
    // Each server lacks what newer ones have and has what they dropped.
    expect(known.rowCount).toBeGreaterThan(names(STABLE_FUNCTIONS).length * 0.9);
  });

  /** What the server says of a text that it only parses; null where it gets past its grammar. */
  async function serverError(text: string) {
    try {
      await client.query(`begin; do $postern$ begin raise exception 'parsed'; end $postern$; ${text}`);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      await client.query("rollback");
      // A simple query is parsed as a whole before its first statement runs.
      if (error.message === "parsed") return null;
      return { sqlstate: error.code, message: error.message, position: error.position };
    }
    throw new Error("the statement that raises has not raised");
  }

  const PREFIX = "begin; do $postern$ begin raise exception 'parsed'; end $postern$; ".length;

  it.each(ERRORS)("says the same of %s", async (text) => {
    const outcome = parser.parse(new TextEncoder().encode(text));
    const expected = await serverError(text);

    if (outcome.ok) throw new Error("the parser finds nothing wrong with it");
    const { sqlstate, message, position } = outcome;
    expect({ sqlstate, message, position: position === undefined ? undefined : String(position + PREFIX) }).toEqual(
      expected,
    );
  });

  /** Seeds, and pieces of them put where they do not belong. */
  function mutatedStatements(): readonly string[] {
    const seeds = [
      "select a, 'x', $1 from t where b in (1, 2) and c like E'%\\n' order by 1 limit 3",
      "insert into t (a, b) values (1, $$x$$), (2, null) on conflict (a) do update set b = excluded.b returning *",
      "with x as (update t set a = a + 1 returning a) select count(*) filter (where a > 1) from x",
      "begin; set local x.y = 'z'; declare c cursor for select 1; fetch 1 c; commit",
      "copy t (a) from stdin (format csv, header); explain (analyze, format json) select 1",
      "create function f(int) returns int language sql begin atomic select 1; select $1; end; do $$ begin end $$",
      "select 1 /* ; */ ; -- ;\n select ';' ; select \"a;\" from t",
    ];
    const pieces = seeds
      .join(" ")
      .split(/(\s+|[(),;'$]|\b)/)
      .filter(Boolean);
    const edit = fc.tuple(fc.nat(120), fc.nat(3), fc.constantFrom(...pieces));
    const text = fc
      .tuple(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 3 }))
      .map(([seed, edits]) =>
        edits.reduce((so, [at, cut, piece]) => so.slice(0, at) + piece + so.slice(at + cut), seed),
      );
    return fc.sample(text, { numRuns: 1_500, seed: version });
  }

  // libpg-query is a little wider: it takes $1 where PostgreSQL wants a string, and 15's knows no junk behind numbers. What it
  // lets through is forwarded as it is and refused there, in the same words.
  const ONLY_SERVER_REFUSES = /^trailing junk after|at or near "\$\d/;

  it("refuses nothing that the server accepts, and lets the server refuse only what is known", async () => {
    const differences: string[] = [];
    let accepted = 0;
    for (const sample of mutatedStatements()) {
      const outcome = parser.parse(new TextEncoder().encode(sample));
      const error = await serverError(sample);
      if (outcome.ok) accepted++;
      if (outcome.ok === (error === null)) continue;
      if (!outcome.ok || !ONLY_SERVER_REFUSES.test(error?.message ?? "")) {
        differences.push(`${sample} -> ${outcome.ok ? "ok" : outcome.message} / ${error?.message ?? "ok"}`);
      }
    }
    expect(differences).toEqual([]);
    expect(accepted).toBeGreaterThan(200);
  });

  it("ends statements where the server does: each part is one statement to it", async () => {
    // Parse in a failed transaction: 42601 for anything but one statement, otherwise 25P02, and nothing runs.
    let parsed = 0;
    const verdict = async (part: string) => {
      await client.query("begin; select 1/0").catch(() => {});
      try {
        await client.query({ text: part, name: `part ${++parsed}` });
        return "transaction control";
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error;
        return error.code === "42601" ? error.message : "one statement";
      } finally {
        await client.query("rollback");
      }
    };
    const wrong: string[] = [];
    let several = 0;
    for (const sample of mutatedStatements()) {
      const source = new TextEncoder().encode(sample);
      const outcome = parser.parse(source);
      if (!outcome.ok) continue;
      if (outcome.statements.length > 1) several++;
      for (const { startByte, endByte } of outcome.statements) {
        const part = new TextDecoder().decode(source.subarray(startByte, endByte));
        const said = await verdict(part);
        if (!/^(one statement|transaction control)$/.test(said) && !ONLY_SERVER_REFUSES.test(said)) {
          wrong.push(`${part} -> ${said}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(several).toBeGreaterThan(100);
  });
});
