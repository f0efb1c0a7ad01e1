/** `doctor`: whether the audit log verifies. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { verifyLog } from "../../audit/verify.ts";
import { type Check, fail, ok, reasonOf, warn } from "./finding.ts";

/** Problems that are told one by one; a log that was cut short has thousands. */
const MOST_TOLD = 5;

export const checkLog: Check = async ({ config }) => {
  const folder = join(config.dataPath, "log");
  if (!existsSync(folder)) return [ok("log.verify", folder, "no log yet: start begins one")];
  try {
    const { ok: whole, problems, logs, entries } = await verifyLog(folder);
    if (whole) return [ok("log.verify", folder, `${entries} entries in ${logs.length} logs verify`)];
    const mend = "keep a copy of the folder as it is; postern audit verify tells all";
    return problems.slice(0, MOST_TOLD).map((problem) => fail("log.verify", folder, problem, mend));
  } catch (error) {
    return [warn("log.verify", folder, `could not be read: ${reasonOf(error)}`, "run as the gateway's account")];
  }
};
