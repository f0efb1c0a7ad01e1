/** Random queries over the tables of splice-corpus.ts, each of one column `id`: names of tables as aliases and of CTEs, at any depth. */

import fc from "fast-check";

/** Tables of splice-corpus.ts with a column id. */
const TABLES = ["target", "tree", "orders", "people", "people_parts", "été"] as const;

interface Item {
  readonly sql: string;
  /** What a column of it is named by. */
  readonly name: string;
}

interface Made {
  readonly query: fc.Arbitrary<string>;
  readonly item: fc.Arbitrary<Item>;
}

const relation: fc.Arbitrary<Item> = fc
  .record({
    table: fc.constantFrom(...TABLES),
    schema: fc.constantFrom("", "", "s.", '"s" . '),
    around: fc.constantFrom("{}", "{}", "ONLY {}", "ONLY ({})", "{} *"),
    alias: fc.constantFrom("", "", "a", "b", ...TABLES),
    as: fc.constantFrom(" ", " AS ", " /* x */ AS "),
  })
  .map(({ table, schema, around, alias, as }) => {
    // Nothing of a partitioned table itself has rows.
    const written = around.replace("{}", `${schema}${table}`);
    if (alias !== "") return { sql: `${written}${as}${alias}`, name: alias };
    return { sql: written, name: schema === "" ? table : `s.${table}` };
  });

const { query } = fc.letrec<{ query: string; item: Item; items: Item[]; condition: string; body: string }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 3, depthIdentifier: "query" },
    { weight: 6, arbitrary: relation },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie("query"), fc.constantFrom("a", "c", ...TABLES))
        .map(([sql, name]) => ({ sql: `(${sql}) ${name}`, name })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie("query"), fc.constantFrom("c", "d"))
        .map(([sql, name]) => ({ sql: `LATERAL (${sql}) AS ${name}`, name })),
    },
  ),
  items: fc.uniqueArray(tie("item"), { minLength: 1, maxLength: 2, selector: ({ name }) => name.replace("s.", "") }),
  condition: fc.oneof(
    { maxDepth: 3, depthIdentifier: "query" },
    { weight: 4, arbitrary: fc.constantFrom("{}.id < 5", "{}.id > 1", "true") },
    { weight: 1, arbitrary: tie("query").map((sql) => `{}.id IN (${sql})`) },
    { weight: 1, arbitrary: tie("query").map((sql) => `EXISTS (${sql})`) },
    { weight: 1, arbitrary: tie("query").map((sql) => `{}.id <= (SELECT max(id) FROM (${sql}) m)`) },
  ),
  body: fc
    .tuple(tie("items"), tie("condition"), fc.constantFrom(", ", " CROSS JOIN "))
    .map(([items, condition, join]) => {
      const [first, last] = [items[0]!, items.at(-1)!];
      const where = condition.replaceAll("{}", last.name);
      return `SELECT ${first.name}.id FROM ${items.map(({ sql }) => sql).join(join)} WHERE ${where}`;
    }),
  query: fc.oneof(
    { maxDepth: 3, depthIdentifier: "query" },
    { weight: 4, arbitrary: tie("body") },
    { weight: 1, arbitrary: fc.constantFrom("SELECT id FROM target", "SELECT s.tree.id FROM tree") },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie("body"), tie("body"), fc.constantFrom("UNION", "EXCEPT", "INTERSECT"))
        .map(([one, other, by]) => `(${one}) ${by} ${other}`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...TABLES), tie("query"), tie("body"), fc.boolean())
        .map(([name, inner, body, recursive]) => {
          const sql = recursive ? `SELECT 1 AS id UNION ALL SELECT id + 1 FROM ${name} WHERE id < 3` : inner;
          return `WITH ${recursive ? "RECURSIVE " : ""}${name} AS (${sql}) ${body}`;
        }),
    },
  ),
})) satisfies Partial<Made>;

/** In a fixed order of rows. */
export const randomQuery: fc.Arbitrary<string> = query.map((sql) => `SELECT z.id FROM (${sql}) z ORDER BY 1`);
