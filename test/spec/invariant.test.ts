/** The checker of the invariant on trees that real servers print: what holds, what is broken, and that each rule is needed. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeShapes } from "../../src/analysis/query-tree/node-shape.ts";
import { forEachChild, NodeList, QueryNode, type TreeValue } from "../../src/analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { TreeUnknown } from "../../src/analysis/query-tree/tree-unknown.ts";
import { checkInvariant, type LabelledColumns, maskTemplate } from "../../src/masking/invariant/check-invariant.ts";
import { KNOWN_NODES } from "../../src/masking/invariant/known-nodes.ts";
import { RULES } from "../../src/masking/invariant/rules.ts";
import { INVARIANT_CASES } from "../support/invariant-cases.ts";
import { INVARIANT_SCHEMA, labelledColumns, last4, year } from "../support/invariant-schema.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TreeClient } from "../support/query-trees.ts";

type Tree = readonly QueryNode[];

const RESOLVED = "every reference resolved";

const ON_CONFLICT = "INSERT INTO customers (id) VALUES (1) ON CONFLICT DO NOTHING";

/** Trees that no server prints: a statement, what is changed in its tree, and the rule that is broken then. */
const CHANGED: readonly (readonly [what: string, sql: string, change: (tree: Tree) => Tree, rule: string])[] = [
  ["a node with a new name", "SELECT id FROM customers WHERE name IS NULL", renamed("NULLTEST"), "every node known"],
  ["a clause with a new name", "SELECT id FROM customers ORDER BY id", renamed("SORTGROUPCLAUSE"), "every node known"],
  ["a check with a new name", "UPDATE checked SET name = 'x'", renamed("WITHCHECKOPTION"), "every node known"],
  ["an output with a new name", "SELECT id FROM customers", renamed("TARGETENTRY"), "every node known"],
  ["a rule's notice with a new name", "INSERT INTO ruled VALUES (1)", renamed("NOTIFYSTMT"), "every node known"],
  ["a query with a new name", "SELECT id FROM customers", renamed("QUERY"), "every node known"],
  ["an ON CONFLICT with a new name", ON_CONFLICT, renamed("ONCONFLICTEXPR"), "every node known"],
  ["a column of no relation", "SELECT id FROM customers", withNumber("VAR", "varno", 9), RESOLVED],
  ["a column of no query", "SELECT id FROM customers", withNumber("VAR", "varlevelsup", 3), RESOLVED],
  [
    "a column that no sub-select has",
    "SELECT s.id FROM (SELECT id FROM orders) s",
    withNumber("VAR", "varattno", 7),
    RESOLVED,
  ],
  [
    "a column that no join has",
    "SELECT j.id FROM (orders o FULL JOIN log l USING (id)) j",
    withNumber("VAR", "varattno", 99),
    RESOLVED,
  ],
  ["a new kind of relation", "SELECT o.id FROM orders o", withNumber("RANGETBLENTRY", "rtekind", 8), RESOLVED],
  [
    "a CTE that is not there",
    "WITH c AS (SELECT id FROM orders) SELECT id FROM c",
    withNumber("RANGETBLENTRY", "ctelevelsup", 1),
    RESOLVED,
  ],
  [
    "an output out of order",
    "SELECT s.id FROM (SELECT id FROM orders) s",
    withNumber("TARGETENTRY", "resno", 4, 0),
    RESOLVED,
  ],
];

