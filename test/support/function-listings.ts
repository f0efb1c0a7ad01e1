/** A functions.yaml for a server of the tests: a listing holds a hash, and each server's functions have their own. */

import { listingLine } from "../../src/analysis/function-listings.ts";
import { signatureOf } from "../../src/analysis/function-names.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { CatalogWatch } from "../../src/upstream/catalog-watch.ts";
import type { TestPostgres } from "./postgres.ts";

/** @param wanted of a signature as functions.yaml has it, `pg_catalog.pg_sleep(double precision)`. */
export async function functionListings(
  postgres: TestPostgres,
  database: string,
  wanted: (signature: string) => boolean,
): Promise<string> {
  const { host, port, superuser, password } = postgres;
  const watch = await CatalogWatch.open({
    target: {
      ...{ name: database, host, port, database, user: superuser, password: new Secret(password) },
      ...{ tls: { mode: "disable" }, connectTimeoutMs: 10_000 },
    },
    logger: createLogger({ level: "fatal" }),
    clock: systemClock,
  });
  const listed = watch.current.data.functions.filter((each) => wanted(signatureOf(each)));
  await watch.close();
  return `functions:\n${listed.map(listingLine).join("\n")}\n`;
}
