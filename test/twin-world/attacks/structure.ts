/** Structure of queries: joins, sub-selects, CTEs, set operations, windows, partitions, inheritance, views. */

import { reads } from "../attack.ts";

export const STRUCTURE = reads("structure", {
  derived: ["a sub-select", "SELECT s.x FROM (SELECT ssn AS x, id FROM customers) s ORDER BY s.id"],
  deep: [
    "five sub-selects",
    "SELECT e FROM (SELECT d AS e FROM (SELECT c AS d FROM (SELECT b AS c FROM (SELECT ssn AS b FROM customers) p) q) r) s ORDER BY 1",
  ],
  columnAliases: ["columns renamed by the alias", "SELECT f FROM customers AS c(a, b, c, d, e, f) ORDER BY a"],
  swapped: [
    "names of columns swapped by the alias",
    "SELECT c.ssn FROM customers AS c(id, tenant, country, joined, visits, ssn, mail, name) ORDER BY id",
  ],
  cte: ["a CTE", "WITH t AS (SELECT id, ssn FROM customers) SELECT * FROM t ORDER BY 1"],
  cteMaterialized: [
    "a materialized CTE",
    "WITH t AS MATERIALIZED (SELECT * FROM customers) SELECT ssn FROM t ORDER BY id",
  ],
  cteShadow: [
    "a CTE named like the table, that reads it",
    "WITH customers AS (SELECT * FROM twin.customers) SELECT ssn FROM customers ORDER BY id",
  ],
  cteShadowSelf: [
    "a CTE named like the table, bare",
    "WITH customers AS (SELECT * FROM customers) SELECT ssn FROM customers ORDER BY id",
  ],
  cteInner: [
    "a name shadowed in an inner query only",
    "SELECT c.ssn, (WITH customers AS (SELECT 1 AS ssn) SELECT ssn FROM customers) FROM customers c ORDER BY id",
  ],
  recursive: [
    "a recursive CTE",
    "WITH RECURSIVE t(n, v) AS (SELECT 1, ssn FROM customers WHERE id = 7 UNION ALL SELECT n + 1, v FROM t WHERE n < 3) SELECT * FROM t",
  ],
  recursiveLetters: [
    "letters by recursion",
    "WITH RECURSIVE t(n, v) AS (SELECT 1, substr(name, 1, 1) FROM customers WHERE id = 7 UNION ALL SELECT n + 1, substr((SELECT name FROM customers WHERE id = 7), n + 1, 1) FROM t WHERE n < 14) SELECT v FROM t ORDER BY n",
  ],
  search: [
    "SEARCH keeps a column",
    "WITH RECURSIVE t(i, v) AS (SELECT id, ssn FROM customers WHERE id = 7 UNION ALL SELECT i + 1, v FROM t WHERE i < 9) SEARCH DEPTH FIRST BY v SET o SELECT o FROM t ORDER BY 1",
  ],
  cycle: [
    "CYCLE keeps a column",
    "WITH RECURSIVE t(i, v) AS (SELECT id, ssn FROM customers WHERE id = 7 UNION ALL SELECT i, v FROM t) CYCLE v SET y USING p SELECT p FROM t ORDER BY 1",
  ],
  scalar: [
    "a scalar sub-select",
    "SELECT id, (SELECT ssn FROM customers c WHERE c.id = o.customer) FROM orders o ORDER BY 1",
  ],
  exists: [
    "EXISTS",
    "SELECT id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.customer AND c.score % 2 = 0) ORDER BY 1",
  ],
  anyOf: [
    "ANY of a sub-select",
    "SELECT id FROM guesses WHERE guess = ANY (SELECT left(ssn, 8) FROM customers) ORDER BY 1",
  ],
  allOf: [
    "ALL of a sub-select",
    "SELECT id FROM guesses WHERE guess > ALL (SELECT left(name, 8) FROM customers WHERE id < 9) ORDER BY 1",
  ],
  notIn: [
    "NOT IN",
    "SELECT id FROM guesses WHERE guess NOT IN (SELECT left(ssn, 8) FROM customers WHERE ssn IS NOT NULL) ORDER BY 1",
  ],
  lateral: [
    "LATERAL",
    "SELECT o.id, x.s FROM orders o, LATERAL (SELECT ssn AS s FROM customers c WHERE c.id = o.customer) x ORDER BY 1",
  ],
  lateralFunction: [
    "a function over it in FROM",
    "SELECT id, w FROM customers c, regexp_split_to_table(c.email, '@') w ORDER BY 1, 2",
  ],
  rowsFrom: [
    "ROWS FROM",
    "SELECT c.id, r.* FROM customers c, ROWS FROM (unnest(c.tags), string_to_table(c.name, 'x')) r ORDER BY 1, 2, 3",
  ],
  join: ["a join shows it", "SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer ORDER BY 1"],
  joinOn: [
    "a join compares it",
    "SELECT g.id, c.id FROM guesses g JOIN customers c ON left(c.ssn, 8) = g.guess ORDER BY 1, 2",
  ],
  joinUsing: [
    "USING of two labelled columns",
    "SELECT count(*), min(id) FROM customers JOIN (SELECT nick AS name FROM people) p USING (name) FULL JOIN (SELECT min(name) AS name FROM customers) q USING (name)",
  ],
  joinAlias: ["an alias of the join", "SELECT j.ssn FROM (customers c JOIN orders o ON o.id = c.id) j ORDER BY 1"],
  usingAlias: ["an alias of USING", "SELECT u.name FROM customers a JOIN customers b USING (name) AS u ORDER BY a.id"],
  natural: ["NATURAL JOIN", "SELECT * FROM countries NATURAL JOIN customers ORDER BY id"],
  naturalOracle: [
    "NATURAL JOIN as a comparison",
    "SELECT s.country FROM customers NATURAL JOIN (SELECT id + 1 AS id, level, 'x'::text AS country2, country FROM customers) s ORDER BY customers.id",
  ],
  full: ["FULL JOIN", "SELECT coalesce(a.ssn, b.note) FROM customers a FULL JOIN orders b ON a.id = b.id ORDER BY 1"],
  leftMissing: [
    "which rows a LEFT JOIN lacks",
    "SELECT g.id FROM guesses g LEFT JOIN customers c ON left(c.ssn, 8) = g.guess WHERE c.id IS NULL ORDER BY 1",
  ],
  selfJoin: [
    "a self-join by order",
    "SELECT a.id, count(*) FROM customers a JOIN customers b ON a.salary > b.salary GROUP BY 1 ORDER BY 1",
  ],
  union: ["UNION", "SELECT title FROM countries UNION SELECT ssn FROM customers ORDER BY 1"],
  unionAll: [
    "UNION ALL, typed by the first",
    "SELECT NULL::text AS x UNION ALL SELECT email FROM customers ORDER BY 1",
  ],
  except: ["EXCEPT", "SELECT name FROM customers EXCEPT SELECT note FROM orders ORDER BY 1"],
  intersect: ["INTERSECT as a comparison", "SELECT guess FROM guesses INTERSECT SELECT left(ssn, 8) FROM customers"],
  distinct: ["DISTINCT", "SELECT DISTINCT level FROM customers WHERE id < 4 ORDER BY 1"],
  distinctOn: [
    "DISTINCT ON picks by it",
    "SELECT DISTINCT ON (country) country, id FROM customers ORDER BY country, salary",
  ],
  groupBy: ["GROUP BY", "SELECT level, count(*) FROM customers GROUP BY level ORDER BY 1"],
  groupByNumber: ["GROUP BY a position", "SELECT flag, count(*) FROM customers GROUP BY 1 ORDER BY 2"],
  groupingSets: [
    "GROUPING SETS",
    "SELECT country, level, count(*) FROM customers GROUP BY GROUPING SETS ((country), (level)) ORDER BY 1, 2",
  ],
  rollup: ["ROLLUP", "SELECT level, flag, count(*) FROM customers GROUP BY ROLLUP (level, flag) ORDER BY 1, 2"],
  cube: ["CUBE", "SELECT level, count(*) FROM customers GROUP BY CUBE (level) ORDER BY 1"],
  having: ["HAVING", "SELECT country FROM customers GROUP BY country HAVING max(salary::bigint) % 2 = 0 ORDER BY 1"],
  minMax: ["min and max", "SELECT min(ssn), max(salary), min(born) FROM customers"],
  sum: ["sum", "SELECT sum(salary), avg(ratio), stddev(score) FROM customers"],
  boolAnd: [
    "bool_and",
    "SELECT tenant, bool_and(flag), every(flag), bool_or(flag) FROM customers GROUP BY 1 ORDER BY 1",
  ],
  bitXor: ["bit_xor", "SELECT bit_xor(big) FROM customers"],
  countDistinct: [
    "count(DISTINCT)",
    "SELECT count(DISTINCT level), count(ssn), count(DISTINCT salary::int % 7) FROM customers WHERE id < 8",
  ],
  filter: ["FILTER", "SELECT count(*) FILTER (WHERE flag) FROM customers WHERE id < 6"],
  percentile: ["percentile", "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY salary) FROM customers"],
  mode: ["mode", "SELECT mode() WITHIN GROUP (ORDER BY level) FROM customers WHERE id < 9"],
  hypothetical: ["a hypothetical rank", "SELECT rank('8') WITHIN GROUP (ORDER BY name) FROM customers"],
  regression: ["regr_slope", "SELECT regr_slope(salary, id), corr(score, id) FROM customers"],
  orderedAgg: ["an order inside of an aggregate", "SELECT array_agg(id ORDER BY name) FROM customers"],
  rank: ["rank by it", "SELECT id, rank() OVER (ORDER BY salary) FROM customers ORDER BY 1"],
  rowNumber: ["row_number by it", "SELECT id, row_number() OVER (ORDER BY name) FROM customers ORDER BY 1"],
  lag: ["lag", "SELECT id, lag(ssn) OVER (ORDER BY id) FROM customers ORDER BY 1"],
  firstValue: [
    "first_value",
    "SELECT id, first_value(email) OVER (PARTITION BY country ORDER BY id) FROM customers ORDER BY 1",
  ],
  partitionBy: ["PARTITION BY", "SELECT id, count(*) OVER (PARTITION BY level) FROM customers ORDER BY 1"],
  ntile: ["ntile", "SELECT id, ntile(10) OVER (ORDER BY ratio) FROM customers ORDER BY 1"],
  rangeFrame: [
    "a RANGE frame",
    "SELECT id, count(*) OVER (ORDER BY salary RANGE 3 PRECEDING) FROM customers ORDER BY 1",
  ],
  namedWindow: ["a named window", "SELECT id, rank() OVER w FROM customers WINDOW w AS (ORDER BY score) ORDER BY 1"],
  orderBy: ["ORDER BY alone", "SELECT id FROM customers ORDER BY salary, id"],
  orderExpression: ["ORDER BY an expression", "SELECT id FROM customers ORDER BY reverse(name)"],
  orderUsing: ["ORDER BY USING", "SELECT id FROM customers ORDER BY name USING >"],
  limitBy: [
    "LIMIT by a value",
    "SELECT id FROM orders ORDER BY id LIMIT (SELECT score % 50 FROM customers WHERE id = 7)",
  ],
  offsetBy: [
    "OFFSET by a value",
    "SELECT id FROM orders ORDER BY id OFFSET (SELECT score % 50 FROM customers WHERE id = 7)",
  ],
  withTies: ["FETCH WITH TIES", "SELECT id FROM customers ORDER BY level FETCH FIRST 1 ROW WITH TIES"],
  sample: ["TABLESAMPLE", "SELECT ssn FROM customers TABLESAMPLE BERNOULLI (100) REPEATABLE (1) ORDER BY id"],
  only: ["ONLY", "SELECT nick FROM ONLY people ORDER BY id"],
  star: ["with a star", "SELECT nick FROM people * ORDER BY id"],
  parent: ["children through the parent", "SELECT nick FROM people ORDER BY id"],
  child: ["a child of itself", "SELECT nick, badge FROM staff ORDER BY id"],
  partitioned: ["a partitioned table", "SELECT account FROM payments ORDER BY id"],
  partition: ["a partition", "SELECT account FROM payments_us ORDER BY id"],
  onlyPartition: ["ONLY a partition", "SELECT account FROM ONLY payments_eu ORDER BY id"],
  table: ["TABLE", "TABLE customers"],
  tableUnion: ["TABLE in a set operation", "TABLE people UNION ALL TABLE people ORDER BY 1"],
  view: ["a view", "SELECT * FROM plain ORDER BY id"],
  viewComputing: ["a view that computes", "SELECT * FROM computing ORDER BY id"],
  viewFiltering: ["a view that filters", "SELECT * FROM filtering ORDER BY id"],
  viewCount: ["how many a filtering view has", "SELECT count(*), min(id), max(id), sum(id) FROM filtering"],
  viewAbove: ["a view over views", "SELECT mail, ssn, shout FROM above ORDER BY id"],
  viewTotals: ["a view that groups", "SELECT * FROM totals ORDER BY country"],
  viewRows: ["a view of whole rows", "SELECT (whole).ssn FROM rows ORDER BY id"],
  viewWhere: ["a condition on a view", "SELECT id FROM plain WHERE salary::bigint % 3 = 0 ORDER BY id"],
  materialized: ["a materialized view", "SELECT * FROM kept ORDER BY id"],
  rls: ["a table with row security", "SELECT secret FROM vault ORDER BY id"],
  forUpdate: ["with locks", "SELECT ssn FROM customers ORDER BY id FOR UPDATE"],
  forShare: [
    "with shared locks of one table",
    "SELECT c.ssn FROM customers c JOIN orders o ON o.id = c.id ORDER BY c.id FOR SHARE OF c",
  ],
  correlatedDepth: ["two levels up", "SELECT (SELECT (SELECT c.ssn)) FROM customers c ORDER BY id"],
  lateralStar: [
    "a star of what a LATERAL carries",
    "SELECT l.* FROM customers c, LATERAL (SELECT c.*) l ORDER BY l.id",
  ],
  functionInFrom: ["a row in FROM as a function", "SELECT j FROM customers c, to_jsonb(c) j ORDER BY c.id"],
});
