/** All checks of `postern doctor`, in the order in which a failure explains the next. */

import { checkConfig } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { checkData } from "./files.ts";
import { type Check, type DoctorFinding, type DoctorInput, fail, ok, reasonOf, warn } from "./finding.ts";
import { checkHarden } from "./harden.ts";
import { checkIssuers } from "./issuers.ts";
import { checkListener } from "./listener.ts";
import { checkLog } from "./log.ts";
import { checkPolicy } from "./policy.ts";
import { checkStore } from "./store.ts";
import { checkUpstreams } from "./upstream.ts";

const CHECKS: readonly Check[] = [
  checkListener,
  checkIssuers,
  checkUpstreams,
  checkPolicy,
  checkHarden,
  checkStore,
  checkData,
  checkLog,
];

/** Findings as they come, each check's together. A configuration with mistakes ends it: nothing else could be looked at. */
export async function* examine(configPath: string, context: CliContext): AsyncGenerator<DoctorFinding> {
  const { config, problems } = checkConfig(configPath, context.env);
  for (const { severity, path, line, message, suggestion } of problems) {
    const words = `line ${line}: ${path === "" ? "" : `${path}: `}${message}`;
    yield (severity === "error" ? fail : warn)("config", configPath, words, suggestion ?? "mend it in the file");
  }
  if (config === undefined) return;
  if (problems.length === 0) yield ok("config", configPath, "is in order");
  const input: DoctorInput = { config, configPath, clock: context.clock, signal: context.signal };
  for (const check of CHECKS) {
    try {
      yield* await check(input);
    } catch (error) {
      yield fail("doctor", configPath, `a check broke: ${reasonOf(error)}`, "report this");
    }
  }
}
