import { beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import { loadParser, type Parser } from "./parser.ts";

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});

function only(major: Major, text: string) {
  const outcome = parsers.get(major)!.parse(new TextEncoder().encode(text));
  if (!outcome.ok) throw new Error(`${outcome.message}: ${text}`);
  expect(outcome.statements).toHaveLength(1);
  return outcome.statements[0]!;
}

/** Statement, class, durability. */
const STATEMENTS: readonly (readonly [string, string, string])[] = [
  ["select 1", "read", "read"],
  ["values (1), (2)", "read", "read"],
  ["table t", "read", "read"],
  ["select count(*), max(a), now(), coalesce(b, 'x') from t group by 1 having sum(c) > 1", "read", "read"],
  ["select pg_catalog.lower(a), current_user, extract(year from b), c at time zone 'UTC' from t", "read", "read"],
  ["select * from information_schema._pg_expandarray(array[1])", "read", "read"],
  ["select set_config('search_path', '', false)", "read", "read"],
  ["select pg_sleep(1)", "read", "read"],
  ["select pg_advisory_unlock_all()", "read", "read"],
  ["select a from t for update", "read", "write"],
  ["select (select a from t limit 1 for share)", "read", "write"],
  ["select nextval('s')", "read", "write"],
  ["select 1 where exists (select from f(1))", "read", "write"],
  ["select public.lower('x')", "read", "write"],
  ["select pg_notify('a', 'b')", "read", "write"],
  ["select lo_unlink(1)", "read", "write"],
  ["select pg_terminate_backend(1)", "read", "write"],
  ["select query_to_xml('select 1', true, true, '')", "read", "write"],
  ["with a as (delete from t returning *) select * from a", "write", "write"],
  ["with a as (with b as (insert into t values (1) returning *) select * from b) select * from a", "write", "write"],
  ["select a into u from t", "define", "write"],
  ["select 1 union select 2 union select 3", "read", "read"],
  ["insert into t values (1)", "write", "write"],
  ["update t set a = 1", "write", "write"],
  ["delete from t", "write", "write"],
  ["merge into t using s on t.a = s.a when matched then delete", "write", "write"],
  ["truncate t", "write", "write"],
  ["create table t (a int)", "define", "write"],
  ["create table t as select 1", "define", "write"],
  ["create table t as execute p", "define", "write"],
  ["create view v as select 1", "define", "write"],
  ["create index on t (a)", "define", "write"],
  ["alter table t add b int", "define", "write"],
  ["drop table t", "define", "write"],
  ["grant select on t to r", "define", "write"],
  ["grant a to b", "define", "write"],
  ["comment on table t is 'x'", "define", "write"],
  ["alter system set work_mem = '1MB'", "define", "write"],
  ["alter role r set search_path = a", "define", "write"],
  ["create role r", "define", "write"],
  ["create extension e", "define", "write"],
  ["create schema s", "define", "write"],
  ["security label on table t is 'x'", "define", "write"],
  ["alter table t rename to u", "define", "write"],
  ["set a.b = 1", "session", "read"],
  ["show all", "session", "read"],
  ["reset all", "session", "read"],
  ["discard all", "session", "read"],
  ["set constraints all deferred", "session", "read"],
  ["set constraints all immediate", "session", "write"],
  ["begin", "transaction", "read"],
  ["commit", "transaction", "read"],
  ["prepare transaction 'x'", "transaction", "write"],
  ["commit prepared 'x'", "transaction", "write"],
  ["copy t to stdout", "copyOut", "read"],
  ["copy (select 1) to stdout", "copyOut", "read"],
  ["copy (select nextval('s')) to stdout", "copyOut", "write"],
  ["copy (delete from t returning *) to stdout", "copyOut", "write"],
  ["copy t to '/tmp/x'", "copyOut", "write"],
  ["copy t to program 'cat'", "copyOut", "write"],
  ["copy t from stdin", "copyIn", "write"],
  ["declare c cursor for select 1", "cursor", "read"],
  ["declare c cursor for select f()", "cursor", "write"],
  ["declare c cursor for select a from t for update", "cursor", "write"],
  ["fetch all from c", "cursor", "read"],
  ["move c", "cursor", "read"],
  ["close c", "cursor", "read"],
  ["prepare p as insert into t values (1)", "prepared", "read"],
  ["execute p", "prepared", "execute"],
  ["execute p(nextval('s'))", "prepared", "write"],
  ["deallocate p", "prepared", "read"],
  ["listen a", "listen", "read"],
  ["unlisten *", "listen", "read"],
  ["notify a", "notify", "write"],
  ["explain select nextval('s')", "explain", "read"],
  ["explain delete from t", "explain", "read"],
  ["explain analyze select 1", "explain", "read"],
  ["explain analyze select nextval('s')", "explain", "write"],
  ["explain analyze delete from t", "explain", "write"],
  ["explain (analyze false) delete from t", "explain", "read"],
  ["explain (analyze off, analyze) delete from t", "explain", "write"],
  ["explain (analyze 0, verbose) delete from t", "explain", "read"],
  ["explain (analyze maybe) delete from t", "explain", "write"],
  ["explain (analyze) execute p", "explain", "execute"],
  ["explain execute p", "explain", "read"],
  ["explain analyze create table t as select 1", "explain", "write"],
  ["lock table t", "lock", "read"],
  ["call p()", "call", "write"],
  ["do 'x'", "call", "write"],
  ["vacuum", "maintain", "write"],
  ["analyze t", "maintain", "write"],
  ["reindex table t", "maintain", "write"],
  ["refresh materialized view v", "maintain", "write"],
  ["checkpoint", "maintain", "write"],
  ["load 'x'", "maintain", "write"],
  ["cluster", "maintain", "write"],
];

describe.each(MAJORS)("a statement on PostgreSQL %i", (major) => {
  it.each(STATEMENTS)("%s: %s, durable as a %s", (text, expectedClass, durability) => {
    const statement = only(major, text);

    expect([statement.class, statement.durability]).toEqual([expectedClass, durability]);
  });

  it("knows of EXPLAIN what is explained, and of PREPARE what is prepared", () => {
    expect(only(major, "explain analyze update t set a = 1").explain).toEqual({
      analyze: true,
      innerNode: "UpdateStmt",
      innerClass: "write",
    });
    expect(only(major, "explain select 1").explain).toEqual({
      analyze: false,
      innerNode: "SelectStmt",
      innerClass: "read",
    });
    expect(only(major, "prepare p(int) as select $1, nextval('s')").prepared).toEqual({
      kind: "prepare",
      name: "p",
      innerClass: "read",
      innerDurability: "write",
    });
  });

  it("says when durability is a precaution for a function that it does not know", () => {
    expect(only(major, "select f(1)").callsUnknownFunction).toBe(true);
    expect(only(major, "select lower('x')").callsUnknownFunction).toBe(false);
  });
});
