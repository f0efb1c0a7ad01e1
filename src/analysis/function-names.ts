/** How functions are written in lists and listings. Judges nothing. */

import type { Catalog, CatalogFunction } from "./catalog.ts";

/** `schema.name(arguments)`, names quoted where SQL would need it: what a listing names, and what a reason says. */
export function signatureOf({ schema, name, arguments: list }: CatalogFunction): string {
  return `${quoted(schema)}.${quoted(name)}(${list})`;
}

/** `name(int4,_text)`: types as pg_type names them, which no major renames. */
export function typedName(fn: CatalogFunction, catalog: Catalog): string {
  const types = fn.argumentTypes.map((oid) => catalog.type(oid)?.name ?? String(oid));
  return `${fn.name}(${types.join(",")})`;
}

/** Names of a list: whole names, `name(types)`, and `name*`. */
export class NameList {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  /** @param text entries between white space. */
  constructor(text: string) {
    const entries = text.split(/\s+/).filter(Boolean);
    this.#exact = new Set(entries.filter((entry) => !entry.endsWith("*")));
    this.#prefixes = entries.filter((entry) => entry.endsWith("*")).map((entry) => entry.slice(0, -1));
  }

  /** @param typed as {@link typedName}. */
  has(name: string, typed: string): boolean {
    return this.#exact.has(name) || this.#exact.has(typed) || this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
