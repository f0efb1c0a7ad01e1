/** Reads resources as entries name them (analysis/requests.ts, resourceText) back into what policies are asked. Strict: what is not exactly such a text is refused. */

import { type PolicyResource, resourceText } from "../../analysis/requests.ts";

const KINDS = ["database", "schema", "table", "function", "label"] as const;
/** A name that needs no quotes, or one in quotes with its own doubled. */
const NAME = /([a-z_][a-z0-9_$]*)|"((?:[^"]|"")+)"/y;
/** Of a database, which is quoted only where it must be to be told from what follows. */
const DATABASE = /([^."()\p{C}\p{Z}]+)|"((?:[^"]|"")+)"/uy;
/** Entries of older gateways quote databases as SQL would: no configured name begins with a quote. */
const FORMER = /^(database|schema|table|function):"([A-Za-z][A-Za-z0-9._-]*)"(?!")/;

/**
 * Null: it is no such text. Names may hold dots, quotes and line breaks: they are read as they are quoted, and written again to see
 * that nothing else would read the same.
 * @param relationKind pg_class.relkind of tables, which entries do not carry.
 */
export function parseResourceText(text: string, relationKind = "r"): PolicyResource | null {
  const kind = KINDS.find((known) => text.startsWith(`${known}:`));
  if (kind === undefined) return null;
  const written = inOneWay(text);
  const rest = written.slice(kind.length + 1);
  const resource = plain(kind, rest) ?? named(kind, rest, relationKind);
  return resource !== null && resourceText(resource) === written ? resource : null;
}

function inOneWay(text: string): string {
  return text.replace(FORMER, (all, kind: string, name: string) => {
    return name.includes(".") && kind !== "database" ? all : `${kind}:${name}`;
  });
}

function plain(kind: (typeof KINDS)[number], name: string): PolicyResource | null {
  if (name === "") return null;
  if (kind === "label") return { kind, name };
  return kind === "database" ? { kind, database: name } : null;
}

function named(kind: (typeof KINDS)[number], text: string, relationKind: string): PolicyResource | null {
  const read = namesOf(text, kind === "schema" ? 2 : 3);
  if (read === null || kind === "label" || kind === "database") return null;
  const { names, after } = read;
  const [database = "", schema = "", name = ""] = names;
  if (kind === "function") return functionOf(database, schema, name, after);
  if (after !== "") return null;
  return kind === "schema" ? { kind, database, schema } : { kind, database, schema, name, relationKind };
}

/** What stands for a function may be a type whose own functions run: that has no arguments. */
function functionOf(database: string, schema: string, name: string, after: string): PolicyResource | null {
  if (after !== "" && !(after.startsWith("(") && after.endsWith(")"))) return null;
  return { kind: "function", database, schema, name, signature: `${name}${after}` };
}

function namesOf(text: string, count: number): { readonly names: readonly string[]; readonly after: string } | null {
  const names: string[] = [];
  let at = 0;
  while (names.length < count) {
    if (names.length > 0 && text[at++] !== ".") return null;
    const part = names.length === 0 ? DATABASE : NAME;
    part.lastIndex = at;
    const match = part.exec(text);
    if (match === null) return null;
    names.push(match[1] ?? (match[2] ?? "").replaceAll('""', '"'));
    at = part.lastIndex;
  }
  return { names, after: text.slice(at) };
}
