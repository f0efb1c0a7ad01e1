/**
 * Which labelled columns a column in a tree is: its own table's, or one that sub-selects, views, CTEs and joins between have handed on
 * as it is. What an expression makes of a column is judged where the expression stands, and is no source here. Judges nothing.
 */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  childOf,
  isTrue,
  itemsOf,
  maybeNumber,
  nodesOf,
  numberOf,
  numbersOf,
  QueryNode,
  wordOf,
} from "../../analysis/query-tree/query-node.ts";
import { COMMAND } from "../../analysis/query-tree/statement-facts.ts";
import { TreeUnknown } from "../../analysis/query-tree/tree-unknown.ts";
import type { LabelledColumns } from "./labelled-columns.ts";

/** A query inside of a tree, with those around it. */
export interface Level {
  readonly query: QueryNode;
  readonly parent: Level | null;
  /** By varno - 1. */
  readonly entries: readonly QueryNode[];
}

/** A labelled column; of a whole row, 0. */
export interface Source {
  readonly relation: number;
  readonly column: number;
}

/** Columns of the CTEs that one reference may mean, found so far. They may name each other, and themselves. */
interface CteGroup {
  readonly bodies: readonly Level[];
  readonly columns: Map<number, readonly Source[]>;
  /** Columns that were looked into since the last one was found. */
  readonly done: Set<number>;
}

const NONE: readonly Source[] = [];

/** Of one tree. Each column is looked into once: the cost is that of the tree, however deep its sub-selects are. */
export class Sources {
  readonly #labelled: LabelledColumns;
  readonly #levels = new Map<QueryNode, Level>();
  readonly #known = new Map<QueryNode, Map<number, readonly Source[]>>();
  readonly #groups = new Map<QueryNode, Map<string, CteGroup>>();
  #hasGrown = false;

  constructor(labelled: LabelledColumns) {
    this.#labelled = labelled;
  }

  level(query: QueryNode, parent: Level | null): Level {
    const known = this.#levels.get(query);
    if (known !== undefined) return known;
    const level = { query, parent, entries: nodesOf(query, "rtable") };
    this.#levels.set(query, level);
    return level;
  }

  /** @param column 0: the whole row; negative ones are the server's. */
  ofRelation(relation: number, column: number): readonly Source[] {
    const isLabelled =
      column === 0 ? this.#labelled.isLabelled(relation) : this.#labelled.formOf(relation, column) !== undefined;
    return isLabelled ? [{ relation, column }] : NONE;
  }

  /** @throws {TreeUnknown} where it points to nothing, or into something that is not known. */
  of(variable: QueryNode, from: Level): readonly Source[] {
    for (;;) {
      this.#hasGrown = false;
      const found = this.#variable(variable, from);
      if (!this.#hasGrown) return found;
      // What was found on the way may have come of less than there is.
      this.#known.clear();
      for (const groups of this.#groups.values()) for (const { done } of groups.values()) done.clear();
    }
  }

  #variable(variable: QueryNode, from: Level): readonly Source[] {
    const { entry, level } = entryOf(variable, from);
    return this.#column(entry, level, numberOf(variable, "varattno"));
  }

  #column(entry: QueryNode, level: Level, column: number): readonly Source[] {
    const known = this.#known.get(entry) ?? new Map<number, readonly Source[]>();
    const before = known.get(column);
    if (before !== undefined) return before;
    const found = this.#find(entry, level, column);
    this.#known.set(entry, known.set(column, found));
    return found;
  }

