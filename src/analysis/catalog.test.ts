import { describe, expect, it } from "vitest";
import { Catalog, type CatalogData, type CatalogFunction, type CatalogRelation } from "./catalog.ts";
import { CatalogFileError, catalogFromJson, catalogToJson } from "./catalog-json.ts";

function relation(oid: number, schema: string, name: string, more: Partial<CatalogRelation> = {}): CatalogRelation {
  return {
    oid,
    schema,
    name,
    kind: "r",
    owner: "owner",
    rowSecurity: false,
    hasTriggers: false,
    hasUserTriggers: false,
    hasRules: false,
    parents: [],
    columns: [],
    ...more,
  };
}

function fn(oid: number, schema: string, name: string, args: string): CatalogFunction {
  return {
    oid,
    schema,
    name,
    arguments: args,
    argumentTypes: [],
    returns: "integer",
    kind: "f",
    volatility: "v",
    language: "sql",
    securityDefiner: false,
    leakProof: false,
    owner: "owner",
    bodyHash: "0".repeat(64),
    hasDefaults: false,
    configured: false,
    builtIn: false,
  };
}

const DATA: CatalogData = {
  database: "shop",
  serverVersion: 180_004,
  role: "agent",
  epoch: "e1",
  schemas: [
    { oid: 11, name: "pg_catalog", owner: "postgres", usable: true },
    { oid: 20, name: "public", owner: "postgres", usable: true },
    { oid: 21, name: "agent", owner: "agent", usable: true },
    { oid: 22, name: "closed", owner: "postgres", usable: false },
  ],
  relations: [
    relation(100, "public", "customers"),
    relation(101, "agent", "customers"),
    relation(102, "closed", "customers"),
    relation(103, "public", "pg_class"),
    relation(104, "pg_catalog", "pg_class"),
    relation(105, "public", "a.b"),
    relation(106, "public", "inner_view", { kind: "v", viewOf: [100, 105] }),
    relation(107, "public", "outer_view", { kind: "v", viewOf: [106, 101] }),
    relation(108, "public", "part", { parents: [100] }),
  ],
  functions: [
    fn(200, "public", "f", "integer"),
    fn(201, "public", "f", "text"),
    fn(202, "agent", "f", ""),
    fn(203, "closed", "f", ""),
  ],
  operators: [{ oid: 300, schema: "public", name: "<<>>", function: 200 }],
  types: [
    {
      oid: 400,
      schema: "public",
      name: "positive",
      kind: "d",
      base: 23,
      hasChecks: true,
      checks: [{ name: "c", definition: "CHECK ((VALUE > 0))", functions: [147], operators: [521], types: [] }],
      input: 2597,
      output: 43,
      receive: 2598,
      send: 2407,
    },
  ],
};

describe("a name in a statement", () => {
  const catalog = new Catalog(DATA);

  it.each([
    [["customers"], ["public"], 100],
    [["customers"], ["agent", "public"], 101],
    [["customers"], ["$user", "public"], 101],
    [["customers"], ["closed", "missing", "public"], 100], // as the server: passed over without a word
    [["customers"], ["closed"], undefined],
    [["customers"], [], undefined],
    [["Customers"], ["public"], undefined],
    [["closed", "customers"], ["public"], 102], // refused by the server, and what it would be is known
    [["pg_class"], ["public"], 104],
    [["pg_class"], ["public", "pg_catalog"], 103],
    [["a.b"], ["public"], 105],
    [["public.a", "b"], ["public"], undefined],
    [["pg_temp", "customers"], ["public"], undefined],
    [["shop", "public", "customers"], ["public"], undefined],
    [[], ["public"], undefined],
  ])("%j with search_path %j is relation %s", (parts, searchPath, oid) => {
    expect(catalog.resolveRelation(parts, searchPath)?.oid).toBe(oid);
  });

  it("finds all overloads of a function along the path, nearest schema first", () => {
    const oids = (parts: string[], path: string[]) => catalog.resolveFunctions(parts, path).map(({ oid }) => oid);

    expect(oids(["f"], ["$user", "closed", "public"])).toEqual([202, 200, 201]);
    expect(oids(["public", "f"], [])).toEqual([200, 201]);
    expect(oids(["shop", "public", "f"], ["public"])).toEqual([]);
  });
});

describe("a catalog", () => {
  const catalog = new Catalog(DATA);

  it("answers by OID, and with undefined for what it does not hold", () => {
    expect(catalog.relation(100)?.name).toBe("customers");
    expect(catalog.function(201)?.arguments).toBe("text");
    expect(catalog.operator(300)?.function).toBe(200);
    expect(catalog.type(400)?.base).toBe(23);
    expect(catalog.typeByName("public", "positive")?.oid).toBe(400);
    expect([catalog.relation(400), catalog.function(100), catalog.operator(1), catalog.type(1)]).toEqual(
      Array(4).fill(undefined),
    );
  });

  it("tells what lies below and above a view, and below a parent", () => {
    expect(catalog.leaves(107)).toEqual([100, 101, 105]);
    expect(catalog.leaves(100)).toEqual([100]);
    expect(catalog.viewsOver(100)).toEqual([106]);
    expect(catalog.children(100)).toEqual([108]);
  });

  it("ends where views go round in a circle", () => {
    const a = relation(1, "public", "a", { kind: "v", viewOf: [2] });
    const b = relation(2, "public", "b", { kind: "v", viewOf: [1] });

    expect(new Catalog({ ...DATA, relations: [a, b] }).leaves(1)).toEqual([]);
  });

  it("takes the server's schemas for built in, and no session's temporary one", () => {
    const schemas = ["pg_catalog", "information_schema", "pg_toast", "pg_temp_3", "public", "PG_CATALOG", ""];

    expect(schemas.filter((schema) => catalog.isBuiltIn(schema))).toEqual([
      "pg_catalog",
      "information_schema",
      "pg_toast",
    ]);
  });

  it("is not made of data in which a name or an OID stands twice", () => {
    const relations = [relation(1, "public", "a"), relation(2, "public", "a")];

    expect(() => new Catalog({ ...DATA, relations })).toThrow("lists a relation twice");
    expect(() => new Catalog({ ...DATA, operators: [...DATA.operators, ...DATA.operators] })).toThrow("operator twice");
  });
});

describe("a catalog in a file", () => {
  const text = catalogToJson(new Catalog(DATA));

  it("is read as it was written", () => {
    expect(catalogFromJson(text).data).toEqual(DATA);
  });

  it.each([
    ["{", "", "not JSON"],
    ["[]", "", "expected object"],
    [text.replace("postern-catalog/1", "postern-catalog/2"), "format", "postern-catalog/1"],
    [text.replace('"kind":"r"', '"kind":"x"'), "relations[0].kind", "Invalid option"],
    [text.replace('"functions":[147]', '"functions":["147"]'), "types[0].checks[0].functions[0]", "expected number"],
    [text.replace('"oid":100', '"oid":4294967296'), "relations[0].oid", "4294967295"],
    [text.replace('"owner":"owner"', '"owner":"owner","owned":true'), "relations[0]", "owned"],
    [text.replace('"role":"agent",', ""), "role", "expected string"],
    [text.replace("0".repeat(64), "0"), "functions[0].bodyHash", "hexadecimal"],
    [text.replace('"oid":101', '"oid":100'), "", "relation twice"],
  ])("is refused with the place that is wrong: %#", (broken, path, problem) => {
    const read = () => catalogFromJson(broken);

    expect(read).toThrow(CatalogFileError);
    expect(read).toThrow(path === "" ? problem : `${path}: `);
    expect(read).toThrow(problem);
  });
});
