/** What analysis says of a statement of the regression suite, beside what a server in a read-only transaction says. Asks nothing itself. */

import type { FunctionRules } from "../../src/analysis/functions.ts";
import type { ParsedStatement } from "../../src/analysis/parsed-statement.ts";
import type { TreeFacts } from "../../src/analysis/query-tree/tree-facts.ts";
import type { PolicyRequest } from "../../src/analysis/requests.ts";

/** A statement as it was judged. */
export interface Judged {
  readonly statement: ParsedStatement;
  readonly text: string;
  /** Of its own tree, or of that of the query inside; null: it has none. */
  readonly facts: TreeFacts | null;
  /** Of a utility statement; null where no policy may permit it. */
  readonly requests: readonly PolicyRequest[] | null;
  /** Of EXECUTE: what stands behind the name. */
  readonly behind: Judged | null;
}

/** Not run in a read-only transaction, each with why. */
const UNPROBED: ReadonlyMap<string, string> = new Map([
  ["TransactionStmt", "it ends the transaction that would have to show it"],
  ["PrepareStmt", "the name stays when the transaction is rolled back: its query is probed by EXECUTE"],
  ["DeallocateStmt", "the name does not come back when the transaction is rolled back"],
  ["FetchStmt", "the cursor would have moved on: its query is probed at DECLARE"],
  ["ClosePortalStmt", "the cursor does not come back when the transaction is rolled back"],
  ["DiscardStmt", "what it discards does not come back when the transaction is rolled back"],
]);

export function isProbed({ node }: ParsedStatement): boolean {
  return !UNPROBED.has(node);
}

/** By the class of the grammar: what decides whether the intent is on disk first. */
export function isRead({ statement, behind }: Judged): boolean {
  if (statement.durability !== "execute") return statement.durability === "read";
  return behind?.statement.prepared?.innerDurability === "read";
}

/** By the tree, and by what a utility statement asks policy for: what decides whether a policy that permits reading alone lets it run. */
export function asksToReadOnly({ facts, requests, behind, statement }: Judged, rules: FunctionRules): boolean {
  if (statement.node === "ExecuteStmt") return behind === null || asksToReadOnly(behind, rules);
  if (requests === null || requests.some(({ action }) => action !== "select" && action !== "copyOut")) return false;
  return facts === null || !writesByTree(facts, rules);
}

function writesByTree(facts: TreeFacts, rules: FunctionRules): boolean {
  if (facts.relations.some(({ action }) => action !== "select")) return true;
  if (facts.sequences.length > 0 || facts.locksRows) return true;
  return [
    ...facts.functions.map((oid) => rules.judge(oid)),
    ...facts.operators.map((oid) => rules.judgeOperator(oid)),
    ...facts.types.map((oid) => rules.judgeType(oid)),
  ].some(({ kind }) => kind !== "free");
}

/** Statements that we call a write, and that a server runs in a read-only transaction all the same. */
const ALLOWED_NODES: ReadonlyMap<string, string> = new Map([
  ["NotifyStmt", "it changes no data, but others are told"],
  ["CallStmt", "what it runs is not known before it runs"],
  ["DoStmt", "what it runs is not known before it runs"],
  ["VacuumStmt", "the server counts maintenance as no change of data"],
  ["ClusterStmt", "the server counts maintenance as no change of data"],
  ["ReindexStmt", "the server counts maintenance as no change of data"],
  ["CheckPointStmt", "the server counts maintenance as no change of data"],
  ["LoadStmt", "a library may do anything"],
  ["ConstraintsSetStmt", "no deferred trigger had anything to write"],
]);

/** Why the server may let it run. Undefined: no reason is known. @param temporary names of the session's temporary relations, by OID. */
export function whyAllowed(judged: Judged, temporary: ReadonlyMap<number, string>): string | undefined {
  const { statement, facts, behind } = judged;
  const byNode = ALLOWED_NODES.get(statement.node);
  if (byNode !== undefined) return byNode;
  if (behind !== null && statement.durability === "execute") return whyAllowed(behind, temporary);
  if (statement.explain?.innerNode === "CreateTableAsStmt") return "EXPLAIN ANALYZE of CREATE TABLE AS is not refused";
  if (facts !== null ? touchesOnlyTemporary(facts, temporary) : copiesToTemporary(statement, temporary)) {
    return "what it writes is temporary";
  }
  if (statement.callsUnknownFunction) return "it calls a function that is not known to change nothing";
  if (facts?.command === "merge" && !writes(facts)) return "MERGE whose actions do nothing";
  return undefined;
}

function writes({ relations }: TreeFacts): boolean {
  return relations.some(({ action }) => action !== "select");
}

function touchesOnlyTemporary(facts: TreeFacts, temporary: ReadonlyMap<number, string>): boolean {
  const changed = facts.relations.filter(({ action }) => facts.locksRows || action !== "select").map(({ oid }) => oid);
  const all = [...changed, ...facts.sequences];
  return all.length > 0 && all.every((oid) => temporary.has(oid));
}

/** A COPY has no tree: its table is known by its name. */
function copiesToTemporary({ class: kind, targets }: ParsedStatement, temporary: ReadonlyMap<number, string>): boolean {
  const name = targets?.[0]?.name.at(-1);
  return kind === "copyIn" && name !== undefined && [...temporary.values()].includes(name);
}
