/**
 * Whether a condition picks rows out by a constant or parameter of the statement's own: of its target, or of what the target is
 * compared with. A guess on the safe side, against the slip of a forgotten or empty WHERE: who wants to match all still can.
 */

import { ENTRY } from "./level.ts";
import {
  anyNode,
  childOf,
  forEachChild,
  isTrue,
  itemsOf,
  maybeNumber,
  nodesOf,
  numberOf,
  QueryNode,
  wordOf,
} from "./query-node.ts";

/** The rows that are asked about: columns of these entries, seen from so many queries further in. */
export interface Rows {
  readonly varnos: ReadonlySet<number>;
  readonly up: number;
}

/** What rules and views add to a query has no place in the statement's text. CURRENT OF has none either, and is never theirs. */
export function isOfStatement(node: QueryNode): boolean {
  return (maybeNumber(node, "location") ?? -1) >= 0 || node.name === "CURRENTOFEXPR";
}

/** All that must hold of the rows of a query: its WHERE, and ON of its inner joins. */
export function conditionsOf(query: QueryNode): readonly QueryNode[] {
  const from = childOf(query, "jointree");
  if (from === null) return [];
  const quals = childOf(from, "quals");
  return [...(quals === null ? [] : [quals]), ...nodesOf(from, "fromlist").flatMap(joinConditions)];
}

/** Values of jointype. */
const INNER = 0;
const LEFT = 1;

function joinConditions(node: QueryNode): readonly QueryNode[] {
  if (node.name !== "JOINEXPR") return [];
  const type = numberOf(node, "jointype");
  if (type !== INNER && type !== LEFT) return [];
  const [left, right, quals] = [childOf(node, "larg"), childOf(node, "rarg"), childOf(node, "quals")];
  const of = (side: QueryNode | null): readonly QueryNode[] => (side === null ? [] : joinConditions(side));
  // ON of a LEFT JOIN keeps all rows of the left.
  return type === LEFT ? of(left) : [...(quals === null ? [] : [quals]), ...of(left), ...of(right)];
}

/** Values of paramkind, subLinkType, nulltesttype, booltesttype and commandType. */
const PARAM_EXTERN = 0;
const PARAM_SUBLINK = 2;
const SUBLINK = { exists: 0, any: 2, scalar: 4 } as const;
const IS_NULL = 0;
const IS_UNKNOWN = 4;
const IS_NOT_UNKNOWN = 5;
const SELECT = 1;
const BOOLEAN_TYPE = 16;

const COMPARISONS: ReadonlySet<string> = new Set(["OPEXPR", "DISTINCTEXPR", "SCALARARRAYOPEXPR", "FUNCEXPR"]);
/** Joins are followed so far from one relation to the next. */
const MAX_JOINS = 8;
/** Nodes that are looked at for following joins in one statement: some tens of milliseconds. Beyond, none is followed. */
const MAX_VISITS = 500_000;

/** Of all queries of a statement, so that none of them is looked through twice. */
interface Shared {
  /** Null: not to be looked through. */
  readonly inner: Map<QueryNode, Bounds | null>;
  /** By query and number of the column. */
  readonly columns: Map<QueryNode, Map<number, boolean>>;
  visits: number;
}

/** One query: its range table, what must hold of its rows, and which of its relations that picks rows of. */
export class Bounds {
  readonly #entries: readonly QueryNode[];
  readonly #conditions: readonly QueryNode[];
  /** OIDs of the statement's target: another look at the target itself picks nothing out. */
  readonly #targets: ReadonlySet<number>;
  readonly #ctes: readonly QueryNode[];
  readonly #shared: Shared;
  /** Varnos of relations that the conditions pick rows of. */
  readonly #picked = new Set<number>();
  #followed = false;

  constructor(
    query: QueryNode,
    conditions: readonly QueryNode[],
    targets: ReadonlySet<number>,
    shared: Shared = { inner: new Map(), columns: new Map(), visits: MAX_VISITS },
  ) {
    this.#entries = nodesOf(query, "rtable");
    this.#ctes = nodesOf(query, "cteList");
    this.#conditions = conditions;
    this.#targets = targets;
    this.#shared = shared;
  }

