/** What each utility statement asks of policy, as a table: statement and requests. A name that the catalog knows, and one that it does not. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { beforeAll, describe, expect, it } from "vitest";
import { Catalog, type CatalogFunction, type CatalogRelation } from "../../src/analysis/catalog.ts";
import { FunctionRules } from "../../src/analysis/functions.ts";
import { MAJORS, type Major } from "../../src/analysis/grammar.ts";
import { loadParser, type Parser } from "../../src/analysis/parser.ts";
import { type PolicyRequest, resourceText } from "../../src/analysis/requests.ts";
import { utilityRequests } from "../../src/analysis/utility-requests.ts";
import { KNOWN_NODES } from "../../src/analysis/utility-targets.ts";

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});

function relation(oid: number, schema: string, name: string, kind: CatalogRelation["kind"] = "r"): CatalogRelation {
  return {
    oid,
    schema,
    name,
    kind,
    owner: "owner",
    rowSecurity: false,
    hasTriggers: false,
    hasUserTriggers: false,
    hasRules: false,
    parents: [],
    columns: [],
  };
}

function routine(
  oid: number,
  schema: string,
  name: string,
  args: string,
  more: Partial<CatalogFunction> = {},
): CatalogFunction {
  return {
    oid,
    schema,
    name,
    arguments: args,
    argumentTypes: [],
    returns: "integer",
    kind: "f",
    volatility: "v",
    language: "sql",
    securityDefiner: false,
    leakProof: false,
    owner: "owner",
    bodyHash: "00",
    hasDefaults: false,
    configured: false,
    builtIn: schema === "pg_catalog",
    ...more,
  };
}

const type = (oid: number, schema: string, name: string) =>
  ({ oid, schema, name, kind: "b", hasChecks: false, checks: [], input: 0, output: 0, receive: 0, send: 0 }) as const;

const builtIn = (oid: number, name: string, volatility: "i" | "s" | "v") =>
  routine(oid, "pg_catalog", name, "", { volatility, language: "internal" });

const CATALOG = new Catalog({
  database: "db",
  serverVersion: 180000,
  role: "app",
  epoch: "1",
  schemas: ["pg_catalog", "public", "shop", "S p"].map((name, i) => ({
    oid: 1 + i,
    name,
    owner: "owner",
    usable: true,
  })),
  relations: [
    relation(20001, "public", "t"),
    relation(20002, "public", "u"),
    relation(20003, "public", "v", "v"),
    relation(20004, "public", "m", "m"),
    relation(20005, "public", "s", "S"),
    relation(20006, "public", "i", "i"),
    relation(20007, "public", "f", "f"),
    relation(20008, "shop", "t"),
    relation(20009, "shop", "orders", "p"),
    relation(20010, "S p", "Ta.ble"),
    relation(1259, "pg_catalog", "pg_class"),
    relation(1260, "pg_catalog", "pg_authid"),
    relation(20011, "shop", "pg_stat_statements", "v"),
  ],
  functions: [
    routine(21001, "public", "fn", "integer"),
    routine(21002, "public", "fn", "text"),
    routine(21003, "shop", "fn", ""),
    routine(21004, "public", "pr", "integer", { kind: "p", returns: "", language: "plpgsql" }),
    routine(21005, "public", "trg", "", { returns: "trigger" }),
    builtIn(870, "lower", "i"),
    builtIn(1299, "now", "s"),
    builtIn(2624, "pg_read_file", "v"),
  ],
  operators: [],
  types: [type(25, "pg_catalog", "text"), type(22001, "public", "ty"), type(22002, "shop", "dom")],
});

const LISTED = ["public.fn(integer)", "public.fn(text)", "shop.fn()", "public.pr(integer)", "public.trg()"];
const RULES = new FunctionRules(
  CATALOG,
  LISTED.map((signature) => ({ signature, bodyHash: "00" })),
);
const PATH = ["pg_catalog", "public", "shop"];

/** `action resource (columns) [setting or channel]` */
function words(request: PolicyRequest): string {
  const columns = request.columns === undefined ? "" : ` (${request.columns.join(",")})`;
  const name = request.setting ?? request.channel;
  return `${request.action} ${resourceText(request.resource)}${columns}${name === undefined ? "" : ` [${name}]`}`;
}

function parse(major: Major, text: string) {
  const outcome = parsers.get(major)!.parse(new TextEncoder().encode(text));
  if (!outcome.ok) return null;
  expect(outcome.statements).toHaveLength(1);
  return outcome.statements[0]!;
}

