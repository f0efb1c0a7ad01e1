import { describe, expect, it } from "vitest";
import type { PolicyRequest, PolicyResource } from "../analysis/requests.ts";
import type { Decision } from "../policy/decision.ts";
import type { PolicyContext } from "../policy/policy-set.ts";
import { requestsText } from "./request-record.ts";

const CONTEXT: PolicyContext = {
  ...{ approvedBy: [], hasWhere: true, matchesAll: false, inTransaction: false, via: "wire" },
  ...{ hour: 3, weekday: 1, clientAddress: "192.0.2.7" },
};
const PERMIT: Decision = { verdict: "permit", policies: ["read"], obligations: {} };
const table = (name: string, relationKind = "r"): PolicyResource => {
  return { kind: "table", database: "shop", schema: "public", name, relationKind };
};
const recorded = (request: PolicyRequest, context: Partial<PolicyContext> = {}): unknown =>
  JSON.parse(requestsText([request], [PERMIT], { ...CONTEXT, ...context }) ?? "null")[0];

describe("a request as its entry carries it", () => {
  it("says no more than action, resource and decision where nothing else could change the decision", () => {
    expect(recorded({ action: "select", resource: table("orders"), columns: ["id"] })).toEqual({
      ...{ action: "select", resource: "table:shop.public.orders", decision: "permit", policies: ["read"] },
    });
  });

  it("says what of the context was not as usual", () => {
    const request: PolicyRequest = { action: "delete", resource: table("orders") };

    expect(recorded(request, { inTransaction: true, matchesAll: true, hasWhere: false })).toMatchObject({
      context: ["inTransaction", "matchesAll", "noWhere"],
    });
  });

  it("names setting, channel, the kind of a relation and what would have done as well", () => {
    const database = { kind: "database", database: "shop" } as const;
    const leaf: PolicyRequest = { action: "select", resource: table("rows"), orElse: [table("shown", "v")] };

    expect(recorded({ action: "set", resource: database, setting: "work_mem" })).toMatchObject({ setting: "work_mem" });
    expect(recorded({ action: "notify", resource: database, channel: "news" })).toMatchObject({ channel: "news" });
    expect(recorded(leaf)).toMatchObject({ orElse: ["table:shop.public.shown"] });
    expect(recorded({ action: "select", resource: table("shown", "v"), orElseAll: [table("rows")] })).toMatchObject({
      kind: "v",
      orElseAll: ["table:shop.public.rows"],
    });
  });

  it("leaves out what would have done as well, and says so, rather than be refused for its length", () => {
    const views = Array.from({ length: 100 }, (_, at) => table(`view_${"x".repeat(40)}_${at}`, "v"));
    const requests = Array.from({ length: 100 }, (_, at): PolicyRequest => {
      return { action: "select", resource: table(`rows_${at}`), orElse: views };
    });

    const text = requestsText(
      requests,
      requests.map(() => PERMIT),
      CONTEXT,
    );

    expect(JSON.parse(text ?? "null")[99]).toMatchObject({ context: ["shortened"] });
    expect(text).not.toContain("orElse");
  });

  it("is refused where even that is more than an entry holds", () => {
    const requests = Array.from({ length: 1_000 }, (_, at): PolicyRequest => {
      return { action: "select", resource: table(`rows_${at}`) };
    });

    expect(
      requestsText(
        requests,
        requests.map(() => PERMIT),
        CONTEXT,
      ),
    ).toBe(null);
  });
});
