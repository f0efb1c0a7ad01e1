/** Statements for test/spec/splice.test.ts, each of which must mean the same when sub-selects stand for its relations. */

export const SPLICE_SCHEMA = `
CREATE SCHEMA s; CREATE SCHEMA other;
ALTER DATABASE postgres SET search_path = s, public;
SET search_path = s, public;
CREATE TYPE mood AS ENUM ('new', 'paid', 'sent');
CREATE TYPE address AS (street text, city text);
CREATE DOMAIN cents AS numeric(10, 2);
CREATE TABLE people (id int PRIMARY KEY, gone text, name varchar(40) NOT NULL, pay cents, home address, tags text[], note jsonb, "Odd ""Name" date);
ALTER TABLE people DROP COLUMN gone;
INSERT INTO people SELECT i, 'person ' || i, i * 500, ROW('street ' || i, 'city')::address, ARRAY['a', i::text],
  jsonb_build_object('k', i), date '2000-01-01' + i FROM generate_series(1, 6) i;
CREATE TABLE orders (id int PRIMARY KEY, person_id int, total numeric(12, 2), state mood, placed date, twice numeric GENERATED ALWAYS AS (total * 2) STORED);
INSERT INTO orders SELECT i, 1 + i % 4, i * 10, CASE WHEN i % 2 = 0 THEN 'new' ELSE 'paid' END::mood, date '2026-01-01' + i FROM generate_series(1, 12) i;
CREATE VIEW adults AS SELECT * FROM people WHERE pay > 0;
CREATE VIEW rich WITH (security_barrier) AS SELECT * FROM adults WHERE pay > 1000;
CREATE VIEW totals AS SELECT person_id, sum(total) AS total, count(*) AS n FROM orders GROUP BY person_id;
CREATE MATERIALIZED VIEW people_mat AS SELECT * FROM people;
CREATE TABLE people_parts (LIKE people) PARTITION BY RANGE (id);
CREATE TABLE people_low PARTITION OF people_parts FOR VALUES FROM (0) TO (4);
CREATE TABLE people_high PARTITION OF people_parts FOR VALUES FROM (4) TO (100);
INSERT INTO people_parts SELECT * FROM people;
CREATE TABLE people_parent (LIKE people);
CREATE TABLE people_child (more int) INHERITS (people_parent);
INSERT INTO people_parent SELECT * FROM people WHERE id < 3;
INSERT INTO people_child SELECT p.*, 1 FROM people p WHERE id >= 3;
CREATE TABLE "select" (LIKE people); INSERT INTO "select" SELECT * FROM people;
CREATE TABLE "Été ""x""" (LIKE people); INSERT INTO "Été ""x""" SELECT * FROM people;
CREATE TABLE été (LIKE people); INSERT INTO été SELECT * FROM people;
CREATE TABLE nothing ();
CREATE TABLE target (id int PRIMARY KEY, v text); INSERT INTO target SELECT id, name FROM people WHERE id < 4;
CREATE TABLE other.people (id int, name text); INSERT INTO other.people VALUES (1, 'other');
CREATE TABLE tree (id int, parent int); INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 1), (4, 3);
CREATE FUNCTION name_of(people) RETURNS text LANGUAGE sql AS 'SELECT $1.name';
ANALYZE;
`;

/** Ways of naming a relation with the columns of people. */
const NAMES = [
  "people",
  "s.people",
  "postgres.s.people",
  "People x",
  "people AS people",
  's /* . */ . "people" AS "x y"',
  'U&"\\0070eople"',
  "U&\"p!0065ople\" UESCAPE '!' AS x",
  "people *",
  "ONLY people",
  "ONLY (s.people) AS x",
  "people AS x (id, name, pay)",
  "adults",
  "s.rich r",
  "people_parts",
  "ONLY people_parts",
  "people_low",
  "people_parent",
  "ONLY (people_parent)",
  "people_mat",
  '"select"',
  "s.select",
  '"Été ""x"""',
  "été",
  "people TABLESAMPLE bernoulli (60) REPEATABLE (7)",
  "ONLY people_parent AS x TABLESAMPLE s . bernoulli ((SELECT 50 + count(*) FROM target)) REPEATABLE (3)".replace(
    "s . ",
    "",
  ),
] as const;