function requests(major: Major, text: string, searchPath: readonly string[] = PATH): readonly string[] {
  const statement = parse(major, text);
  if (statement === null) throw new Error(`not of PostgreSQL ${major}: ${text}`);
  return utilityRequests(statement, CATALOG, searchPath, "db", RULES).map(words);
}

const DB = "database:db";
const PUBLIC = "schema:db.public";
const SHOP = "schema:db.shop";
const T = "table:db.public.t";
const U = "table:db.public.u";

/** Statement, requests, first major whose grammar knows it. */
const STATEMENTS: readonly (readonly [string, readonly string[], Major?])[] = [
  // Session and transaction
  ["begin", []],
  ["commit and chain", []],
  ["savepoint a", []],
  ["prepare transaction 'g'", []],
  ["show all", []],
  ["show search_path", []],
  ["set work_mem = '1MB'", [`set ${DB} [work_mem]`]],
  ["set local search_path = a, b", [`set ${DB} [search_path]`]],
  ["set time zone 'UTC'", [`set ${DB} [timezone]`]],
  ["set work_mem to default", []],
  ["reset work_mem", []],
  ["reset all", []],
  ["set transaction isolation level serializable", []],
  ["set constraints all deferred", []],
  ["discard all", []],
  ["fetch all from c", []],
  ["move c", []],
  ["close c", []],
  ["declare c cursor for select 1", []],
  ["prepare p as select 1", []],
  ["execute p(1, 'x', $1)", []],
  ["execute p(lower('A'))", []],
  [
    "execute p(fn(1))",
    [`call function:db.public.fn(integer)`, `call function:db.public.fn(text)`, `call function:db.shop.fn()`],
  ],
  ["execute p(shop.fn())", ["call function:db.shop.fn()"]],
  ["execute p(nowhere(1))", [`call ${DB}`]],
  ["deallocate p", []],
  ["deallocate all", []],
  ["listen a", [`listen ${DB} [a]`]],
  ["notify \"A b\", 'x'", [`notify ${DB} [A b]`]],
  ["unlisten a", []],
  ["unlisten *", []],
  ["explain select 1", []],
  ["explain analyze delete from t", []],
  ["explain execute p(shop.fn())", ["call function:db.shop.fn()"]],
  ["explain analyze create table x as select 1", [`create ${PUBLIC}`]],
  ["explain refresh materialized view m", ["maintain table:db.public.m"]],

  // Rows
  ["truncate t", [`truncate ${T}`]],
  ["truncate only t, shop.t restart identity", [`truncate ${T}`, "truncate table:db.shop.t"]],
  ["truncate t cascade", [`truncate ${T}`, `truncate ${DB}`]],
  ["truncate nowhere", [`truncate ${DB}`]],
  ["truncate orders", ["truncate table:db.shop.orders"]],
  ['truncate "S p"."Ta.ble"', ['truncate table:db."S p"."Ta.ble"']],
  ["copy t from stdin", [`copyIn ${T}`]],
  ["copy t (a, b) from stdin", [`copyIn ${T} (a,b)`]],
  ["copy t from stdin where lower(a) = 'x'", [`copyIn ${T}`]],
  ["copy t from stdin where shop.fn() = 1", [`copyIn ${T}`, "call function:db.shop.fn()"]],
  ["copy t to stdout", [`copyOut ${T}`]],
  ["copy shop.t (a) to stdout csv", ["copyOut table:db.shop.t (a)"]],
  ["copy nowhere to stdout", [`copyOut ${DB}`]],
  ["copy (select 1) to stdout", [`copyOut ${DB}`]],
  ["copy pg_class to stdout", []],
  ["copy db.public.t to stdout", [`copyOut ${T}`]],
  ["lock table t in share mode", [`lock ${T}`]],
  ["lock t, u nowait", [`lock ${T}`, `lock ${U}`]],
  ["lock pg_temp.x", ["lock schema:db.pg_temp"]],

  // Upkeep
  ["vacuum", [`maintain ${DB}`]],
  ["vacuum (full) t", [`maintain ${T}`]],
  ["vacuum analyze t (a), u", [`maintain ${T} (a)`, `maintain ${U}`]],
  ["analyze", [`maintain ${DB}`]],
  ["analyze shop.orders", ["maintain table:db.shop.orders"]],
  ["cluster", [`maintain ${DB}`]],
  ["cluster t using i", [`maintain ${T}`]],
  ["reindex index i", ["maintain table:db.public.i"]],
  ["reindex table t", [`maintain ${T}`]],
  ["reindex schema shop", [`maintain ${SHOP}`]],
  ["reindex (verbose) database db", [`maintain ${DB}`]],
  ["reindex system db", [`maintain ${DB}`]],
  ["refresh materialized view concurrently m", ["maintain table:db.public.m"]],
  ["checkpoint", [`maintain ${DB}`]],
  ["load 'x'", [`call ${DB}`]],

  // Calls
  ["call pr(1)", ["call function:db.public.pr(integer)"]],
  ["call public.pr(1)", ["call function:db.public.pr(integer)"]],
  ["call pr(shop.fn())", ["call function:db.public.pr(integer)", "call function:db.shop.fn()"]],
  ["call pr('x'::text)", ["call function:db.public.pr(integer)"]],
  ["call nowhere()", [`call ${DB}`]],
  ["do 'x'", [`call ${DB}`]],
  ["do language plpgsql $$begin end$$", [`call ${DB}`]],

  // Tables
  ["create table x (a int)", [`create ${PUBLIC}`]],
  ["create table if not exists shop.x (a int primary key, b text default lower('X'))", [`create ${SHOP}`]],
  ["create table t (a int)", [`create ${PUBLIC}`]],
  ["create table nowhere.x (a int)", [`create ${DB}`]],
  ["create temp table x (a int)", ["create schema:db.pg_temp"]],
  ["create unlogged table x (a int check (shop.fn() > a))", [`create ${PUBLIC}`, "call function:db.shop.fn()"]],
  ["create table x (a int default shop.fn())", [`create ${PUBLIC}`, "call function:db.shop.fn()"]],
  ["create table x (a int generated always as (shop.fn()) stored)", [`create ${PUBLIC}`, "call function:db.shop.fn()"]],
  ["create table x (a int references t)", [`create ${PUBLIC}`, `alter ${T}`]],
  ["create table x (a int, foreign key (a) references shop.t (a))", [`create ${PUBLIC}`, "alter table:db.shop.t"]],
  ["create table x (like t including all)", [`create ${PUBLIC}`, `select ${T}`]],
  ["create table x () inherits (t, u)", [`create ${PUBLIC}`, `alter ${T}`, `alter ${U}`]],
  ["create table x partition of shop.orders default", [`create ${PUBLIC}`, "alter table:db.shop.orders"]],
  [
    "create table x partition of orders for values from (shop.fn()) to (10)",
    [`create ${PUBLIC}`, "alter table:db.shop.orders", "call function:db.shop.fn()"],
  ],
  ["create table x of ty", [`create ${PUBLIC}`]],
  ["create table x as select 1", [`create ${PUBLIC}`]],
  ["create table shop.x as table t", [`create ${SHOP}`]],
  ["create temp table x as select 1", ["create schema:db.pg_temp"]],
  ["create table x as execute p(shop.fn())", [`create ${PUBLIC}`, "call function:db.shop.fn()"]],
  ["create foreign table x (a int) server s", [`create ${PUBLIC}`]],
  ["import foreign schema r from server s into shop", [`create ${SHOP}`]],
  ["alter table t add b int", [`alter ${T}`]],
  ["alter table t add b xml default query_to_xml('x', true, true, '')", [`alter ${T}`, `call ${DB}`]],
  ["alter table only shop.t drop column a", ["alter table:db.shop.t"]],
  ["alter table t drop column a cascade", [`alter ${T}`, `drop ${DB}`]],
  ["alter table t alter a type int using shop.fn()", [`alter ${T}`, "call function:db.shop.fn()"]],
  ["alter table t add foreign key (a) references u", [`alter ${T}`, `alter ${U}`]],
  ["alter table t add b int references u (a), disable trigger all", [`alter ${T}`, `alter ${U}`]],
  ["alter table orders attach partition t default", ["alter table:db.shop.orders", `alter ${T}`]],
  ["alter table orders detach partition t", ["alter table:db.shop.orders", `alter ${T}`]],
  ["alter table t inherit u", [`alter ${T}`, `alter ${U}`]],
  ["alter table t disable row level security", [`alter ${T}`]],
  ["alter table t owner to r", [`alter ${T}`]],
  ["alter table t rename to x", [`alter ${T}`]],
  ["alter table t rename column a to b", [`alter ${T}`]],
  ["alter table t rename constraint a to b", [`alter ${T}`]],
  ["alter table t set schema shop", [`alter ${T}`, `create ${SHOP}`]],
  ["alter table t set schema nowhere", [`alter ${T}`, `create ${DB}`]],
  ["alter table nowhere add b int", [`alter ${DB}`]],
  ["alter table all in tablespace a set tablespace b", [`alter ${DB}`]],
  ["alter foreign table f options (a 'b')", ["alter table:db.public.f"]],
  ["drop table t", [`drop ${T}`]],
  ["drop table if exists t, shop.t, nowhere", [`drop ${T}`, "drop table:db.shop.t", `drop ${DB}`]],
  ["drop table t cascade", [`drop ${T}`, `drop ${DB}`]],
  ["drop table pg_temp.x", ["drop schema:db.pg_temp"]],
  ["drop foreign table f", ["drop table:db.public.f"]],

  // Views, sequences, indexes, statistics
  ["create view w as select 1", [`create ${PUBLIC}`]],
  ["create or replace view v as select 1", [`create ${PUBLIC}`, "alter table:db.public.v"]],
  ["create or replace view w as select 1", [`create ${PUBLIC}`]],
  ["create or replace view orders as select 1", [`create ${PUBLIC}`]],
  ["create temp view v as select 1", ["create schema:db.pg_temp"]],
  ["create materialized view shop.x as select 1", [`create ${SHOP}`]],
  ["alter view v alter a set default 1", ["alter table:db.public.v"]],
  ["alter view v rename to w", ["alter table:db.public.v"]],
  ["alter materialized view m set (fillfactor = 10)", ["alter table:db.public.m"]],
  ["drop view v", ["drop table:db.public.v"]],
  ["drop materialized view m", ["drop table:db.public.m"]],
  ["create sequence x", [`create ${PUBLIC}`]],
  ["create sequence shop.x owned by t.a", [`create ${SHOP}`, `alter ${T}`]],
  ["create temp sequence x", ["create schema:db.pg_temp"]],
  ["alter sequence s restart", ["alter table:db.public.s"]],
  ["alter sequence s owned by none", ["alter table:db.public.s"]],
  ["alter sequence s owned by shop.t.a", ["alter table:db.public.s", "alter table:db.shop.t"]],
  ["drop sequence s", ["drop table:db.public.s"]],
  ["create index on t (a)", [`create ${T}`]],
  ["create unique index concurrently x on shop.t (lower(a)) where b", ["create table:db.shop.t"]],
  ["create index on t ((shop.fn()))", [`create ${T}`, "call function:db.shop.fn()"]],
  ["alter index i rename to j", ["alter table:db.public.i"]],
  ["alter index i attach partition t", ["alter table:db.public.i", `alter ${T}`]],
  ["alter index i depends on extension e", ["alter table:db.public.i"]],
  ["drop index concurrently i", ["drop table:db.public.i"]],
  ["create statistics x on a, b from t", [`create ${PUBLIC}`, `create ${T}`]],
  ["create statistics shop.x on a, b from t", [`create ${SHOP}`, `create ${T}`]],
  ["create statistics on a, b from t", [`create ${T}`], 16],
  ["alter statistics shop.x set statistics 10", [`alter ${SHOP}`]],
  ["alter statistics x set statistics 10", [`alter ${DB}`]],
  ["drop statistics shop.x", [`drop ${SHOP}`]],

  // What changes how statements on a table work
  [
    "create trigger x before insert on t for each row execute function trg()",
    [`alter ${T}`, "call function:db.public.trg()"],
  ],
  [
    "create constraint trigger x after insert on t from u for each row execute function public.trg()",
    [`alter ${T}`, "call function:db.public.trg()", `alter ${U}`],
  ],
  ["alter trigger x on t rename to y", [`alter ${T}`]],
  ["alter trigger x on t depends on extension e", [`alter ${T}`]],
  ["drop trigger x on t", [`alter ${T}`]],
  ["create rule x as on insert to t do instead nothing", [`alter ${T}`]],
  ["create or replace rule x as on insert to t do also delete from u", [`alter ${T}`]],
  ["alter rule x on t rename to y", [`alter ${T}`]],
  ["drop rule x on shop.t", ["alter table:db.shop.t"]],
  ["create policy x on t using (a = 1)", [`alter ${T}`]],
  ["alter policy x on t to public", [`alter ${T}`]],
  ["alter policy x on t rename to y", [`alter ${T}`]],
  ["drop policy x on t", [`alter ${T}`]],
  [
    "create event trigger x on ddl_command_end execute function trg()",
    [`create ${DB}`, "call function:db.public.trg()"],
  ],
  ["alter event trigger x disable", [`alter ${DB}`]],
  ["alter event trigger x owner to r", [`alter ${DB}`]],
  ["drop event trigger x", [`drop ${DB}`]],

  // Functions, types and other objects of a schema
  ["create function x() returns int language sql return 1", [`create ${PUBLIC}`]],
  ["create function shop.x(a int default lower('1')::int) returns int language sql as 'select 1'", [`create ${SHOP}`]],
  [
    "create or replace function fn(int) returns int language sql as 'select 1'",
    [`create ${PUBLIC}`, "alter function:db.public.fn(integer)", "alter function:db.public.fn(text)"],
  ],
  ["create procedure x() language sql as ''", [`create ${PUBLIC}`]],
  [
    "create function x() returns int language sql set search_path = a as ''",
    [`create ${PUBLIC}`, `set ${DB} [search_path]`],
  ],
  ["alter function shop.fn() immutable", ["alter function:db.shop.fn()"]],
  [
    "alter function fn(int) owner to r",
    ["alter function:db.public.fn(integer)", "alter function:db.public.fn(text)", "alter function:db.shop.fn()"],
  ],
  ["alter procedure pr(int) rename to x", ["alter function:db.public.pr(integer)"]],
  ["alter routine shop.fn set schema public", ["alter function:db.shop.fn()", `create ${PUBLIC}`]],
  ["alter function shop.fn() depends on extension e", ["alter function:db.shop.fn()"]],
  ["drop function shop.fn(), nowhere()", ["drop function:db.shop.fn()", `drop ${DB}`]],
  ["drop procedure pr(int)", ["drop function:db.public.pr(integer)"]],
  ["create aggregate x(int) (sfunc = a, stype = int)", [`create ${PUBLIC}`]],
  ["drop aggregate shop.fn(*)", ["drop function:db.shop.fn()"]],
  ["create operator shop.+ (function = fn, leftarg = int)", [`create ${SHOP}`]],
  ["alter operator shop.+ (int, int) set (restrict = none)", [`alter ${SHOP}`]],
  ["alter operator + (int, int) owner to r", [`alter ${DB}`]],
  ["drop operator shop.+ (int, int)", [`drop ${SHOP}`]],
  ["create operator class shop.x for type int using btree as operator 1 <", [`create ${SHOP}`]],
  ["create operator family x using btree", [`create ${PUBLIC}`]],
  ["alter operator family shop.x using btree drop function 1 (int)", [`alter ${SHOP}`]],
  ["alter operator class shop.x using btree rename to y", [`alter ${SHOP}`]],
  ["drop operator class shop.x using btree", [`drop ${SHOP}`]],
  ["drop operator family x using btree", [`drop ${DB}`]],
  ["create type x as (a int)", [`create ${PUBLIC}`]],
  ["create type shop.x as enum ('a')", [`create ${SHOP}`]],
  ["create type x as range (subtype = int)", [`create ${PUBLIC}`]],
  ["create type x", [`create ${PUBLIC}`]],
  ["create type x (input = a, output = b)", [`create ${PUBLIC}`]],
  ["alter type ty add attribute b int", [`alter ${PUBLIC}`]],
  ["alter type ty rename attribute a to b cascade", [`alter ${PUBLIC}`, `alter ${DB}`]],
  ["alter type shop.x add value 'b'", [`alter ${SHOP}`]],
  ["alter type nowhere add value 'b'", [`alter ${DB}`]],
  ["alter type ty set (storage = plain)", [`alter ${PUBLIC}`]],
  ["alter type ty set schema shop", [`alter ${PUBLIC}`, `create ${SHOP}`]],
  ["alter type ty rename to x", [`alter ${PUBLIC}`]],
  ["drop type ty, shop.x", [`drop ${PUBLIC}`, `drop ${SHOP}`]],
  ["create domain x as int check (value > 0)", [`create ${PUBLIC}`]],
  ["create domain shop.x as int check (shop.fn() > value)", [`create ${SHOP}`, "call function:db.shop.fn()"]],
  ["alter domain dom drop constraint a", [`alter ${SHOP}`]],
  ["alter domain dom rename constraint a to b", [`alter ${SHOP}`]],
  ["drop domain dom", [`drop ${SHOP}`]],
  ['create collation shop.x from "C"', [`create ${SHOP}`]],
  ["alter collation shop.x refresh version", [`alter ${SHOP}`]],
  ["drop collation x", [`drop ${DB}`]],
  ["create conversion shop.x for 'a' to 'b' from f", [`create ${SHOP}`]],
  ["drop conversion shop.x", [`drop ${SHOP}`]],
  ["create text search configuration shop.x (copy = y)", [`create ${SHOP}`]],
  ["alter text search configuration shop.x drop mapping for a", [`alter ${SHOP}`]],
  ["alter text search dictionary shop.x (a = 1)", [`alter ${SHOP}`]],
  ["drop text search parser shop.x", [`drop ${SHOP}`]],

  // Schemas and what belongs to none
  ["create schema x", [`create ${DB}`]],
  ["create schema authorization r", [`create ${DB}`]],
  ["alter schema shop rename to x", [`alter ${SHOP}`]],
  ["alter schema shop owner to r", [`alter ${SHOP}`]],
  ["drop schema shop, nowhere", [`drop ${SHOP}`, `drop ${DB}`]],
  ["drop schema shop cascade", [`drop ${SHOP}`, `drop ${DB}`]],
  ["create database x", [`create ${DB}`]],
  ["alter database x set work_mem = '1MB'", [`alter ${DB}`, `set ${DB} [work_mem]`]],
  ["alter database x connection limit 1", [`alter ${DB}`]],
  ["alter database x rename to y", [`alter ${DB}`]],
  ["alter database x refresh collation version", [`alter ${DB}`]],
  ["drop database x", [`drop ${DB}`]],
  ["create role r password 'secret'", [`create ${DB}`]],
  ["alter role r superuser", [`alter ${DB}`]],
  ["alter role r rename to q", [`alter ${DB}`]],
  ["alter role r set search_path = a", [`alter ${DB}`, `set ${DB} [search_path]`]],
  ["drop role r, q", [`drop ${DB}`]],
  ["alter system set work_mem = '1MB'", [`alter ${DB}`, `set ${DB} [work_mem]`]],
  ["create extension e", [`create ${DB}`]],
  ["alter extension e update", [`alter ${DB}`]],
  ["alter extension e add table t", [`alter ${DB}`, `alter ${T}`]],
  ["alter extension e set schema shop", [`alter ${DB}`, `create ${SHOP}`]],
  ["drop extension e", [`drop ${DB}`]],
  ["create language x handler h", [`create ${DB}`]],
  ["drop language x", [`drop ${DB}`]],
  ["create cast (int as text) with inout", [`create ${DB}`]],
  ["drop cast (int as text)", [`drop ${DB}`]],
  ["create transform for int language x (from sql with function f(internal))", [`create ${DB}`]],
  ["drop transform for int language x", [`drop ${DB}`]],
  ["create access method x type table handler h", [`create ${DB}`]],
  ["drop access method x", [`drop ${DB}`]],
  ["create foreign data wrapper x", [`create ${DB}`]],
  ["alter foreign data wrapper x options (a 'b')", [`alter ${DB}`]],
  ["drop foreign data wrapper x", [`drop ${DB}`]],
  ["create server x foreign data wrapper y", [`create ${DB}`]],
  ["alter server x version '2'", [`alter ${DB}`]],
  ["drop server x", [`drop ${DB}`]],
  ["create user mapping for r server x", [`create ${DB}`]],
  ["alter user mapping for r server x options (a 'b')", [`alter ${DB}`]],
  ["drop user mapping for r server x", [`drop ${DB}`]],
  ["create tablespace x location '/x'", [`create ${DB}`]],
  ["alter tablespace x set (seq_page_cost = 1)", [`alter ${DB}`]],
  ["drop tablespace x", [`drop ${DB}`]],
  ["create publication x", [`create ${DB}`]],
  ["create publication x for table t, tables in schema shop", [`create ${DB}`, `alter ${T}`, `alter ${SHOP}`]],
  ["create publication x for all tables", [`create ${DB}`]],
  [
    "create publication x for table t where (shop.fn() = 1)",
    [`create ${DB}`, `alter ${T}`, "call function:db.shop.fn()"],
  ],
  ["create publication x for tables in schema current_schema", [`create ${DB}`, `alter ${DB}`]],
  ["alter publication x add table u", [`alter ${DB}`, `alter ${U}`]],
  ["drop publication x", [`drop ${DB}`]],
  ["create subscription x connection 'c' publication y", [`create ${DB}`]],
  ["alter subscription x disable", [`alter ${DB}`]],
  ["drop subscription x", [`drop ${DB}`]],
  ["reassign owned by r to q", [`alter ${DB}`]],
  ["drop owned by r cascade", [`drop ${DB}`]],

  // Rights and remarks
  ["grant select on t to r", [`grant ${T}`]],
  ["grant select (a, b), update (c) on t, shop.t to r", [`grant ${T} (a,b,c)`, "grant table:db.shop.t (a,b,c)"]],
  ["revoke all on t from r cascade", [`grant ${T}`]],
  ["grant usage on sequence s to r", ["grant table:db.public.s"]],
  ["grant usage on schema shop to r", [`grant ${SHOP}`]],
  ["grant select on all tables in schema shop, public to r", [`grant ${SHOP}`, `grant ${PUBLIC}`]],
  ["grant execute on function shop.fn() to r", ["grant function:db.shop.fn()"]],
  ["grant connect on database db to r", [`grant ${DB}`]],
  ["grant usage on type ty to r", [`grant ${PUBLIC}`]],
  ["grant usage on language plpgsql to r", [`grant ${DB}`]],
  ["grant usage on foreign server x to r", [`grant ${DB}`]],
  ["grant set on parameter work_mem to r", [`grant ${DB}`]],
  ["grant select on large object 1 to r", [`grant ${DB}`]],
  ["grant create on tablespace x to r", [`grant ${DB}`]],
  ["grant r to q", [`grant ${DB}`]],
  ["revoke admin option for r from q", [`grant ${DB}`]],
  ["alter default privileges grant select on tables to r", [`grant ${DB}`]],
  ["alter default privileges for role q in schema shop grant select on tables to r", [`grant ${SHOP}`]],
  ["comment on table t is 'x'", [`comment ${T}`]],
  ["comment on column shop.t.a is 'x'", ["comment table:db.shop.t (a)"]],
  ["comment on constraint a on t is 'x'", [`comment ${T}`]],
  ["comment on trigger a on t is 'x'", [`comment ${T}`]],
  ["comment on domain dom is 'x'", [`comment ${SHOP}`]],
  ["comment on constraint a on domain dom is 'x'", [`comment ${SHOP}`]],
  ["comment on function shop.fn() is 'x'", ["comment function:db.shop.fn()"]],
  ["comment on schema shop is 'x'", [`comment ${SHOP}`]],
  ["comment on database db is 'x'", [`comment ${DB}`]],
  ["comment on role r is 'x'", [`comment ${DB}`]],
  ["comment on large object 1 is 'x'", [`comment ${DB}`]],
  ["comment on cast (int as text) is 'x'", [`comment ${DB}`]],
  ["comment on operator class shop.x using btree is 'x'", [`comment ${SHOP}`]],
  ["security label for p on table t is 'x'", [`alter ${T}`]],
  ["security label on column t.a is 'x'", [`alter ${T} (a)`]],
  ["security label on role r is 'x'", [`alter ${DB}`]],
];

