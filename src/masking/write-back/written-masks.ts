/**
 * The guard against masks that are written back: whether a statement puts into a masked column what it, or somebody before it, was
 * shown in place of a value. It guards data against mistakes, not values against attackers: who wants to destroy may write anything.
 */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  anyNode,
  bytesOf,
  childOf,
  forEachChild,
  itemsOf,
  maybeNumber,
  NodeList,
  nodesOf,
  numberOf,
  QueryNode,
} from "../../analysis/query-tree/query-node.ts";
import { COMMAND } from "../../analysis/query-tree/statement-facts.ts";
import type { MaskShape } from "./mask-shape.ts";

/** Of the principal: what is masked for it. */
export interface MaskedTargets {
  /** Whether the column is masked. */
  isMasked(relation: number, column: number): boolean;
  /** Null: its masks cannot be told from values. */
  shapeOf(relation: number, column: number): MaskShape | null;
}

export interface WrittenMask {
  readonly relation: number;
  readonly column: number;
  /** derived: read from a masked column. literal, parameter: it looks like a mask. */
  readonly by: "derived" | "literal" | "parameter";
}

/**
 * @param queries of the server's tree, which holds the invariant. @param parameters those of Bind that may be masks, by their numbers.
 * @returns the first that is found.
 */
export function writtenMask(
  queries: readonly QueryNode[],
  targets: MaskedTargets,
  parameters: ReadonlyMap<number, string>,
): WrittenMask | null {
  const walk = new Walk(targets, parameters);
  for (const query of queries) walk.query(query, null);
  return walk.found;
}

interface Level {
  readonly query: QueryNode;
  readonly parent: Level | null;
  readonly entries: readonly QueryNode[];
}

/** What goes into which column. */
interface Target {
  readonly relation: number;
  readonly column: number;
  readonly shape: MaskShape | null;
}

class Walk {
  found: WrittenMask | null = null;
  readonly #targets: MaskedTargets;
  readonly #parameters: ReadonlyMap<number, string>;
  readonly #levels = new Map<QueryNode, Level>();

  constructor(targets: MaskedTargets, parameters: ReadonlyMap<number, string>) {
    this.#targets = targets;
    this.#parameters = parameters;
  }

  query(query: QueryNode, parent: Level | null): void {
    const level = this.#level(query, parent);
    this.#writes(level);
    forEachChild(query, (child) => this.#inside(child, level));
  }

  #level(query: QueryNode, parent: Level | null): Level {
    const known = this.#levels.get(query);
    const level = known ?? { query, parent, entries: nodesOf(query, "rtable") };
    this.#levels.set(query, level);
    return level;
  }

  #inside(node: QueryNode, level: Level): void {
    if (this.found !== null) return;
    if (node.name === "QUERY") this.query(node, level);
    else forEachChild(node, (child) => this.#inside(child, level));
  }

  #writes(level: Level): void {
    const { query, entries } = level;
    const command = numberOf(query, "commandType");
    if (command === COMMAND.select) return;
    const result = entries[numberOf(query, "resultRelation") - 1];
    const relation = result === undefined ? 0 : (maybeNumber(result, "relid") ?? 0);
    const conflict = childOf(query, "onConflict");
    const own = conflict === null ? -1 : numberOf(conflict, "exclRelIndex");
    const actions = nodesOf(query, "mergeActionList");
    const lists = [
      nodesOf(query, "targetList"),
      conflict === null ? [] : nodesOf(conflict, "onConflictSet"),
      ...actions.map((action) => nodesOf(action, "targetList")),
    ];
    for (const entry of lists.flat()) {
      const column = numberOf(entry, "resno");
      const value = childOf(entry, "expr");
      if (value === null || !this.#targets.isMasked(relation, column)) continue;
      // EXCLUDED is what this very INSERT brings, which was looked at as that.
      if (value.name === "VAR" && numberOf(value, "varno") === own) continue;
      const shape = this.#targets.shapeOf(relation, column);
      this.#value(value, level, { relation, column, shape }, new Set());
    }
  }