  /** Whether the conditions bound these rows. @param rows not among those that are followed here: the target, or of a query around. */
  bound(rows: Rows): boolean {
    const holds = (): boolean => this.#conditions.some((condition) => this.#isBoundBy(condition, rows, false));
    if (holds()) return true;
    this.#follow(rows);
    return this.#picked.size > 0 && holds();
  }

  /** From each relation that a constant bounds to those that are compared with it. */
  #follow({ varnos, up }: Rows): void {
    if (this.#followed) return;
    this.#followed = true;
    const others = this.#entries.flatMap((entry, at) =>
      (up === 0 && varnos.has(at + 1)) || !this.#mayBePicked(entry) ? [] : [at + 1],
    );
    const visits = others.length * this.#conditions.reduce((sum, one) => sum + nodesIn(one), 0);
    for (let round = 0; round < MAX_JOINS; round++) {
      this.#shared.visits -= visits;
      if (this.#shared.visits < 0) return;
      const found = others.filter((varno) => {
        const rows = { varnos: new Set([varno]), up: 0 };
        return !this.#picked.has(varno) && this.#conditions.some((one) => this.#isBoundBy(one, rows, false));
      });
      if (found.length === 0) return;
      for (const varno of found) this.#picked.add(varno);
    }
  }

  /** Relations but the target, and sub-selects that it is not in. */
  #mayBePicked(entry: QueryNode): boolean {
    const kind = numberOf(entry, "rtekind");
    if (kind === ENTRY.relation) return !this.#targets.has(numberOf(entry, "relid"));
    const body = kind === ENTRY.subquery ? childOf(entry, "subquery") : null;
    return body !== null && !anyNode(body, (node) => this.#mayBeTarget(node));
  }

