import { beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import type { SettingWrite } from "./parsed-statement.ts";
import { loadParser, type Parser } from "./parser.ts";

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});

const call = (name: string | null, value: string | null): SettingWrite => ({ by: "call", name, value });
const clause = (name: string, value: string | null): SettingWrite => ({ by: "clause", name, value });
const view: SettingWrite = { by: "pg_settings", name: null, value: null };

const PG_DUMP =
  "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'";

const STATEMENTS: readonly (readonly [string, readonly SettingWrite[]])[] = [
  ["SELECT pg_catalog.set_config('search_path', '', false)", [call("search_path", "")]],
  ["SELECT set_config('ROLE', 'x', true)", [call("role", "x")]],
  ["SELECT SET_CONFIG(E'r\\157le', 'x', true)", [call("role", "x")]],
  [`SELECT U&"set\\005fconfig"('role', 'x', true)`, [call("role", "x")]],
  ["SELECT set_config('role'::text, 'x'::pg_catalog.text, true)", [call("role", "x")]],
  ["SELECT set_config('role_'::varchar(4), 'x', true)", [call(null, "x")]],
  ["SELECT set_config('ro' || 'le', 'x', true)", [call(null, "x")]],
  ["SELECT set_config($1, $2, true)", [call(null, null)]],
  ["SELECT set_config(new_value => 'x', is_local => true, setting_name => 'role')", [call("role", "x")]],
  ["SELECT * FROM set_config('role', 'x', true)", [call("role", "x")]],
  ["WITH a AS (SELECT set_config('role', 'x', true)) SELECT * FROM a", [call("role", "x")]],
  ["PREPARE p AS SELECT set_config('role', 'x', true)", [call("role", "x")]],
  ["DECLARE c CURSOR FOR SELECT set_config('role', 'x', true)", [call("role", "x")]],
  ["COPY (SELECT set_config('role', 'x', true)) TO STDOUT", [call("role", "x")]],
  ["EXPLAIN ANALYZE SELECT set_config('role', 'x', true)", [call("role", "x")]],
  ["INSERT INTO t VALUES (set_config('role', 'x', true))", [call("role", "x")]],
  ["CALL p(set_config('role', 'x', true))", [call("role", "x")]],
  ["EXECUTE p (set_config('role', 'x', true))", [call("role", "x")]],
  ["ALTER TABLE t ADD c text DEFAULT set_config('role', 'x', true)", [call("role", "x")]],
  ["CREATE TABLE t AS SELECT set_config('role', 'x', true)", [call("role", "x")]],
  ["ALTER ROLE CURRENT_USER SET role = admin", [clause("role", "admin")]],
  ["ALTER ROLE ALL IN DATABASE d SET Role TO admin", [clause("role", "admin")]],
  ["ALTER DATABASE d SET standard_conforming_strings = off", [clause("standard_conforming_strings", "off")]],
  ["ALTER DATABASE d SET role FROM CURRENT", [clause("role", null)]],
  ["ALTER DATABASE d RESET role", []],
  ["ALTER SYSTEM SET row_security = off", [clause("row_security", "off")]],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = admin AS 'SELECT 1'", [clause("role", "admin")]],
  ["ALTER FUNCTION f() SET role = admin", [clause("role", "admin")]],
  ["UPDATE pg_settings SET setting = 'off' WHERE name = 'row_security'", [view]],
  ["WITH u AS (UPDATE pg_catalog.pg_settings AS s SET setting = 'x' RETURNING 1) SELECT * FROM u", [view]],
  ["UPDATE other.pg_settings SET setting = 'x'", []],
  ["SELECT * FROM pg_settings", []],
  // pg_dump's own, and what is nearly it: a temporary table named pg_settings would make any name of these.
  [PG_DUMP, [call("restrict_nonsystem_relation_kind", "view, foreign-table")]],
  [PG_DUMP.replace("'view, foreign-table'", "'admin'"), [call(null, "admin")]],
  [PG_DUMP.replace("'view, foreign-table'", "setting"), [call(null, null)]],
  [PG_DUMP.replace("restrict_nonsystem_relation_kind", "role"), [call(null, "view, foreign-table")]],
  [
    PG_DUMP.replace("SELECT set", "SELECT set_config('role', 'x', true), set"),
    [call("role", "x"), call(null, "view, foreign-table")],
  ],
  [PG_DUMP.replace(" = ", " <> "), [call(null, "view, foreign-table")]],
  [PG_DUMP.replace(" = ", " OPERATOR(s.=) "), [call(null, "view, foreign-table")]],
  [PG_DUMP.replace("pg_settings", "s.pg_settings"), [call(null, "view, foreign-table")]],
  [PG_DUMP.replace("pg_settings", "pg_settings p (a, name)"), [call(null, "view, foreign-table")]],
  [
    PG_DUMP.replace("pg_settings", "pg_settings, set_config('role', 'x', true)"),
    [call("role", "x"), call(null, "view, foreign-table")],
  ],
  [`${PG_DUMP} OR true`, [call(null, "view, foreign-table")]],
  [`${PG_DUMP} UNION ${PG_DUMP}`, [call(null, "view, foreign-table"), call(null, "view, foreign-table")]],
  [`${PG_DUMP} ORDER BY set_config('role', 'x', true)`, [call("role", "x"), call(null, "view, foreign-table")]],
  ["SELECT other.set_config('role', 'x', true)", []],
  ["SET role = x", []], // that is `setting`
  ["SELECT 'set_config(role)'", []],
];

describe.each(MAJORS)("the settings that a statement writes without SET, by the grammar of %i", (major) => {
  it.each(STATEMENTS)("%s", (text, expected) => {
    const outcome = parsers.get(major)?.parse(new TextEncoder().encode(text));

    const writes = outcome?.ok === true ? (outcome.statements[0]?.settingWrites ?? []) : [];
    expect(writes).toHaveLength(expected.length);
    expect(writes).toEqual(expect.arrayContaining([...expected]));
  });
});
