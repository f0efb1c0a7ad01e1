/** What a statement uses of labelled columns: which of them show masks to the principal and which their values, with labels and policies. */

import type { Catalog } from "../../analysis/catalog.ts";
import type { QueryNode } from "../../analysis/query-tree/query-node.ts";
import type { MaskedUse } from "../../statement/statement.ts";
import type { LabelMap } from "../labels/label-map.ts";
import { maskText } from "../masks/mask.ts";
import type { MaskedColumns } from "./masked-columns.ts";
import { usedColumns } from "./used-columns.ts";

/** In the order of the catalog's relations and their columns. */
export interface LabelledUse {
  readonly masked: readonly MaskedUse[];
  readonly revealed: readonly MaskedUse[];
  /** Ids of the policies that permit the reveals, sorted. */
  readonly policies: readonly string[];
  /** The client is to be told of what is masked. */
  readonly tells: boolean;
}

/** What is known of the principal. */
export interface Known {
  readonly map: LabelMap;
  readonly columns: MaskedColumns;
  readonly reveals: ReadonlyMap<string, readonly string[]>;
  readonly tells: boolean;
}

/** @param queries of the statement's tree, as it is sent. @returns null where it uses none. */
export function labelledUse(queries: readonly QueryNode[], catalog: Catalog, known: Known): LabelledUse | null {
  const used = usedColumns(queries, (oid) => {
    const relation = known.map.relation(oid).size === 0 ? undefined : catalog.relation(oid);
    return relation === undefined ? null : relation.columns.map(({ number }) => number);
  });
  return useOf(used, catalog, known);
}

/** @param used attribute numbers by relation. */
export function useOf(
  used: ReadonlyMap<number, ReadonlySet<number>>,
  catalog: Catalog,
  { map, columns, reveals, tells }: Known,
): LabelledUse | null {
  const [masked, revealed]: [MaskedUse[], MaskedUse[]] = [[], []];
  for (const [oid, numbers] of used) {
    const relation = catalog.relation(oid);
    for (const { number, name } of relation?.columns ?? []) {
      const labelled = numbers.has(number) ? map.column(oid, number) : undefined;
      if (labelled === undefined || relation === undefined) continue;
      const column = {
        relation: oid,
        name: `${relation.schema}.${relation.name}.${name}`,
        labels: labelled.labels,
        mask: maskText(labelled.mask),
      };
      (columns.isMasked(oid, number) ? masked : revealed).push(column);
    }
  }
  if (masked.length === 0 && revealed.length === 0) return null;
  const policies = revealed.flatMap(({ labels }) => labels.flatMap((label) => reveals.get(label) ?? []));
  return { masked, revealed, policies: [...new Set(policies)].sort(), tells };
}

/** Names of their labels, sorted. */
export function labelsOf(columns: readonly MaskedUse[]): readonly string[] {
  return [...new Set(columns.flatMap(({ labels }) => labels))].sort();
}

/** Of a statement and of SQL inside it. */
export function bothUses(one: LabelledUse | null, other: LabelledUse | null): LabelledUse | null {
  if (one === null || other === null) return one ?? other;
  return {
    masked: [...one.masked, ...other.masked],
    revealed: [...one.revealed, ...other.revealed],
    policies: [...new Set([...one.policies, ...other.policies])].sort(),
    tells: one.tells,
  };
}
