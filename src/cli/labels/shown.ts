/** Columns and chains of labels as people read them. */

import type { Catalog, CatalogColumn } from "../../analysis/catalog.ts";
import { columnText } from "../../masking/labels/check.ts";
import type { Reason, SpreadBy } from "../../masking/labels/label-map.ts";
import { columnType } from "../../masking/masks/column-type.ts";

/** `integer[]` is `int4[]`: names as the catalog has them, with the schema where it is not pg_catalog. */
export function typeShown({ type: oid }: Pick<CatalogColumn, "type">, catalog: Catalog): string {
  const type = catalog.type(oid);
  if (type === undefined) return "?";
  if (type.kind === "b" && type.element !== undefined) return `${typeShown({ type: type.element }, catalog)}[]`;
  return type.schema === "pg_catalog" ? type.name : `${type.schema}.${type.name}`;
}

/** As `typeShown`, and what lies below a domain. */
export function typeWithBase(column: CatalogColumn, catalog: Catalog): string {
  const shown = typeShown(column, catalog);
  const { base } = columnType(column, catalog);
  return catalog.type(column.type)?.kind === "d" ? `${shown} (${typeShown({ type: base.oid }, catalog)})` : shown;
}

const WORDS: Readonly<Record<SpreadBy, string>> = {
  inheritance: "inherited with",
  copy: "shows",
  computation: "computed from",
  containment: "holds a row with",
  index: "indexes",
};

/** `computed from public.customers.email; public.*.email (line 9)`. */
export function chainText(reasons: readonly Reason[], catalog: Catalog): string {
  const steps = reasons.map((reason) => {
    if ("from" in reason) return `${WORDS[reason.by]} ${columnText(reason.from, catalog)}`;
    return reason.by === "pattern" ? `${reason.text} (line ${reason.line})` : reason.text;
  });
  return steps.join("; ");
}