  #mayBeTarget(node: QueryNode): boolean {
    if (node.name !== "RANGETBLENTRY") return false;
    return this.#targets.has(maybeNumber(node, "relid") ?? 0) || numberOf(node, "rtekind") === ENTRY.cte;
  }

  /** @param negated it stands under a NOT: then AND is OR, and IS NULL is IS NOT NULL. */
  #isBoundBy(node: QueryNode, rows: Rows, negated: boolean): boolean {
    switch (node.name) {
      case "BOOLEXPR":
        return this.#isBoundByArms(node, rows, negated);
      case "VAR":
        return isColumn(node, rows) && isOfStatement(node); // WHERE active: compares it with true
      case "BOOLEANTEST": {
        const never = negated ? IS_UNKNOWN : IS_NOT_UNKNOWN;
        return isOfStatement(node) && numberOf(node, "booltesttype") !== never && has(childOf(node, "arg"), rows);
      }
      case "NULLTEST": {
        // IS NOT NULL of a key matches all; IS NULL of one matches none.
        const isNull = numberOf(node, "nulltesttype") === IS_NULL;
        return isOfStatement(node) && isNull !== negated && has(childOf(node, "arg"), rows);
      }
      case "ROWCOMPAREEXPR":
        return this.#compares([...nodesOf(node, "largs").slice(0, 1), ...nodesOf(node, "rargs").slice(0, 1)], rows);
      case "CURRENTOFEXPR":
        return true;
      case "SUBLINK":
        return !negated && this.#isBoundByInner(node, rows);
      default:
        return COMPARISONS.has(node.name) && this.#compares(nodesOf(node, "args"), rows);
    }
  }

  #isBoundByArms(node: QueryNode, rows: Rows, negated: boolean): boolean {
    const arms = nodesOf(node, "args");
    const operator = wordOf(node, "boolop");
    if (operator === "not") return arms.every((arm) => this.#isBoundBy(arm, rows, !negated));
    const oneIsEnough = (operator === "and") !== negated;
    return oneIsEnough
      ? arms.some((arm) => this.#isBoundBy(arm, rows, negated))
      : arms.every((arm) => this.#isBoundBy(arm, rows, negated));
  }

  #compares(sides: readonly QueryNode[], rows: Rows): boolean {
    return sides.some((side) => this.#isFixed(side)) && sides.some((side) => this.#isOf(side, rows));
  }

  /** Not `id - id`, and of `(id = id) = true` not the inner part. */
  #isOf(side: QueryNode, rows: Rows): boolean {
    if (side.name === "BOOLEXPR" || maybeNumber(side, "opresulttype") === BOOLEAN_TYPE) {
      return this.#isBoundBy(side, rows, false);
    }
    const seen = new Set<number>();
    const repeats = anyNode(side, (node) => {
      if (!isColumn(node, rows)) return false;
      const column = numberOf(node, "varattno");
      if (seen.has(column)) return true;
      seen.add(column);
      return false;
    });
    return seen.size > 0 && !repeats;
  }

  /** `id IN (SELECT …)` and EXISTS, where constants pick the rows that are selected. */
  #isBoundByInner(link: QueryNode, rows: Rows): boolean {
    const type = numberOf(link, "subLinkType");
    const query = childOf(link, "subselect");
    if (query === null || (type !== SUBLINK.any && type !== SUBLINK.exists)) return false;
    // Without a row of its own an aggregate is a row all the same, and so is any group of all.
    const isOfRows = !isTrue(query, "hasAggs") && childOf(query, "havingQual") === null;
    const plain = isOfRows && itemsOf(query, "groupingSets").length === 0;
    if (plain && this.#within(query)?.bound({ varnos: rows.varnos, up: rows.up + 1 }) === true) return true;
    const test = type === SUBLINK.any ? childOf(link, "testexpr") : null;
    return test !== null && this.#isBoundByTest(test, query, rows);
  }

  /** @param test `id = PARAM`, where the parameter stands for a column of the sub-select; or several such with AND. */
  #isBoundByTest(test: QueryNode, query: QueryNode, rows: Rows): boolean {
    if (test.name === "BOOLEXPR") {
      return (
        wordOf(test, "boolop") === "and" && nodesOf(test, "args").some((one) => this.#isBoundByTest(one, query, rows))
      );
    }
    if (test.name !== "OPEXPR") return false;
    const [side, column] = nodesOf(test, "args");
    if (side === undefined || column === undefined || !this.#isOf(side, rows)) return false;
    const places: number[] = [];
    anyNode(column, (node) => {
      if (node.name === "PARAM" && numberOf(node, "paramkind") === PARAM_SUBLINK)
        places.push(numberOf(node, "paramid"));
      return false;
    });
    return places.length === 1 && this.#isPickedColumn(query, places[0] ?? 0);
  }

  /** A constant or parameter of the statement's own is in it, or a column of rows that such picked, and nothing else that rows have a say in. */
  #isFixed(side: QueryNode): boolean {
    let hasOwn = false;
    const isFree = (node: QueryNode): boolean => {
      if (node.name === "VAR" || node.name === "SUBLINK") {
        hasOwn = true;
        return !(node.name === "VAR" ? this.#isPicked(node) : this.#isPickedValue(node));
      }
      if (isConstant(node)) hasOwn = true;
      let found = false;
      forEachChild(node, (child) => {
        found ||= isFree(child);
      });
      return found;
    };
    return !isFree(side) && hasOwn;
  }

  /** A column of a picked relation, of what a sub-select picks, or of rows that stand in the statement. */
  #isPicked(variable: QueryNode): boolean {
    if (numberOf(variable, "varlevelsup") !== 0) return false;
    const [varno, column] = [numberOf(variable, "varno"), numberOf(variable, "varattno")];
    const entry = this.#entries[varno - 1];
    if (entry === undefined) return false;
    if (this.#picked.has(varno)) return true;
    const kind = numberOf(entry, "rtekind");
    if (kind === ENTRY.relation) return false;
    if (kind === ENTRY.join || kind === ENTRY.group) {
      const one = itemsOf(entry, kind === ENTRY.join ? "joinaliasvars" : "groupexprs")[column - 1];
      return one instanceof QueryNode && this.#isFixed(one);
    }
    if (isListed(entry)) return true;
    const body = kind === ENTRY.subquery ? childOf(entry, "subquery") : kind === ENTRY.cte ? this.#cteOf(entry) : null;
    return body !== null && this.#isPickedColumn(body, column);
  }

  /** By its name a CTE is not found: names are not kept. Where there is but one it is that. */
  #cteOf(entry: QueryNode): QueryNode | null {
    const [only, another] = this.#ctes;
    if (only === undefined || another !== undefined || numberOf(entry, "ctelevelsup") !== 0) return null;
    return childOf(only, "ctequery");
  }

  #isPickedValue(link: QueryNode): boolean {
    const query = numberOf(link, "subLinkType") === SUBLINK.scalar ? childOf(link, "subselect") : null;
    return query !== null && this.#isPickedColumn(query, 1);
  }

  /** A column that a sub-select gives out, made of rows that constants pick in there. */
  #isPickedColumn(query: QueryNode, column: number): boolean {
    const ofQuery = this.#shared.columns.get(query) ?? new Map<number, boolean>();
    this.#shared.columns.set(query, ofQuery);
    const known = ofQuery.get(column);
    if (known !== undefined) return known;
    const found = this.#picksColumn(query, column);
    ofQuery.set(column, found);
    return found;
  }

  #picksColumn(query: QueryNode, column: number): boolean {
    const inner = this.#within(query);
    const entry = nodesOf(query, "targetList").find((one) => numberOf(one, "resno") === column);
    const value = entry === undefined ? null : childOf(entry, "expr");
    if (inner === null || value === null || !anyNode(value, ({ name }) => name === "VAR")) return false;
    inner.#follow({ varnos: new Set(), up: 0 });
    return inner.#isFixed(value);
  }

  #within(query: QueryNode): Bounds | null {
    const known = this.#shared.inner.get(query);
    if (known !== undefined) return known;
    const isPlain = numberOf(query, "commandType") === SELECT && childOf(query, "setOperations") === null;
    const made = isPlain ? new Bounds(query, conditionsOf(query), this.#targets, this.#shared) : null;
    this.#shared.inner.set(query, made);
    return made;
  }
}

