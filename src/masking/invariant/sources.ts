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

/** Of one tree. */
export class Sources {
  readonly #labelled: LabelledColumns;
  readonly #levels = new Map<QueryNode, Level>();
  readonly #known = new Map<QueryNode, Map<number, readonly Source[]>>();

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
    return isLabelled ? [{ relation, column }] : [];
  }

  /** @throws {TreeUnknown} where it points to nothing, or into something that is not known. */
  of(variable: QueryNode, from: Level): readonly Source[] {
    const { entry, level } = entryOf(variable, from);
    const column = numberOf(variable, "varattno");
    const known = this.#known.get(entry) ?? new Map<number, readonly Source[]>();
    this.#known.set(entry, known);
    const before = known.get(column);
    if (before !== undefined) return before;
    const found = new Search(this).run(entry, level, column);
    known.set(column, found);
    return found;
  }
}

/** One search for one column. What was seen is not gone into again: a recursive CTE names itself. */
class Search {
  readonly #sources: Sources;
  readonly #found = new Map<string, Source>();
  readonly #seen = new Map<QueryNode, Set<string>>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  run(entry: QueryNode, level: Level, column: number): readonly Source[] {
    this.#column(entry, level, column);
    return [...this.#found.values()];
  }

  #variable(variable: QueryNode, from: Level): void {
    const { entry, level } = entryOf(variable, from);
    this.#column(entry, level, numberOf(variable, "varattno"));
  }

  /** @param column 0: the whole row. */
  #column(entry: QueryNode, level: Level, column: number): void {
    if (!this.#enter(entry, String(column))) return;
    const kind = numberOf(entry, "rtekind");
    if (column < 0) {
      if (kind !== ENTRY.relation) throw new TreeUnknown("a system column is of no relation");
      return; // ctid, xmin, tableoid: nothing of a row's values
    }
    switch (kind) {
      case ENTRY.relation:
        this.#relation(numberOf(entry, "relid"), column);
        return;
      case ENTRY.subquery: {
        const body = childOf(entry, "subquery");
        if (body === null) throw new TreeUnknown("a sub-select is missing");
        this.#relation(viewOf(entry, body), column);
        this.#outputs(this.#sources.level(body, level), column);
        return;
      }
      case ENTRY.join:
        this.#items(itemsOf(entry, "joinaliasvars"), level, column);
        return;
      case ENTRY.group:
        this.#items(itemsOf(entry, "groupexprs"), level, column);
        return;
      case ENTRY.cte:
        for (const { body, owner } of ctesOf(entry, level)) this.#outputs(this.#sources.level(body, owner), column);
        return;
      case ENTRY.function: // what goes into these is judged where it stands
      case ENTRY.tableFunction:
      case ENTRY.values:
        return;
      default:
        throw new TreeUnknown(`it has a range table entry of the kind ${kind}`);
    }
  }

  #relation(relation: number, column: number): void {
    for (const source of this.#sources.ofRelation(relation, column)) this.#found.set(`${relation} ${column}`, source);
  }

  #outputs(level: Level, column: number): void {
    if (!this.#enter(level.query, String(column))) return;
    const operations = childOf(level.query, "setOperations");
    if (operations !== null) {
      for (const index of branchesOf(operations)) this.#column(entryAt(level, index), level, column);
      return;
    }
    const isSelect = numberOf(level.query, "commandType") === COMMAND.select;
    const outputs = nodesOf(level.query, isSelect ? "targetList" : "returningList");
    const [one] = column === 0 ? [] : [outputs[column - 1]];
    if (column > 0 && (one === undefined || numberOf(one, "resno") !== column)) {
      throw new TreeUnknown("a column of a sub-select is not there");
    }
    for (const output of one === undefined ? outputs : [one]) {
      const expression = childOf(output, "expr");
      if (expression?.name === "VAR" && !isTrue(output, "resjunk")) this.#variable(expression, level);
    }
  }

  /** Columns of a join or of GROUP BY. One that is an expression is judged where it stands. */
  #items(items: readonly unknown[], level: Level, column: number): void {
    if (column > 0 && !(items[column - 1] instanceof QueryNode)) {
      throw new TreeUnknown("a column of a join or of GROUP BY is not there");
    }
    for (const item of column === 0 ? items : [items[column - 1]]) {
      if (item instanceof QueryNode && item.name === "VAR") this.#variable(item, level);
    }
  }

  /** @returns whether it was not here before. */
  #enter(node: QueryNode, what: string): boolean {
    const seen = this.#seen.get(node) ?? new Set();
    this.#seen.set(node, seen);
    return seen.size < seen.add(what).size;
  }
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

/** OID of the view whose body a sub-select is; 0: none. 15 does not say it: the two entries at the body's head do. */
function viewOf(entry: QueryNode, body: QueryNode): number {
  const said = maybeNumber(entry, "relid");
  if (said !== undefined) return said;
  const [old, fresh] = nodesOf(body, "rtable");
  const isView = [old, fresh].every((one) => one !== undefined && wordOf(one, "relkind") === "v");
  return isView && old !== undefined ? numberOf(old, "relid") : 0;
}

/** Names are not read from trees: any CTE of the same column types may be meant. SEARCH and CYCLE add columns behind its own. */
function ctesOf(entry: QueryNode, level: Level) {
  const owner = levelUp(level, numberOf(entry, "ctelevelsup"));
  const found = nodesOf(owner.query, "cteList").filter((cte) => fits(cte, entry));
  if (found.length === 0) throw new TreeUnknown("a CTE is not there");
  return found.map((cte) => {
    const body = childOf(cte, "ctequery");
    if (body === null) throw new TreeUnknown("the query of a CTE is missing");
    return { body, owner };
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
