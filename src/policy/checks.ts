/** Warnings about policies that compile and still do not do what they seem to: they can never match, or are always overridden. */

import type { Databases } from "./entities.ts";
import type { PolicyInfo } from "./policy-info.ts";
import type { PolicyProblem } from "./problem.ts";

export function checkPolicies(
  _policies: readonly PolicyInfo[],
  _databases: Databases,
  _groups: readonly string[] | undefined,
): readonly PolicyProblem[] {
  return [];
}
