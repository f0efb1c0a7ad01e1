/** The OIDs of a PREPARE's parameter types, by the catalog. What is not found is left to the server to infer. */

import type { Catalog } from "../../analysis/catalog.ts";

/** @param types as analysis/tree.ts writes them: `"pg_catalog"."int4"`, `"My type"[]`. */
export function typeOids(types: readonly string[], catalog: Catalog, searchPath: readonly string[]): readonly number[] {
  return types.map((text) => typeOid(text, catalog, searchPath));
}

function typeOid(text: string, catalog: Catalog, searchPath: readonly string[]): number {
  const names = [...text.matchAll(/"((?:[^"]|"")*)"/g)].map(([, name = ""]) => name.replaceAll('""', '"'));
  const [first, second] = names;
  if (first === undefined) return 0;
  const schemas = second === undefined ? catalog.effectivePath(searchPath) : [first];
  const name = second ?? first;
  for (const schema of schemas) {
    const found = catalog.typeByName(schema, name);
    if (found !== undefined) return text.endsWith("[]") ? arrayOf(found.oid, catalog) : found.oid;
  }
  return 0;
}

function arrayOf(element: number, catalog: Catalog): number {
  return catalog.data.types.find((type) => type.element === element && type.name.startsWith("_"))?.oid ?? 0;
}
