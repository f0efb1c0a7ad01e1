import { describe, expect, it } from "vitest";
import type { PolicyAction, PolicyRequest } from "../analysis/requests.ts";
import { compilePolicies } from "./compile.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "./policy-set.ts";
import { ACTIONS } from "./schema.ts";
import { starterPolicy } from "./starter.ts";

const AGENT: PolicyPrincipal = {
  ...{ kind: "agent", id: "https://idp.example.com#bot", issuer: "https://idp.example.com", subject: "bot" },
  groups: ["agents"],
  claims: {},
};
const CONTEXT: PolicyContext = {
  ...{ approvedBy: [], hasWhere: true, matchesAll: false, inTransaction: false, via: "wire", hour: 3, weekday: 6 },
  clientAddress: "192.0.2.1",
};

function compile(text: string, database: string): PolicySet {
  return compilePolicies([{ name: "starter.cedar", text }], { [database]: { environment: "prod" } });
}

describe.each(["shop", "shop-prod", "Shop.v2"])("the starter policy of the database %s", (database) => {
  const set = compile(starterPolicy(database), database);
  const request = (action: PolicyAction): PolicyRequest =>
    ACTIONS[action].resources.includes("Table")
      ? { action, resource: { kind: "table", database, schema: "public", name: "orders", relationKind: "r" } }
      : { action, resource: { kind: "database", database } };
  const verdict = (action: PolicyAction, context: Partial<PolicyContext> = {}, principal = AGENT): string =>
    set.decide(principal, request(action), { ...CONTEXT, ...context }).verdict;

  it("compiles without a warning", () => {
    expect(set.checks(["agents", "dba"])).toEqual([]);
  });

  it("lets agents connect, read, and change settings", () => {
    expect((["connect", "select", "copyOut", "set"] as const).map((action) => verdict(action))).toEqual(
      Array(4).fill("permit"),
    );
  });

  it("holds writes for dba, and permits them once approved", () => {
    for (const action of ["insert", "update", "delete", "copyIn", "writeLabelled"] as const) {
      expect(set.decide(AGENT, request(action), CONTEXT)).toMatchObject({
        ...{ verdict: "hold", policies: ["writes-wait-for-dba"], approvers: ["dba"], quorum: 1, expiresMs: 900_000 },
        inTransaction: "deny",
      });
      expect(verdict(action, { approvedBy: ["dba"] })).toBe("permit");
    }
  });

  it("denies UPDATE and DELETE that name no rows, approved or not", () => {
    expect(verdict("delete", { matchesAll: true })).toBe("deny");
    expect(verdict("update", { matchesAll: true, approvedBy: ["dba"] })).toBe("deny");
  });

  it("denies definitions and TRUNCATE, approved or not", () => {
    for (const action of ["create", "alter", "drop", "grant", "comment", "truncate"] as const) {
      expect(verdict(action)).toBe("deny");
      expect(verdict(action, { approvedBy: ["dba"] })).toBe("deny");
    }
  });

  it("permits nothing else: no call, lock, channel, maintenance or reveal", () => {
    for (const action of ["call", "lock", "listen", "notify", "maintain"] as const)
      expect(verdict(action)).toBe("deny");
    expect(set.decide(AGENT, { action: "reveal", resource: { kind: "label", name: "pii" } }, CONTEXT).verdict).toBe(
      "deny",
    );
  });

  it("permits nothing to others, nor on other databases", () => {
    expect(verdict("select", {}, { ...AGENT, groups: [] })).toBe("deny");
    const elsewhere = { action: "connect", resource: { kind: "database", database: "other" } } as const;
    expect(set.decide(AGENT, elsewhere, CONTEXT).verdict).toBe("deny");
  });

  it("compiles with its examples made policies, without a warning", () => {
    const examples = starterPolicy(database).replace(/^\/\/ (?=@|forbid|permit)/gm, "");
    const wider = compile(examples, database);

    expect(wider.policies).toHaveLength(set.policies.length + 2);
    expect(wider.checks(["agents", "dba"])).toEqual([]);
    const signature = "close_order(integer)";
    const resource = { kind: "function", database, schema: "public", name: "close_order", signature } as const;
    expect(wider.decide(AGENT, { action: "call", resource }, CONTEXT).verdict).toBe("permit");
  });
});
