/**
 * Finds every use of a labelled column in a tree, and says where it stands: in which clause, by itself or in an expression, with its
 * mask around it or not. Walks all nodes but what an owner's row-level security adds. Forbids nothing: see rules.ts.
 */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  childOf,
  forEachChild,
  isTrue,
  itemsOf,
  numberOf,
  QueryNode,
  wordOf,
} from "../../analysis/query-tree/query-node.ts";
import { COMMAND } from "../../analysis/query-tree/statement-facts.ts";
import { TreeUnknown } from "../../analysis/query-tree/tree-unknown.ts";
import { CLAUSES, KNOWN_NODES } from "./known-nodes.ts";
import type { LabelledColumns } from "./labelled-columns.ts";
import { columnsInHoles, isSameColumn } from "./mask-template.ts";
import type { Site, Unknown, Use } from "./rules.ts";
import { branchesOf, type Level, type Source, Sources } from "./sources.ts";
import { readThroughViews } from "./written-view.ts";

/** @param queries of one tree, as read. */
export function usesIn(queries: readonly QueryNode[], labelled: LabelledColumns): readonly (Use | Unknown)[] {
  const walk = new Walk(labelled);
  try {
    for (const query of queries) walk.query(query, null, "shown");
  } catch (error) {
    // What does not fit together cannot be judged any further: this one is enough to forbid the tree.
    if (!(error instanceof TreeUnknown)) throw error;
    return [...walk.found, { what: "reference", where: error.message }];
  }
  return walk.found;
}

/** Of WITHCHECKOPTION: a view's own WITH CHECK OPTION, which is a view's condition as any other. */
const VIEW_CHECK = 0;
/** Of SUBLINK. */
const EXISTS = 0;

/** What becomes of the columns that a query gives: {@link Site} of each that is labelled and stands by itself. */
type Outcome = Extract<Site, "shown" | "carried" | "sub-select value" | "branch of a set operation">;

class Walk {
  readonly found: (Use | Unknown)[] = [];
  readonly #labelled: LabelledColumns;
  readonly #sources: Sources;
  /** The expression that is being walked, from its root down. */
  readonly #path: QueryNode[] = [];
  #where = "";
  /** Nodes from the root of a mask down to its column. */
  readonly #inMasks = new Set<QueryNode>();

  constructor(labelled: LabelledColumns) {
    this.#labelled = labelled;
    this.#sources = new Sources(labelled);
  }

  query(query: QueryNode, parent: Level | null, outcome: Outcome): void {
    if (query.name !== "QUERY") this.#unknownNode(query);
    const level = this.#sources.level(query, parent);
    const [outerPath, outerWhere] = [this.#path.splice(0), this.#where];
    const operations = childOf(query, "setOperations");
    const branches = operations === null ? [] : branchesOf(operations).map((index) => level.entries[index - 1]);
    this.#writtenView(level);
    forEachChild(query, (child, field) => {
      this.#where = CLAUSES.get(field) ?? field;
      if (field === "targetList") this.#target(child, level, outcome);
      else if (field === "returningList") this.#item(child, level, "returned");
      else if (field === "rtable") this.#entry(child, level, branches.includes(child));
      else if (field === "onConflict") this.#onConflict(child, level);
      else if (field === "withCheckOptions") this.#checkOption(child, level);
      else if (field === "utilityStmt") this.#utility(child);
      else this.#visit(child, level);
    });
    this.#path.push(...outerPath);
    this.#where = outerWhere;
  }

  /**
   * PostgreSQL puts the view's table in its place, and the view's expressions for its columns. What is labelled as the view's own is
   * then found only where permission to read it is asked for. (Through views under it, its labels are those of its columns too.)
   */
  #writtenView({ query, entries }: Level): void {
    const where = "a view that is written";
    for (const source of readThroughViews(query, entries, this.#sources)) {
      this.found.push({ site: "view that is written", source, wholeRow: false, mask: "is not around it", where });
    }
  }

  /** A rule may notify, and an enum type may be made: neither reads a column. */
  #utility(statement: QueryNode): void {
    if (!KNOWN_NODES.has(statement.name)) this.#unknownNode(statement);
  }

