/** The policy and the labels in force, from the files of the configuration: read whole, compiled whole, exchanged at once or not at all. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseFunctionListings } from "../analysis/function-listings.ts";
import type { FunctionListing } from "../analysis/functions.ts";
import type { Config } from "../config/schema.ts";
import { compileLabels, NO_LABELS } from "../masking/labels/compile.ts";
import type { LabelSet } from "../masking/labels/label-set.ts";
import { compilePolicies } from "../policy/compile.ts";
import type { ActivePolicy } from "./enforcement.ts";

export class PolicySource {
  #active: ActivePolicy | null;

  /** @throws {ConfigError | PolicyError} naming file, line and what to do. */
  constructor(config: Config) {
    this.#active = read(config);
  }

  get active(): ActivePolicy | null {
    return this.#active;
  }

  /**
   * Reads the folder again. @returns the version before and now where it is another one. @throws as the constructor: then the
   * policy that was in force stays.
   */
  reload(config: Config): { readonly before: string | null; readonly after: string | null } | null {
    const next = read(config);
    const before = this.#active;
    const same =
      before?.set.version === next?.set.version &&
      before?.mode === next?.mode &&
      before?.labels.version === next?.labels.version;
    if (same && sameListings(before?.listings, next?.listings)) return null;
    this.#active = next;
    return { before: before?.set.version ?? null, after: next?.set.version ?? null };
  }
}

function read(config: Config): ActivePolicy | null {
  const { policy: folder, policyMode: mode } = config;
  if (folder === undefined || mode === "none") return null;
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".cedar"))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const listings = join(folder, LISTINGS);
  return {
    set: compilePolicies(files, config.databases),
    listings: existsSync(listings) ? parseFunctionListings(LISTINGS, readFileSync(listings, "utf8")) : [],
    labels: labelsOf(config),
    mode,
  };
}

function labelsOf({ labels: file, databases }: Config): LabelSet {
  return file === undefined ? NO_LABELS : compileLabels(readFileSync(file, "utf8"), file, Object.keys(databases));
}

const LISTINGS = "functions.yaml";

function sameListings(a: readonly FunctionListing[] | undefined, b: readonly FunctionListing[] | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
