/** `postern policy catalog save`: what a database holds, in a file, for explaining and testing without it. Names only, no rows. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { catalogToJson } from "../../analysis/catalog-json.ts";
import { type ConfigOptions, configOption, examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note } from "../output.ts";
import { policyConfig } from "../policy/folder.ts";
import { loadFrom, onlyDatabase, targetOf } from "../policy/source.ts";

interface SaveOptions extends ConfigOptions {
  readonly database?: string;
  readonly role?: string;
}

export function addPolicyCatalog(group: Command, context: CliContext): void {
  const catalog = group
    .command("catalog")
    .summary("save what a database holds, for work without it")
    .description("Catalogs: names, types and functions of a database, without a row of it.");
  const save = catalog
    .command("save")
    .summary("save the catalog of a database")
    .description(
      "Writes names, types and hashes of functions of a database to a file, as its upstream role sees them. No row, no function's text. A file that is there is written over.",
    )
    .argument("<file>", "where to")
    .option("--database <name>", "the database, as the configuration names it")
    .option("--role <name>", "upstream role, as the configuration names it (default: the database's own)")
    .addOption(configOption(context.env))
    .action((file: string, options: SaveOptions) => saveTo(context, file, options));
  examples(save, [["postern policy catalog save --database shop shop.json", "then: policy test --catalog shop.json"]]);
}

async function saveTo(
  context: CliContext,
  file: string,
  { config: configFile, database, role }: SaveOptions,
): Promise<void> {
  const { config } = policyConfig(context, configFile, true);
  const named = database ?? onlyDatabase(config);
  if (config === undefined || named === undefined)
    throw new CliError("usage", "no database is named", "give --database");
  const { catalog } = await loadFrom(context, targetOf(config, named, role));
  try {
    writeFileSync(resolve(context.cwd, file), catalogToJson(catalog), { mode: 0o600 });
  } catch (error) {
    throw new CliError("failed", `${file} cannot be written: ${String(error)}`);
  }
  const { relations, functions } = catalog.data;
  note(
    context,
    `${file} is written: ${named} as ${catalog.role} sees it, ${relations.length} relations, ${functions.length} functions.`,
  );
}