describe.each(POSTGRES_VERSIONS)("the invariant on trees of PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let client: TreeClient;
  let labelled: LabelledColumns;
  beforeAll(async () => {
    server = await startPostgres({ version: major, hba: ["host all all 127.0.0.1/32 trust"] });
    await server.psql(INVARIANT_SCHEMA);
    client = await TreeClient.connect(server.port, "agent");
    labelled = await labelledColumns(server, client, major);
  });
  afterAll(async () => {
    client?.[Symbol.dispose]();
    await server?.stop();
  });
  const read = async (sql: string): Promise<Tree> => readQueryTree(await client.tree(sql), major);
  const broken = (tree: Tree, rules = RULES): readonly string[] => {
    return [...new Set(checkInvariant(tree, labelled, rules).map(({ rule }) => rule))].sort();
  };
  const oidOf = async (relation: string) => Number(await server.psql(`SELECT '${relation}'::regclass::oid`));

  const cases = INVARIANT_CASES.flatMap(({ rules, statements }) =>
    statements.flatMap((one) => {
      const [sql, from] = typeof one === "string" ? [one, 15] : one;
      return major >= from ? [{ sql, rules }] : [];
    }),
  );

  it.each(cases)("$rules: $sql", async ({ sql, rules }) => {
    expect(broken(await read(sql)), sql).toEqual([...rules].sort());
  });

  it.each(CHANGED)("is broken by %s", async (_, sql, change, rule) => {
    const tree = await read(sql);

    expect(broken(tree)).toEqual([]);
    expect(broken(change(tree))).toEqual([rule]);
  });

  it("needs each of its rules: without it, a statement passes that must not", async () => {
    const trees: Tree[] = [];
    for (const [, sql, change] of CHANGED) trees.push(change(await read(sql)));
    for (const { sql } of cases) trees.push(await read(sql));
    const isNeeded = (name: string): boolean => {
      const others = RULES.filter((rule) => rule.name !== name);
      return trees.some((tree) => broken(tree).length > 0 && broken(tree, others).length === 0);
    };

    expect(RULES.length).toBeGreaterThan(10);
    expect(RULES.filter(({ name }) => !isNeeded(name))).toEqual([]);
  });

  it("holds for whatever is said of labels that nothing in the tree has", async () => {
    const none: LabelledColumns = { formOf: () => undefined, isLabelled: () => false, makesMasks: () => false };
    for (const { sql } of cases) expect(checkInvariant(await read(sql), none), sql).toEqual([]);
  });

  it("knows every node that is read, and no other", () => {
    const known = [...nodeShapes(major).byHash.values()].map(({ name }) => name);
    const byTheirPlace = ["ONCONFLICTEXPR", "QUERY"];

    expect(known.filter((name) => !KNOWN_NODES.has(name) && !byTheirPlace.includes(name))).toEqual([]);
    if (major === 18) expect([...KNOWN_NODES].filter((name) => !known.includes(name))).toEqual([]);
  });

  it("says which column breaks it, and where", async () => {
    const [customers, people] = [await oidOf("customers"), await oidOf("people")];
    const violations = checkInvariant(
      await read(
        "SELECT c.birth FROM customers c, people p WHERE c.id = p.id AND p.ssn > 'a' GROUP BY c.id HAVING count(p) > 1",
      ),
      labelled,
    );

    expect(violations).toContainEqual({
      rule: "not shown",
      relation: customers,
      column: 6,
      where: "the select list, VALUES or SET",
    });
    expect(violations).toContainEqual({
      rule: "only inside its mask",
      relation: people,
      column: 3,
      where: "WHERE or the condition of a join",
    });
    expect(violations).toContainEqual({ rule: "no whole row", relation: people, column: 0, where: "HAVING" });
    expect(violations).toHaveLength(3);
  });

  it("learns masks only from what is one", async () => {
    for (const sql of [
      "SELECT ssn FROM customers",
      "SELECT 'x' FROM customers",
      "SELECT ssn || name FROM customers",
      "SELECT upper(ssn), 1 FROM customers",
      "SELECT upper((SELECT ssn)) FROM customers",
      "SELECT upper(ssn) || $1 FROM customers",
      "SELECT row_to_json(customers) FROM customers",
      "SELECT",
      "DELETE FROM ruled WHERE id = 1",
      `SELECT ${year("birth").replace("birth", "hired")} FROM customers`,
    ]) {
      const tree = await read(sql);
      expect(() => maskTemplate(tree), sql).toThrow(TreeUnknown);
    }
    expect(maskTemplate(await read(`SELECT ${last4("ssn")} FROM customers`)).depths).toEqual([3]);
    expect(maskTemplate(await read(`SELECT ${year("birth")} FROM customers`)).depths.length).toBeGreaterThan(1);
  });
});

/** The first node of that name, with another name. */
function renamed(name: string): (tree: Tree) => Tree {
  return (tree) => changed(tree, name, 0, (node) => new QueryNode({ ...node.shape, name: "NEWNODE" }, node.values));
}

/** The last node of that name, or another one, with another number in a field. */
function withNumber(name: string, field: string, number: number, index = -1): (tree: Tree) => Tree {
  return (tree) =>
    changed(tree, name, index, (node) => {
      return new QueryNode(node.shape, node.values.with(node.shape.indexes.get(field) ?? Number.NaN, number));
    });
}

function changed(tree: Tree, name: string, index: number, change: (node: QueryNode) => QueryNode): Tree {
  const all: QueryNode[] = [];
  const note = (node: QueryNode): void => {
    if (node.name === name) all.push(node);
    forEachChild(node, note);
  };
  tree.forEach(note);
  const chosen = all.at(index);
  if (chosen === undefined) throw new Error(`no ${name} to change`);
  const visit = (value: TreeValue): TreeValue => {
    if (value === chosen) return change(chosen);
    if (value instanceof NodeList) return new NodeList(value.items.map((item) => asItem(visit(item))));
    return value instanceof QueryNode ? new QueryNode(value.shape, value.values.map(visit)) : value;
  };
  return tree.map((query) => asQuery(visit(query)));
}

function asItem(value: TreeValue): QueryNode | NodeList | null {
  return value instanceof QueryNode || value instanceof NodeList ? value : null;
}

function asQuery(value: TreeValue): QueryNode {
  if (value instanceof QueryNode) return value;
  throw new Error("it is no query");
}
