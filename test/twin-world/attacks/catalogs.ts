/** What the server keeps about values beside the tables: statistics, sizes, definitions, other sessions. */

import { others, reads } from "../attack.ts";

export const CATALOGS = [
  ...reads("catalogs", {
    stats: [
      "common values and histograms",
      "SELECT tablename, attname, most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'twin' ORDER BY 1, 2",
    ],
    statsOne: [
      "a histogram of one column",
      "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'customers' AND attname = 'ssn'",
    ],
    statsCast: [
      "a histogram through text",
      "SELECT (histogram_bounds::text::text[])[3] FROM pg_catalog.pg_stats WHERE attname = 'name'",
    ],
    statsIndex: [
      "statistics of an expression index",
      "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'customers_email'",
    ],
    statsChild: [
      "statistics of a partition",
      "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'payments_us' AND attname = 'account'",
    ],
    statsKept: ["statistics of a materialized view", "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'kept'"],
    statsElements: [
      "common elements of arrays",
      "SELECT most_common_elems FROM pg_stats WHERE attname IN ('tags', 'words') AND schemaname = 'twin'",
    ],
    statsRange: [
      "ranges' histograms",
      "SELECT correlation FROM pg_stats WHERE tablename = 'customers' AND attname = 'name'",
    ],
    statsFraction: [
      "how much is null",
      "SELECT attname, n_distinct, correlation FROM pg_stats WHERE tablename = 'customers' ORDER BY 1",
    ],
    statsJson: [
      "statistics as a document",
      "SELECT to_jsonb(s)->>'histogram_bounds' FROM pg_stats s WHERE attname = 'salary'",
    ],
    statsWhere: [
      "statistics by a condition",
      "SELECT count(*) FROM pg_stats WHERE attname = 'name' AND histogram_bounds::text LIKE '{0%'",
    ],
    estimate: ["estimates at a bound", "EXPLAIN SELECT FROM customers WHERE name < '8'"],
    estimateJson: ["estimates as a document", "EXPLAIN (FORMAT JSON) SELECT FROM customers WHERE big > 800000000000"],
    estimateJoin: ["estimates of a join", "EXPLAIN SELECT FROM orders o JOIN customers c ON c.name < o.note"],
    estimateMcv: ["estimates of a common value", "EXPLAIN SELECT FROM customers WHERE flag"],
    estimateGroup: ["estimates of groups", "EXPLAIN SELECT FROM customers WHERE period @> date '2000-01-09'"],
    explainView: ["a plan through a view", "EXPLAIN SELECT FROM plain WHERE salary > 800000"],
    explainVerbose: [
      "a plan with its output, executed",
      "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT FROM filtering",
    ],
    explainFold: [
      "a function folded into a plan",
      "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM guesses WHERE guess = (SELECT 'x')::text AND id < length(email_of(7)) + 0",
    ],
    ownQuery: [
      "what oneself runs",
      "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND (SELECT name FROM customers WHERE id = 7) < '7'",
    ],
    relationStats: [
      "how often a table was read",
      "SELECT relname FROM pg_class WHERE relname = (SELECT CASE WHEN name < '7' THEN 'orders' ELSE 'people' END FROM customers WHERE id = 7)",
    ],
    depends: [
      "a catalog joined by a value",
      "SELECT typname FROM pg_type WHERE typname = 'bool' AND (SELECT flag FROM customers WHERE id = 6)",
    ],
    enumNames: [
      "an enum's label by a value",
      "SELECT enumlabel FROM pg_enum e WHERE enumlabel = (SELECT level::text FROM customers WHERE id = 7)",
    ],
    prepared: [
      "prepared statements beside a value",
      "PREPARE p AS SELECT name FROM customers WHERE id = 7",
      "EXECUTE p",
    ],
    description: [
      "an object's comment by a value",
      "SELECT obj_description(score::oid), score FROM customers WHERE id = 7",
    ],
    explainParam: [
      "a plan of a prepared statement",
      "PREPARE p(text) AS SELECT FROM customers WHERE name < $1",
      "EXPLAIN EXECUTE p('8')",
    ],
    inRange: [
      "a plan where a bound is proved",
      "EXPLAIN SELECT FROM customers WHERE score > 800000 AND score < 900000",
    ],
    minFold: ["a plan that looks at an index's end", "EXPLAIN SELECT FROM customers c JOIN people p ON c.ssn > p.nick"],
  }),
  ...others("catalogs", {
    statisticTable: ["the statistics' own table", "SELECT stavalues1 FROM pg_statistic"],
    statisticExt: ["extended statistics", "SELECT * FROM pg_statistic_ext_data"],
    authid: ["passwords", "SELECT rolpassword FROM pg_authid"],
    shadow: ["passwords by a view", "SELECT passwd FROM pg_shadow"],
    largeObjects: ["large objects", "SELECT * FROM pg_largeobject"],
    settings: ["files' settings", "SELECT sourcefile FROM pg_settings WHERE name = 'port'"],
    hba: ["who may log in", "SELECT * FROM pg_hba_file_rules"],
    viewDefinition: ["a view's definition", "SELECT pg_get_viewdef('plain'::regclass)"],
    functionSource: ["a function's source", "SELECT prosrc FROM pg_proc WHERE proname = 'email_of'"],
    activity: [
      "others' statements",
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%ssn%' AND pid <> pg_backend_pid()",
    ],
    locks: [
      "others' locks",
      "SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND pid <> pg_backend_pid()",
    ],
    informationSchema: [
      "columns",
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'customers' ORDER BY 1",
    ],
    size: ["sizes", "SELECT pg_relation_size('customers')"],
    bounds: [
      "a partition's bounds",
      "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'payments_us'",
    ],
  }),
];
