/** What a client reads of a statement that would write a mask over the value that it stands for. */

import type { Catalog } from "../../analysis/catalog.ts";
import { GatewayError } from "../../base/errors.ts";
import type { WrittenMask } from "./written-masks.ts";

const BY: Readonly<Record<WrittenMask["by"], string>> = {
  derived: "it is read from a masked column",
  literal: "it looks like what stands for a value",
  parameter: "a parameter looks like what stands for a value",
};

export function maskWritten({ relation, column, by }: WrittenMask, catalog: Catalog): GatewayError {
  const of = catalog.relation(relation);
  const name = of?.columns.find(({ number }) => number === column)?.name ?? "";
  return refusal(`"${name}" of "${of?.schema ?? ""}.${of?.name ?? ""}"`, BY[by]);
}

/** Of COPY, whose fields are not told apart by columns. */
export function maskCopied(): GatewayError {
  return refusal("a masked column of the table", "a field looks like what stands for a value");
}

function refusal(what: string, why: string): GatewayError {
  return new GatewayError("MASK_WRITTEN", `what is written to ${what} is a mask: the value would be destroyed`, {
    detail: `Masked columns are read by their masks, and ${why}.`,
    hint: "Leave the column out of what is written, or write a value of your own.",
  });
}
