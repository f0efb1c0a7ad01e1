/**
 * What the names of relations in a text may mean, as far as the catalog knows: a bare one means what is in the search path, which only the
 * server knows. What stands for them when masks are put in. Proves nothing: the tree of what is sent does.
 */

import type { Catalog, CatalogRelation } from "../analysis/catalog.ts";
import type { RelationReference } from "../analysis/references.ts";
import type { MaskedColumns } from "../masking/masked/masked-columns.ts";
import type { ReturnedColumn } from "../masking/splice.ts";
import type { VisibleObjects } from "../masking/visibility/visible-objects.ts";
import { severalMeanings } from "./enforcer-errors.ts";

/**
 * What stands for a relation with masked columns; null: it stays, since it has none, or stands where no sub-select can: then its tree
 * shows what would be used of it. @throws {GatewayError} CANNOT_JUDGE where a bare name has several meanings.
 */
export function replacedBy(
  masked: MaskedColumns,
  { name, place, only, startByte, endByte }: RelationReference,
  text: Uint8Array,
  catalog: Catalog,
): string | null {
  if (masked.none || (place !== "from" && place !== "table")) return null;
  const meant = meantBy(name, masked, catalog);
  const [first, ...others] = meant;
  if (first === undefined) return null;
  const named = name.map((part) => `"${part.replaceAll('"', '""')}"`).join("."); // behind the word TABLE
  const written = place === "from" ? new TextDecoder().decode(text.subarray(startByte, endByte)) : named;
  const instead = masked.replacementFor(first, place === "table" && only ? `ONLY ${named}` : written);
  // Which one a bare name means is the server's to say: what stands for each must be the same text.
  const isSame = others.every((one) => masked.replacementFor(one, "") === masked.replacementFor(first, ""));
  if (!isSame) throw severalMeanings(name.at(-1) ?? "");
  return instead;
}

/** As RETURNING shows the relation of that name; null: as it is. */
export function returnedBy(
  masked: MaskedColumns,
  name: readonly string[],
  catalog: Catalog,
): readonly ReturnedColumn[] | null {
  const [first, ...others] = masked.none ? [] : meantBy(name, masked, catalog);
  if (first === undefined) return null;
  const isSame = others.every((one) => masked.replacementFor(one, "") === masked.replacementFor(first, ""));
  if (!isSame) throw severalMeanings(name.at(-1) ?? "");
  return masked.returnedOf(first);
}

/** Relations that a name may mean; none where none of them has a masked column. */
export function meantBy(name: readonly string[], masked: MaskedColumns, catalog: Catalog): readonly CatalogRelation[] {
  const [relation = "", schema] = [name.at(-1), name.at(-2)];
  const schemas = schema === undefined ? catalog.data.schemas.map((each) => each.name) : [schema];
  const meant = schemas.flatMap((each) => catalog.relationByName(each, relation) ?? []);
  return meant.some(({ oid }) => masked.isLabelled(oid)) ? meant : [];
}

/** The first that a name may mean. A bare one means what is in the search path, which only the server knows. */
export function hiddenAmong(
  references: readonly RelationReference[],
  visible: VisibleObjects,
): CatalogRelation | undefined {
  const { catalog } = visible;
  for (const { name, shadowed } of references) {
    if (shadowed) continue;
    const [relation = "", schema] = [name.at(-1), name.at(-2)];
    const schemas = schema === undefined ? catalog.data.schemas.map((each) => each.name) : [schema];
    for (const each of schemas) {
      const found = catalog.relationByName(each, relation);
      if (found !== undefined && !visible.hasRelation(found.oid)) return found;
    }
  }
  return undefined;
}

/** A name without a schema that something beside the server's own relation has too: the server says which it means. */
export function meansOther(name: readonly string[], { catalog }: VisibleObjects): boolean {
  const [relation = "", schema] = name;
  if (schema !== undefined) return false;
  const others = catalog.data.schemas.filter((each) => !catalog.isBuiltIn(each.name));
  return others.some((each) => catalog.relationByName(each.name, relation) !== undefined);
}