function isColumn(node: QueryNode, { varnos, up }: Rows): boolean {
  return node.name === "VAR" && numberOf(node, "varlevelsup") === up && varnos.has(numberOf(node, "varno"));
}

function has(node: QueryNode | null, rows: Rows): boolean {
  return node !== null && anyNode(node, (one) => isColumn(one, rows));
}

function nodesIn(node: QueryNode): number {
  let count = 1;
  forEachChild(node, (child) => {
    count += nodesIn(child);
  });
  return count;
}

function isConstant(node: QueryNode): boolean {
  const isParameter = node.name === "PARAM" && numberOf(node, "paramkind") === PARAM_EXTERN;
  return (isParameter || node.name === "CONST") && isOfStatement(node);
}

/** Rows that stand in the statement: VALUES, unnest($1), a sub-select without a table. */
function isListed(entry: QueryNode): boolean {
  const isInner = numberOf(entry, "rtekind") === ENTRY.subquery;
  if ((maybeNumber(entry, "relid") ?? 0) !== 0) return false;
  const isRow = (node: QueryNode): boolean =>
    node.name === "VAR" ? !isInner || numberOf(node, "varlevelsup") > 0 : readsRows(node);
  return anyNode(entry, isConstant) && !anyNode(entry, isRow);
}

/** Range table entries that hold no rows but what is written in them. */
const WRITTEN: readonly number[] = [ENTRY.subquery, ENTRY.function, ENTRY.values];

function readsRows(node: QueryNode): boolean {
  if (node.name === "SUBLINK") return true;
  if (node.name === "QUERY") return itemsOf(node, "cteList").length > 0;
  return node.name === "RANGETBLENTRY" && !WRITTEN.includes(numberOf(node, "rtekind"));
}
