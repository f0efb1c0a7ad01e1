/**
 * What PostgreSQL makes of a mask's expression, with the masked column as a hole, and whether an expression in a tree is that. It is
 * learned from the server and not built here: casts, collations and operators come as the server resolves them for the column's type.
 */

import {
  childOf,
  forEachChild,
  maybeNumber,
  NameParts,
  NodeList,
  NumberList,
  nodesOf,
  numberOf,
  QueryNode,
  type TreeValue,
} from "../../analysis/query-tree/query-node.ts";
import { TreeUnknown } from "../../analysis/query-tree/tree-unknown.ts";

export interface MaskTemplate {
  /** No column itself; all columns in it are holes for the same one. */
  readonly root: QueryNode;
  /** How many nodes a hole is below the root, each number once. */
  readonly depths: readonly number[];
}

/**
 * Of the server's tree of `SELECT <mask over one column> FROM <relation>`, the column taken as a hole.
 * @throws {TreeUnknown} where it is no such tree: several columns, none, a sub-select, or the bare column, which would mask nothing.
 */
export function maskTemplate(tree: readonly QueryNode[]): MaskTemplate {
  const [query, ...others] = tree;
  const [entry, ...more] = query === undefined ? [] : nodesOf(query, "targetList");
  const root = entry === undefined ? null : childOf(entry, "expr");
  if (root === null || others.length > 0 || more.length > 0) throw new TreeUnknown("it is not of one mask");
  const holes: Hole[] = [];
  findHoles(root, 0, holes);
  const [first] = holes;
  if (first === undefined || root.name === "VAR") throw new TreeUnknown("it is of no mask over a column");
  const isOne = holes.every(({ variable }) => isSameColumn(variable, first.variable));
  if (!isOne || numberOf(first.variable, "varlevelsup") !== 0 || numberOf(first.variable, "varattno") <= 0) {
    throw new TreeUnknown("it is of a mask over more than one column");
  }
  return { root, depths: [...new Set(holes.map(({ depth }) => depth))] };
}

interface Hole {
  readonly variable: QueryNode;
  readonly depth: number;
}

function findHoles(node: QueryNode, depth: number, holes: Hole[]): void {
  if (node.name === "VAR") holes.push({ variable: node, depth });
  if (node.name === "SUBLINK" || node.name === "QUERY" || node.name === "PARAM") {
    throw new TreeUnknown("it is of a mask over more than one column");
  }
  forEachChild(node, (child) => findHoles(child, depth + 1, holes));
}

/**
 * The columns in the holes, where an expression is the mask's tree node for node, places in the text aside; null: it is not. All its
 * columns are then in holes; that they are the same one is for the caller to ask ({@link isSameColumn}).
 */
export function columnsInHoles(node: QueryNode, { root }: MaskTemplate): readonly QueryNode[] | null {
  const columns: QueryNode[] = [];
  return isSame(root, node, columns) ? columns : null;
}

/** What makes a column this one, beside its type: whose it is, and of OLD or NEW. Which joins may make it NULL does not matter. */
const COLUMN_FIELDS = ["varno", "varattno", "varlevelsup", "varreturningtype"] as const;

export function isSameColumn(one: QueryNode, other: QueryNode): boolean {
  return COLUMN_FIELDS.every((field) => maybeNumber(one, field) === maybeNumber(other, field));
}

const TYPE_FIELDS = ["vartype", "vartypmod", "varcollid"] as const;

function isSame(template: TreeValue | undefined, value: TreeValue | undefined, columns: QueryNode[]): boolean {
  if (template instanceof QueryNode) return value instanceof QueryNode && isSameNode(template, value, columns);
  if (template instanceof NodeList) return value instanceof NodeList && allSame(template.items, value.items, columns);
  if (template instanceof NumberList) {
    return value instanceof NumberList && allSame(template.numbers, value.numbers, columns);
  }
  if (template instanceof NameParts) return value instanceof NameParts && allSame(template.parts, value.parts, columns);
  if (template instanceof Uint8Array) return value instanceof Uint8Array && allSame([...template], [...value], columns);
  return template === value;
}

function isSameNode(template: QueryNode, node: QueryNode, columns: QueryNode[]): boolean {
  if (template.shape !== node.shape) return false;
  if (template.name === "VAR") {
    columns.push(node);
    return TYPE_FIELDS.every((field) => numberOf(template, field) === numberOf(node, field));
  }
  return template.shape.fields.every(
    ({ type }, index) => type === "p" || isSame(template.values[index], node.values[index], columns),
  );
}

function allSame(some: readonly TreeValue[], others: readonly TreeValue[], columns: QueryNode[]): boolean {
  return some.length === others.length && some.every((value, index) => isSame(value, others[index], columns));
}