  /** @param column 0: the whole row. */
  #find(entry: QueryNode, level: Level, column: number): readonly Source[] {
    const kind = numberOf(entry, "rtekind");
    if (column < 0) {
      if (kind !== ENTRY.relation) throw new TreeUnknown("a system column is of no relation");
      return NONE; // ctid, xmin, tableoid: nothing of a row's values
    }
    switch (kind) {
      case ENTRY.relation:
        return union(this.ofRelation(numberOf(entry, "relid"), column), this.#ofTriggeredView(entry, level, column));
      case ENTRY.subquery: {
        const body = childOf(entry, "subquery");
        if (body === null) throw new TreeUnknown("a sub-select is missing");
        const own = this.ofRelation(viewOf(entry), column);
        return union(own, this.#output(this.level(body, level), column));
      }
      case ENTRY.join:
        return this.#items(itemsOf(entry, "joinaliasvars"), level, column);
      case ENTRY.group:
        return this.#items(itemsOf(entry, "groupexprs"), level, column);
      case ENTRY.cte:
        return this.#ofGroup(this.#groupOf(entry, level), column);
      case ENTRY.function: // what goes into these is judged where it stands
      case ENTRY.tableFunction:
      case ENTRY.values:
        return NONE;
      default:
        throw new TreeUnknown(`it has a range table entry of the kind ${kind}`);
    }
  }

  /** A view with INSTEAD OF triggers is a target of its own; its rows come from its body, which stands beside it. */
  #ofTriggeredView(entry: QueryNode, level: Level, column: number): readonly Source[] {
    if (wordOf(entry, "relkind") !== "v") return NONE;
    const bodies = level.entries.filter((one) => one !== entry && viewOf(one) === numberOf(entry, "relid"));
    const found = bodies.map((one) => (childOf(one, "subquery") === null ? NONE : this.#column(one, level, column)));
    return found.reduce(union, NONE);
  }

  #output(level: Level, column: number): readonly Source[] {
    const { query } = level;
    const operations = childOf(query, "setOperations");
    if (operations !== null) {
      return branchesOf(operations)
        .map((index) => this.#column(entryAt(level, index), level, column))
        .reduce(union, NONE);
    }
    const outputs = outputsOf(query);
    if (column === 0) return outputs.map((output) => this.#ofOutput(output, level)).reduce(union, NONE);
    const output = outputs[column - 1];
    if (output === undefined || numberOf(output, "resno") !== column) {
      throw new TreeUnknown("a column of a sub-select is not there");
    }
    return this.#ofOutput(output, level);
  }

  #ofOutput(output: QueryNode, level: Level): readonly Source[] {
    const expression = childOf(output, "expr");
    if (expression?.name !== "VAR" || isTrue(output, "resjunk")) return NONE;
    return this.#variable(expression, level);
  }

  /** Columns of a join or of GROUP BY. One that is an expression is judged where it stands. */
  #items(items: readonly unknown[], level: Level, column: number): readonly Source[] {
    if (column > 0 && !(items[column - 1] instanceof QueryNode)) {
      throw new TreeUnknown("a column of a join or of GROUP BY is not there");
    }
    return (column === 0 ? items : [items[column - 1]])
      .map((item) => (item instanceof QueryNode && item.name === "VAR" ? this.#variable(item, level) : NONE))
      .reduce(union, NONE);
  }

  #ofGroup(group: CteGroup, column: number): readonly Source[] {
    const before = group.columns.get(column) ?? NONE;
    if (group.done.has(column)) return before; // or is being looked into, and leads to itself
    group.done.add(column);
    // One without that column is not meant: SEARCH and CYCLE make it uncertain how many a CTE has.
    const bodies = group.bodies.filter(({ query }) => outputsOf(query).length >= column);
    if (bodies.length === 0) throw new TreeUnknown("a column of a CTE is not there");
    const found = bodies.map((body) => this.#output(body, column)).reduce(union, before);
    group.columns.set(column, found);
    this.#hasGrown ||= found.length > before.length;
    return found;
  }

  /** Names are not read from trees: any CTE of the same column types may be meant. */
  #groupOf(entry: QueryNode, level: Level): CteGroup {
    const owner = levelUp(level, numberOf(entry, "ctelevelsup"));
    const groups = this.#groups.get(owner.query) ?? new Map<string, CteGroup>();
    this.#groups.set(owner.query, groups);
    const types = TYPE_LISTS.map(([, shown]) => numbersOf(entry, shown).join()).join(";");
    const known = groups.get(types);
    if (known !== undefined) return known;
    const bodies = ctesOf(entry, owner).map((body) => this.level(body, owner));
    const group = { bodies, columns: new Map(), done: new Set<number>() };
    groups.set(types, group);
    return group;
  }
}

function outputsOf(query: QueryNode): readonly QueryNode[] {
  const isSelect = numberOf(query, "commandType") === COMMAND.select;
  return nodesOf(query, isSelect ? "targetList" : "returningList");
}

function union(some: readonly Source[], others: readonly Source[]): readonly Source[] {
  if (some.length === 0) return others;
  const more = others.filter(({ relation, column }) => {
    return !some.some((one) => one.relation === relation && one.column === column);
  });
  return more.length === 0 ? some : [...some, ...more];
}

/** What a column is of, and the query in whose range table that stands. @throws {TreeUnknown} where there is no such thing. */
function entryOf(variable: QueryNode, from: Level): { readonly entry: QueryNode; readonly level: Level } {
  const level = levelUp(from, numberOf(variable, "varlevelsup"));
  return { entry: entryAt(level, numberOf(variable, "varno")), level };
}

function entryAt(level: Level, index: number): QueryNode {
  const entry = level.entries[index - 1];
  if (entry === undefined) throw new TreeUnknown("a column points outside of its query");
  return entry;
}

function levelUp(from: Level, up: number): Level {
  let level: Level | null = from;
  for (let left = up; left > 0; left--) level = level?.parent ?? null;
  if (level === null) throw new TreeUnknown("a column points outside of its query");
  return level;
}

/** Indexes in the range table of the sub-selects that a set operation takes. */
export function branchesOf(operation: QueryNode): readonly number[] {
  if (operation.name === "RANGETBLREF") return [numberOf(operation, "rtindex")];
  const [left, right] = [childOf(operation, "larg"), childOf(operation, "rarg")];
  if (operation.name !== "SETOPERATIONSTMT" || left === null || right === null) {
    throw new TreeUnknown("a set operation has no two sides");
  }
  return [...branchesOf(left), ...branchesOf(right)];
}

/** OID of the view that an entry is, or whose body it is; 0: none. 15 does not say it of bodies: the two entries at their head do. */
export function viewOf(entry: QueryNode): number {
  const body = childOf(entry, "subquery");
  if (body === null) return wordOf(entry, "relkind") === "v" ? numberOf(entry, "relid") : 0;
  const said = maybeNumber(entry, "relid");
  if (said !== undefined) return said;
  const [old, fresh] = nodesOf(body, "rtable");
  const isView = [old, fresh].every((one) => one !== undefined && wordOf(one, "relkind") === "v");
  return isView && old !== undefined ? numberOf(old, "relid") : 0;
}

/** The queries of the CTEs that a reference may mean. SEARCH and CYCLE add columns behind a CTE's own. */
function ctesOf(entry: QueryNode, owner: Level): readonly QueryNode[] {
  const found = nodesOf(owner.query, "cteList").filter((cte) => fits(cte, entry));
  if (found.length === 0) throw new TreeUnknown("a CTE is not there");
  return found.map((cte) => {
    const body = childOf(cte, "ctequery");
    if (body === null) throw new TreeUnknown("the query of a CTE is missing");
    return body;
  });
}

const TYPE_LISTS = [
  ["ctecoltypes", "coltypes"],
  ["ctecoltypmods", "coltypmods"],
  ["ctecolcollations", "colcollations"],
] as const;

function fits(cte: QueryNode, entry: QueryNode): boolean {
  const isWider = childOf(cte, "search_clause") !== null || childOf(cte, "cycle_clause") !== null;
  return TYPE_LISTS.every(([of, shown]) => {
    const [own, seen] = [numbersOf(cte, of), numbersOf(entry, shown)];
    return (isWider || own.length === seen.length) && own.every((number, index) => seen[index] === number);
  });
}