  /** @param seen outputs that were followed: CTEs may name themselves. */
  #value(node: QueryNode, level: Level, target: Target, seen: Set<QueryNode>): void {
    if (this.found !== null) return;
    switch (node.name) {
      case "CONST":
        if (this.#isMask(textOf(node), target)) this.#find(target, "literal");
        return;
      case "PARAM":
        if (numberOf(node, "paramkind") === PARAM_MULTIEXPR) this.#assigned(node, level, target, seen);
        if (numberOf(node, "paramkind") !== PARAM_EXTERN) return;
        if (this.#isMask(this.#parameters.get(numberOf(node, "paramid")) ?? null, target)) {
          this.#find(target, "parameter");
        }
        return;
      case "VAR":
        this.#column(node, level, target, seen);
        return;
      case "SUBLINK": {
        const query = childOf(node, "subselect");
        if (query !== null) this.#output(this.#level(query, level), 1, target, seen);
        return;
      }
      case "CASEWHEN": // what it asks is not what it gives
        this.#child(node, "result", level, target, seen);
        return;
      case "CASEEXPR":
        for (const branch of nodesOf(node, "args")) this.#value(branch, level, target, seen);
        this.#child(node, "defresult", level, target, seen);
        return;
      case "NULLIFEXPR": {
        const [value] = nodesOf(node, "args");
        if (value !== undefined) this.#value(value, level, target, seen);
        return;
      }
      default:
        forEachChild(node, (child) => this.#value(child, level, target, seen));
    }
  }

  /** `SET (a, b) = (SELECT …)`: the sub-select stands among the targets, and is named by its number and a column's. */
  #assigned(parameter: QueryNode, level: Level, target: Target, seen: Set<QueryNode>): void {
    const [id, column] = [numberOf(parameter, "paramid") >> 16, numberOf(parameter, "paramid") & 0xffff];
    for (const entry of nodesOf(level.query, "targetList")) {
      const link = childOf(entry, "expr");
      const query = link?.name === "SUBLINK" && numberOf(link, "subLinkId") === id ? childOf(link, "subselect") : null;
      if (query !== null) this.#output(this.#level(query, level), column, target, seen);
    }
  }

  #child(node: QueryNode, field: string, level: Level, target: Target, seen: Set<QueryNode>): void {
    const child = childOf(node, field);
    if (child !== null) this.#value(child, level, target, seen);
  }

  #column(variable: QueryNode, from: Level, target: Target, seen: Set<QueryNode>): void {
    let level: Level | null = from;
    for (let up = numberOf(variable, "varlevelsup"); up > 0; up--) level = level?.parent ?? null;
    const entry = level?.entries[numberOf(variable, "varno") - 1];
    const column = numberOf(variable, "varattno");
    if (level === null || entry === undefined || column <= 0) return;
    switch (numberOf(entry, "rtekind")) {
      case ENTRY.relation: // by the invariant it stands in its mask
        if (this.#targets.isMasked(maybeNumber(entry, "relid") ?? 0, column)) this.#find(target, "derived");
        return;
      case ENTRY.subquery: {
        const body = childOf(entry, "subquery");
        if (body !== null) this.#output(this.#level(body, level), column, target, seen);
        return;
      }
      case ENTRY.join:
        this.#item(itemsOf(entry, "joinaliasvars")[column - 1], level, target, seen);
        return;
      case ENTRY.group:
        this.#item(itemsOf(entry, "groupexprs")[column - 1], level, target, seen);
        return;
      case ENTRY.values:
        for (const row of itemsOf(entry, "values_lists")) {
          if (row instanceof NodeList) this.#item(row.items[column - 1], level, target, seen);
        }
        return;
      case ENTRY.cte:
        this.#ofCtes(entry, level, column, target, seen);
        return;
      default: // a function's rows: what it is given may come out
        forEachChild(entry, (child) => this.#value(child, level ?? from, target, seen));
    }
  }

  /** Names are not read from trees: any CTE beside it that has such a column. */
  #ofCtes(entry: QueryNode, from: Level, column: number, target: Target, seen: Set<QueryNode>): void {
    let owner: Level | null = from;
    for (let up = numberOf(entry, "ctelevelsup"); up > 0; up--) owner = owner?.parent ?? null;
    if (owner === null) return;
    for (const cte of nodesOf(owner.query, "cteList")) {
      const body = childOf(cte, "ctequery");
      if (body !== null) this.#output(this.#level(body, owner), column, target, seen);
    }
  }

  #output(level: Level, column: number, target: Target, seen: Set<QueryNode>): void {
    const { query } = level;
    const isSelect = numberOf(query, "commandType") === COMMAND.select;
    const output = nodesOf(query, isSelect ? "targetList" : "returningList")[column - 1];
    const operations = childOf(query, "setOperations");
    if (output === undefined || seen.has(output)) return;
    seen.add(output);
    if (operations === null) this.#child(output, "expr", level, target, seen);
    else {
      anyNode(operations, (node) => {
        const branch = node.name === "RANGETBLREF" ? level.entries[numberOf(node, "rtindex") - 1] : undefined;
        const body = branch === undefined ? null : childOf(branch, "subquery");
        if (body !== null) this.#output(this.#level(body, level), column, target, seen);
        return false;
      });
    }
  }

  #item(item: unknown, level: Level, target: Target, seen: Set<QueryNode>): void {
    if (item instanceof QueryNode) this.#value(item, level, target, seen);
  }

  #isMask(text: string | null, { shape }: Target): boolean {
    return text !== null && shape?.(text) === true;
  }

  #find({ relation, column }: Target, by: WrittenMask["by"]): void {
    this.found ??= { relation, column, by };
  }
}

/** A $n of Bind. */
const PARAM_EXTERN = 0;
const PARAM_MULTIEXPR = 3;

/** Of a constant of a type of variable length, as if it were text. */
function textOf(node: QueryNode): string | null {
  const bytes = bytesOf(node, "constvalue");
  if (bytes === null || numberOf(node, "constlen") !== -1) return null;
  return new TextDecoder().decode(bytes.subarray(4));
}
