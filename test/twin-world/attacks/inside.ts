/** Copies inside the database, code of one's own, and the session's state. */

import { others, reads } from "../attack.ts";

const hiddenIn = (body: string) => [
  `CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS $$ ${body} $$`,
  "SELECT pg_temp.f()",
];

export const INSIDE = [
  ...reads("copies", {
    ctas: ["CREATE TABLE AS", "CREATE TABLE scratch.t AS SELECT * FROM customers", "SELECT ssn FROM t ORDER BY id"],
    temporary: [
      "a temporary table",
      "CREATE TEMP TABLE t AS SELECT id, reverse(ssn) AS r FROM customers",
      "SELECT * FROM t ORDER BY 1",
    ],
    into: ["SELECT INTO", "SELECT id, ssn INTO TEMP t FROM customers", "TABLE t"],
    insertSelect: [
      "INSERT … SELECT",
      "INSERT INTO guesses SELECT id + 100, ssn FROM customers",
      "SELECT * FROM guesses ORDER BY 1",
    ],
    insertReturning: [
      "INSERT … SELECT … RETURNING",
      "INSERT INTO guesses SELECT id + 100, ssn FROM customers RETURNING guess",
    ],
    insertRow: ["one value", "INSERT INTO guesses VALUES (60, (SELECT ssn FROM customers WHERE id = 7)) RETURNING *"],
    update: [
      "UPDATE of another table",
      "UPDATE guesses SET guess = (SELECT ssn FROM customers WHERE id = 7) RETURNING guess",
    ],
    updateFrom: [
      "UPDATE … FROM",
      "UPDATE guesses g SET guess = c.ssn FROM customers c WHERE c.id = g.id RETURNING guess",
    ],
    updateSame: [
      "into an unlabelled column of the same row",
      "UPDATE customers SET visits = score WHERE id = 7 RETURNING visits",
    ],
    updateRow: [
      "SET by a row",
      "UPDATE guesses g SET (id, guess) = (SELECT 70, ssn FROM customers WHERE id = 7) WHERE id = 1 RETURNING *",
    ],
    updateOld: [
      "then read",
      "UPDATE customers SET country = left(ssn, 2) WHERE id = 7",
      "SELECT country FROM customers WHERE id = 7",
    ],
    conflict: [
      "ON CONFLICT … SET",
      "INSERT INTO guesses VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET guess = (SELECT ssn FROM customers WHERE id = 7) RETURNING guess",
    ],
    conflictExisting: [
      "ON CONFLICT reads what is there",
      "INSERT INTO customers (id, tenant, country, joined, visits, name, card, born) VALUES (7, 1, 'de', '2020-01-01', 1, 'n', '1', '2000-01-01') ON CONFLICT (id) DO UPDATE SET visits = customers.score RETURNING visits",
    ],
    conflictWhere: [
      "ON CONFLICT … WHERE",
      "INSERT INTO customers (id, tenant, country, joined, visits, name, card, born) VALUES (7, 1, 'de', '2020-01-01', 1, 'n', '1', '2000-01-01') ON CONFLICT (id) DO UPDATE SET visits = 5 WHERE customers.score % 41 = 8",
    ],
    merge: [
      "MERGE inserts",
      "MERGE INTO guesses g USING customers c ON g.id = c.id + 200 WHEN NOT MATCHED THEN INSERT VALUES (c.id + 200, c.ssn)",
      "SELECT * FROM guesses ORDER BY 1",
    ],
    mergeUpdate: [
      "MERGE updates",
      "MERGE INTO guesses g USING customers c ON g.id = c.id WHEN MATCHED THEN UPDATE SET guess = c.ssn",
      "SELECT * FROM guesses ORDER BY 1",
    ],
    returning: ["UPDATE … RETURNING", "UPDATE customers SET visits = 9 WHERE id = 7 RETURNING ssn"],
    returningStar: ["UPDATE … RETURNING *", "UPDATE customers SET visits = 9 WHERE id = 7 RETURNING *"],
    returningRow: ["the row in RETURNING", "UPDATE customers SET visits = 9 WHERE id = 7 RETURNING customers"],
    returningExpression: [
      "an expression in RETURNING",
      "UPDATE customers SET visits = 9 WHERE id = 7 RETURNING reverse(ssn) AS r",
    ],
    returningSub: [
      "a sub-select in RETURNING",
      "UPDATE guesses SET guess = 'x' WHERE id = 1 RETURNING (SELECT ssn FROM customers WHERE id = 7)",
    ],
    deleteReturning: ["DELETE … RETURNING", "DELETE FROM payments WHERE id < 4 RETURNING *"],
    deleteAlias: [
      "DELETE by an alias … RETURNING",
      "DELETE FROM people AS visits WHERE visits.id = 2 RETURNING visits.nick",
    ],
    parentReturning: [
      "UPDATE of a parent … RETURNING",
      "UPDATE people SET id = id + 10 RETURNING nick, tableoid::regclass",
    ],
    cteReturning: [
      "RETURNING in a CTE",
      "WITH w AS (UPDATE customers SET visits = 3 WHERE id < 4 RETURNING ssn) SELECT reverse(ssn) FROM w ORDER BY 1",
    ],
    cteDelete: [
      "DELETE in a CTE, counted by it",
      "WITH w AS (DELETE FROM payments RETURNING account) SELECT count(*) FROM w WHERE account < '8'",
    ],
    cteInsert: [
      "INSERT in a CTE",
      "WITH w AS (INSERT INTO guesses SELECT id + 300, name FROM customers RETURNING guess) SELECT max(guess) FROM w",
    ],
    view: [
      "a view of one's own",
      "CREATE TEMP VIEW v AS SELECT id, ssn AS x FROM customers",
      "SELECT x FROM v ORDER BY id",
    ],
    viewSchema: [
      "a view in one's own schema",
      "CREATE VIEW scratch.v AS SELECT id, upper(name) AS x FROM customers",
      "SELECT x FROM scratch.v ORDER BY id",
    ],
    viewUpdate: ["UPDATE through a view", "UPDATE plain SET country = 'fr' WHERE id = 7 RETURNING ssn, email"],
    materialized: [
      "a materialized view of one's own",
      "CREATE MATERIALIZED VIEW scratch.m AS SELECT id, ssn FROM customers",
      "SELECT * FROM scratch.m ORDER BY id",
    ],
    like: [
      "a table like it, filled",
      "CREATE TEMP TABLE t (LIKE customers)",
      "INSERT INTO t (id, tenant, country, joined, visits, name, card, born, ssn) SELECT id, tenant, country, joined, visits, name, card, born, ssn FROM customers",
      "SELECT ssn FROM t ORDER BY id",
    ],
    defaultValue: [
      "a default that reads",
      "CREATE FUNCTION pg_temp.d() RETURNS text LANGUAGE sql AS 'SELECT name FROM twin.customers WHERE id = 7'",
      "CREATE TEMP TABLE t (a int, b text DEFAULT pg_temp.d())",
      "INSERT INTO t VALUES (1) RETURNING b",
    ],
    index: [
      "an index by it",
      "CREATE TEMP TABLE t AS SELECT name FROM customers",
      "ALTER TABLE t ADD CHECK (name < '8')",
    ],
    typed: [
      "a column of the row type",
      "CREATE TEMP TABLE t (c customers)",
      "INSERT INTO t SELECT c FROM customers c",
      "SELECT (c).ssn FROM t ORDER BY (c).id",
    ],
    rule: [
      "a rule",
      "CREATE TEMP TABLE t (x text)",
      "CREATE RULE r AS ON UPDATE TO t DO INSTEAD SELECT name FROM customers WHERE id = 7",
      "UPDATE t SET x = ''",
    ],
  }),
  ...reads("code", {
    sqlFunction: ["a function of the shop", "SELECT email_of(7)"],
    sqlFunctionFrom: ["in FROM", "SELECT * FROM email_of(7)"],
    rowFunction: ["one that returns a row", "SELECT * FROM customer_of(7)"],
    rowField: ["a field of what it returns", "SELECT (customer_of(7)).ssn"],
    setFunction: ["one that returns a set", "SELECT * FROM all_names()"],
    definer: ["one with its owner's rights", "SELECT pay_of(7)"],
    inWhere: ["in a condition", "SELECT id FROM guesses WHERE email_of(7) < '5' ORDER BY id"],
    doNotice: ["DO that tells", "DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM customers WHERE id = 7); END $$"],
    doError: ["DO that fails", "DO $$ BEGIN RAISE EXCEPTION '%', (SELECT ssn FROM customers WHERE id = 7); END $$"],
    doDynamic: [
      "DO with EXECUTE",
      "DO $$ DECLARE r text; BEGIN EXECUTE 'SELECT s' || 'sn FROM customers WHERE id = 7' INTO r; RAISE NOTICE '%', r; END $$",
    ],
    doSetting: [
      "DO that leaves a setting",
      "DO $$ BEGIN PERFORM set_config('app.y', (SELECT name FROM customers WHERE id = 7), false); END $$",
      "SHOW app.y",
    ],
    doTable: [
      "DO that fills a table",
      "CREATE TEMP TABLE t (x text)",
      "DO $$ BEGIN INSERT INTO t SELECT ssn FROM customers; END $$",
      "SELECT * FROM t ORDER BY 1",
    ],
    doLoop: [
      "DO with a loop",
      "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM customers ORDER BY id LOOP RAISE NOTICE '%', r.ssn; END LOOP; END $$",
    ],
    temporary: [
      "a function of one's own",
      ...hiddenIn("BEGIN RETURN (SELECT ssn FROM twin.customers WHERE id = 7); END"),
    ],
    dynamic: [
      "one with EXECUTE",
      ...hiddenIn(
        "DECLARE r text; BEGIN EXECUTE 'SELECT reverse(ssn) FROM twin.customers WHERE id = 7' INTO r; RETURN r; END",
      ),
    ],
    exception: [
      "one that catches an error",
      ...hiddenIn(
        "BEGIN PERFORM name::int FROM twin.customers WHERE id = 7; RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END",
      ),
    ],
    sqlTemporary: [
      "an SQL function of one's own",
      "CREATE FUNCTION pg_temp.g() RETURNS SETOF text LANGUAGE sql AS 'SELECT ssn FROM twin.customers ORDER BY id'",
      "SELECT * FROM pg_temp.g()",
    ],
    atomic: [
      "with a body of SQL",
      "CREATE FUNCTION pg_temp.h() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT ssn FROM twin.customers WHERE id = 7; END",
      "SELECT pg_temp.h()",
    ],
    procedure: [
      "a procedure",
      "CREATE PROCEDURE pg_temp.p(INOUT x text) LANGUAGE sql AS 'SELECT ssn FROM twin.customers WHERE id = 7'",
      "CALL pg_temp.p(NULL)",
    ],
    trigger: [
      "a trigger of one's own",
      "CREATE TEMP TABLE t (x text)",
      "CREATE FUNCTION pg_temp.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := (SELECT ssn FROM twin.customers WHERE id = 7); RETURN NEW; END $$",
      "CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.t()",
      "INSERT INTO t VALUES ('') RETURNING x",
    ],
    operator: [
      "an operator of one's own",
      "CREATE FUNCTION scratch.o(int, int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM twin.customers WHERE id = $1'",
      "CREATE OPERATOR scratch.=== (FUNCTION = scratch.o, LEFTARG = int, RIGHTARG = int)",
      "SELECT 7 OPERATOR(scratch.===) 1",
    ],
    aggregate: [
      "an aggregate of one's own",
      "CREATE AGGREGATE scratch.glue(text) (SFUNC = textcat, STYPE = text, INITCOND = '')",
      "SELECT scratch.glue(left(name, 3) ORDER BY id) FROM customers",
    ],
    cast: [
      "a function over a row of the table",
      "CREATE FUNCTION scratch.show(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn'",
      "SELECT c.show FROM customers c ORDER BY id",
    ],
    shadow: [
      "a function named like a built-in",
      "CREATE FUNCTION scratch.lower(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.name'",
      "SELECT lower(c) FROM customers c ORDER BY id",
    ],
    committed: [
      "a function that is committed",
      "-- open",
      "CREATE FUNCTION scratch.k() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM twin.customers WHERE id = 7'",
      "SELECT scratch.k()",
      "DROP FUNCTION scratch.k",
    ],
    committedDynamic: [
      "one that builds its text",
      "-- open",
      "CREATE FUNCTION scratch.l() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE 'SELECT reverse(s' || 'sn) FROM twin.customers WHERE id = 7' INTO r; RETURN r; END $$",
      "SELECT scratch.l()",
      "DROP FUNCTION scratch.l",
    ],
    committedView: [
      "a view over a function of one's own",
      "-- open",
      "CREATE FUNCTION scratch.m(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn'",
      "CREATE VIEW scratch.mv AS SELECT id, scratch.m(c) AS x FROM customers c",
      "SELECT x FROM scratch.mv ORDER BY id",
      "DROP VIEW scratch.mv",
      "DROP FUNCTION scratch.m",
    ],
    databaseToXml: [
      "SQL in a text, by the server's own function",
      "SELECT query_to_xml('SELECT name FROM twin.customers WHERE id = 7', true, false, '')",
    ],
    cursorToXml: [
      "a cursor as XML",
      "DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY id",
      "SELECT cursor_to_xml('c', 9, true, false, '')",
    ],
    schemaToXml: ["a schema as XML", "SELECT length(md5(x::text)), x FROM schema_to_xml('twin', true, false, '') x"],
    tsStat: ["words of a query in a text", "SELECT * FROM ts_stat('SELECT words FROM twin.customers') ORDER BY 1"],
    tsRewrite: [
      "a search rewritten by a query in a text",
      "SELECT ts_rewrite('x'::tsquery, 'SELECT ''x''::tsquery, (''a'' || name)::tsquery FROM twin.customers WHERE id = 7')",
    ],
  }),
  ...others("code", {
    replace: [
      "a function of the shop replaced",
      "CREATE OR REPLACE FUNCTION email_of(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM twin.customers WHERE id = $1'",
    ],
    definerOwn: [
      "a definer function of one's own",
      "CREATE FUNCTION pg_temp.z() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
      "SELECT pg_temp.z()",
    ],
    untrusted: ["a language that is not trusted", "CREATE FUNCTION pg_temp.c() RETURNS int LANGUAGE c AS 'x', 'y'"],
    extension: ["an extension", "CREATE EXTENSION dblink"],
  }),
  ...reads("session", {
    searchPath: [
      "under another search path",
      "SET search_path = pg_catalog, twin",
      "SELECT ssn FROM customers ORDER BY id",
    ],
    searchPathLocal: ["SET LOCAL", "SET LOCAL search_path = twin", "SELECT ssn FROM customers ORDER BY id"],
    setConfig: [
      "the path by a function",
      "SELECT set_config('search_path', 'twin', false)",
      "SELECT ssn FROM customers ORDER BY id",
    ],
    savepoint: [
      "after a savepoint",
      "SAVEPOINT a",
      "SELECT ssn FROM nowhere",
      "ROLLBACK TO a",
      "SELECT ssn FROM customers ORDER BY id",
    ],
    readOnly: ["in a read-only transaction", "SET TRANSACTION READ ONLY", "SELECT ssn FROM customers ORDER BY id"],
    serializable: [
      "in a serializable transaction",
      "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
      "SELECT ssn FROM customers ORDER BY id",
    ],
    dateStyle: [
      "under another date style",
      "SET datestyle = 'German'",
      "SELECT seen, period FROM customers ORDER BY id",
    ],
    bytea: ["bytes in another form", "SET bytea_output = 'escape'", "SELECT photo FROM customers ORDER BY id"],
    encoding: ["in another encoding", "SET client_encoding = 'SQL_ASCII'", "SELECT ssn FROM customers ORDER BY id"],
    latin: ["in LATIN1", "SET client_encoding = 'LATIN1'", "SELECT ssn FROM customers ORDER BY id"],
    verbose: [
      "with logged plans",
      "SET debug_print_plan = on",
      "SET client_min_messages = log",
      "SELECT FROM customers WHERE name < '8'",
    ],
    logged: ["with logged statements", "SET client_min_messages = debug5", "SELECT ssn FROM customers WHERE id = 7"],
    discard: ["after DISCARD ALL", "-- open", "DISCARD ALL", "SELECT ssn FROM customers ORDER BY id"],
    resetAll: ["after RESET ALL", "RESET ALL", "SELECT ssn FROM twin.customers ORDER BY id"],
    temporaryShadow: [
      "a temporary table of that name, dropped",
      "CREATE TEMP TABLE customers (id int, ssn text)",
      "SELECT ssn FROM customers",
      "DROP TABLE pg_temp.customers",
      "SELECT ssn FROM customers ORDER BY id",
    ],
    several: ["several statements in a string", "SELECT 1; SELECT ssn FROM customers ORDER BY id; SELECT 2"],
    severalSet: [
      "a path set in the same string",
      "SET search_path = pg_temp; SET search_path = twin; SELECT ssn FROM customers ORDER BY id",
    ],
    strings: [
      "under other rules for strings",
      "SET standard_conforming_strings = off",
      "SELECT ssn || 'a\\'b' FROM customers ORDER BY id",
    ],
    extraFloat: ["under other digits", "SET extra_float_digits = -10", "SELECT ratio FROM customers ORDER BY id"],
    interval: [
      "under another interval style",
      "SET intervalstyle = 'iso_8601'",
      "SELECT seen - timestamptz '2021-01-01' FROM customers ORDER BY id",
    ],
    nullEquals: [
      "under transform_null_equals",
      "SET transform_null_equals = on",
      "SELECT id FROM customers WHERE ssn = NULL ORDER BY id",
    ],
    rowSecurity: ["with row security off", "SET row_security = on", "SELECT secret FROM vault ORDER BY id"],
  }),
  ...others("session", {
    role: ["as another role", "SET ROLE postgres", "SELECT ssn FROM customers"],
    authorization: ["as another user", "SET SESSION AUTHORIZATION postgres"],
    settingFile: ["a setting that no one may set", "SET log_statement = 'all'"],
    alterRole: ["the role itself", "ALTER ROLE twin_app SET search_path = pg_temp"],
  }),
];
