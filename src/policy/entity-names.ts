/** Reads the ids that policies write out for schemas, tables and functions back into their parts. The opposite of entities.ts. */

import { type Databases, type EntityId, resourceEntity } from "./entities.ts";

/** A name in double quotes, or one without dots, quotes and brackets. */
const PART = /(?:"((?:[^"]|"")*)"|([^."()]+))/y;

export interface NameParts {
  /** Without their quotes. */
  readonly parts: readonly string[];
  /** What follows them: the arguments of a function, with their brackets. */
  readonly rest: string;
}

/** Null: it is no such name. */
export function nameParts(id: string): NameParts | null {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    PART.lastIndex = at;
    const match = PART.exec(id);
    if (match === null) return null;
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    at = PART.lastIndex;
    if (id[at] !== ".") return { parts, rest: id.slice(at) };
    at++;
  }
}

/** The id as requests write it, and what it lies in; null: nothing of that type is ever named so. */
export function canonicalEntity(
  { type, id }: EntityId,
  databases: Databases,
): { readonly uid: EntityId; readonly ancestors: readonly EntityId[]; readonly database: string } | null {
  if (type === "Database") {
    return { ...resourceEntity({ kind: "database", database: id }, databases), database: id };
  }
  const named = nameParts(id);
  if (named === null) return null;
  const { parts, rest } = named;
  const [database, schema, name] = parts;
  if (database === undefined || schema === undefined) return null;
  if (type === "Schema" && parts.length === 2 && rest === "") {
    return { ...resourceEntity({ kind: "schema", database, schema }, databases), database };
  }
  if (name === undefined || parts.length !== 3) return null;
  if (type === "Table" && rest === "") {
    const resource = { kind: "table", database, schema, name, relationKind: "r" } as const;
    return { ...resourceEntity(resource, databases), database };
  }
  if (type === "Function" && (rest === "" || (rest.startsWith("(") && rest.endsWith(")")))) {
    const resource = { kind: "function", database, schema, name, signature: `${name}${rest}` } as const;
    return { ...resourceEntity(resource, databases), database };
  }
  return null;
}
