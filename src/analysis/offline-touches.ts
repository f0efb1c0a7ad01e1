/** Collects what a query touches, for offline resolution: views with what lies below them, by the catalog's hints. An approximation: see offline-resolve.ts. */

import type { Catalog, CatalogRelation } from "./catalog.ts";
import type { OfflineEntry } from "./offline-scope.ts";
import type { RelationTouch } from "./query-tree/tree-facts.ts";

interface Touch {
  readonly action: RelationTouch["action"];
  readonly oid: number;
  readonly through: readonly number[];
  readonly columns: Set<number>;
}

export class OfflineTouches {
  readonly #catalog: Catalog;
  readonly #touches = new Map<string, Touch>();
  readonly #sequences = new Set<number>();
  readonly #notes = new Set<string>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Sorted, as a tree's are. */
  all(): readonly RelationTouch[] {
    const touches = [...this.#touches.values()].map((touch) => ({
      ...touch,
      columns: [...touch.columns].sort((a, b) => a - b),
    }));
    return touches.sort(
      (a, b) => a.oid - b.oid || compare(a.action, b.action) || compare(`${a.through}`, `${b.through}`),
    );
  }

  sequences(): readonly number[] {
    return [...this.#sequences].sort((a, b) => a - b);
  }

  notes(): readonly string[] {
    return [...this.#notes];
  }

  /** Notes reading of a relation when it is called: with a column, 0 for the whole row, null for none in particular. */
  reader(relation: CatalogRelation): (column: number | null) => void {
    return (column) => {
      const touch = this.#touch("select", relation, []);
      if (column !== null) touch.columns.add(column);
      this.#unseen(relation, false);
      this.#below("select", relation, []);
    };
  }

  write(
    action: "insert" | "update" | "delete",
    { relation }: OfflineEntry & { readonly relation: CatalogRelation },
    columns: readonly string[],
  ): void {
    const numbers = columns.flatMap((name) => relation.columns.find((column) => column.name === name)?.number ?? []);
    const touch = this.#touch(action, relation, []);
    for (const number of numbers) touch.columns.add(number);
    this.#unseen(relation, true);
    this.#below(action, relation, []);
    if (action === "insert") this.#identity(relation, numbers);
  }

  #touch(action: Touch["action"], { oid }: CatalogRelation, through: readonly number[]): Touch {
    const key = `${action} ${oid} ${through.join()}`;
    const known = this.#touches.get(key);
    if (known !== undefined) return known;
    const touch = { action, oid, through, columns: new Set<number>() };
    this.#touches.set(key, touch);
    return touch;
  }

  /** What the server adds of its own, whose text no catalog holds. */
  #unseen({ schema, name, rowSecurity, hasRules }: CatalogRelation, written: boolean): void {
    if (rowSecurity) this.#notes.add(`What row security of ${schema}.${name} reads is not listed.`);
    if (written && hasRules) this.#notes.add(`What rules of ${schema}.${name} do is not listed.`);
  }

  /** What lies below a view. Writing goes on to the table of a view over one; of others a trigger or a rule says where. */
  #below(action: Touch["action"], view: CatalogRelation, through: readonly number[]): void {
    if (view.kind !== "v" || through.includes(view.oid)) return;
    const inner = [...through, view.oid];
    const below = (view.viewOf ?? [])
      .filter((oid) => oid !== view.oid)
      .flatMap((oid) => this.#catalog.relation(oid) ?? []);
    this.#notes.add("Columns that views read are not listed.");
    if (action !== "select" && (below.length !== 1 || view.hasUserTriggers || view.hasRules)) {
      this.#notes.add(`Where writing to ${view.schema}.${view.name} goes, only the server knows.`);
      return;
    }
    for (const relation of below) {
      this.#touch(action, relation, inner);
      this.#below(action, relation, inner);
    }
  }

  /** An identity column that is not given takes its number from a sequence, which is known by its usual name. */
  #identity({ schema, name, columns }: CatalogRelation, given: readonly number[]): void {
    for (const column of columns) {
      if (column.identity === "" || given.includes(column.number)) continue;
      const sequence = this.#catalog.relationByName(schema, `${name}_${column.name}_seq`);
      if (sequence?.kind === "S") this.#sequences.add(sequence.oid);
    }
  }
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