/** What no policy may permit, or what is not known well enough. */
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["create schema x create table y (a int)", "CANNOT_JUDGE", /form/],
  ["create schema x create view y as select * from secret", "CANNOT_JUDGE", /form/],
  ["create recursive view x (a) as select 1", "CANNOT_JUDGE", /inside/],
  ["select a into x from t", "CANNOT_JUDGE", /SELECT INTO/],
  ["explain select a into x from t", "CANNOT_JUDGE", /SELECT INTO/],
  ["execute p(1 operator(shop.+) 1)", "CANNOT_JUDGE", /form/],
  ["execute p((select 1))", "CANNOT_JUDGE", /form/],
  ["call pr(pg_read_file('/etc/passwd'))", "STATEMENT_DENIED", /pg_read_file/],
  ["execute p(pg_read_file('/etc/passwd'))", "STATEMENT_DENIED", /pg_read_file/],
  ["copy t from stdin where pg_read_file('x') = ''", "STATEMENT_DENIED", /pg_read_file/],
  ["alter table t add b text default pg_read_file('x')", "STATEMENT_DENIED", /pg_read_file/],
  ["copy pg_authid to stdout", "STATEMENT_DENIED", /pg_authid/],
  ["copy shop.pg_stat_statements to stdout", "STATEMENT_DENIED", /pg_stat_statements/],
  ["truncate pg_class", "STATEMENT_DENIED", /pg_class/],
  ["copy pg_catalog.pg_class from stdin", "STATEMENT_DENIED", /pg_class/],
  ["grant select on pg_authid to r", "STATEMENT_DENIED", /pg_authid/],
  ["drop function pg_catalog.lower(text)", "STATEMENT_DENIED", /lower/],
  ["grant execute on function pg_read_file(text) to r", "STATEMENT_DENIED", /pg_read_file/],
  ["create table pg_catalog.x (a int)", "STATEMENT_DENIED", /pg_catalog/],
  ["drop schema pg_catalog", "STATEMENT_DENIED", /pg_catalog/],
  ["create trigger x after update on t for each row execute function nowhere()", "STATEMENT_DENIED", /nowhere/],
];

