/** What a listing of an aggregate is pinned to: its own row says nothing of what its support functions do. */

import { createHash } from "node:crypto";
import type { CatalogFunction } from "../analysis/catalog.ts";

export interface AggregateDefinition {
  /** Its row of pg_aggregate as text. */
  readonly definition: string;
  /** OIDs of its support functions; 0 where it has none. */
  readonly support: readonly number[];
}

/** The functions with the body hashes of aggregates put right; those of the server keep what they have. */
export function bodyHashes(
  functions: readonly CatalogFunction[],
  aggregates: ReadonlyMap<number, AggregateDefinition>,
): CatalogFunction[] {
  const own = new Map(functions.map(({ oid, bodyHash }) => [oid, bodyHash]));
  return functions.map((each) => {
    const aggregate = aggregates.get(each.oid);
    if (aggregate === undefined) return each;
    const parts = [each.bodyHash, aggregate.definition, ...aggregate.support.map((oid) => own.get(oid) ?? "")];
    return { ...each, bodyHash: createHash("sha256").update(JSON.stringify(parts)).digest("hex") };
  });
}
