/**
 * PostgreSQL 15's own regression suite on a real server: the scripts that write, or that have trees of every kind. Those on types,
 * operators, indexes and plans are left to regression-suite.test.ts, which runs all of 18's.
 */

import { describeSuite } from "../support/suite-promises.ts";

const SCRIPTS = new Set(
  `test_setup strings numerology copy copyselect copydml insert insert_conflict create_misc create_procedure create_table create_view
  create_aggregate create_function_sql create_cast constraints triggers inherit typed_table vacuum updatable_views select_into
  select_distinct select_having subselect union case join aggregates transactions random portals update delete namespace
  prepared_xacts privileges matview lock rowsecurity tablesample groupingsets identity generated merge misc async tsrf rules
  publication portals_p2 foreign_key cluster guc foreign_data window advisory_lock partition_prune stats json plancache plpgsql copy2 temp domain
  rangefuncs prepare truncate sequence rowtypes returning largeobject with xml event_trigger`.split(/\s+/),
);

describeSuite({
  version: 15,
  wants: ({ script }) => SCRIPTS.has(script),
  atLeast: { probes: 15_000, refused: 8_000, trees: 8_000, judged: 2_500 },
  differences: [
    // 15's libpg-query knows no junk behind a number…
    "SELECT .0a",
    "SELECT 0.0a",
    "SELECT 0.0e",
    "SELECT 0.0e+a",
    "SELECT 0.0e1a",
    "SELECT 0.a",
    "SELECT 0x0o",
    "SELECT 123abc",
    "SELECT 1_2_3",
    // … and is of 15.1, which has other words for these.
    "ALTER TABLE fktable ALTER CONSTRAINT fktable_fk_fkey NO INHE",
    "ALTER TABLE fktable ALTER CONSTRAINT fktable_fk_fkey NOT VAL",
    "CREATE PUBLICATION testpub_parsertst FOR TABLE pub_test.test",
    "CREATE PUBLICATION testpub_parsertst FOR TABLES IN SCHEMA fo",
    "SELECT * FROM XMLTABLE (ROW () PASSING null COLUMNS v1 times",
  ],
});
