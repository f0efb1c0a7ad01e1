import { describe, expect, it } from "vitest";
import { estimateOf } from "./estimate.ts";

const node = (type: string, rows: number, more: object = {}) => ({
  ...{ "Node Type": type, "Plan Rows": rows, "Total Cost": 12.5, ...more },
});
const explained = (plan: object) => JSON.stringify([{ Plan: plan }]);

describe("an estimate", () => {
  it("has the rows that come to the node which writes them", () => {
    const scan = node("Index Scan", 3, { "Relation Name": "orders", "Index Name": "orders_pkey", Filter: "(a = 'x')" });
    const top = node("ModifyTable", 0, { Operation: "Delete", "Relation Name": "orders", Plans: [scan] });

    expect(estimateOf(explained(top))).toEqual({
      rows: 3,
      cost: 12.5,
      plan: ["Delete on orders (rows=0)", "  Index Scan using orders_pkey on orders (rows=3)"],
    });
  });

  it("has those of its first node where it reads", () => {
    expect(estimateOf(explained(node("Seq Scan", 7)))).toMatchObject({ rows: 7, plan: ["Seq Scan (rows=7)"] });
  });

  it("is cut where nobody would read on", () => {
    const plans = Array.from({ length: 90 }, () => node("Seq Scan", 1));
    const { plan = [] } = estimateOf(explained(node("Append", 90, { Plans: plans }))) ?? {};
    expect([plan.length, plan.at(-1)]).toEqual([41, "…"]);
  });

  it.each([
    "",
    "{}",
    "[]",
    "[{}]",
    '[{"Plan":{"Node Type":"Result"}}]',
    explained(node("Result", -1)),
  ])("is none where the server answers something else: %s", (text) => expect(estimateOf(text)).toBe(null));
});