describe.each(MAJORS)("a utility statement of PostgreSQL %i", (major) => {
  const known = STATEMENTS.filter(([, , since]) => since === undefined || since <= major).map(
    ([text, expected]) => [text, expected] as const,
  );

  it.each(known)("%s asks for %j", (text, expected) => {
    expect(requests(major, text)).toEqual(expected);
  });

  it.each(REFUSED)("%s is refused as %s", (text, code, message) => {
    expect(() => requests(major, text)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it("has a line whatever its node is, and an example here", () => {
    const examples = [...known.map(([text]) => text), ...REFUSED.map(([text]) => text)];
    const shown = new Set(examples.map((text) => parse(major, text)?.node));

    const nodes = statementNodes(major);
    expect(nodes.filter((node) => !KNOWN_NODES.has(node))).toEqual([]);
    expect(nodes.filter((node) => !shown.has(node))).toEqual([]);
  });
});

/** Nodes that are no statement of their own, or print a tree. */
const OTHERS = `RawStmt SetOperationStmt ReturnStmt PLAssignStmt ReplicaIdentityStmt
  SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt`.split(/\s+/);

/** Every statement node of a major's grammar, by the declarations of its parse tree. */
function statementNodes(major: Major): readonly string[] {
  const require = createRequire(createRequire(import.meta.url).resolve(`libpg-query-${major}`));
  const declarations = readFileSync(require.resolve("@pgsql/types").replace(/[^/]*$/, "types.d.ts"), "utf8");
  const nodes = [...declarations.matchAll(/^export interface (\w+Stmt) \{/gm)].map(([, name = ""]) => name);
  expect(nodes.length).toBeGreaterThan(100);
  return nodes.filter((node) => !OTHERS.includes(node));
}

describe("the requests of a utility statement", () => {
  it("follow the search path", () => {
    expect(requests(18, "truncate t", ["shop", "public"])).toEqual(["truncate table:db.shop.t"]);
    expect(requests(18, "create table x (a int)", ["pg_temp_3", "pg_catalog", "shop"])).toEqual([`create ${SHOP}`]);
    expect(requests(18, "create table x (a int)", [])).toEqual([`create ${DB}`]);
    expect(requests(18, "truncate t", [])).toEqual([`truncate ${DB}`]);
  });

  it("are none where the statement's own tree tells", () => {
    expect(requests(18, "delete from t")).toEqual([]);
  });

  it("hold no literal of the statement", () => {
    const statement = parse(18, "create role r password 'secret'");

    expect(JSON.stringify(statement)).not.toContain("secret");
  });

  it("are refused for a statement that names too much to be told", () => {
    const names = Array.from({ length: 1_001 }, (_, i) => `t${i}`);

    expect(parse(18, `lock ${names.slice(1).join(",")}`)?.targets).toHaveLength(1_000);
    expect(parse(18, `lock ${names.join(",")}`)).toMatchObject({ undecided: "many" });
    expect(parse(18, `copy t (${names.join(",")}) to stdout`)).toMatchObject({ undecided: "many" });
    const [some] = [names.slice(0, 40).join(",")];
    expect(parse(18, `grant select (${some}) on ${some} to r`)).toMatchObject({ undecided: "many" });
    expect(() => requests(18, `lock ${names.join(",")}`)).toThrow(
      expect.objectContaining({ code: "STATEMENT_OVER_LIMIT" }),
    );
  });

  it.each(["call pr(1)", "execute p(shop.fn())"])("are refused for a function that no listing opens: %s", (text) => {
    const statement = parse(18, text)!;

    expect(() => utilityRequests(statement, CATALOG, PATH, "db")).toThrow(
      expect.objectContaining({ code: "STATEMENT_DENIED" }),
    );
    expect(utilityRequests(statement, CATALOG, PATH, "db", RULES)).toHaveLength(1);
  });

  it("survive the way from a worker thread", () => {
    const statement = parse(18, "create or replace view v (a) as select 1");

    expect(structuredClone(statement)).toEqual(statement);
  });
});
