/**
 * What a statement asks for because it writes to labelled columns: `writeLabelled`, of the table and of each label. An answer to a write
 * tells whether a value is there (a unique key, a check), and what is written over is gone. Decides nothing.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { TreeFacts } from "../../analysis/query-tree/tree-facts.ts";
import type { PolicyRequest } from "../../analysis/requests.ts";
import { tableResource } from "../../analysis/tree-requests.ts";
import type { LabelMap } from "./label-map.ts";

/** A relation that is written to. */
interface Write {
  readonly relation: CatalogRelation;
  /** Attribute numbers; null: all. */
  readonly columns: readonly number[] | null;
}

/**
 * @param facts of the statement's tree; null: it has none. @param more requests that the grammar gave, COPY's among them.
 * @returns one of the table, for which a permit on all labels will do, and one of each label, for which a permit on the table will
 * do: a forbid on either holds.
 */
export function labelledWrites(
  facts: TreeFacts | null,
  more: readonly PolicyRequest[],
  labels: LabelMap,
  catalog: Catalog,
): readonly PolicyRequest[] {
  const written = new Map<CatalogRelation, Set<string>>();
  for (const { relation, columns } of [...touched(facts, catalog), ...copied(more, catalog)]) {
    for (const [number, column] of labels.relation(relation.oid)) {
      if (columns !== null && !columns.includes(number)) continue;
      const names = written.get(relation) ?? new Set<string>();
      for (const label of column.labels) names.add(label);
      written.set(relation, names);
    }
  }
  return [...written].flatMap(([relation, names]) => requestsFor(relation, [...names].sort(), catalog));
}

function touched(facts: TreeFacts | null, catalog: Catalog): readonly Write[] {
  const writes = facts?.relations.filter(({ action }) => action === "insert" || action === "update") ?? [];
  return writes.flatMap(({ oid, columns }) => {
    const relation = catalog.relation(oid);
    return relation === undefined ? [] : [{ relation, columns: columns.includes(0) ? null : columns }];
  });
}

function copied(more: readonly PolicyRequest[], catalog: Catalog): readonly Write[] {
  return more.flatMap(({ action, resource, columns }) => {
    if (action !== "copyIn" || resource.kind !== "table") return [];
    const relation = catalog.relationByName(resource.schema, resource.name);
    if (relation === undefined) return [];
    const numbers = relation.columns.filter(({ name }) => columns?.includes(name)).map(({ number }) => number);
    return [{ relation, columns: columns === undefined || columns.length === 0 ? null : numbers }];
  });
}

function requestsFor(relation: CatalogRelation, names: readonly string[], catalog: Catalog): readonly PolicyRequest[] {
  const action = "writeLabelled";
  const resource = tableResource(relation, catalog);
  const labels = names.map((name) => ({ kind: "label", name }) as const);
  return [
    { action, resource, orElseAll: labels },
    ...labels.map((label) => ({ action, resource: label, orElse: [resource] }) as const),
  ];
}