const AROUND_A_NAME = [
  "SELECT * FROM {} ORDER BY id",
  "SELECT name FROM{}WHERE name > 'person 2'ORDER BY id".replace("{}", " {} "),
  "SELECT count(*), sum(pay), array_agg(tags ORDER BY id) FROM {}",
  "SELECT (SELECT max(pay) FROM {}), ARRAY(SELECT id FROM {} ORDER BY 1)",
  "SELECT o.id, x.name FROM orders o JOIN (SELECT * FROM {}) x ON x.id = o.person_id ORDER BY 1",
  "WITH c AS (SELECT * FROM {} WHERE pay > 1000) SELECT c.* FROM c ORDER BY id",
  "SELECT name FROM {} UNION SELECT state::text FROM orders ORDER BY 1",
  "SELECT o.id FROM orders o WHERE o.person_id IN (SELECT id FROM {} WHERE pay > 700) ORDER BY 1",
  "SELECT o.id, l.name FROM orders o, LATERAL (SELECT name FROM {} WHERE id = o.person_id) l ORDER BY 1",
  "SELECT id, rank() OVER (ORDER BY pay DESC), (home).city, note -> 'k' FROM {} ORDER BY id",
  "INSERT INTO target SELECT id + 100, name FROM {}",
  "DELETE FROM target USING {} WHERE target.v = name RETURNING target.*",
  "SELECT name FROM {} WHERE id < 3 ORDER BY id FOR UPDATE",
] as const;

