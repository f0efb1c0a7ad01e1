/** `postern harden DATABASE`: prints the second lock as a migration for a DBA to read and run, or the way back. Changes nothing itself. */

import type { Command } from "commander";
import { migration, undoMigration } from "../../masking/harden/migration.ts";
import { resolveLabels } from "../../masking/labels/spread.ts";
import { type ConfigOptions, configOption, examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { configuredLabels, meantTarget } from "../labels/source.ts";
import { note } from "../output.ts";
import { loadFrom } from "../policy/source.ts";

interface HardenOptions extends ConfigOptions {
  readonly role?: string;
  readonly keep?: readonly string[];
  readonly undo?: boolean;
}

export function addHarden(program: Command, context: CliContext): void {
  const command = program
    .command("harden")
    .summary("print a migration that locks the gateway's role out of masked columns")
    .description(
      "Prints SQL for a DBA to read and run: it takes from the database's upstream role the right to read columns whose masks are constants, makes masked views for other readers, and installs the function that the mask token needs. It can be run again, and --undo prints the way back. Nothing is changed by the command itself.",
    )
    .argument("<database>", "the database, as the configuration names it")
    .option("--role <name>", "upstream role, as the configuration names it (default: the database's own)")
    .option("--keep <label...>", "labels that policy reveals to somebody: their columns stay readable")
    .option("--undo", "print the way back")
    .addOption(configOption(context.env))
    .action((database: string, options: HardenOptions) => harden(context, database, options));
  examples(command, [
    ["postern harden shop > harden.sql", "then read it, and psql -v ON_ERROR_STOP=1 -f harden.sql"],
    ["postern harden shop --keep pii.email", "policy reveals e-mail addresses to somebody"],
    ["postern harden shop --undo", "the way back"],
  ]);
}

async function harden(context: CliContext, database: string, options: HardenOptions): Promise<void> {
  const { role, keep = [], undo } = options;
  const set = configuredLabels(context, options.config);
  const target = meantTarget(context, { config: options.config, database, ...(role === undefined ? {} : { role }) });
  const { catalog } = await loadFrom(context, target);
  const labels = resolveLabels(set, catalog);
  const known = new Set([...labels].flatMap((column) => column.labels));
  const unknown = keep.find((label) => !known.has(label));
  if (unknown !== undefined)
    throw new CliError("usage", `no column of ${database} has the label ${unknown}`, [...known].sort().join(", "));
  const domains = [...set.masks].flatMap(([label, { mask }]) => (mask.mask === "token" ? [label] : [])).sort();
  const revealed = (label: string): boolean => keep.includes(label);
  const given = { database, role: catalog.role, catalog, labels, revealed, domains };
  context.out.write(undo === true ? undoMigration(given) : migration(given));
  note(
    context,
    "Nothing was changed: read it, and run it as a superuser or as who owns the tables and may create roles.",
  );
}
