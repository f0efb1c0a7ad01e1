/**
 * The one function of a user's own that masks call: `postern.token`, which `postern harden` installs. Says which it is. Where it may stand in
 * a statement the checker of the invariant says: nowhere but in a mask.
 */

import type { Catalog, CatalogFunction } from "./catalog.ts";

export const TOKEN_FUNCTION = { schema: "postern", name: "token" } as const;
/** OID of text, on every major (pg_type.dat). */
const TEXT = 25;

const found = new WeakMap<Catalog, CatalogFunction | null>();

/**
 * Null: there is none, or not as the migration makes it. One that the gateway's own role owns is none of it: an agent with a permit to
 * define could have made it.
 */
export function tokenFunction(catalog: Catalog): CatalogFunction | null {
  const known = found.get(catalog);
  if (known !== undefined) return known;
  const { schema, name } = TOKEN_FUNCTION;
  const fits = catalog.data.functions.find(
    (one) =>
      one.schema === schema &&
      one.name === name &&
      one.argumentTypes.length === 2 &&
      one.argumentTypes.every((type) => type === TEXT) &&
      one.securityDefiner &&
      one.configured &&
      one.language === "sql" &&
      one.owner !== catalog.role,
  );
  found.set(catalog, fits ?? null);
  return fits ?? null;
}
