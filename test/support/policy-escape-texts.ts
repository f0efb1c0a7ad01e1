/** Escapes that are one text or two, and what the shop needs for them. policy-escapes.ts says what becomes of them. */

/** One string each, by simple Query. */
export const STRINGS: readonly string[] = [
  "COMMIT; DELETE FROM notes",
  "BEGIN; COMMIT; DELETE FROM notes",
  "SELECT 1; DELETE FROM notes",
  "ROLLBACK; DELETE FROM notes; COMMIT",
  ";;; DELETE FROM notes ;;;",
  "SET TRANSACTION READ WRITE; DELETE FROM notes",
  "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM notes",
  "SELECT set_config('transaction_read_only', 'off', true); DELETE FROM notes",
  "SELECT set_config('search_path', 'hr', false); SELECT * FROM salaries",
  "SET search_path = hr; SELECT * FROM salaries",
  "SET LOCAL search_path TO hr, public; SELECT * FROM salaries",
  "BEGIN; SET LOCAL search_path = hr; SELECT * FROM salaries",
  "SELECT set_config('role', 'postgres', false); SELECT * FROM hr.salaries",
  "SELECT set_config('ro' || 'le', 'postgres', false)",
  "UPDATE pg_settings SET setting = 'hr' WHERE name = 'search_path'; SELECT * FROM salaries",
  "DELETE/**/FROM/**/notes",
  "/* SELECT */ DELETE FROM notes",
  "-- SELECT\nDELETE FROM notes",
  "-- SELECT\rDELETE FROM notes",
  "/*/**/*/DELETE FROM notes",
  "/*/* */ SELECT 1 */ DELETE FROM notes -- */",
  'DELETE FROM U&"n\\006ftes"',
  "DELETE FROM U&\"n!006ftes\" UESCAPE '!'",
  'SELECT * FROM U&"\\0068r".U&"s\\0061laries"',
  "SELECT '\\'; DELETE FROM notes; --'",
  "SELECT E'\\\\'; DELETE FROM notes; --'",
  "SELECT $$;$$; DELETE FROM notes",
  "SELECT $a$ $b$ $a$; DELETE FROM notes; SELECT $b$ $b$",
  "SELECT $ü$;$ü$; DELETE FROM notes",
  "SET standard_conforming_strings = off; SELECT '\\'; DELETE FROM notes; --'",
  "SET client_encoding = 'SJIS'; DELETE FROM notes",
  "SET backslash_quote = on; SELECT E'\\''; DELETE FROM notes; --'",
  "\uFEFFDELETE FROM notes",
  "SELECT 1;\uFEFFDELETE FROM notes",
  "DELETE\u00a0FROM notes",
  "\vDELETE FROM notes",
  "DO $$ BEGIN DELETE FROM notes; END $$",
  "DO 'BEGIN EXECUTE ''DELETE FROM notes''; END'",
  "EXPLAIN ANALYZE DELETE FROM notes",
  "EXPLAIN (ANALYZE, BUFFERS) WITH d AS (DELETE FROM notes RETURNING 1) SELECT 1",
  "COPY (DELETE FROM notes RETURNING 1) TO STDOUT",
  "WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d",
  "PREPARE p AS DELETE FROM notes; EXECUTE p",
  "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM hr.salaries; FETCH ALL FROM c",
  "BEGIN; DECLARE c CURSOR FOR SELECT * FROM hr.salaries; FETCH ALL FROM c",
  "CREATE TEMP TABLE x AS SELECT * FROM hr.salaries; SELECT * FROM x",
  "CREATE TABLE pg_temp.orders AS SELECT * FROM hr.salaries; SELECT * FROM orders",
  "CREATE FUNCTION pg_temp.x() RETURNS int LANGUAGE sql AS 'DELETE FROM notes RETURNING 1'; SELECT pg_temp.x()",
  // Overloads that fit better than the server's own; both write to audit.trail.
  "SELECT lower(code) FROM customers",
  "SELECT code || code FROM customers",
  "SELECT max(lower(code)) FROM customers GROUP BY lower(code)",
  "SELECT 1 FROM customers ORDER BY code || code",
  "INSERT INTO orders (id, memo) SELECT 5000, lower(code) FROM customers",
  // What no list has.
  "SELECT touch_order(1)",
  "SELECT peek_pay(1)",
  "SELECT 'x'::regproc, peek_pay(1)",
  "CALL wipe_orders()",
  "SELECT 'abcd'::code",
  // Code that runs where a value becomes one of a type, however that is asked for.
  "SELECT 'a'::sly",
  "SELECT NULL::sly",
  "SELECT CAST(memo AS sly) FROM orders",
  "SELECT ARRAY['a']::sly[]",
  "SELECT '{a}'::sly[]",
  "SELECT ARRAY['a']::text[]::sly[]",
  "SELECT ROW('a')::sly_row",
  "SELECT '(a)'::sly_row",
  "SELECT '{(a)}'::sly_row[]",
  'SELECT jsonb_populate_record(NULL::sly_row, \'{"a": "b"}\')',
  'SELECT * FROM json_populate_recordset(NULL::sly_row, \'[{"a": "b"}]\')',
  'SELECT * FROM jsonb_to_record(\'{"a": "b"}\') AS x (a sly)',
  'SELECT * FROM json_to_recordset(\'[{"a": "b"}]\') AS x (a sly)',
  'SELECT * FROM jsonb_to_record(\'{"a": ["b"]}\') AS x (a sly[])',
  'SELECT * FROM jsonb_to_record(\'{"a": {"a": "b"}}\') AS x (a sly_row)',
  "SELECT pg_input_is_valid('a', 'sly')",
  "SELECT * FROM pg_input_error_info('(a)', 'sly_row')",
  "SELECT json_value('\"a\"', '$' RETURNING sly)",
  "SELECT * FROM json_table('\"a\"', '$' COLUMNS (a sly PATH '$'))",
  "SELECT * FROM xmltable('/r' PASSING xmlelement(name r) COLUMNS a sly PATH '.' DEFAULT 'b')",
  "INSERT INTO orders (id, memo) SELECT 5001, 'a'::sly",
  "PREPARE p (sly) AS SELECT $1; EXECUTE p ('a')",
  "SELECT max(x) FROM (VALUES ('a'::sly)) AS v (x)",
  // Other functions of the server's own that are given SQL, or the name of what to read.
  "SELECT ts_rewrite('a'::tsquery, 'SELECT team::tsquery, team::tsquery FROM hr.salaries')",
  "SELECT * FROM ts_stat('SELECT to_tsvector(team) FROM hr.salaries')",
  "SELECT query_to_xml('SELECT team FROM hr.salaries', true, true, '')",
  "SELECT table_to_xml('hr.salaries'::regclass, true, true, '')",
  "SELECT schema_to_xml('hr', true, true, '')",
  "SELECT database_to_xml(true, true, '')",
  "SELECT * FROM pg_stats WHERE schemaname = 'hr'",
  "SELECT pg_get_functiondef('run_sql'::regproc), query_to_xmlschema('SELECT team FROM hr.salaries', true, true, '')",
  // What it returns is another table's, though it may be called: nobody has listed it.
  "SELECT * FROM team_names()",
  "SELECT team_names()",
  "SELECT * FROM orders, team_names()",
  "SELECT (SELECT max(t) FROM team_names() t)",
  "EXPLAIN ANALYZE SELECT * FROM team_names()",
  "BEGIN; DECLARE c CURSOR FOR SELECT * FROM team_names(); FETCH ALL FROM c",
  // A listed function that runs any text: each text counts as if it had been sent.
  "SELECT run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('WITH d AS (DELETE FROM notes RETURNING 1) SELECT 1 FROM d')",
  "SELECT run_sql('SELECT max(team) FROM hr.salaries')",
  "SELECT run_sql('SELECT peek_pay(1)')",
  "SELECT run_sql('SELECT touch_order(1)')",
  "SELECT run_sql('TRUNCATE notes')",
  "SELECT run_sql('CREATE TABLE x (id int)')",
  "SELECT run_sql('DROP TABLE watched')",
  "SELECT run_sql('GRANT ALL ON orders TO PUBLIC')",
  "SELECT run_sql('DO ''BEGIN DELETE FROM notes; END''')",
  "SELECT run_sql('SELECT run_sql(''DELETE FROM notes RETURNING 1'')')",
  "SELECT run_sql('INSERT INTO notes VALUES (3, ''third'') RETURNING 1')",
  "SELECT run_sql('CALL wipe_orders()')",
  "SELECT id, run_sql('DELETE FROM notes RETURNING 1') FROM orders",
  "SELECT run_sql('SELECT max(team) FROM hr.salaries') FROM orders WHERE id = 1",
  "BEGIN; SELECT run_sql('DELETE FROM notes RETURNING 1'); COMMIT",
  "SELECT run_sql('DELETE FROM notes RETURNING 1'); COMMIT",
  "UPDATE orders SET memo = run_sql('DELETE FROM notes RETURNING 1') WHERE id = 1",
  "EXPLAIN ANALYZE SELECT run_sql('DELETE FROM notes RETURNING 1')",
  "COPY (SELECT run_sql('SELECT max(team) FROM hr.salaries')) TO STDOUT",
  "CALL close_order(run_sql('DELETE FROM notes RETURNING 1')::int)",
  "BEGIN; DECLARE c CURSOR FOR SELECT run_sql('DELETE FROM notes RETURNING 1'); FETCH ALL FROM c; COMMIT",
  "PREPARE p AS SELECT run_sql('DELETE FROM notes RETURNING 1'); EXECUTE p",
  // The same function, to blind who watches it.
  "SELECT run_sql('SELECT set_config(''client_min_messages'', ''error'', false)'); SELECT run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('SELECT set_config(''debug_print_rewritten'', ''off'', false)'); SELECT run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('SET client_min_messages = error'); SELECT run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('SELECT set_config(''client_min_messages'', ''error'', true)'), run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('SELECT set_config(''debug_print_rewritten'', ''off'', true)') || run_sql('DELETE FROM notes RETURNING 1')",
  "SELECT run_sql('SELECT set_config(''search_path'', ''hr'', false)'); SELECT * FROM salaries",
  "SELECT run_sql('SELECT set_config(''role'', ''postgres'', false)'); SELECT * FROM hr.salaries",
];

