/** Statements that write: each command, each clause that names another relation, rules, triggers, views as targets. */

import { deny, type PolicyCase, permit } from "./policy-case.ts";

const FROM_17 = { majors: [17, 18] } as const;
const ONLY_18 = { majors: [18] } as const;

export const WRITES: readonly PolicyCase[] = [
  // INSERT.
  permit("INSERT INTO orders (id, memo) VALUES (100, 'x')", "insert orders"),
  permit("INSERT INTO public.orders (id) VALUES (100), (101)", "insert orders"),
  permit("INSERT INTO orders AS o (id) VALUES (100) RETURNING o.id", "insert orders; select orders"),
  permit("INSERT INTO orders (id) VALUES (100) RETURNING *", "insert orders; select orders"),
  permit(
    "INSERT INTO orders (id) VALUES (100) RETURNING (SELECT max(id) FROM payments)",
    "insert orders; select payments",
  ),
  permit("INSERT INTO orders (memo) VALUES ('numbered by its identity')", "insert orders"),
  permit("INSERT INTO orders DEFAULT VALUES", "insert orders"),
  permit("INSERT INTO receipts (body) VALUES ('x'), ('y')", "insert receipts", { as: "builders" }),
  permit("INSERT INTO receipts DEFAULT VALUES", "insert receipts", { as: "builders" }),
  permit("UPDATE receipts SET id = DEFAULT WHERE id = 1", "select receipts; update receipts", { as: "builders" }),
  permit("INSERT INTO parcels (body) VALUES ('x'), ('y')", "insert parcels; update receipts_id_seq", {
    as: "builders",
  }),
  permit(
    "INSERT INTO receipts (id) VALUES (nextval('receipts_id_seq'))",
    "call pg_catalog.nextval(regclass); insert receipts",
    { as: "builders" },
  ),
  deny("INSERT INTO orders (id) VALUES (nextval('orders_id_seq'))", "call pg_catalog.nextval(regclass); insert orders"),
  permit("INSERT INTO orders (id, memo) OVERRIDING SYSTEM VALUE VALUES (100, 'x')", "insert orders"),
  permit("INSERT INTO orders (memo) OVERRIDING USER VALUE SELECT body FROM notes", "insert orders; select notes"),
  permit("INSERT INTO orders (id, memo) SELECT id + 100, body FROM notes", "insert orders; select notes"),
  permit("INSERT INTO orders (id, memo) TABLE notes", "insert orders; select notes", {
    error: "23505",
    roleError: "23505",
  }),
  permit("INSERT INTO orders (id) WITH n AS (TABLE notes) SELECT id + 200 FROM n", "insert orders; select notes"),
  permit("WITH n AS (TABLE notes) INSERT INTO orders (id) SELECT id + 200 FROM n", "insert orders; select notes"),
  permit("INSERT INTO orders (id) VALUES ((SELECT max(id) + 300 FROM notes))", "insert orders; select notes"),
  permit("INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING", "insert orders"),
  permit("INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO NOTHING", "insert orders; select orders"),
  permit(
    "INSERT INTO orders (id) VALUES (1) ON CONFLICT ON CONSTRAINT orders_pkey DO NOTHING",
    "insert orders; select orders",
  ),
  permit(
    "INSERT INTO orders (id, memo) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET memo = excluded.memo",
    "insert orders; select orders; update orders",
  ),
  permit(
    "INSERT INTO orders AS o (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET memo = (SELECT max(body) FROM notes) WHERE o.total > 1",
    "insert orders; select notes; select orders; update orders",
  ),
  deny(
    "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET memo = (SELECT max(team) FROM hr.salaries)",
    "insert orders; select hr.salaries; select orders; update orders",
  ),
  deny("INSERT INTO orders (id, memo) SELECT person + 900, team FROM hr.salaries", "insert orders; select hr.salaries"),
  deny(
    "INSERT INTO orders (id) VALUES ((SELECT max(person) + 900 FROM hr.salaries))",
    "insert orders; select hr.salaries",
  ),
  deny(
    "INSERT INTO orders (id) VALUES (100) RETURNING (SELECT max(pay) FROM hr.salaries)",
    "insert orders; select hr.salaries",
  ),
  deny("INSERT INTO customers (id, name) VALUES (100, 'x')", "insert customers"),
  deny("INSERT INTO payments VALUES (100, 1, 1, 'x')", "insert payments"),
  deny("INSERT INTO hr.orders VALUES (2, 'x')", "insert hr.orders"),
  deny("INSERT INTO notes (id) SELECT id FROM orders", "insert notes; select orders"),
  deny("INSERT INTO events VALUES (9, '2026-02-02', 'x')", "insert events"),
  deny("INSERT INTO events_2025 VALUES (9, '2025-02-02', 'x')", "insert events_2025"),
  deny("INSERT INTO trucks VALUES (9, 'x', 1)", "insert trucks"),
  deny("INSERT INTO messages VALUES (9, 9, current_user, 'x')", "insert messages", { truthAs: "shop_app" }),
  deny("INSERT INTO customers (id, name, tags[1], home.city) VALUES (100, 'x', 'y', 'z')", "insert customers"),
  deny("INSERT INTO remote_orders VALUES (1, 'x')", "insert remote_orders", { error: "55000" }),

  // Through views, rules and triggers.
  deny("INSERT INTO simple_orders (id, memo) VALUES (100, 'x')", "insert orders; insert simple_orders"),
  deny("UPDATE simple_orders SET memo = 'x'", "update orders; update simple_orders"),
  deny(
    "UPDATE simple_orders SET memo = 'x' WHERE id = 1",
    "select orders; select simple_orders; update orders; update simple_orders",
  ),
  deny("DELETE FROM simple_orders", "delete orders; delete simple_orders"),
  deny("UPDATE new_orders SET memo = 'x'", null),
  deny("INSERT INTO watched VALUES (1, 'x')", "insert audit.trail; insert watched; select watched"),
  permit("DELETE FROM frozen", ""),
  deny("UPDATE frozen SET id = 2", "select frozen; select notes; update frozen; update notes"),
  deny("INSERT INTO order_entry VALUES (100, 'x')", "insert order_entry; insert orders; select order_entry"),
  deny("DELETE FROM order_entry WHERE id = 1", null),
  deny("INSERT INTO order_form VALUES (1, 'x')", "insert order_form"),
  deny("UPDATE order_form SET memo = 'x' WHERE id = 1", null),
  deny("INSERT INTO hr.customer_names VALUES (100, 'x')", "insert customers; insert hr.customer_names"),

  // UPDATE.
  permit("UPDATE orders SET memo = 'x'", "update orders"),
  permit("UPDATE orders SET memo = 'x' WHERE id = 1", "select orders; update orders"),
  permit("UPDATE ONLY public.orders AS o SET memo = 'x' WHERE o.id = 1", "select orders; update orders"),
  permit("UPDATE orders SET (memo, total) = ('x', 1) WHERE id = 1", "select orders; update orders"),
  permit(
    "UPDATE orders SET (memo, total) = (SELECT body, 1 FROM notes WHERE id = 1) WHERE orders.id = 1",
    "select notes; select orders; update orders",
  ),
  permit("UPDATE orders SET memo = DEFAULT WHERE id = 1 RETURNING memo", "select orders; update orders"),
  permit(
    "UPDATE orders SET memo = c.name FROM customers c WHERE c.id = orders.customer_id",
    "select customers; select orders; update orders",
  ),
  permit(
    "UPDATE orders SET total = total + 1 WHERE id IN (SELECT order_id FROM payments)",
    "select orders; select payments; update orders",
  ),
  permit(
    "UPDATE orders SET memo = 'x' WHERE id = 1 RETURNING old.memo, new.memo",
    "select orders; update orders",
    ONLY_18,
  ),
  permit(
    "WITH n AS (TABLE notes) UPDATE orders SET memo = n.body FROM n WHERE n.id = orders.id",
    "select notes; select orders; update orders",
  ),
  permit("UPDATE orders SET memo = 'x' WHERE CURRENT OF c", null, {
    setup: ["DECLARE c CURSOR FOR SELECT * FROM orders", "FETCH c"],
  }),
  deny(
    "UPDATE orders SET memo = s.team FROM hr.salaries s WHERE s.person = orders.id",
    "select hr.salaries; select orders; update orders",
  ),
  deny("UPDATE orders SET memo = (SELECT max(team) FROM hr.salaries)", "select hr.salaries; update orders"),
  deny("UPDATE orders SET memo = 'x' WHERE EXISTS (SELECT FROM hr.salaries)", "select hr.salaries; update orders"),
  deny(
    "UPDATE orders SET memo = 'x' RETURNING (SELECT max(pay) FROM hr.salaries)",
    "select hr.salaries; update orders",
  ),
  deny("UPDATE customers SET name = 'x'", "update customers"),
  deny("UPDATE customers SET home.city = 'x', tags[1] = 'y'", null),
  deny("UPDATE hr.orders SET name = 'x'", "update hr.orders"),
  deny("UPDATE events SET what = 'x' WHERE day = '2024-05-05'", "select events; update events"),
  deny("UPDATE vehicles SET name = 'x'", "update vehicles"),
  deny("UPDATE messages SET body = 'x' WHERE id = 1", "select members; select messages; update messages", {
    truthAs: "shop_app",
  }),
  deny(
    "UPDATE notes SET body = o.memo FROM orders o WHERE o.id = notes.id",
    "select notes; select orders; update notes",
  ),

  // DELETE.
  deny("DELETE FROM orders", "delete orders"),
  deny("DELETE FROM orders WHERE id = 20", "delete orders; select orders"),
  deny(
    "DELETE FROM ONLY orders AS o USING customers c WHERE c.id = o.customer_id AND c.id = 99",
    "delete orders; select customers; select orders",
  ),
  deny(
    "DELETE FROM orders o USING hr.salaries s WHERE s.person = o.id + 99",
    "delete orders; select hr.salaries; select orders",
  ),
  deny("DELETE FROM notes RETURNING *", "delete notes; select notes"),
  deny("DELETE FROM hr.salaries", "delete hr.salaries"),
  deny("DELETE FROM orders WHERE id = 99 RETURNING old.id", "delete orders; select orders", ONLY_18),
  deny("DELETE FROM events", "delete events"),
  deny("DELETE FROM notes WHERE CURRENT OF c", null, {
    setup: ["DECLARE c CURSOR FOR SELECT * FROM notes", "FETCH c"],
  }),

  // MERGE.
  permit(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED THEN UPDATE SET memo = n.body",
    "select notes; select orders; update orders",
  ),
  permit(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED AND o.total > 0 THEN DO NOTHING WHEN NOT MATCHED THEN INSERT (id, memo) VALUES (n.id, n.body)",
    "insert orders; select notes; select orders",
  ),
  permit(
    "MERGE INTO orders o USING (SELECT 900 AS id) n ON n.id = o.id WHEN NOT MATCHED THEN INSERT (id) VALUES (n.id) WHEN MATCHED THEN UPDATE SET memo = 'x'",
    "insert orders; select orders; update orders",
  ),
  permit(
    "WITH n AS (TABLE notes) MERGE INTO orders o USING n ON n.id = o.id WHEN MATCHED THEN UPDATE SET memo = n.body",
    "select notes; select orders; update orders",
  ),
  permit(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED THEN DO NOTHING",
    "select notes; select orders",
  ),
  permit(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET memo = 'x'",
    "select notes; select orders; update orders",
    FROM_17,
  ),
  permit(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED THEN UPDATE SET memo = 'x' RETURNING merge_action(), o.*",
    "select notes; select orders; update orders",
    FROM_17,
  ),
  deny(
    "MERGE INTO orders o USING notes n ON n.id = o.id + 99 WHEN MATCHED THEN DELETE",
    "delete orders; select notes; select orders",
  ),
  deny(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED AND false THEN DELETE WHEN MATCHED THEN UPDATE SET memo = 'x'",
    "delete orders; select notes; select orders; update orders",
  ),
  deny(
    "MERGE INTO orders o USING hr.salaries s ON s.person = o.id WHEN MATCHED THEN UPDATE SET memo = s.team",
    "select hr.salaries; select orders; update orders",
  ),
  deny(
    "MERGE INTO orders o USING notes n ON n.id = o.id WHEN MATCHED THEN UPDATE SET memo = (SELECT max(team) FROM hr.salaries)",
    "select hr.salaries; select notes; select orders; update orders",
  ),
  deny(
    "MERGE INTO orders o USING notes n ON n.id = o.id AND EXISTS (SELECT FROM hr.salaries) WHEN MATCHED THEN DO NOTHING",
    "select hr.salaries; select notes; select orders",
  ),
  deny(
    "MERGE INTO notes n USING orders o ON n.id = o.id WHEN MATCHED THEN UPDATE SET body = 'x'",
    "select notes; select orders; update notes",
  ),
  deny(
    "MERGE INTO simple_orders o USING notes n ON n.id = o.id WHEN MATCHED THEN UPDATE SET memo = 'x'",
    null,
    FROM_17,
  ),

  // Data-modifying common table expressions.
  permit(
    "WITH i AS (INSERT INTO orders (id) VALUES (100) RETURNING id) SELECT * FROM i",
    "insert orders; select orders",
  ),
  permit("WITH u AS (UPDATE orders SET memo = 'x') SELECT 1", "update orders"),
  permit(
    "WITH u AS (UPDATE orders SET memo = 'x' RETURNING id) INSERT INTO orders (id) SELECT id + 500 FROM u",
    "insert orders; select orders; update orders",
  ),
  deny("WITH d AS (DELETE FROM orders WHERE id = 99 RETURNING *) SELECT * FROM d", "delete orders; select orders"),
  deny("WITH d AS (DELETE FROM payments) SELECT 1", "delete payments"),
  deny(
    "WITH d AS (DELETE FROM notes RETURNING id) UPDATE orders SET memo = 'x' FROM d WHERE d.id = orders.id",
    "delete notes; select notes; select orders; update orders",
  ),
  deny("WITH i AS (INSERT INTO notes VALUES (3, 'x')) TABLE orders", "insert notes; select orders"),
  deny(
    "WITH a AS (SELECT 1), m AS (MERGE INTO notes USING orders ON false WHEN MATCHED THEN DELETE RETURNING 1) SELECT * FROM m",
    null,
    FROM_17,
  ),
  deny(
    "WITH x AS (INSERT INTO hr.orders VALUES (2, 'x') RETURNING name) SELECT name FROM x",
    "insert hr.orders; select hr.orders",
  ),

  // TRUNCATE and COPY.
  deny("TRUNCATE orders, payments", "truncate orders; truncate payments"),
  deny("TRUNCATE TABLE ONLY notes RESTART IDENTITY", "truncate notes"),
  deny("TRUNCATE hr.salaries CASCADE", "truncate @; truncate hr.salaries"),
  permit("COPY orders TO STDOUT", "copyOut orders"),
  permit("COPY public.orders (id, memo) TO STDOUT WITH (FORMAT csv, HEADER)", "copyOut orders"),
  permit("COPY (SELECT id FROM orders) TO STDOUT", "copyOut orders; select orders"),
  permit(
    "COPY (TABLE open_orders) TO STDOUT",
    "copyOut customers; copyOut open_orders; copyOut orders; select customers; select open_orders; select orders",
  ),
  permit("COPY (VALUES (1)) TO STDOUT", ""),
  permit("COPY (UPDATE orders SET memo = 'x' RETURNING id) TO STDOUT", "copyOut orders; select orders; update orders"),
  deny("COPY (DELETE FROM notes RETURNING id) TO STDOUT", "copyOut notes; delete notes; select notes"),
  deny("COPY hr.salaries TO STDOUT", "copyOut hr.salaries"),
  deny("COPY (SELECT * FROM hr.salaries) TO STDOUT", "copyOut hr.salaries; select hr.salaries"),
  deny(
    "COPY (SELECT id FROM orders UNION SELECT person FROM hr.salaries) TO STDOUT",
    "copyOut hr.salaries; copyOut orders; select hr.salaries; select orders",
  ),
  deny("COPY orders FROM STDIN", "copyIn orders"),
  deny("COPY orders (id, memo) FROM STDIN (FORMAT csv) WHERE id > 1", "copyIn orders"),
  deny("COPY notes FROM STDIN BINARY", "copyIn notes", { unsent: "needs a binary header" }),
  deny("COPY hr.orders FROM STDIN", "copyIn hr.orders"),
];
