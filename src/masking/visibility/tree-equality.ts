/** Whether two parts of trees are the same but for where they stood in their texts. Names are not read, and make no difference. */

import { NameParts, NodeList, NumberList, QueryNode, type TreeValue } from "../../analysis/query-tree/query-node.ts";

/** Both as read for one major: their nodes then share their shapes. */
export function isSameTree(one: QueryNode, other: QueryNode): boolean {
  if (one.shape !== other.shape) return false;
  return one.shape.fields.every(({ type }, index) => type === "p" || isSame(one.values[index], other.values[index]));
}

function isSame(one: TreeValue | undefined, other: TreeValue | undefined): boolean {
  if (one instanceof QueryNode) return other instanceof QueryNode && isSameTree(one, other);
  if (one instanceof NodeList) return other instanceof NodeList && allSame(one.items, other.items);
  if (one instanceof NumberList) return other instanceof NumberList && allSame(one.numbers, other.numbers);
  if (one instanceof NameParts) return other instanceof NameParts && allSame(one.parts, other.parts);
  if (one instanceof Uint8Array) return other instanceof Uint8Array && allSame([...one], [...other]);
  return one === other;
}

function allSame(some: readonly TreeValue[], others: readonly TreeValue[]): boolean {
  return some.length === others.length && some.every((value, index) => isSame(value, others[index]));
}