/** Two strings, the first of which sets the scene. */
export const PAIRS: readonly (readonly [string, string])[] = [
  ["SET client_min_messages = error", "SELECT * FROM hr.salaries"],
  ["SET LOCAL client_min_messages = panic", "DELETE FROM notes"],
  ["SET debug_print_rewritten = off", "DELETE FROM notes"],
  ["RESET ALL", "DELETE FROM notes"],
  ["DISCARD ALL", "SELECT * FROM hr.salaries"],
  [
    "SELECT run_sql('SELECT set_config(''client_min_messages'', ''error'', false)')",
    "SELECT run_sql('DELETE FROM notes RETURNING 1')",
  ],
  ["SELECT run_sql('SELECT set_config(''debug_print_rewritten'', ''off'', false)')", "DELETE FROM notes"],
  ["SELECT run_sql('SELECT set_config(''search_path'', ''hr'', false)')", "SELECT * FROM salaries"],
  ["SET search_path = hr", "SELECT * FROM salaries"],
  ["SELECT set_config('search_path', 'hr', false)", "SELECT team FROM salaries"],
  ["BEGIN READ ONLY", "SET TRANSACTION READ WRITE; DELETE FROM notes; COMMIT"],
  ["PREPARE p AS SELECT 1", "DEALLOCATE p; PREPARE p AS DELETE FROM notes; EXECUTE p"],
  ["SELECT 1", "SELECT 1; DELETE FROM notes"],
];

