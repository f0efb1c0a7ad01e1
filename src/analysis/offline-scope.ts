/** Which columns names mean in one query, for offline resolution: its FROM, its CTEs, and the queries around it. An approximation: see offline-resolve.ts. */

import type { CatalogRelation } from "./catalog.ts";
import { constantText, isNode, list, type Node } from "./tree.ts";

/** An item of FROM. */
export interface OfflineEntry {
  /** "" where it has none. */
  readonly alias: string;
  /** Null: a subquery, a CTE or a function, whose columns are not looked at. */
  readonly relation: CatalogRelation | null;
  /** Notes that a column is read; 0 is the whole row, null none in particular. */
  readonly reads: (column: number | null) => void;
}

export class OfflineScope {
  readonly #outer: OfflineScope | null;
  readonly #entries: OfflineEntry[] = [];
  readonly #ctes = new Set<string>();

  constructor(outer: OfflineScope | null) {
    this.#outer = outer;
  }

  addEntry(entry: OfflineEntry): void {
    this.#entries.push(entry);
  }

  /** Of this query alone. */
  get entries(): readonly OfflineEntry[] {
    return this.#entries;
  }

  addCte(name: string): void {
    this.#ctes.add(name);
  }

  hasCte(name: string): boolean {
    return this.#ctes.has(name) || this.#outer?.hasCte(name) === true;
  }

  /** Notes what a ColumnRef reads: `a`, `t.a`, `s.t.a`, `*`, `t.*`, `t`. */
  read(reference: Node): void {
    for (const { entry, column } of this.#resolve(reference)) entry.reads(column);
  }

  /** USING: of all entries that have such a column. */
  readEverywhere(name: string): void {
    for (const entry of this.#entries) {
      const column = columnOf(entry, name);
      if (column !== undefined) entry.reads(column);
    }
  }

  /** The entries that a ColumnRef is of. */
  entriesOf(reference: Node): readonly OfflineEntry[] {
    return this.#resolve(reference).map(({ entry }) => entry);
  }

  #resolve(reference: Node): readonly { readonly entry: OfflineEntry; readonly column: number }[] {
    const fields = list(reference, "fields");
    const isStar = fields.some((field) => isNode(field) && "A_Star" in field);
    const names = fields.map((field) => constantText(field)).filter((name) => name !== undefined);
    if (isStar) return this.#matching(names.at(-1)).flatMap((entry) => everyColumn(entry));
    const [first = ""] = names;
    return names.length === 1 ? this.#unqualified(first) : this.#qualified(names);
  }

  #unqualified(name: string): readonly { readonly entry: OfflineEntry; readonly column: number }[] {
    const found = this.#entries.flatMap((entry) => {
      const column = columnOf(entry, name);
      return column === undefined ? [] : [{ entry, column }];
    });
    if (found.length > 0) return found;
    const rows = this.#entries.filter(({ alias, relation }) => alias === name && relation !== null);
    if (rows.length > 0) return rows.map((entry) => ({ entry, column: 0 }));
    return this.#outer === null ? [] : this.#outer.#unqualified(name);
  }

  /** `t.a`, `s.t.a`; in `t.a.b` the column is a, of a composite type. */
  #qualified(names: readonly string[]): readonly { readonly entry: OfflineEntry; readonly column: number }[] {
    for (let at = 0; at + 1 < names.length; at++) {
      const found = this.#matching(names[at]).flatMap((entry) => {
        const column = columnOf(entry, names[at + 1] ?? "");
        return column === undefined ? [] : [{ entry, column }];
      });
      if (found.length > 0) return found;
    }
    return [];
  }

  #matching(alias: string | undefined): readonly OfflineEntry[] {
    if (alias === undefined) return this.#entries;
    const found = this.#entries.filter((entry) => entry.alias === alias);
    return found.length > 0 ? found : this.#outer === null ? [] : this.#outer.#matching(alias);
  }
}

function columnOf({ relation }: OfflineEntry, name: string): number | undefined {
  return relation?.columns.find((column) => column.name === name)?.number;
}

function everyColumn(entry: OfflineEntry): readonly { readonly entry: OfflineEntry; readonly column: number }[] {
  return (entry.relation?.columns ?? []).map(({ number }) => ({ entry, column: number }));
}
