/** The policy folder that a command means, read whole as the gateway reads it: policies, listings, table tests. Decides nothing. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ListingsError, parseFunctionListings } from "../../analysis/function-listings.ts";
import type { FunctionListing } from "../../analysis/functions.ts";
import { checkConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Config } from "../../config/schema.ts";
import { compilePolicies, type PolicyFile } from "../../policy/compile.ts";
import type { PolicySet } from "../../policy/policy-set.ts";
import { PolicyError, type PolicyProblem } from "../../policy/problem.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note } from "../output.ts";
import { visible } from "../text.ts";

const LISTINGS = "functions.yaml";
const POLICY = ".cedar";
const TESTS = ".test.yaml";

/** The configuration, where it can be used; policies are judged without one too, knowing less. */
export interface PolicyConfig {
  readonly config: Config | undefined;
  readonly databases: Readonly<Record<string, { readonly environment: string }>>;
  /** Groups that the configuration names; undefined: there is no configuration. */
  readonly groups: readonly string[] | undefined;
}

export interface PolicyFolder {
  /** As it was named, for messages. */
  readonly shown: string;
  readonly policies: readonly PolicyFile[];
  readonly tests: readonly PolicyFile[];
  /** Text of functions.yaml; undefined: there is none. */
  readonly listings: string | undefined;
}

/** @param named the folder, else that of the configuration `file`. @throws {CliError} usage, where there is none. */
export function readPolicyFolder(
  context: CliContext,
  named: string | undefined,
  { config }: PolicyConfig,
  file: string,
): PolicyFolder {
  const folder = named === undefined ? config?.policy : resolve(context.cwd, named);
  if (folder === undefined) {
    if (config === undefined)
      throw new CliError(
        "usage",
        `no folder is named, and ${file} cannot be used`,
        "name the policy's folder, or give --config",
      );
    throw new CliError(
      "usage",
      `${file} names no policy`,
      "add to it: policy: ./policy; postern init writes one to start from",
    );
  }
  const shown = named ?? (relative(context.cwd, folder) || ".");
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CliError("usage", `there is no folder ${shown}`, "postern init writes a policy to start from");
  }
  const names = readdirSync(folder).sort();
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const filesOf = (end: string) =>
    names.filter((name) => name.endsWith(end)).map((name) => ({ name, text: read(name) }));
  return {
    shown,
    policies: filesOf(POLICY),
    tests: filesOf(TESTS),
    listings: names.includes(LISTINGS) ? read(LISTINGS) : undefined,
  };
}

/** @param needed the command cannot do without: then a mistake in it is the command's end. */
export function policyConfig(context: CliContext, file: string, needed: boolean): PolicyConfig {
  const path = resolve(context.cwd, file);
  const { config, problems } = checkConfig(path, context.env);
  if (config === undefined) {
    if (needed) throw new ConfigError(problems.filter(({ severity }) => severity === "error"));
    return { config, databases: {}, groups: undefined };
  }
  const { reviewer, auditor, admin } = config.roles;
  const ofRoles = Object.values(config.databases).flatMap(({ roles }) => Object.values(roles));
  const named = [...reviewer, ...auditor, ...admin, ...ofRoles.flatMap(({ groups }) => groups)];
  return { config, databases: config.databases, groups: [...new Set(named)].filter((group) => group !== "*") };
}

/** What compiling and reading the listings found. */
export interface CompiledFolder {
  readonly set: PolicySet | undefined;
  readonly listings: readonly FunctionListing[];
  readonly problems: readonly PolicyProblem[];
}

export function compileFolder(folder: PolicyFolder, { databases, groups }: PolicyConfig): CompiledFolder {
  const problems: PolicyProblem[] = [];
  const set = found(problems, () => compilePolicies(folder.policies, databases));
  const listings = found(problems, () =>
    folder.listings === undefined ? [] : parseFunctionListings(LISTINGS, folder.listings),
  );
  problems.push(...(set?.checks(groups) ?? []));
  return { set, listings: listings ?? [], problems };
}

/** Those that can be used. @throws {CliError} failed, with every mistake told. */
export function usableFolder(
  context: CliContext,
  folder: PolicyFolder,
  config: PolicyConfig,
): { readonly set: PolicySet; readonly listings: readonly FunctionListing[] } {
  const { set, listings, problems } = compileFolder(folder, config);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (set !== undefined && errors.length === 0) return { set, listings };
  for (const problem of errors) note(context, problemLine(folder, problem));
  throw new CliError(
    "usage",
    `the policy in ${folder.shown} cannot be used`,
    `mend it, then: postern policy check ${folder.shown}`,
  );
}

/** What `work` throws about policies, listings or tests becomes problems; undefined then. */
export function found<T>(problems: PolicyProblem[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof PolicyError) problems.push(...error.problems);
    else if (error instanceof ListingsError) {
      problems.push(...error.problems.map((problem) => ({ severity: "error" as const, policy: "", ...problem })));
    } else throw error;
    return undefined;
  }
}

/** `folder/file:line:column: message (hint)`, so that editors can jump there. */
export function problemLine({ shown }: Pick<PolicyFolder, "shown">, problem: PolicyProblem): string {
  const { file, line, column, severity, policy, message, hint } = problem;
  const label = severity === "error" ? "" : `${severity}: `;
  const of = policy === "" ? "" : `${policy}: `;
  return visible(
    `${join(shown, file)}:${line}:${column}: ${label}${of}${message}${hint === undefined ? "" : ` (${hint})`}`,
  );
}
