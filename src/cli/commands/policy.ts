/** `postern policy`: the group of commands that work with policies. */

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { addPolicyCatalog } from "./policy-catalog.ts";
import { addPolicyCheck } from "./policy-check.ts";
import { addPolicyExplain } from "./policy-explain.ts";
import { addPolicySimulate } from "./policy-simulate.ts";
import { addPolicySuggest } from "./policy-suggest.ts";
import { addPolicyTest } from "./policy-test.ts";

export function addPolicy(program: Command, context: CliContext, exit: (status: number) => void): void {
  const group = program
    .command("policy")
    .summary("check, test, explain and simulate policies")
    .description("Policies: who may do what.");
  addPolicyCheck(group, context);
  addPolicyTest(group, context);
  addPolicyExplain(group, context, exit);
  addPolicyCatalog(group, context);
  addPolicySimulate(group, context);
  addPolicySuggest(group, context);
}
