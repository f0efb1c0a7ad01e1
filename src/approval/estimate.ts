/** What the server's planner expects of a statement, for people: `EXPLAIN (FORMAT JSON)`, which runs nothing. Pure. */

import { z } from "zod";

/** Of a plan that was not run. */
export type Estimate = {
  /** Rows that it changes, or answers where it changes none; the planner's guess. */
  readonly rows: number;
  /** In the planner's units, of everything. */
  readonly cost: number;
  /** A line for each node, indented by two spaces for each level below the first. */
  readonly plan: readonly string[];
};

const MAX_NODES = 40;
const Amount = z.number().min(0);

const Node = z.object({
  "Node Type": z.string(),
  Operation: z.string().optional(),
  "Relation Name": z.string().optional(),
  "Index Name": z.string().optional(),
  "Plan Rows": Amount,
  "Total Cost": Amount,
  get Plans() {
    return z.array(Node).optional();
  },
});
type Node = z.infer<typeof Node>;

const Explained = z.tuple([z.object({ Plan: Node })]);

/** @param text what EXPLAIN answered. Null: it is not as expected. */
export function estimateOf(text: string): Estimate | null {
  const found = Explained.safeParse(parsed(text)).data;
  if (found === undefined) return null;
  const [{ Plan: top }] = found;
  const plan: string[] = [];
  describe(top, 0, plan);
  // The node that writes answers no row of its own: what it writes is what comes to it.
  const counted = top["Node Type"] === "ModifyTable" ? (top.Plans ?? []) : [top];
  const rows = counted.reduce((sum, node) => sum + node["Plan Rows"], 0);
  return { rows, cost: top["Total Cost"], plan };
}

function describe(node: Node, depth: number, into: string[]): void {
  if (into.length === MAX_NODES) into.push("…");
  if (into.length > MAX_NODES) return;
  const what = node["Node Type"] === "ModifyTable" ? (node.Operation ?? "ModifyTable") : node["Node Type"];
  const using = node["Index Name"] === undefined ? "" : ` using ${node["Index Name"]}`;
  const on = node["Relation Name"] === undefined ? "" : ` on ${node["Relation Name"]}`;
  into.push(`${"  ".repeat(depth)}${what}${using}${on} (rows=${node["Plan Rows"]})`);
  for (const below of node.Plans ?? []) describe(below, depth + 1, into);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
