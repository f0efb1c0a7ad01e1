/** What a client reads of a statement in which a masked column would show, or be asked about, otherwise than through its mask. */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import { GatewayError } from "../../base/errors.ts";
import type { Violation } from "../invariant/check-invariant.ts";
import type { StrictUse } from "./strict-uses.ts";

/** A view that computes with masked columns, and why masks cannot be put into it. */
export interface UnmaskedView {
  readonly view: CatalogRelation;
  readonly why: string;
  readonly hint: string;
}

/**
 * Names columns that the principal may select, and no value.
 * @param views that the statement reads, which are the likeliest cause.
 */
export function unmasked(
  { relation, column, where }: Violation,
  catalog: Catalog,
  [view]: readonly UnmaskedView[] = [],
): GatewayError {
  if (view !== undefined) return viewUnmasked(view);
  const of = catalog.relation(relation);
  if (of === undefined) {
    return new GatewayError("CANNOT_JUDGE", "what the statement shows of masked columns cannot be told", {
      detail: `Not known to the checker: ${where}.`,
      hint: "Write it in a plainer form.",
    });
  }
  const name = of.columns.find(({ number }) => number === column)?.name;
  const what = name === undefined ? "the whole row" : `column "${name}"`;
  return new GatewayError(
    "COLUMN_MASKED",
    `${what} of "${of.schema}.${of.name}" is masked, and cannot be used like this`,
    {
      detail: `It would be used by its own value in: ${where}.`,
      hint: "Read it in a query's FROM, or by its name in RETURNING, where it is masked, or leave it out; SET, WHERE of a write, whole rows in RETURNING, and views that are written, cannot show a mask.",
    },
  );
}

/** Of a label whose mask is strict. */
export function usedStrictly({ relation, column, where }: StrictUse, catalog: Catalog): GatewayError {
  const of = catalog.relation(relation);
  const name = of?.columns.find(({ number }) => number === column)?.name ?? "";
  return new GatewayError(
    "COLUMN_MASKED",
    `column "${name}" of "${of?.schema ?? ""}.${of?.name ?? ""}" is masked, and its label lets nobody filter, sort, group or aggregate by the mask`,
    {
      detail: `It is used in: ${where}. The answer would be about masks.`,
      hint: "Leave it out there; in the select list it is shown by its mask.",
    },
  );
}

function viewUnmasked({ view: { schema, name }, why, hint }: UnmaskedView): GatewayError {
  return new GatewayError(
    "COLUMN_MASKED",
    `view "${schema}.${name}" computes with masked columns, and cannot be shown masked`,
    {
      detail: why,
      hint,
    },
  );
}
