/**
 * PostgreSQL 18's own regression suite on a real server, all of it, with analysis beside it: what is judged a read, a read-only
 * transaction does not refuse. See regression-suite-parse.test.ts for its statements under all grammars.
 */

import { describeSuite } from "../support/suite-promises.ts";

describeSuite({
  version: 18,
  wants: () => true,
  atLeast: { probes: 47_000, refused: 22_000, trees: 26_000, judged: 11_000 },
  // libpg-query takes letters behind a parameter for a name here too.
  differences: ["PREPARE p1 AS SELECT $0_1"],
});
