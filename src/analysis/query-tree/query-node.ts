/**
 * A tree as read: nodes with their values in the order of their shape. Strings are not kept: nothing is judged by names, but for
 * where a definition puts what it makes, which has no OID yet.
 */

import type { NodeShape } from "./node-shape.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/** Null: `<>` or a string. */
export type TreeValue = number | boolean | string | QueryNode | NodeList | NumberList | NameParts | Uint8Array | null;

export class QueryNode {
  readonly shape: NodeShape;
  readonly values: readonly TreeValue[];

  constructor(shape: NodeShape, values: readonly TreeValue[]) {
    this.shape = shape;
    this.values = values;
  }

  get name(): string {
    return this.shape.name;
  }
}

/** Null items: strings, and `<>` in lists of expressions. */
export class NodeList {
  readonly items: readonly (QueryNode | NodeList | null)[];

  constructor(items: readonly (QueryNode | NodeList | null)[]) {
    this.items = items;
  }
}

/** Integers, OIDs or the members of a bitmap. */
export class NumberList {
  readonly numbers: readonly number[];

  constructor(numbers: readonly number[]) {
    this.numbers = numbers;
  }
}

/** A name as it was written, in its parts: the last is the object's own. */
export class NameParts {
  readonly parts: readonly string[];

  constructor(parts: readonly string[]) {
    this.parts = parts;
  }
}

const NO_ITEMS: readonly (QueryNode | NodeList | null)[] = [];
const NO_NUMBERS: readonly number[] = [];
const NO_PARTS: readonly string[] = [];

/** Of a field that this shape need not have, as majors differ: undefined. */
export function maybeNumber(node: QueryNode, field: string): number | undefined {
  const value = fieldOf(node, field);
  return typeof value === "number" ? value : undefined;
}

/** @throws {TreeUnknown} where the node has no such integer. */
export function numberOf(node: QueryNode, field: string): number {
  const value = maybeNumber(node, field);
  if (value === undefined) throw new TreeUnknown(`${node.name} has no ${field}`);
  return value;
}

export function isTrue(node: QueryNode, field: string): boolean {
  return fieldOf(node, field) === true;
}

/** Of a constant as the server holds it: by-value ones have 8 bytes, others begin with their length. Null: SQL NULL, or no constant. */
export function bytesOf(node: QueryNode, field: string): Uint8Array | null {
  const value = fieldOf(node, field);
  return value instanceof Uint8Array ? value : null;
}

/** "" where it is `<>` or not there. */
export function wordOf(node: QueryNode, field: string): string {
  const value = fieldOf(node, field);
  return typeof value === "string" ? value : "";
}

export function childOf(node: QueryNode, field: string): QueryNode | null {
  const value = fieldOf(node, field);
  return value instanceof QueryNode ? value : null;
}

export function itemsOf(node: QueryNode, field: string): readonly (QueryNode | NodeList | null)[] {
  const value = fieldOf(node, field);
  return value instanceof NodeList ? value.items : NO_ITEMS;
}

/** Of a list that holds nodes alone. @throws {TreeUnknown} where it holds something else. */
export function nodesOf(node: QueryNode, field: string): readonly QueryNode[] {
  return itemsOf(node, field).map((item) => {
    if (item instanceof QueryNode) return item;
    throw new TreeUnknown(`${node.name}.${field} holds something that is no node`);
  });
}

/** Calls `visit` for each node right under this one, whatever lists are between, with the name of the field that it is in. */
export function forEachChild(node: QueryNode, visit: (child: QueryNode, field: string) => void): void {
  const { children, fields } = node.shape;
  for (const index of children) {
    const value = node.values[index];
    if (value instanceof QueryNode) visit(value, fields[index]?.name ?? "");
    else if (value instanceof NodeList) forEachItem(value, fields[index]?.name ?? "", visit);
  }
}

function forEachItem(list: NodeList, field: string, visit: (child: QueryNode, field: string) => void): void {
  for (const item of list.items) {
    if (item instanceof QueryNode) visit(item, field);
    else if (item !== null) forEachItem(item, field, visit);
  }
}

/** Whether the node or one below it, sub-selects included, is as asked. */
export function anyNode(node: QueryNode, is: (node: QueryNode) => boolean): boolean {
  if (is(node)) return true;
  let found = false;
  forEachChild(node, (child) => {
    found ||= anyNode(child, is);
  });
  return found;
}

export function numbersOf(node: QueryNode, field: string): readonly number[] {
  const value = fieldOf(node, field);
  return value instanceof NumberList ? value.numbers : NO_NUMBERS;
}

export function namePartsOf(node: QueryNode, field: string): readonly string[] {
  const value = fieldOf(node, field);
  return value instanceof NameParts ? value.parts : NO_PARTS;
}

function fieldOf(node: QueryNode, field: string): TreeValue | undefined {
  const index = node.shape.indexes.get(field);
  return index === undefined ? undefined : node.values[index];
}
