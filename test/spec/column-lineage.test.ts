/** What the columns of views, generated columns and indexes are computed from, as the catalog has it, on PostgreSQL 15 to 18. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Catalog, CatalogRelation } from "../../src/analysis/catalog.ts";
import { catalogFromJson, catalogToJson } from "../../src/analysis/catalog-json.ts";
import { viewSources } from "../../src/upstream/catalog-lineage.ts";
import { catalogOf } from "../support/catalogs.ts";
import { LABELS_SCHEMA } from "../support/labels-schema.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";

describe.each(
  POSTGRES_VERSIONS,
)("the columns that a catalog of PostgreSQL %i says others are computed from", (version) => {
  let server: TestPostgres;
  let catalog: Catalog;
  beforeAll(async () => {
    server = await startPostgres({ version });
    await server.psql(LABELS_SCHEMA);
    catalog = catalogFromJson(catalogToJson(await catalogOf(server)));
  });
  afterAll(() => server.stop());

  const relation = (name: string): CatalogRelation => {
    const found = catalog.relationByName("shop", name);
    if (found === undefined) throw new Error(`there is no shop.${name}`);
    return found;
  };
  /** `column = table.column` for what is copied, `~` for what is computed. */
  const sources = (name: string): readonly string[] =>
    relation(name).columns.map(({ name: column, from }) => {
      const parts = (from ?? []).map((source) => {
        const table = catalog.relation(source.relation);
        const of = table?.columns.find(({ number }) => number === source.column)?.name ?? "*";
        return `${source.copied ? "=" : "~"}${table?.name}.${of}`;
      });
      return `${column} ${parts.sort().join(" ")}`.trim();
    });

  it("are those of a view's expressions, copied or computed, and no others", () => {
    expect(sources("plain")).toEqual([
      "id =customers.id",
      "email =customers.email",
      "shout ~customers.ssn",
      "who ~customers.country ~customers.name",
    ]);
  });

  it("are a view's columns where a view is over a view", () => {
    expect(sources("above")).toEqual(["mail =plain.email", "who =plain.who", "one"]);
  });

  it("are all that a sub-select in an expression looks at, conditions too", () => {
    expect(sources("kept")).toEqual([
      "id =customers.id",
      "ssn =customers.ssn",
      "top ~customers.ssn ~orders.note ~orders.total",
    ]);
    expect(sources("asks")).toEqual(["id =orders.id", "known ~customers.ssn ~orders.note"]);
  });

  it("are both sides of what a join merges", () => {
    expect(sources("joined")[0]).toBe("id ~customers.id ~orders.id");
    expect(sources("joined")).toContain("ssn =customers.ssn");
    expect(sources("joined")).toContain("note =orders.note");
  });

  it("are the whole relation where a row is taken as a value", () => {
    expect(sources("rows")).toEqual(["c ~customers.*", "whole ~customers.*", "id =customers.id"]);
  });

  it("are those of each branch of a set operation", () => {
    expect(sources("both")).toEqual(["a =customers.ssn =orders.note", "id =customers.id =orders.id"]);
  });

  it("are what a window is ordered by, and what is grouped", () => {
    expect(sources("ranked")).toEqual(["id =customers.id", "place ~customers.salary", "n"]);
    expect(sources("grouped")).toEqual(["country =customers.country", "n", "most ~customers.salary"]);
  });

  it("are found through CTEs, recursive ones too, through LATERAL, functions and VALUES", () => {
    expect(sources("deep")).toEqual(["v =customers.ssn", "n", "i =orders.id"]);
    expect(sources("lateral")).toEqual(["id =orders.id", "e =customers.email", "w ~customers.email"]);
    expect(sources("listed")).toEqual(["a =customers.name =customers.ssn", "b"]);
  });

  it("are those of the expression of a generated column, and of an index", () => {
    expect(sources("customers")).toContain("domain ~customers.email");
    const email = relation("customers").columns.find(({ name }) => name === "email")?.number;
    expect(relation("shouted").expressions).toEqual({ attributes: [2], columns: [email] });
  });

  it("are anything of the relations below, where the tree cannot be read", () => {
    expect(viewSources("({QUERY :strange 1})", version * 10_000, [7, 8])).toEqual([
      [
        { relation: 7, column: 0, copied: false },
        { relation: 8, column: 0, copied: false },
      ],
    ]);
    expect(viewSources(null, version * 10_000, [7])).toEqual([[{ relation: 7, column: 0, copied: false }]]);
  });

  it("can be told of every view that the server brings itself", async () => {
    const major = version * 10_000;
    const trees = (await server.psql("SELECT ev_action::text FROM pg_rewrite WHERE rulename = '_RETURN'")).split("\n");

    const unread = trees.filter((tree) =>
      viewSources(tree, major, [1])
        .flat()
        .some(({ relation }) => relation === 1),
    );

    expect(trees.length).toBeGreaterThan(120);
    expect(unread.map((tree) => tree.slice(0, 200))).toEqual([]);
  });
});