const READS = [
  "TABLE people",
  "TABLE ONLY people_parent",
  "TABLE s.people ORDER BY id DESC LIMIT 2",
  "TABLE target UNION ALL TABLE target ORDER BY 1",
  "(TABLE target) EXCEPT (TABLE target LIMIT 0) ORDER BY 1",
  "SELECT FROM people",
  "SELECT * FROM nothing",
  "TABLE nothing",
  "SELECT people.* FROM people ORDER BY people.id",
  "SELECT s.people.name, s.people.* FROM s.people ORDER BY s.people.id",
  "SELECT postgres.s.people.name FROM postgres.s.people ORDER BY 1",
  'SELECT"s"."people".name, (s.people.home).city, s.people.tags[1] FROM people ORDER BY s . people . id',
  "SELECT s.orders.id FROM s.orders WHERE EXISTS (SELECT 1 FROM people p WHERE p.id = s.orders.person_id AND s.orders.total > 20) ORDER BY 1",
  "SELECT s.people.name, orders.total FROM s.people JOIN s.orders ON s.people.id = s.orders.person_id ORDER BY orders.id",
  "SELECT row_to_json(people) FROM people ORDER BY id",
  "SELECT row_to_json(p), to_jsonb(p.*), p IS NULL, (p).name FROM people p ORDER BY id",
  "SELECT count(p), count(p.*), count(DISTINCT p.*) FROM people p",
  "SELECT p.id FROM people p ORDER BY p",
  "SELECT p::text, ROW(p.*)::text FROM target p ORDER BY 1",
  "SELECT json_agg(t) FROM (SELECT * FROM target ORDER BY id) t",
  "SELECT (SELECT p FROM (SELECT p.name) p)::text FROM people p ORDER BY 1",
  "SELECT name_of(people), people.name_of, (p.*)::people::text FROM people JOIN people p USING (id) ORDER BY id",
  "SELECT x.a, x.name FROM people AS x (a) ORDER BY a",
  "SELECT * FROM people AS x (a, b, c, d, e, f, g) ORDER BY a",
  "SELECT a.id, b.id FROM people a, people b WHERE a.id + b.id = 7 ORDER BY 1",
  "SELECT * FROM people p JOIN orders o ON o.person_id = p.id ORDER BY o.id",
  "SELECT * FROM people JOIN target USING (id) ORDER BY id",
  "SELECT id, target.v, people.name FROM people LEFT JOIN target USING (id) ORDER BY id",
  "SELECT j.id, name FROM people JOIN target USING (id) AS j ORDER BY id",
  "SELECT * FROM people NATURAL JOIN target ORDER BY id",
  "SELECT * FROM target NATURAL FULL JOIN other.people ORDER BY id, v",
  "SELECT * FROM (people JOIN orders ON people.id = orders.person_id) AS j (a, b, c, d, e, f, g) ORDER BY g",
  "SELECT j.* FROM (target CROSS JOIN tree) j ORDER BY 1, 3",
  "SELECT * FROM target RIGHT JOIN (tree t LEFT JOIN people p ON p.id = t.parent) ON target.id = t.id ORDER BY t.id",
  "SELECT * FROM target t FULL JOIN (SELECT id + 2 AS id FROM target) u ON t.id = u.id ORDER BY t.id, u.id",
  "SELECT t.id, g FROM target t, generate_series(1, t.id) g ORDER BY 1, 2",
  "SELECT * FROM target t, ROWS FROM (generate_series(1, 2), unnest(ARRAY[t.v])) AS r (a, b) ORDER BY 1, 3",
  "SELECT * FROM generate_series(1, (SELECT count(*)::int FROM target)) g, people WHERE g = id ORDER BY g",
  "SELECT t.id, x.n FROM target t CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.person_id = t.id) x ORDER BY 1",
  "SELECT t.id, x.n FROM target t LEFT JOIN LATERAL (SELECT o.id AS n FROM orders o WHERE o.person_id = t.id LIMIT 1) x ON true ORDER BY 1",
  "SELECT people.id AS people FROM people ORDER BY people",
  "SELECT insert.id FROM target insert ORDER BY 1",
  "SELECT x.* FROM target x, LATERAL (VALUES (x.id), (0)) v (n) WHERE n > 0 ORDER BY 1",
  'SELECT "select".name FROM "select" ORDER BY 1',
  'SELECT "Été ""x""".id, "Odd ""Name" FROM "Été ""x""" ORDER BY 1',
  "SELECT 'é', été.name, 'people' FROM été -- people\nORDER BY 2",
  "SELECT /* FROM people */ id FROM target /* t */ WHERE v <> 'FROM people' ORDER BY id -- FROM people",
  "SELECT $$FROM people$$ || v FROM target ORDER BY 1",
  // Expressions that hold queries.
  "SELECT CASE WHEN EXISTS (TABLE target) THEN (SELECT max(v) FROM target) ELSE 'no' END COLLATE \"C\"",
  "SELECT id FROM people WHERE id = ANY (SELECT id FROM target) AND id NOT IN (SELECT parent FROM tree WHERE parent IS NOT NULL) ORDER BY 1",
  "SELECT id FROM people WHERE (id, name) IN (SELECT id, v FROM target) AND pay > ALL (SELECT total FROM orders WHERE id < 3) ORDER BY 1",
  "SELECT id FROM people WHERE ROW(id, name) = (SELECT id, v FROM target WHERE id = 2)",
  "VALUES ((SELECT count(*) FROM people), (SELECT v FROM target WHERE id = 1)), (1, 'x')",
  "SELECT id FROM people ORDER BY id LIMIT (SELECT count(*) FROM target) OFFSET (SELECT min(id) FROM target)",
  "SELECT id FROM people ORDER BY (SELECT count(*) FROM orders WHERE person_id = people.id), id",
  "SELECT state, count(*) FROM orders GROUP BY state HAVING count(*) > (SELECT count(*) FROM target) ORDER BY 1",
  "SELECT (SELECT count(*) FROM target) AS n FROM orders GROUP BY (SELECT max(id) FROM target)",
  "SELECT sum(total) OVER w FROM orders WINDOW w AS (PARTITION BY (SELECT v FROM target t WHERE t.id = person_id) ORDER BY id) ORDER BY id",
  "SELECT sum(total) OVER (ORDER BY id ROWS BETWEEN (SELECT 1 FROM target LIMIT 1) PRECEDING AND CURRENT ROW) FROM orders ORDER BY id",
  "SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM target t WHERE t.id = o.person_id)), string_agg(o.id::text, ',' ORDER BY (SELECT pay FROM people p WHERE p.id = person_id), id) FROM orders o",
  "SELECT concat(VARIADIC ARRAY(SELECT v FROM target ORDER BY id)), coalesce((SELECT v FROM target WHERE false), 'none')",
  "SELECT percentile_cont((SELECT 0.5 FROM target LIMIT 1)) WITHIN GROUP (ORDER BY total) FROM orders",
  "SELECT DISTINCT ON (person_id) id, person_id FROM orders ORDER BY person_id, id",
  "SELECT DISTINCT state FROM orders ORDER BY 1",
  "SELECT grouping(state), state, sum(total) FROM orders GROUP BY ROLLUP (state) ORDER BY 1, 2",
  "SELECT person_id, state, count(*) FROM orders GROUP BY GROUPING SETS ((person_id), (state), ()) ORDER BY 1, 2",
  "SELECT xmlforest(id, v) FROM target ORDER BY id",
  "SELECT x.* FROM target, xmltable('/a' PASSING xmlelement(name a, v) COLUMNS n text PATH '.') x ORDER BY 1",
  "SELECT ARRAY[(SELECT v FROM target WHERE id = 1), 'b'], ARRAY(SELECT id FROM tree ORDER BY 1) IS NULL FROM tree WHERE false",
  "SELECT (ARRAY(SELECT v FROM target ORDER BY id))[(SELECT 2 FROM target LIMIT 1)]",
  "SELECT NOT EXISTS (SELECT FROM people WHERE id = 99) AND (SELECT true FROM target LIMIT 1)",
  "SELECT id FROM orders WHERE total BETWEEN (SELECT 15 FROM target LIMIT 1) AND (SELECT max(id) * 10 FROM target) ORDER BY 1",
  "SELECT id FROM orders WHERE placed = (SELECT min(placed) FROM orders)",
  "SELECT extract(year FROM (SELECT max(placed) FROM orders)), (SELECT max(placed) FROM orders) AT TIME ZONE 'UTC' IS NULL",
  "SELECT pg_typeof((SELECT pay FROM people LIMIT 1)), pg_typeof(total), pg_typeof(state) FROM orders LIMIT 1",
  "SELECT v::varchar(3), v || 'x', -id, id::text || v FROM target ORDER BY id",
  // WITH.
  "WITH target AS (SELECT 7 AS id) SELECT * FROM target",
  "WITH target AS (SELECT * FROM target WHERE id = 1) SELECT * FROM target",
  "WITH a AS (TABLE target), target AS (SELECT id FROM people WHERE id = 5) SELECT * FROM a, target ORDER BY 1",
  "WITH target AS (SELECT 9 AS id), b AS (TABLE target) SELECT b.id, x.id FROM b, s.target x ORDER BY 2",
  "WITH RECURSIVE r AS (SELECT id, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, depth + 1 FROM tree t JOIN r ON t.parent = r.id) SELECT * FROM r ORDER BY 1",
  "WITH RECURSIVE tree AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM tree WHERE id < 3) SELECT * FROM tree",
  "WITH RECURSIVE b AS (SELECT id FROM a), a AS (SELECT id FROM target) SELECT * FROM b ORDER BY 1",
  "WITH RECURSIVE r (id) AS (SELECT id FROM tree WHERE id = 1 UNION ALL SELECT t.id FROM tree t, r WHERE t.parent = r.id) SEARCH BREADTH FIRST BY id SET o CYCLE id SET c USING p SELECT id, c FROM r ORDER BY o",
  "WITH m AS MATERIALIZED (TABLE target), n AS NOT MATERIALIZED (TABLE tree) SELECT * FROM m JOIN n USING (id) ORDER BY 1",
  "WITH target AS (SELECT 1 AS id) SELECT * FROM (WITH tree AS (TABLE target) SELECT * FROM tree) x, tree ORDER BY 2",
  "SELECT * FROM (WITH target AS (SELECT 1 AS one) TABLE target) x, target ORDER BY 2",
  "WITH target AS (SELECT 8 AS id) SELECT (SELECT max(id) FROM target), (WITH target AS (SELECT id + 1 AS id FROM target) SELECT id FROM target)",
  "(WITH target AS (SELECT 1 AS id, 'x' AS v) TABLE target) UNION ALL TABLE target ORDER BY 1, 2",
  "WITH target AS (SELECT 1 AS id, 'x' AS v) TABLE target UNION ALL TABLE target",
  "WITH target AS (SELECT 3 AS id) SELECT * FROM ONLY target",
  "WITH target AS (SELECT 3 AS id) SELECT * FROM people p WHERE EXISTS (SELECT 1 FROM target t WHERE t.id = p.id)",
  "WITH target (x) AS (SELECT id FROM target) SELECT x FROM target ORDER BY x",
  // Set operations.
  "SELECT id FROM people EXCEPT SELECT id FROM target INTERSECT SELECT id FROM tree ORDER BY 1",
  "SELECT id, name FROM people UNION ALL SELECT id, v FROM target UNION SELECT 0, 'x' ORDER BY 1, 2 LIMIT 4",
  "SELECT * FROM (SELECT id FROM people UNION ALL VALUES (9)) x ORDER BY 1",
  // Locks.
  "SELECT t.id FROM target t, people FOR UPDATE OF t",
  "SELECT target.id FROM target JOIN people USING (id) ORDER BY 1 FOR SHARE OF target FOR NO KEY UPDATE OF people SKIP LOCKED",
  "SELECT * FROM (SELECT id FROM target) x ORDER BY 1 FOR KEY SHARE NOWAIT",
  "SELECT id FROM s.target ORDER BY 1 FOR UPDATE OF target",
  // Catalogs, whose names come before all others.
  "SELECT relname FROM pg_class WHERE relname LIKE 'pg_am%' ORDER BY 1",
  "SELECT c.relname, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 's' ORDER BY 1",
  "SELECT pg_catalog.pg_class.relname, a.attname FROM pg_catalog.pg_class, pg_attribute a WHERE a.attrelid = pg_class.oid AND pg_catalog.pg_class.relname = 'people' ORDER BY a.attnum",
  "SELECT table_name FROM information_schema.tables WHERE table_schema = 's' ORDER BY 1",
  "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'target' ORDER BY ordinal_position",
  "SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'target' ORDER BY 1",
  // Partitions, inheritance.
  "SELECT id, name FROM people_parts WHERE id = 5",
  "SELECT p.id FROM people_parts p JOIN people_low USING (id) ORDER BY 1",
  "SELECT count(*) FROM people_parent UNION ALL SELECT count(*) FROM ONLY people_parent",
  "SELECT c.more, p.name FROM people_child c JOIN people_parent * p USING (id) ORDER BY p.id",
  // Views.
  "SELECT r.*, t.total FROM rich r JOIN totals t ON t.person_id = r.id ORDER BY r.id",
  "SELECT n FROM totals WHERE person_id = 2",
  "SELECT (SELECT total FROM totals t WHERE t.person_id = a.id) FROM adults a ORDER BY a.id",
  // Sampled.
  "SELECT id FROM orders AS x TABLESAMPLE system (100) REPEATABLE (1) WHERE id < 4 ORDER BY 1",
  "SELECT o.id, t.id FROM orders o TABLESAMPLE bernoulli (50) REPEATABLE (2), target t TABLESAMPLE bernoulli (50 + (SELECT count(*) FROM tree)) REPEATABLE ((SELECT 1)) ORDER BY 1, 2",
  "SELECT t.id, (SELECT count(*) FROM orders TABLESAMPLE bernoulli (t.id * 20) REPEATABLE (4)) FROM target t ORDER BY 1",
] as const;

