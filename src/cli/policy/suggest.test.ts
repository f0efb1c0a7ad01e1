import { describe, expect, it } from "vitest";
import type { PolicyResource } from "../../analysis/requests.ts";
import type { RecordedRequest, RecordedStatement } from "./recorded.ts";
import { cedarOf, Usage } from "./suggest.ts";

const table = (name: string, relationKind = "r"): PolicyResource => {
  return { kind: "table", database: "shop", schema: "public", name, relationKind };
};
const read = (resource: PolicyResource, more: Partial<RecordedRequest> = {}): RecordedRequest => ({
  ...{ action: "select", resource, decision: "permit", ...more },
  context: { inTransaction: false, matchesAll: false, hasWhere: true },
});
const ran = (session: string, ...requests: readonly RecordedRequest[]): RecordedStatement => ({
  ...{ entry: "a/1", session, timeMs: 0, class: "read", database: "shop", upstreamRole: "agent", kind: "agent" },
  ...{ issuer: "https://idp.example.com", acts: "a", id: "https://idp.example.com#a", subject: "a", actor: undefined },
  ...{ via: "wire", clientAddress: "192.0.2.7", fingerprint: "f", groups: ["agents"], verdict: "permitted" },
  ...{ requests, lacking: null },
});
const permits = (...statements: readonly RecordedStatement[]) => {
  const usage = new Usage("agents");
  for (const statement of statements) usage.add(statement);
  return usage.suggestions().map(({ resource, actions }) => [resource.id, ...actions.map((one) => Object.values(one))]);
};

describe("what is suggested from what was used", () => {
  it("permits a view that was named, and nothing that is read behind it alone", () => {
    const [view, behind] = [table("totals", "v"), table("salaries")];
    const through = ran("s", read(view, { orElseAll: [behind] }), read(behind, { orElse: [view] }));

    expect(permits(through)).toEqual([
      ["shop", ["connect", 1]],
      ["shop.public.totals", ["select", 1]],
    ]);
    expect(permits(through, ran("s", read(behind)))).toContainEqual(["shop.public.salaries", ["select", 1]]);
  });

  it("counts a connection for each session, not for each statement", () => {
    const orders = read(table("orders"));

    expect(permits(ran("s", orders), ran("s", orders), ran("t", orders))).toEqual([
      ["shop", ["connect", 2]],
      ["shop.public.orders", ["select", 3]],
    ]);
  });

  it("says what a policy in shadow would have refused", () => {
    const usage = new Usage(undefined);
    usage.add(ran("s", read(table("orders"))));
    usage.add(ran("s", read(table("salaries"), { decision: "deny" })));

    expect(cedarOf(usage)).toContain("// A policy in shadow would have refused 1 of them");
  });
});
