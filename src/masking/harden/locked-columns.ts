/**
 * The second lock: which columns the gateway's role need not be able to read at all, since their masks are constants, and which it must,
 * since a mask is made of the value or policy reveals it to somebody. Asks nothing of the server.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import { TOKEN_FUNCTION } from "../../analysis/mask-function.ts";
import type { LabelMap } from "../labels/label-map.ts";
import { safeMaskExpression } from "../masks/mask-expression.ts";

export interface LockedRelation {
  readonly relation: CatalogRelation;
  /** In the catalog's order; not empty. */
  readonly locked: readonly string[];
  /** Labelled, and readable: `why` completes "stays readable: ". */
  readonly kept: readonly { readonly column: string; readonly why: string }[];
}

/** Kinds that columns can be granted of, beside what a query has made for itself. */
const GRANTED: ReadonlySet<string> = new Set(["r", "p", "v", "m", "f"]);

/** @param revealed labels whose values policy shows to somebody. @returns by schema and name; only those with a column to lock. */
export function lockedRelations(
  catalog: Catalog,
  labels: LabelMap,
  revealed: (label: string) => boolean,
): readonly LockedRelation[] {
  const found: LockedRelation[] = [];
  for (const relation of catalog.data.relations) {
    if (!GRANTED.has(relation.kind) || relation.schema === TOKEN_FUNCTION.schema) continue;
    const [locked, kept]: [string[], { column: string; why: string }[]] = [[], []];
    for (const column of relation.columns) {
      const labelled = labels.column(relation.oid, column.number);
      if (labelled === undefined) continue;
      const over = (name: string): string => safeMaskExpression(name, column, labelled.mask, catalog, true);
      const isConstant = over("x") === over("y");
      const shown = labelled.labels.filter(revealed);
      if (!isConstant) kept.push({ column: column.name, why: `its mask, ${labelled.mask.mask}, is made of the value` });
      else if (shown.length === labelled.labels.length)
        kept.push({ column: column.name, why: `policy reveals ${shown.join(", ")}` });
      else locked.push(column.name);
    }
    if (locked.length > 0) found.push({ relation, locked, kept });
  }
  const key = ({ relation: { schema, name } }: LockedRelation): string => `${schema}.${name}`;
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
