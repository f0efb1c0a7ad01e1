/** Statements with a query inside: EXPLAIN of each, cursors, prepared statements, tables and views made of a query. */

import { deny, never, type PolicyCase, permit } from "./policy-case.ts";

export const INNER_QUERIES: readonly PolicyCase[] = [
  // EXPLAIN asks for what it explains, run or not: a plan shows rows' counts and constants.
  permit("EXPLAIN SELECT * FROM orders", "select orders"),
  permit("EXPLAIN (VERBOSE, COSTS off, FORMAT json) TABLE orders", "select orders"),
  permit("EXPLAIN VALUES (1)", ""),
  permit("EXPLAIN SELECT * FROM open_orders", "select customers; select open_orders; select orders"),
  permit("EXPLAIN SELECT * FROM messages", "select members; select messages", { truthAs: "shop_app" }),
  permit("EXPLAIN INSERT INTO orders (id) VALUES (100)", "insert orders"),
  permit("EXPLAIN UPDATE orders SET memo = 'x'", "update orders"),
  permit("EXPLAIN ANALYZE SELECT * FROM orders", "select orders"),
  // Its triggers are those of foreign keys, and have the names of constraints of other tables.
  deny("EXPLAIN (ANALYZE) UPDATE orders SET memo = 'x' WHERE id = 1", "select orders; update orders"),
  permit("EXPLAIN (ANALYZE) UPDATE notes SET body = 'x' WHERE id = 1", "select notes; update notes", {
    as: "builders",
  }),
  permit("EXPLAIN (ANALYZE off) UPDATE orders SET memo = 'x'", "update orders"),
  permit("EXPLAIN DECLARE c CURSOR FOR SELECT * FROM orders", "select orders"),
  permit("EXPLAIN EXECUTE p", null, { setup: ["PREPARE p AS SELECT * FROM orders"] }),
  permit("EXPLAIN (GENERIC_PLAN) SELECT * FROM orders WHERE id = $1", "select orders", {
    majors: [16, 17, 18],
    pending: "a simple Query with $1 is carried upstream by Bind, which has no value for it",
  }),
  permit("EXPLAIN (ANALYZE, MEMORY, SERIALIZE) SELECT * FROM orders", "select orders", { majors: [17, 18] }),
  deny("EXPLAIN SELECT * FROM hr.salaries", "select hr.salaries"),
  deny("EXPLAIN SELECT * FROM orders, hr.salaries", "select hr.salaries; select orders"),
  deny("EXPLAIN DELETE FROM orders", "delete orders"),
  deny("EXPLAIN ANALYZE DELETE FROM orders", "delete orders"),
  deny("EXPLAIN (ANALYZE true) INSERT INTO notes VALUES (3, 'x')", "insert notes"),
  deny(
    "EXPLAIN MERGE INTO notes n USING orders o ON n.id = o.id WHEN MATCHED THEN DELETE",
    "delete notes; select notes; select orders",
  ),
  deny("EXPLAIN WITH d AS (DELETE FROM notes RETURNING id) SELECT * FROM d", "delete notes; select notes"),
  deny("EXPLAIN ANALYZE WITH d AS (DELETE FROM notes RETURNING id) SELECT * FROM d", "delete notes; select notes"),
  deny("EXPLAIN CREATE TABLE x AS SELECT * FROM hr.salaries", "create @public; select hr.salaries"),
  deny("EXPLAIN ANALYZE CREATE TABLE x AS SELECT * FROM orders", "create @public; select orders"),
  deny("EXPLAIN CREATE MATERIALIZED VIEW x AS SELECT * FROM orders", "create @public; select orders"),
  never("EXPLAIN SELECT id INTO x FROM orders", "create @public; select orders"),
  deny("EXPLAIN DECLARE c CURSOR FOR SELECT * FROM hr.salaries", "select hr.salaries"),
  deny("EXPLAIN REFRESH MATERIALIZED VIEW daily_totals", null),

  // Cursors.
  permit("DECLARE c CURSOR FOR SELECT * FROM orders", "select orders"),
  permit("DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR TABLE orders", "select orders"),
  permit(
    "DECLARE c CURSOR FOR SELECT * FROM big_open_orders",
    "select big_open_orders; select customers; select open_orders; select orders",
  ),
  permit("DECLARE c CURSOR FOR SELECT * FROM messages", "select members; select messages", { truthAs: "shop_app" }),
  permit("FETCH 2 FROM c", "select orders", { setup: ["DECLARE c CURSOR FOR SELECT * FROM orders"] }),
  permit("FETCH BACKWARD ALL IN c", "select orders", { setup: ["DECLARE c SCROLL CURSOR FOR SELECT * FROM orders"] }),
  permit("MOVE FORWARD 1 IN c", "select orders", { setup: ["DECLARE c CURSOR FOR SELECT * FROM orders"] }),
  permit("CLOSE c", "", { setup: ["DECLARE c CURSOR FOR SELECT * FROM orders"] }),
  permit("CLOSE ALL", ""),
  deny("DECLARE c CURSOR FOR SELECT * FROM hr.salaries", "select hr.salaries"),
  deny(
    "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM orders WHERE id IN (SELECT person FROM hr.salaries)",
    "select hr.salaries; select orders",
  ),
  deny("DECLARE c CURSOR FOR SELECT * FROM customers FOR UPDATE", "select customers; update customers"),
  never("DECLARE c CURSOR FOR WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d", null, { error: "0A000" }),

  // SQL's own prepared statements: nothing runs, and nothing is decided, before EXECUTE.
  permit("PREPARE p AS SELECT * FROM orders", null),
  permit("PREPARE p (int) AS SELECT * FROM orders WHERE id = $1", null),
  permit("EXECUTE p", null, { setup: ["PREPARE p AS SELECT * FROM orders"] }),
  permit("EXECUTE p (1)", null, { setup: ["PREPARE p (int) AS SELECT * FROM orders WHERE id = $1"] }),
  permit("EXECUTE p", null, { setup: ["PREPARE p AS UPDATE orders SET memo = 'x'"] }),
  permit("EXECUTE p ((1 + 2) * 3)", null, { setup: ["PREPARE p (int) AS SELECT $1"] }),
  permit("DEALLOCATE p", "", { setup: ["PREPARE p AS SELECT 1"] }),
  permit("DEALLOCATE PREPARE ALL", ""),
  permit("PREPARE p AS SELECT * FROM hr.salaries", null),
  permit("PREPARE p AS DELETE FROM orders", null),
  permit("PREPARE p (int) AS WITH d AS (DELETE FROM notes WHERE id = $1 RETURNING id) SELECT * FROM d", null),
  deny("EXECUTE p", "select hr.salaries", { setup: ["PREPARE p AS SELECT * FROM hr.salaries"] }),
  deny("EXECUTE p (1)", "delete notes; select notes", {
    setup: ["PREPARE p (int) AS DELETE FROM notes WHERE id = $1"],
  }),
  never("EXECUTE p", null, { setup: ["PREPARE p AS SELECT peek_pay(1)"] }),

  // A table or a view of a query.
  deny("CREATE TABLE x AS SELECT * FROM orders", "create @public; select orders"),
  deny("CREATE TABLE x AS TABLE orders WITH NO DATA", "create @public; select orders"),
  deny("CREATE TABLE IF NOT EXISTS hr.x AS SELECT * FROM orders", "create @hr; select orders"),
  deny("CREATE TABLE x AS SELECT * FROM hr.salaries", "create @public; select hr.salaries"),
  deny("CREATE TABLE x AS EXECUTE p", null, { setup: ["PREPARE p AS SELECT * FROM orders"] }),
  deny("CREATE TEMP TABLE x AS SELECT * FROM orders", "create @pg_temp; select orders"),
  deny("CREATE UNLOGGED TABLE x AS VALUES (1)", "create @public"),
  never("SELECT * INTO x FROM orders", "create @public; select orders"),
  never("SELECT * INTO TEMP x FROM orders", "create @pg_temp; select orders"),
  never("SELECT * INTO x FROM hr.salaries", "create @public; select hr.salaries"),
  never("WITH a AS (SELECT 1 AS b) SELECT b INTO x FROM a", "create @public"),
  deny("CREATE MATERIALIZED VIEW x AS SELECT * FROM orders", "create @public; select orders"),
  deny("CREATE MATERIALIZED VIEW hr.x AS SELECT * FROM hr.salaries WITH NO DATA", "create @hr; select hr.salaries"),
  deny("CREATE VIEW x AS SELECT * FROM orders", "create @public; select orders"),
  deny("CREATE OR REPLACE VIEW order_totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY 1", null),
  deny("CREATE VIEW x WITH (security_invoker) AS SELECT * FROM hr.salaries", "create @public; select hr.salaries"),
  never("CREATE RECURSIVE VIEW x (i) AS SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 3", "create @public"),
  deny("CREATE TEMP VIEW x AS SELECT * FROM orders", "create @pg_temp; select orders"),
  deny("REFRESH MATERIALIZED VIEW daily_totals", "maintain daily_totals"),
  deny("REFRESH MATERIALIZED VIEW CONCURRENTLY daily_totals", "maintain daily_totals", { error: "55000" }),

  // A temporary table hides a table of the same name from its own session.
  permit("SELECT * FROM orders", "select pg_temp.orders", {
    setup: ["CREATE TEMP TABLE orders (id int)"],
    as: "builders",
    committed: true,
  }),
  permit("SELECT * FROM public.orders", "select orders", {
    setup: ["CREATE TEMP TABLE orders (id int)"],
    as: "builders",
    committed: true,
  }),
  permit("SELECT * FROM pg_temp.x", "select pg_temp.x", {
    setup: ["CREATE TEMP TABLE x (id int)"],
    as: "builders",
    committed: true,
  }),
  permit("INSERT INTO orders VALUES (1)", "insert pg_temp.orders", {
    setup: ["CREATE TEMP TABLE orders (id int)"],
    as: "builders",
    committed: true,
  }),
  permit("DROP TABLE pg_temp.x", "drop @pg_temp", {
    setup: ["CREATE TEMP TABLE x (id int)"],
    as: "builders",
    committed: true,
  }),
  permit("SELECT * FROM x", "select pg_temp.x", { setup: ["CREATE TEMP TABLE x (id int)"], as: "builders" }),
  permit("INSERT INTO x VALUES (1)", null, { setup: ["CREATE TABLE x (id int)"], as: "builders" }),
  permit("DROP TABLE x", "drop pg_temp.x", { setup: ["CREATE TEMP TABLE x (id int)"], as: "builders" }),
];