/** Nothing of it is forbidden: it is only not to be read as something else. */
export const HARMLESS: readonly string[] = [
  "SELECT E'\\'; DELETE FROM notes; --'",
  "SELECT $$; DELETE FROM notes; $$",
  'SELECT 1 AS "; DELETE FROM notes; --"',
  "SELECT U&'\\003b DELETE FROM notes'",
  "/* ; DELETE FROM notes; */ SELECT 1",
  "SELECT run_sql('SELECT max(id) FROM orders')",
];

/** What comes through yet, by why: skipped, until it does not. */
export const COMES_THROUGH: ReadonlyMap<string, readonly string[]> = new Map();

/** What the escapes need beside the shop, and what must not be seen. */
export const ESCAPE_SQL = `
  UPDATE hr.salaries SET team = 'canary ' || person, pay = 424242 + person;
  CREATE VIEW swapped AS SELECT id, body FROM notes;
  CREATE FUNCTION sly_equal(a varchar, b varchar) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit.trail (what) VALUES ('equal'); RETURN true; END $$;
  CREATE FUNCTION sly_check(given text) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit.trail (what) VALUES ('checked'); RETURN true; END $$;
  CREATE DOMAIN sly AS text CHECK (sly_check(VALUE));
  CREATE TYPE sly_row AS (a sly);
  CREATE FUNCTION team_names() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT team FROM hr.salaries';
  GRANT ALL ON swapped TO shop_app`;

/** As they are in ESCAPE_SQL: in no byte that a client gets. */
export const CANARY = /canary|42424\d/;
