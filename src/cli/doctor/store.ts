/** `doctor`: the control store, reached by the same URL as the gateway. Migrates nothing. */

import pg from "pg";
import { z } from "zod";
import { clientConfig } from "../../store/connection.ts";
import { type Check, fail, ok, reasonOf } from "./finding.ts";

const Answer = z.object({ version: z.string(), usable: z.boolean() });

/** Not the URL itself: it holds a password. */
const TARGET = "store.url";

export const checkStore: Check = async ({ config }) => {
  try {
    const client = new pg.Client(clientConfig(config.store.url));
    client.on("error", () => undefined); // the query says so
    await client.connect();
    try {
      const query = `SELECT current_setting('server_version') AS version,
        pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
          OR pg_catalog.to_regnamespace('postern') IS NOT NULL AS usable`;
      const { version, usable } = Answer.parse((await client.query(query)).rows[0]);
      if (usable) return [ok("store.reach", TARGET, `PostgreSQL ${version} answers`)];
      const message = `PostgreSQL ${version} answers, but the role may not make the schema postern in this database`;
      return [fail("store.reach", TARGET, message, "GRANT CREATE ON DATABASE … TO the role of store.url")];
    } finally {
      await client.end();
    }
  } catch (error) {
    const mend = "check store.url; until the store answers, statements run and are recorded, and are not searchable";
    return [fail("store.reach", TARGET, reasonOf(error), mend)];
  }
};
