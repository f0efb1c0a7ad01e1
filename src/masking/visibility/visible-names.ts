/** Whether an OID, or a name as SQL writes it, is of something visible. What is hidden and what does not exist are answered alike. */

import type { LearnedKind, ObjectKind } from "./catalog-functions.ts";
import { FIRST_NORMAL_OID, type VisibleObjects } from "./visible-objects.ts";

/** Visible OIDs of what the catalog snapshot does not list. */
export type Learned = ReadonlyMap<LearnedKind, ReadonlySet<number>>;

/** @param oid 0 names nothing, and is harmless. */
export function isOidVisible(visible: VisibleObjects, kind: ObjectKind, oid: number, learned: Learned): boolean {
  if (oid === 0) return true;
  switch (kind) {
    case "relation":
      return visible.hasRelation(oid);
    case "plainView":
      return visible.hasRelation(oid) && !visible.isOpaque(oid);
    case "function":
      return visible.hasFunction(oid);
    case "type":
      return visible.hasType(oid);
    case "schema":
      return visible.hasSchema(oid);
    case "other":
      return oid < FIRST_NORMAL_OID;
    default:
      return oid < FIRST_NORMAL_OID || learned.get(kind)?.has(oid) === true;
  }
}

/** Parts of a name, each in double quotes or plain, and where they end. */
const PART = /\s*(?:"((?:[^"]|"")*)"|([^\s".,()[\]%]+))\s*/y;

/**
 * A qualified name must lie in an open schema and not be hidden there, or be visible; one without a schema must be that of
 * something visible in one of them: which one the path finds is not known here.
 * @param text as it is given to `to_regclass`, `has_table_privilege`: arguments of a function, brackets of an array may follow.
 */
export function isNameVisible(visible: VisibleObjects, kind: ObjectKind, text: string): boolean {
  const parts = partsOf(text);
  if (parts === null || (kind !== "relation" && kind !== "function" && kind !== "type" && kind !== "schema"))
    return false;
  const [first = "", second] = parts;
  if (kind === "schema") return second === undefined && visible.isSchemaShown(first);
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) return false; // the server would cut it
  if (second === undefined) return isSeenEverywhere(visible, kind, first) || (kind === "type" && isSpelledType(first));
  if (visible.isNamed(kind, [first, second])) return true;
  return visible.isSchemaOpen(first) && !exists(visible, kind, first, second);
}

/** Which of several the search path finds is not known here: all must be visible. */
function isSeenEverywhere(visible: VisibleObjects, kind: "relation" | "function" | "type", name: string): boolean {
  const elsewhere = visible.catalog.data.schemas.filter((schema) => exists(visible, kind, schema.name, name));
  return visible.isNamed(kind, [name]) && elsewhere.every((schema) => visible.isNamed(kind, [schema.name, name]));
}

function exists(
  { catalog }: VisibleObjects,
  kind: "relation" | "function" | "type",
  schema: string,
  name: string,
): boolean {
  if (kind === "relation") return catalog.relationByName(schema, name) !== undefined;
  if (kind === "function") return catalog.functionsByName(schema, name).length > 0;
  return catalog.typeByName(schema, name) !== undefined;
}

/** NAMEDATALEN less its NUL. */
const MAX_NAME_BYTES = 63;

/** Types that the grammar spells in another way than their names. */
const SPELLED = new Set(
  `int integer smallint bigint real double float decimal dec numeric boolean character char nchar national varchar bit
  time timestamp interval`.split(/\s+/),
);

function isSpelledType(first: string): boolean {
  return SPELLED.has(first);
}

/** As parse_ident() reads it; at most a schema and a name. Null: another form. */
function partsOf(text: string): readonly string[] | null {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) return null;
    parts.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? "").toLowerCase());
    at = PART.lastIndex;
    if (text[at] !== ".") return parts.length > 2 ? null : parts;
    at++;
  }
}
