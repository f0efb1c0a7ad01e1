/** What commands about labels work with: labels.yaml, and the catalog of a database, asked or saved. Decides nothing. */

import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { Command } from "commander";
import type { Catalog } from "../../analysis/catalog.ts";
import type { Config } from "../../config/schema.ts";
import { compileLabels, NO_LABELS } from "../../masking/labels/compile.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import type { UpstreamTarget } from "../../upstream/target.ts";
import { type ConfigOptions, configOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { policyConfig } from "../policy/folder.ts";
import { loadFrom, onlyDatabase, savedCatalog, targetOf } from "../policy/source.ts";

export interface CatalogOptions extends ConfigOptions {
  readonly database?: string;
  readonly role?: string;
}

export interface SavedOptions extends CatalogOptions {
  readonly catalog?: string;
}

export function databaseOptions(command: Command, context: CliContext): Command {
  return command
    .option("--database <name>", "the database, as the configuration names it")
    .option("--role <name>", "upstream role, as the configuration names it (default: the database's own)")
    .addOption(configOption(context.env));
}

/** As text, not compiled. */
export interface LabelsText {
  /** As it was named, for messages. */
  readonly shown: string;
  readonly text: string;
  /** Of the configuration, where that can be used. */
  readonly databases: readonly string[] | undefined;
}

/** @param named the file, else that of the configuration. @throws {CliError} usage, where there is none. */
export function readLabels(context: CliContext, named: string | undefined, configFile: string): LabelsText {
  const { config } = policyConfig(context, configFile, named === undefined);
  const path = named === undefined ? config?.labels : resolve(context.cwd, named);
  if (path === undefined) {
    throw new CliError(
      "usage",
      `${configFile} names no labels`,
      "add to it: labels: ./labels.yaml; postern labels scan proposes some",
    );
  }
  const shown = named ?? (relative(context.cwd, path) || path);
  const databases = config === undefined ? undefined : Object.keys(config.databases);
  try {
    return { shown, text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)), databases };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "not UTF-8 text";
    throw new CliError(
      "usage",
      `${shown} cannot be read (${code})`,
      "postern labels scan proposes what to put into it",
    );
  }
}

/** @throws {ConfigError} with every mistake. */
export function compiled({ text, shown, databases }: LabelsText): LabelSet {
  return compileLabels(text, shown, databases);
}

/** The labels of the configuration, or none where it names no file. */
export function configuredLabels(context: CliContext, configFile: string): LabelSet {
  const { config } = policyConfig(context, configFile, true);
  return config?.labels === undefined ? NO_LABELS : compiled(readLabels(context, undefined, configFile));
}

/** @throws {CliError} usage, where no database is meant. */
export function meantTarget(context: CliContext, { config: file, database, role }: CatalogOptions): UpstreamTarget {
  const config: Config | undefined = policyConfig(context, file, true).config;
  const named = database ?? onlyDatabase(config);
  if (config === undefined || named === undefined)
    throw new CliError("usage", "no database is named", "give --database");
  return targetOf(config, named, role);
}

/** The catalog of a file, or of the server. */
export async function meantCatalog(context: CliContext, options: SavedOptions): Promise<Catalog> {
  const { catalog, database } = options;
  if (catalog === undefined) return (await loadFrom(context, meantTarget(context, options))).catalog;
  const saved = savedCatalog(context, catalog);
  if (database !== undefined && database !== saved.database) {
    throw new CliError("usage", `${catalog} is of database "${saved.database}", not "${database}"`);
  }
  return saved;
}