const WRITES = [
  "INSERT INTO target TABLE target ON CONFLICT DO NOTHING",
  "INSERT INTO target AS t SELECT id, 'new' FROM people ON CONFLICT (id) DO UPDATE SET v = t.v || excluded.v || (SELECT max(v) FROM target) WHERE EXISTS (SELECT 1 FROM tree WHERE tree.id = t.id) RETURNING t.*, (SELECT count(*) FROM people)",
  "INSERT INTO target VALUES ((SELECT max(id) + 1 FROM target), (SELECT name FROM people WHERE id = 2)) RETURNING *",
  "INSERT INTO target (id) SELECT s.people.id + 50 FROM s.people RETURNING id",
  "INSERT INTO target WITH target AS (SELECT 77 AS id, 'x' AS v) SELECT * FROM target RETURNING (SELECT count(*) FROM target)",
  "WITH target AS (SELECT 78 AS id, 'x' AS v) INSERT INTO target SELECT * FROM target RETURNING target.id",
  "UPDATE target SET v = p.name || '!' FROM people p WHERE p.id = target.id RETURNING target.*, p.name",
  "UPDATE target AS t SET (id, v) = (SELECT p.id + 10, p.name FROM people p WHERE p.id = t.id)",
  "UPDATE target SET v = s.people.name FROM s.people WHERE s.people.id = s.target.id RETURNING s.people.id, s.target.v",
  "UPDATE ONLY target t SET v = x.v FROM target x, tree WHERE x.id = t.id + 1 AND tree.id = x.id RETURNING t.id, x.*",
  "UPDATE target SET v = NULL WHERE id IN (SELECT id FROM tree) AND EXISTS (TABLE people)",
  "DELETE FROM target t USING people p, LATERAL (SELECT 1 FROM orders o WHERE o.person_id = p.id) x WHERE p.id = t.id RETURNING t.id, p.name",
  "DELETE FROM target WHERE id = (SELECT min(id) FROM target) RETURNING *",
  "MERGE INTO target t USING people p ON p.id = t.id WHEN MATCHED AND p.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET v = p.name || (SELECT count(*) FROM tree) WHEN NOT MATCHED THEN INSERT VALUES (p.id, (SELECT max(v) FROM target))",
  "MERGE INTO target USING (people JOIN orders ON orders.id = people.id) ON people.id = target.id WHEN MATCHED THEN UPDATE SET v = orders.state::text",
  "MERGE INTO target USING s.people ON s.people.id = target.id WHEN NOT MATCHED THEN DO NOTHING WHEN MATCHED THEN UPDATE SET v = s.people.name",
  "WITH gone AS (DELETE FROM target USING people p WHERE p.id = target.id RETURNING target.*) SELECT gone.*, (SELECT count(*) FROM target) FROM gone ORDER BY 1",
  "WITH made AS (INSERT INTO target SELECT id + 20, name FROM people RETURNING id) UPDATE target SET v = 'w' FROM made, tree WHERE target.id = tree.id AND made.id = 21",
  "CREATE TABLE made AS SELECT * FROM people",
  "CREATE TABLE made (a, b) AS TABLE target WITH NO DATA",
  "CREATE TEMP VIEW made AS SELECT p.*, o.id AS o FROM people p JOIN s.orders o ON o.person_id = p.id",
  "CREATE MATERIALIZED VIEW made AS TABLE target",
  "SELECT * INTO made FROM people JOIN target USING (id)",
  "PREPARE made AS SELECT * FROM people WHERE id = $1",
  "DECLARE made CURSOR FOR TABLE people",
] as const;

