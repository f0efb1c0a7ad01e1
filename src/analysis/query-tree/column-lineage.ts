/**
 * What the columns of a query are computed from, by the tree that the server stored for a view: through sub-selects, joins, CTEs and
 * set operations down to columns of relations. What a condition of the whole query reveals (WHERE, join, GROUP BY) is no column's.
 * Decides nothing: see masking/labels/spread.ts.
 */

import { ENTRY } from "./level.ts";
import {
  childOf,
  forEachChild,
  isTrue,
  itemsOf,
  maybeNumber,
  nodesOf,
  numberOf,
  numbersOf,
  QueryNode,
} from "./query-node.ts";
import { TreeUnknown } from "./tree-unknown.ts";

export interface LineageColumn {
  readonly relation: number;
  /** Attribute number; 0: the whole row. */
  readonly column: number;
  /** It comes as it is, but for a cast that changes no byte. */
  readonly copied: boolean;
}

/** @returns of each column of what the query gives, in their order; each sorted. @throws {TreeUnknown} */
export function columnLineage(query: QueryNode): readonly (readonly LineageColumn[])[] {
  const top: Scope = { query, parent: null, entries: nodesOf(query, "rtable") };
  const columns = nodesOf(query, "targetList").filter((entry) => !isTrue(entry, "resjunk"));
  return columns.map((_, index) => new Search().run(top, index + 1));
}

interface Scope {
  readonly query: QueryNode;
  readonly parent: Scope | null;
  /** By varno - 1. */
  readonly entries: readonly QueryNode[];
}

/** Binary coercions and collations: the value stays what it is. */
const SAME_VALUE: ReadonlySet<string> = new Set(["RELABELTYPE", "COLLATEEXPR"]);

/** One search for one column. What was seen is not gone into again: a recursive CTE names itself. */
class Search {
  readonly #found = new Map<string, LineageColumn>();
  readonly #seen = new Map<QueryNode, Set<string>>();
  readonly #scopes = new Map<QueryNode, Scope>();

  run(top: Scope, number: number): readonly LineageColumn[] {
    this.#output(top, number, true);
    return [...this.#found.values()].sort((a, b) => a.relation - b.relation || a.column - b.column);
  }

  #scope(query: QueryNode, parent: Scope): Scope {
    const known = this.#scopes.get(query);
    if (known !== undefined) return known;
    const scope = { query, parent, entries: nodesOf(query, "rtable") };
    this.#scopes.set(query, scope);
    return scope;
  }

