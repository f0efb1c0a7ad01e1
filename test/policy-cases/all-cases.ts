/** All statements of this folder, and where its other files are. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CALLS } from "./calls.ts";
import { DEFINITIONS } from "./definitions.ts";
import { INNER_QUERIES } from "./inner-queries.ts";
import type { PolicyCase } from "./policy-case.ts";
import { READS } from "./reads.ts";
import { SESSIONS } from "./sessions.ts";
import { WRITES } from "./writes.ts";

export const POLICY_CASES: readonly PolicyCase[] = [
  ...READS,
  ...WRITES,
  ...INNER_QUERIES,
  ...CALLS,
  ...SESSIONS,
  ...DEFINITIONS,
];

/** The folder that `policy` of the configuration names. */
export const POLICY_FOLDER = fileURLToPath(new URL("./policy", import.meta.url));

/** What makes the shop in the database `shop`, then what the role `shop_app` may do there. */
export async function shopSql(): Promise<string> {
  const files = await Promise.all(
    ["schema.sql", "roles.sql"].map((name) => readFile(new URL(name, import.meta.url), "utf8")),
  );
  return files.join("\n");
}
