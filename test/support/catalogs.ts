/** The catalog of a test server as Postern reads it, and what the server's trees of a client's statements call. */

import type { Catalog } from "../../src/analysis/catalog.ts";
import { Secret } from "../../src/base/secret.ts";
import { CatalogConnection } from "../../src/upstream/catalog-connection.ts";
import { loadCatalog } from "../../src/upstream/catalog-load.ts";
import type { TestPostgres } from "./postgres.ts";

/** As superuser. */
export async function catalogOf(server: TestPostgres, database = "postgres"): Promise<Catalog> {
  const { host, port, password } = server;
  const connection = await CatalogConnection.open(
    {
      name: "test",
      host,
      port,
      database,
      user: "postgres",
      password: new Secret(password),
      tls: { mode: "disable" },
      connectTimeoutMs: 10_000,
    },
    AbortSignal.timeout(20_000),
  );
  try {
    return (await loadCatalog(connection, "test")).catalog;
  } finally {
    await connection.close();
  }
}

/** Settings of a session that shows its trees, as the gateway's do. */
export const TREE_OPTIONS = "-c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log";

/** OIDs of functions in printed trees. Names could pass for fields, so only of statements that the test itself wrote. */
export function calledIn(trees: string): readonly number[] {
  const found = trees.matchAll(/:(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler)\s(\d+)/g);
  return [...new Set([...found].map(([, oid]) => Number(oid)))].filter((oid) => oid !== 0);
}