  /** @returns whether it was not here before. */
  #enter(query: QueryNode, what: string): boolean {
    const seen = this.#seen.get(query) ?? new Set();
    this.#seen.set(query, seen);
    return seen.size < seen.add(what).size;
  }

  #output(scope: Scope, number: number, copied: boolean): void {
    if (!this.#enter(scope.query, `${number}${copied ? "=" : "~"}`)) return;
    const operations = childOf(scope.query, "setOperations");
    if (operations !== null) {
      this.#branches(operations, scope, number, copied);
      return;
    }
    const entry = nodesOf(scope.query, "targetList")[number - 1];
    const expression = entry === undefined ? null : childOf(entry, "expr");
    if (entry === undefined || expression === null || numberOf(entry, "resno") !== number) {
      throw new TreeUnknown("a column of a sub-select is not there");
    }
    this.#visit(expression, scope, copied);
  }

  #branches(node: QueryNode, scope: Scope, number: number, copied: boolean): void {
    if (node.name === "RANGETBLREF") {
      const body = childOf(entryOf(scope, numberOf(node, "rtindex")), "subquery");
      if (body === null) throw new TreeUnknown("a branch of a set operation is missing");
      this.#output(this.#scope(body, scope), number, copied);
      return;
    }
    for (const side of ["larg", "rarg"]) {
      const branch = childOf(node, side);
      if (branch === null) throw new TreeUnknown("a branch of a set operation is missing");
      this.#branches(branch, scope, number, copied);
    }
  }

  #visit(node: QueryNode, scope: Scope, copied: boolean): void {
    const same = SAME_VALUE.has(node.name) ? childOf(node, "arg") : null;
    if (node.name === "VAR") this.#variable(node, scope, copied);
    else if (same !== null) this.#visit(same, scope, copied);
    else if (node.name === "QUERY") this.#inner(this.#scope(node, scope));
    else {
      if (node.name === "WINDOWFUNC") this.#window(node, scope);
      forEachChild(node, (child) => this.#visit(child, scope, false));
    }
  }

  /** What order and partition tell stands with the window, not in the call: rank() over salaries is their order. */
  #window(node: QueryNode, scope: Scope): void {
    const winref = numberOf(node, "winref");
    for (const clause of nodesOf(scope.query, "windowClause")) {
      if (numberOf(clause, "winref") !== winref) continue;
      const sorts = [...nodesOf(clause, "partitionClause"), ...nodesOf(clause, "orderClause")];
      const refs = new Set(sorts.map((sort) => numberOf(sort, "tleSortGroupRef")));
      for (const entry of nodesOf(scope.query, "targetList")) {
        const expression = childOf(entry, "expr");
        if (expression === null || !refs.has(numberOf(entry, "ressortgroupref"))) continue;
        if (this.#enter(entry, "sort")) this.#visit(expression, scope, false);
      }
    }
  }

  /** A query inside of an expression: its value tells of its conditions as much as of its columns. */
  #inner(scope: Scope): void {
    const columns = nodesOf(scope.query, "targetList");
    for (const [index, entry] of columns.entries()) {
      const expression = childOf(entry, "expr");
      if (isTrue(entry, "resjunk") && expression !== null) this.#visit(expression, scope, false);
      else this.#output(scope, index + 1, false);
    }
    this.#conditions(scope);
  }

  #conditions(scope: Scope): void {
    if (!this.#enter(scope.query, "conditions")) return;
    for (const field of ["jointree", "havingQual", "limitOffset", "limitCount"]) {
      const condition = childOf(scope.query, field);
      if (condition !== null) this.#visit(condition, scope, false);
    }
    for (const cte of nodesOf(scope.query, "cteList")) {
      const body = childOf(cte, "ctequery");
      if (body !== null) this.#conditions(this.#scope(body, scope));
    }
    for (const entry of scope.entries) {
      const body = childOf(entry, "subquery");
      if (body !== null) this.#conditions(this.#scope(body, scope));
      else if (FUNCTIONS.has(numberOf(entry, "rtekind"))) this.#all(entry, scope);
    }
  }

  #variable(variable: QueryNode, from: Scope, copied: boolean): void {
    const scope = scopeUp(from, numberOf(variable, "varlevelsup"));
    const entry = entryOf(scope, numberOf(variable, "varno"));
    const column = numberOf(variable, "varattno");
    if (column < 0) return; // ctid, tableoid: no value of a row
    if (column === 0 && this.#wholeRow(entry, scope)) return;
    switch (numberOf(entry, "rtekind")) {
      case ENTRY.relation:
        this.#column(numberOf(entry, "relid"), column, copied && column > 0);
        return;
      case ENTRY.subquery: {
        const body = childOf(entry, "subquery");
        if (body === null) throw new TreeUnknown("a subquery is missing");
        this.#output(this.#scope(body, scope), column, copied);
        return;
      }
      case ENTRY.join:
        this.#item(itemsOf(entry, "joinaliasvars")[column - 1], scope, copied);
        return;
      case ENTRY.group:
        this.#item(itemsOf(entry, "groupexprs")[column - 1], scope, copied);
        return;
      case ENTRY.values:
        for (const row of itemsOf(entry, "values_lists")) {
          this.#item(row === null || row instanceof QueryNode ? null : row.items[column - 1], scope, copied);
        }
        return;
      case ENTRY.cte:
        this.#cte(entry, scope, column, copied);
        return;
      case ENTRY.function:
      case ENTRY.tableFunction:
        this.#all(entry, scope);
        return;
      default:
        throw new TreeUnknown("it has a range table entry that a view has not");
    }
  }

  #column(relation: number, column: number, copied: boolean): void {
    const key = `${relation} ${column}`;
    const before = this.#found.get(key);
    this.#found.set(key, { relation, column, copied: copied && (before?.copied ?? true) });
  }

  /** @returns whether it was one: of a relation it is told as such. */
  #wholeRow(entry: QueryNode, scope: Scope): boolean {
    if (numberOf(entry, "rtekind") === ENTRY.relation) return false;
    const body = childOf(entry, "subquery");
    if (body !== null) this.#allOutputs(this.#scope(body, scope));
    else if (numberOf(entry, "rtekind") === ENTRY.cte) this.#cte(entry, scope, 0, false);
    else this.#all(entry, scope);
    return true;
  }

  #allOutputs(scope: Scope): void {
    const columns = nodesOf(scope.query, "targetList").filter((entry) => !isTrue(entry, "resjunk"));
    for (const index of columns.keys()) this.#output(scope, index + 1, false);
  }

  #all(entry: QueryNode, scope: Scope): void {
    forEachChild(entry, (child) => {
      if (child.name !== "ALIAS") this.#visit(child, scope, false);
    });
    for (const item of itemsOf(entry, "joinaliasvars")) if (item !== null) this.#item(item, scope, false);
  }

  #item(item: unknown, scope: Scope, copied: boolean): void {
    if (!(item instanceof QueryNode)) throw new TreeUnknown("a column of a join or list is not there");
    this.#visit(item, scope, copied);
  }

  /**
   * Names are not read from trees: any CTE of the same column types may be meant. SEARCH and CYCLE add columns behind its own.
   * @param column 0: all of them.
   */
  #cte(entry: QueryNode, scope: Scope, column: number, copied: boolean): void {
    const owner = scopeUp(scope, numberOf(entry, "ctelevelsup"));
    const types = numbersOf(entry, "coltypes");
    const all = nodesOf(owner.query, "cteList");
    const fitting = all.filter((cte) => fits(cte, types));
    for (const cte of fitting.length > 0 ? fitting : all) {
      const body = childOf(cte, "ctequery");
      if (body === null) throw new TreeUnknown("the query of a CTE is missing");
      const inside = this.#scope(body, owner);
      const isOwn = fitting.length > 0 && column > 0 && column <= numbersOf(cte, "ctecoltypes").length;
      if (isOwn && column <= nodesOf(body, "targetList").length) this.#output(inside, column, copied);
      else this.#allOutputs(inside);
    }
  }
}

const FUNCTIONS: ReadonlySet<number> = new Set([ENTRY.function, ENTRY.tableFunction]);

function fits(cte: QueryNode, types: readonly number[]): boolean {
  const own = numbersOf(cte, "ctecoltypes");
  const isWider = childOf(cte, "search_clause") !== null || childOf(cte, "cycle_clause") !== null;
  return (isWider || own.length === types.length) && own.every((type, index) => types[index] === type);
}

function scopeUp(from: Scope, up: number): Scope {
  let scope: Scope | null = from;
  for (let left = up; left > 0; left--) scope = scope?.parent ?? null;
  if (scope === null) throw new TreeUnknown("a column points outside of its query");
  return scope;
}

function entryOf(scope: Scope, varno: number): QueryNode {
  const entry = scope.entries[varno - 1];
  if (entry === undefined || maybeNumber(entry, "rtekind") === undefined) {
    throw new TreeUnknown("a column points outside of its query");
  }
  return entry;
}
