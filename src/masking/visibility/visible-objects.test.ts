import { describe, expect, it } from "vitest";
import { Catalog, type CatalogData, type CatalogFunction, type CatalogRelation } from "../../analysis/catalog.ts";
import { compilePolicies } from "../../policy/compile.ts";
import type { PolicyContext, PolicyPrincipal } from "../../policy/policy-set.ts";
import { CatalogVisibility } from "./catalog-visibility.ts";
import { decideVisible } from "./decide-visible.ts";

const AGENT: PolicyPrincipal = {
  kind: "agent",
  id: "agent",
  issuer: "i",
  subject: "s",
  groups: ["agents"],
  claims: {},
};
const CONTEXT: PolicyContext = {
  approvedBy: [],
  hasWhere: false,
  matchesAll: true,
  inTransaction: false,
  via: "wire",
  hour: 3,
  weekday: 1,
  clientAddress: "127.0.0.1",
};

function relation(oid: number, schema: string, name: string, more: Partial<CatalogRelation> = {}): CatalogRelation {
  const plain = { kind: "r", owner: "o", rowSecurity: false, hasTriggers: false, hasUserTriggers: false } as const;
  return { oid, schema, name, ...plain, hasRules: false, parents: [], columns: [], ...more };
}

function fn(oid: number, schema: string, name: string): CatalogFunction {
  return {
    ...{ oid, schema, name, arguments: "a integer", argumentTypes: [], returns: "integer", kind: "f", volatility: "v" },
    ...{ language: "sql", securityDefiner: false, leakProof: false, owner: "o", bodyHash: "", hasDefaults: false },
    ...{ configured: false, builtIn: false },
  };
}

const SCHEMAS = ["pg_catalog", "shop", "hr", "pg_temp_3"].map((name, index) => {
  return { oid: 11 + index, name, owner: "o", usable: true };
});
const RELATIONS = [
  relation(100, "shop", "customers"),
  relation(101, "shop", "secrets"),
  relation(102, "shop", "secrets_pkey", { kind: "i", partOf: 101 }),
  relation(103, "shop", "over_hr", { kind: "v", viewOf: [201] }),
  relation(104, "shop", "over_shop", { kind: "v", viewOf: [100] }),
  relation(200, "hr", "staff"),
  relation(201, "hr", "pay"),
  relation(202, "hr", "over_shop", { kind: "v", viewOf: [100] }),
  relation(300, "pg_temp_3", "mine"),
];
const FUNCTIONS = [fn(500, "shop", "total"), fn(501, "hr", "raise")];

function catalog(more: Partial<CatalogData> = {}): Catalog {
  const plain = { database: "db", serverVersion: 180000, role: "app", epoch: "1", operators: [], types: [] };
  return new Catalog({ ...plain, schemas: SCHEMAS, relations: RELATIONS, functions: FUNCTIONS, ...more });
}

function decide(policy: string, data = catalog(), context = CONTEXT) {
  const policies = compilePolicies([{ name: "p", text: policy }], { db: { environment: "prod" } });
  return { visible: decideVisible({ catalog: data, policies, principal: AGENT, context }), policies };
}

const names = (data: Catalog, oids: readonly number[]) => oids.map((oid) => data.relation(oid)?.name);

describe("what a principal may see", () => {
  it("is everything where the whole database is permitted, and nothing is replaced then", () => {
    const { visible } = decide('permit (principal, action in Action::"read", resource in Database::"db");');

    expect(visible.everything).toBe(true);
    const visibility = new CatalogVisibility(visible, 18);
    expect(visibility.replace(["pg_class"], [], { systemColumns: [], plainViews: false })).toBeNull();
    expect(visibility.prove([])).toEqual({ kind: "proven" });
  });

  it("is a schema with all in it, and a view elsewhere whose leaves are permitted", () => {
    const { visible } = decide('permit (principal, action == Action::"select", resource in Schema::"db.shop");');

    expect(visible.openSchemas).toEqual([11, 12]);
    expect(visible.shownSchemas).toEqual([11, 12, 13]);
    expect(visible.hiddenRelations).toEqual([]);
    expect(names(visible.catalog, visible.visibleRelations)).toEqual(["over_shop"]);
    expect([visible.hasRelation(100), visible.hasRelation(201), visible.hasFunction(501)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([visible.isOpaque(103), visible.isOpaque(104)]).toEqual([true, false]);
  });

  it("leaves out what a forbid names, with its indexes", () => {
    const { visible } = decide(`permit (principal, action, resource in Schema::"db.shop");
      forbid (principal, action, resource == Table::"db.shop.secrets");`);

    expect(names(visible.catalog, visible.hiddenRelations)).toEqual(["secrets", "secrets_pkey"]);
    expect(visible.isSchemaOpen("shop")).toBe(true);
  });

  it("is one table of a schema that is shown for its sake alone", () => {
    const { visible } = decide('permit (principal, action == Action::"insert", resource == Table::"db.hr.staff");');

    expect(visible.isSchemaOpen("hr")).toBe(false);
    expect(visible.isSchemaShown("hr")).toBe(true);
    expect(names(visible.catalog, visible.visibleRelations)).toEqual(["staff"]);
    expect(visible.isNamed("relation", ["hr", "staff"])).toBe(true);
    expect(visible.isNamed("relation", ["hr", "pay"])).toBe(false);
  });

  it("is what is held, and what needs a condition that the statement decides", () => {
    const held =
      decide(`permit (principal, action == Action::"update", resource in Schema::"db.hr") when { context.hasWhere };
      @approvers("dba")
      forbid (principal, action == Action::"update", resource) unless { context.approvedBy.contains("dba") };`);

    expect(held.visible.hasRelation(200)).toBe(true);
  });

  it("follows the context, and differs in its key where it does", () => {
    const policy = 'permit (principal, action, resource in Schema::"db.hr") when { context.hour >= 9 };';
    const night = decide(policy).visible;
    const day = decide(policy, catalog(), { ...CONTEXT, hour: 10 }).visible;

    expect([night.hasRelation(200), day.hasRelation(200)]).toEqual([false, true]);
    expect(night.key).not.toBe(day.key);
    expect(night.key).toBe(decide(policy).visible.key);
  });

  it("is a function that may be called, and no temporary relation of anyone", () => {
    const { visible } = decide('permit (principal, action == Action::"call", resource in Schema::"db.hr");');

    expect([visible.hasFunction(501), visible.hasFunction(500)]).toEqual([true, false]);
    expect(visible.hasRelation(300)).toBe(false);
    expect(visible.isSchemaShown("pg_temp_3")).toBe(false);
  });

  it("costs one decision for all tables that no policy names", () => {
    const many = Array.from({ length: 5_000 }, (_, index) => relation(1_000 + index, "shop", `t${index}`));
    const { visible, policies } = decide(
      `permit (principal in Group::"agents", action in Action::"read", resource in Schema::"db.shop");
       forbid (principal, action, resource == Table::"db.shop.t17");`,
      catalog({ relations: [...RELATIONS, ...many] }),
    );

    expect(names(visible.catalog, visible.hiddenRelations)).toEqual(["t17"]);
    expect(policies.evaluations).toBeLessThan(60);
  });
});
