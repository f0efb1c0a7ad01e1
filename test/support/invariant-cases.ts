/** Statements over invariant-schema.ts by what the checker must say: the rules that they break, or that the invariant holds. */

import { last4, MASKED, year } from "./invariant-schema.ts";

/** A statement, or one with the first major that has it. */
export type InvariantCase = string | readonly [sql: string, from: 15 | 16 | 17 | 18];

export interface InvariantCases {
  /** Names of rules; none: it holds. */
  readonly rules: readonly string[];
  readonly statements: readonly InvariantCase[];
}

const { customers, people, carrying } = MASKED;

export const INVARIANT_CASES: readonly InvariantCases[] = [
  {
    rules: [],
    statements: [
      "SELECT 1",
      "SELECT id, name, hired FROM customers",
      "SELECT count(*) FROM customers",
      "SELECT ctid, tableoid::regclass, xmin FROM customers",
      "SELECT * FROM orders",
      `SELECT ${last4("ssn")} FROM customers`,
      `SELECT * FROM ${customers} AS customers`,
      `SELECT c FROM ${customers} AS c`,
      `SELECT row_to_json(c), c::text FROM ${customers} AS c`,
      `SELECT * FROM ${carrying} AS c`,
      `SELECT * FROM ${people} AS people ORDER BY ssn`,
      `SELECT ssn, count(*) FROM ${customers} AS c GROUP BY ssn HAVING max(birth) > '2000-01-01'`,
    ],
  },
  {
    rules: ["not shown"],
    statements: [
      "SELECT ssn FROM customers",
      'SELECT ssn AS ":expr" FROM customers',
      "TABLE people",
      "SELECT salary FROM customers",
      "SELECT * FROM twice",
    ],
  },
  {
    rules: ["only inside its mask"],
    statements: [
      "SELECT upper(ssn) FROM customers",
      "SELECT ssn::varchar FROM customers",
      "SELECT id FROM customers WHERE ssn = 'x'",
      `SELECT ${last4("name || ssn")} FROM customers`,
    ],
  },
  {
    rules: ["a mask over one column"],
    statements: [`SELECT ${year("birth").replace("birth", "hired")} FROM customers`],
  },
];