/** What the server refuses where sub-selects stand for the relations, or shows with another type: never in silence. */
export const SPLICE_LIMITS: readonly (readonly [sql: string, sqlstate: string])[] = [
  // That a key determines the row is known of tables only.
  ["SELECT id, name FROM people GROUP BY id ORDER BY id", "42803"],
  // Rows have no named type any more, and PostgreSQL finds it for rows at hand only.
  ["SELECT ((array_agg(p))[1]).name FROM people p", "42703"],
  ["SELECT name_of((array_agg(p))[1]) FROM people p", "42846"],
  // System columns, unless the sub-select has them.
  ["SELECT ctid FROM target", "42703"],
  ["SELECT t.tableoid::regclass FROM people_parts t", "42703"],
  ["SELECT id FROM target WHERE ctid = '(0,1)'", "42703"],
];

/** Where the error is in them is known: the place in the spliced text must lead back to it. */
export const SPLICE_ERRORS = [
  "SELECT nosuch FROM people",
  "SELECT 'é', nosuch FROM été, people",
  "SELECT * FROM people WHERE name = nosuch",
  "SELECT 1 FROM people é JOIN orders ON nosuch",
  "SELECT p.name, p.nosuch FROM people p",
  "SELECT * FROM s.people, target, nosuch",
  "SELECT * FROM people p, LATERAL nosuch(p.id)",
  "SELECT 'é', s.people.name, s.people.nosuch FROM s.people",
  "SELECT s.people.name, s.people.name + 1 FROM s.people",
  "SELECT name, name + 1 FROM people, target ORDER BY 1",
  "SELECT v, id FROM people, target",
  "SELECT * FROM people TABLESAMPLE nosuch (1)",
  "SELECT * FROM people AS é TABLESAMPLE bernoulli (1 + nosuch)",
  "SELECT * FROM orders TABLESAMPLE bernoulli ((SELECT nosuch FROM target)), people",
  "SELECT * FROM people TABLESAMPLE bernoulli (1), nosuch",
  "INSERT INTO target SELECT id, name, pay FROM people",
  "INSERT INTO orders SELECT id, home FROM people",
  "SELECT name::nosuch FROM people",
  "SELECT count(*), name FROM people",
  "WITH x AS (SELECT 'é', nosuch FROM people) TABLE x",
  "SELECT sum(name) FROM people JOIN target USING (id)",
  "SELECT 'é' FROM été e WHERE e.name = 'é' AND nosuch",
  "UPDATE target SET v = 'é' || nosuch FROM people",
  "DELETE FROM target USING people p WHERE p.id = nosuch RETURNING *",
  "MERGE INTO target USING people p ON p.id = target.id WHEN MATCHED THEN UPDATE SET v = nosuch",
  "SELECT id FROM people WHERE id IN (SELECT v FROM target)",
  "SELECT 'x'::int FROM people",
  "SELECT id FROM people UNION SELECT v FROM target",
  "SELECT id FROM people ORDER BY nosuch",
  "SELECT id FROM people LIMIT (SELECT nosuch FROM target)",
  "SELECT (SELECT id, v FROM target) FROM people",
  "SELECT x.y.z FROM people, target",
  "SELECT * FROM target, people AS x (a, b, c), nosuch.nosuch",
  "WITH RECURSIVE r AS (SELECT id FROM tree UNION ALL SELECT nosuch FROM r, tree t) TABLE r",
  "SELECT * FROM people FOR UPDATE OF nosuch",
] as const;

export interface SpliceCase {
  readonly sql: string;
  /** Run after it, in the same transaction, to see what it did. */
  readonly after: readonly string[];
}

const AFTER = ["SELECT * FROM target ORDER BY id", "SELECT * FROM people ORDER BY id"] as const;
const SEEN_BY: ReadonlyMap<string, string> = new Map([
  ["PREPARE", "EXECUTE made (3)"],
  ["DECLARE", "FETCH ALL made"],
  ["CREATE", "TABLE made"],
  ["SELECT", "TABLE made"],
]);

export const SPLICE_CASES: readonly SpliceCase[] = [
  ...NAMES.flatMap((name) => AROUND_A_NAME.map((around) => around.replaceAll("{}", name))).map((sql) => seen(sql)),
  ...READS.map((sql) => ({ sql, after: [] })),
  ...WRITES.map((sql) => seen(sql)),
];

function seen(sql: string): SpliceCase {
  const made = sql.includes(" made") && !sql.startsWith("WITH") ? SEEN_BY.get(sql.split(" ")[0] ?? "") : undefined;
  const writes = /\b(INSERT|UPDATE|DELETE|MERGE)\b/.test(sql);
  return { sql, after: made === undefined ? (writes ? AFTER : []) : [made] };
}
