/** Makes the field tables of node-table.ts into what the reader steps through and the visitor looks up. Reads no tree. */

import { NODES, QUERIES, RTE_HEAD, RTE_MIDDLE, RTE_TAIL } from "./node-table.ts";
import type { ServerMajor } from "./tree-facts.ts";

/** See node-table.ts; `i`: an integer that means nothing to the visitor by itself. */
export type FieldType =
  | "i"
  | "b"
  | "w"
  | "s"
  | "p"
  | "d"
  | "m"
  | "n"
  | "l"
  | "L"
  | "f"
  | "o"
  | "O"
  | "t"
  | "T"
  | "q"
  | "r"
  | "N";

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** `:name` as it stands in the text. */
  readonly label: Uint8Array;
}

/** The fields of one kind of node on one major; of range table entries, of one rtekind. */
export interface NodeShape {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly indexes: ReadonlyMap<string, number>;
  /** Indexes of the fields that hold nodes which are visited where they stand. */
  readonly children: readonly number[];
  /** Indexes of the fields that hold OIDs which are touched by the node's being there. */
  readonly oids: readonly { readonly index: number; readonly of: OidKind }[];
}

export type OidKind = "function" | "operator" | "type" | "sequence";

export interface NodeShapes {
  /** All but range table entries, by {@link nameHash}. */
  readonly byHash: ReadonlyMap<number, NodeShape>;
  /** Alias, eref and rtekind: what is read before the kind is known. */
  readonly rangeTableHead: NodeShape;
  readonly rangeTable: ReadonlyMap<number, NodeShape>;
}

export const RANGE_TABLE_ENTRY = "RANGETBLENTRY";

const made = new Map<ServerMajor, NodeShapes>();

export function nodeShapes(major: ServerMajor): NodeShapes {
  const known = made.get(major);
  if (known !== undefined) return known;
  const shapes = makeShapes(major);
  made.set(major, shapes);
  return shapes;
}

/** One step of the hash of a node's name: the reader takes it byte by byte, so that no string is made. */
export function nameHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function makeShapes(major: ServerMajor): NodeShapes {
  const byHash = new Map<number, NodeShape>();
  for (const line of `${NODES}${QUERIES}`.split("\n")) {
    const [head = "", ...fields] = line.split(" ");
    const name = inMajor(head, major);
    if (name === null || name === "") continue;
    const hash = new TextEncoder().encode(name).reduce(nameHash, 0);
    // Two names of one hash would make one of them unreadable: the tables' author must know at once.
    if (byHash.has(hash)) throw new RangeError(`two nodes with the hash of ${name}`);
    byHash.set(hash, makeShape(name, fields, major));
  }
  const rangeTable = new Map<number, NodeShape>();
  for (const [kind, middle] of RTE_MIDDLE) {
    if (kind === 9 && major < 18) continue;
    rangeTable.set(kind, makeShape(RANGE_TABLE_ENTRY, `${RTE_HEAD} ${middle} ${RTE_TAIL}`.split(" "), major));
  }
  return { byHash, rangeTable, rangeTableHead: makeShape(RANGE_TABLE_ENTRY, RTE_HEAD.split(" "), major) };
}

function makeShape(name: string, written: readonly string[], major: ServerMajor): NodeShape {
  const fields = written
    .map((one) => inMajor(one, major))
    .filter((one) => one !== null)
    .map((one): Field => {
      const [field = "", type = "i"] = one.split(":");
      if (!isFieldType(type)) throw new RangeError(`${name}.${field} has the unknown type ${type}`);
      return { name: field, type, label: new TextEncoder().encode(`:${field}`) };
    });
  const all = fields.map(({ name, type }, index) => ({ name, type, index }));
  return {
    name,
    fields,
    indexes: new Map(all.map((field) => [field.name, field.index])),
    children: all.filter(({ type }) => type === "n" || type === "l").map(({ index }) => index),
    oids: all.flatMap(({ type, index }) => {
      const of = OID_KINDS.get(type);
      return of === undefined ? [] : [{ index, of }];
    }),
  };
}

const OID_KINDS: ReadonlyMap<FieldType, OidKind> = new Map([
  ["f", "function"],
  ["o", "operator"],
  ["O", "operator"],
  ["t", "type"],
  ["T", "type"],
  ["q", "sequence"],
] as const);

/** Without the mark of majors; null where this major does not have it. */
function inMajor(marked: string, major: ServerMajor): string | null {
  const match = /^([^[]*)(?:\[(\d+)(?:\+|-(\d+))\])?$/.exec(marked);
  const [, plain = "", from = "15", to = "18"] = match ?? [];
  return match !== null && major >= Number(from) && major <= Number(to) ? plain : null;
}

const TYPES = "ibwspdmnlLfoOtTqrN";

function isFieldType(type: string): type is FieldType {
  return type.length === 1 && TYPES.includes(type);
}
