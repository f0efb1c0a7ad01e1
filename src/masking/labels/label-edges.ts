/** Where values of one column show in another, as the catalog tells: the ways that labels spread. Knows no label. */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { ColumnName, SpreadBy } from "./label-map.ts";

export interface LabelEdge {
  readonly to: ColumnName;
  readonly by: SpreadBy;
}

/** Relations that an operator labels: what came with the server, and sessions' temporary ones, is not theirs. */
export function isLabelled({ schema, kind }: CatalogRelation): boolean {
  return !schema.startsWith("pg_") && schema !== "information_schema" && LABELLED_KINDS.has(kind);
}

const LABELLED_KINDS: ReadonlySet<string> = new Set(["r", "p", "v", "m", "f", "c"]);
const TABLE_KINDS: ReadonlySet<string> = new Set(["r", "p", "f"]);
/** In the place of an attribute number: whichever of the relation's columns. */
const ANY = 0;

export class LabelEdges {
  readonly #from = new Map<number, Map<number, LabelEdge[]>>();
  readonly #catalog: Catalog;
  readonly #rows = new Map<number, readonly number[]>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    for (const relation of catalog.data.relations) {
      if (relation.expressions !== undefined) this.#index(relation);
      else if (isLabelled(relation)) this.#relation(relation);
    }
  }

  /** From this column on; those that go out from its whole row too. */
  from({ relation, column }: ColumnName): readonly LabelEdge[] {
    const edges = this.#from.get(relation);
    return [...(edges?.get(column) ?? []), ...(edges?.get(ANY) ?? [])];
  }

  #add(relation: number, column: number, edge: LabelEdge): void {
    const edges = this.#from.get(relation) ?? new Map<number, LabelEdge[]>();
    const known = edges.get(column);
    if (known === undefined) this.#from.set(relation, edges.set(column, [edge]));
    else known.push(edge);
  }

  #relation(relation: CatalogRelation): void {
    if (TABLE_KINDS.has(relation.kind)) for (const parent of relation.parents) this.#inheritance(relation, parent);
    for (const { number, type, from = [] } of relation.columns) {
      const to = { relation: relation.oid, column: number };
      for (const source of from) {
        this.#add(source.relation, source.column, { to, by: source.copied ? "copy" : "computation" });
      }
      for (const row of this.#rowsIn(type)) this.#add(row, ANY, { to, by: "containment" });
    }
  }

  /** Columns of one name are one, whatever their numbers: reading the parent reads the children. */
  #inheritance(child: CatalogRelation, parentOid: number): void {
    const parent = this.#catalog.relation(parentOid);
    const own = new Map(child.columns.map((column) => [column.name, column]));
    for (const above of parent?.columns ?? []) {
      const below = own.get(above.name);
      if (below === undefined) continue;
      const [up, down] = [
        { relation: parentOid, column: above.number },
        { relation: child.oid, column: below.number },
      ];
      this.#add(up.relation, up.column, { to: down, by: "inheritance" });
      this.#add(down.relation, down.column, { to: up, by: "inheritance" });
    }
  }

  /** What an index keeps of an expression is seen in the statistics of the index. */
  #index({ oid, partOf, expressions }: CatalogRelation): void {
    if (partOf === undefined || expressions === undefined) return;
    for (const source of expressions.columns) {
      for (const column of expressions.attributes) {
        this.#add(partOf, source, { to: { relation: oid, column }, by: "index" });
      }
    }
  }

  /** Relations whose rows a value of the type holds: itself, in an array, under a domain, as a bound. */
  #rowsIn(oid: number): readonly number[] {
    const known = this.#rows.get(oid) ?? this.#findRows(oid);
    this.#rows.set(oid, known);
    return known;
  }

  #findRows(oid: number): readonly number[] {
    const [seen, rows, open] = [new Set<number>(), new Set<number>(), [oid]];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const type = seen.has(at) ? undefined : this.#catalog.type(at);
      seen.add(at);
      if (type?.relation !== undefined) rows.add(type.relation);
      if (type?.base !== undefined) open.push(type.base);
      if (type?.element !== undefined) open.push(type.element);
    }
    return [...rows];
  }
}