  #target(entry: QueryNode, level: Level, outcome: Outcome): void {
    if (numberOf(level.query, "commandType") !== COMMAND.select) {
      if (!isTriggerRow(entry, level)) this.#item(entry, level, "written");
      return;
    }
    const isUsed = isTrue(entry, "resjunk") || numberOf(entry, "ressortgroupref") !== 0;
    this.#item(entry, level, isUsed ? "sorted or grouped" : outcome);
  }

  /** @param site of a column that is all of the entry. */
  #item(entry: QueryNode, level: Level, site: Site): void {
    const expression = entry.name === "TARGETENTRY" ? childOf(entry, "expr") : null;
    if (expression === null) this.#unknownNode(entry);
    else if (expression.name === "VAR") this.#use(expression, level, site);
    else this.#visit(expression, level);
  }

  #entry(entry: QueryNode, level: Level, isBranch: boolean): void {
    const kind = numberOf(entry, "rtekind");
    if (!ENTRY_KINDS.has(kind)) throw new TreeUnknown(`it has a range table entry of the kind ${kind}`);
    if (kind === ENTRY.join) this.#joined(entry, level);
    forEachChild(entry, (child, field) => {
      if (field === "subquery") this.query(child, level, isBranch ? "branch of a set operation" : "carried");
      else if (field === "groupexprs" && child.name === "VAR") this.#use(child, level, "sorted or grouped");
      else if (field !== "securityQuals" || !isOwners(entry, level)) this.#visit(child, level);
    });
  }

  /** Columns that a join has merged are expressions, which stand nowhere else; the others are resolved where they are used. */
  #joined(entry: QueryNode, level: Level): void {
    for (const item of itemsOf(entry, "joinaliasvars")) {
      if (item instanceof QueryNode && item.name !== "VAR") this.#visit(item, level);
    }
  }

  #onConflict(conflict: QueryNode, level: Level): void {
    if (conflict.name !== "ONCONFLICTEXPR") this.#unknownNode(conflict);
    forEachChild(conflict, (child, field) => {
      if (field !== "onConflictSet") this.#visit(child, level);
      else if (!isItsOwnExcluded(child, conflict)) this.#item(child, level, "written");
    });
  }

  /** Row-level security is its owner's: which rows may be written is told by it, whatever it reads. */
  #checkOption(option: QueryNode, level: Level): void {
    if (option.name !== "WITHCHECKOPTION") this.#unknownNode(option);
    else if (numberOf(option, "kind") === VIEW_CHECK) this.#visit(option, level);
  }

  #visit(node: QueryNode, level: Level): void {
    if (!KNOWN_NODES.has(node.name)) this.#unknownNode(node);
    this.#path.push(node);
    forEachExpression(node, (child, field) => {
      if (child.name === "QUERY") this.query(child, level, outcomeOf(node, field));
      else if (node.name === "MERGEACTION" && field === "targetList") this.#item(child, level, "written");
      else this.#visit(child, level);
    });
    if (node.name === "VAR") this.#use(node, level, "expression");
    const fn = node.name === "FUNCEXPR" ? numberOf(node, "funcid") : 0;
    if (this.#labelled.makesMasks(fn) && !this.#inMasks.has(node))
      this.found.push({ what: "mask of something else", where: this.#where });
    this.#path.pop();
  }

  #use(variable: QueryNode, level: Level, site: Site): void {
    const wholeRow = numberOf(variable, "varattno") === 0;
    for (const source of this.#sources.of(variable, level)) {
      this.found.push({ site, source, wholeRow, mask: this.#maskOf(variable, source), where: this.#where });
    }
  }

  #maskOf(variable: QueryNode, { relation, column }: Source): Use["mask"] {
    const form = this.#labelled.formOf(relation, column);
    if (form?.kind === "constant") return "is a constant";
    let isAround = false;
    for (const depth of form?.template.depths ?? []) {
      const root = this.#path.at(-1 - depth);
      const columns = form === undefined || root === undefined ? null : columnsInHoles(root, form.template);
      if (columns?.every((one) => isSameColumn(one, variable))) {
        for (const node of this.#path.slice(-1 - depth)) this.#inMasks.add(node);
        return "is around it";
      }
      isAround ||= columns !== null;
    }
    return isAround ? "is around several columns" : "is not around it";
  }

  #unknownNode({ name }: QueryNode): void {
    this.found.push({ what: "node", where: name });
  }
}

const ENTRY_KINDS: ReadonlySet<number> = new Set(Object.values(ENTRY));

/** Names hold no column, and permissions are the server's matter. */
const NAMES_ALONE: ReadonlySet<string> = new Set(["ALIAS", "RTEPERMISSIONINFO"]);

function forEachExpression(node: QueryNode, visit: (child: QueryNode, field: string) => void): void {
  if (!NAMES_ALONE.has(node.name)) forEachChild(node, visit);
}

/** Whether EXISTS, WITH or an expression takes what a query gives: EXISTS takes no column of it. */
function outcomeOf(node: QueryNode, field: string): Outcome {
  if (node.name === "COMMONTABLEEXPR" && field === "ctequery") return "carried";
  return node.name === "SUBLINK" && numberOf(node, "subLinkType") === EXISTS ? "carried" : "sub-select value";
}

/**
 * Whether conditions are row-level security alone. Those of a view with a security barrier stand there as well where the statement
 * writes through it: a view's conditions are judged.
 */
function isOwners(entry: QueryNode, { query, entries }: Level): boolean {
  if (!isTrue(query, "hasRowSecurity")) return false;
  const isResult = entries[numberOf(query, "resultRelation") - 1] === entry;
  return !isResult || !entries.some((one) => wordOf(one, "relkind") === "v");
}

/** `SET c = EXCLUDED.c`: what the statement has brought for a column, or a trigger made of it, goes into that column. */
function isItsOwnExcluded(entry: QueryNode, conflict: QueryNode): boolean {
  const value = childOf(entry, "expr");
  if (value?.name !== "VAR" || numberOf(value, "varlevelsup") !== 0) return false;
  const isExcluded = numberOf(value, "varno") === numberOf(conflict, "exclRelIndex");
  const column = numberOf(value, "varattno");
  return isExcluded && column > 0 && column === numberOf(entry, "resno");
}

/** The row that the rewriter hands to INSTEAD OF triggers of a view, which get it as triggers of a table do. */
function isTriggerRow(entry: QueryNode, level: Level): boolean {
  const row = childOf(entry, "expr");
  if (row?.name !== "VAR" || !isTrue(entry, "resjunk") || numberOf(row, "varlevelsup") !== 0) return false;
  const target = level.entries[numberOf(level.query, "resultRelation") - 1];
  const isOfView = target !== undefined && wordOf(target, "relkind") === "v";
  return isOfView && numberOf(row, "varattno") === 0 && numberOf(row, "location") < 0;
}
