import { describe, expect, it } from "vitest";
import type { PolicyAction } from "../analysis/requests.ts";
import { compilePolicies } from "../policy/compile.ts";
import type { PolicyContext, PolicyPrincipal } from "../policy/policy-set.ts";
import { DEMO_POLICY } from "./demo-policy.ts";

const set = compilePolicies([{ name: "shop.cedar", text: DEMO_POLICY }], { shop: { environment: "demo" } });
const AGENT: PolicyPrincipal = {
  ...{ kind: "agent", id: "https://idp#report-agent", issuer: "https://idp", subject: "report-agent" },
  ...{ groups: ["agents"], claims: {} },
};
const CONTEXT: PolicyContext = {
  ...{ approvedBy: [], hasWhere: true, matchesAll: false, inTransaction: false, via: "wire", hour: 3, weekday: 1 },
  clientAddress: "127.0.0.1",
};

const decide = (action: PolicyAction, name: string, more: { readonly matchesAll?: boolean } = {}, principal = AGENT) =>
  set.decide(
    principal,
    { action, resource: { kind: "table", database: "shop", schema: "public", name, relationKind: "r" } },
    { ...CONTEXT, ...more },
  );

describe("the demo's policy", () => {
  it("compiles without a warning", () => {
    expect(set.checks(["agents", "dba", "audit", "platform"])).toEqual([]);
  });

  it("lets agents read all tables, and write orders and payments alone", () => {
    for (const name of ["customers", "employees", "analyst"]) expect(decide("select", name).verdict).toBe("permit");
    for (const action of ["insert", "update"] as const) {
      for (const name of ["orders", "payments"]) expect(decide(action, name).verdict).toBe("permit");
      for (const name of ["customers", "employees"]) expect(decide(action, name).verdict).toBe("deny");
    }
  });

  it.each([
    ["drop", "customers", "no-definitions"],
    ["create", "orders", "no-definitions"],
    ["truncate", "payments", "no-truncates"],
  ] as const)("denies %s on %s with a reason of its own", (action, name, policy) => {
    expect(decide(action, name)).toMatchObject({ verdict: "deny", policies: [policy] });
  });

  it("has a DELETE wait for a DBA, where nothing else is against it", () => {
    expect(decide("delete", "orders")).toMatchObject({ verdict: "hold", approvers: ["dba"], quorum: 1 });
    expect(decide("delete", "orders", { matchesAll: true }).verdict).toBe("deny");
    expect(decide("delete", "customers").verdict).toBe("deny");
  });

  it("denies an UPDATE that names no rows, and people who are not agents", () => {
    expect(decide("update", "orders", { matchesAll: true })).toMatchObject({ policies: ["name-the-rows"] });
    expect(decide("select", "customers", {}, { ...AGENT, kind: "human", groups: ["dba"] }).verdict).toBe("deny");
  });
});
