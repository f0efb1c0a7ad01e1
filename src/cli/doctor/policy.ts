/** `doctor`: the policy: whether it can be used and is in force, and whether each database has the functions that it lists. */

import { type FunctionListing, FunctionRules } from "../../analysis/functions.ts";
import type { Config } from "../../config/schema.ts";
import { PolicySource } from "../../gateway/policy-source.ts";
import { createLogger } from "../../telemetry/log.ts";
import { CatalogWatch } from "../../upstream/catalog-watch.ts";
import { upstreamTarget } from "../../upstream/target.ts";
import { type Check, type DoctorFinding, type DoctorInput, fail, ok, reasonOf, skip, warn } from "./finding.ts";

export const checkPolicy: Check = async (input) => {
  const { policy } = input.config;
  if (policy === undefined || input.config.policyMode === "none") {
    const message = "policyMode is none: every agent may do what its upstream role may";
    return [warn("policy.mode", "policy", message, "name a policy's folder; postern init writes one to start from")];
  }
  let source: PolicySource;
  try {
    source = new PolicySource(input.config);
  } catch (error) {
    return [fail("policy.mode", policy, reasonOf(error), "postern policy check names each mistake")];
  }
  return [judgeMode(policy, input.config), ...(await listed(input, source.active?.listings ?? []))];
};

function judgeMode(policy: string, { policyMode }: Config): DoctorFinding {
  if (policyMode === "enforce") return ok("policy.mode", policy, "is in force");
  const message = "is in shadow mode: what it forbids is recorded and runs";
  return warn("policy.mode", policy, message, "when the record shows what you expect: policyMode: enforce");
}

async function listed(
  { config, clock }: DoctorInput,
  listings: readonly FunctionListing[],
): Promise<readonly DoctorFinding[]> {
  if (listings.length === 0) return [];
  const found: DoctorFinding[] = [];
  for (const [name, database] of Object.entries(config.databases)) {
    const role = database.roles[database.defaultRole];
    if (role === undefined) continue; // the configuration's check says so
    try {
      const target = upstreamTarget(name, database, role);
      const watch = await CatalogWatch.open({ target, logger: createLogger({ level: "fatal" }), clock });
      const problems = new FunctionRules(watch.current, listings).listingProblems();
      await watch.close();
      if (problems.length === 0)
        found.push(ok("policy.listings", name, "has every function that functions.yaml lists"));
      for (const { signature, message } of problems) found.push(inVain(name, signature, message));
    } catch (error) {
      found.push(skip("policy.listings", name, `the catalog could not be read: ${reasonOf(error)}`));
    }
  }
  return found;
}

function inVain(name: string, signature: string, message: string): DoctorFinding {
  const mend = "look at the function again, then list it with its hash of now, or take the listing out";
  return warn("policy.listings", name, `functions.yaml lists ${signature} in vain: ${message}`, mend);
}
