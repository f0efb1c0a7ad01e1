/** `postern audit prove ENTRY`: one entry and its proof, for someone who has the verifier key and nothing else. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { proveEntry } from "../../audit/prove.ts";
import { readEntries } from "../../audit/read.ts";
import { type ConfigOptions, configOption, examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { instanceFolder, logFolder } from "../log-folder.ts";
import { note } from "../output.ts";

interface ProveOptions extends ConfigOptions {
  readonly instance?: string;
  readonly out?: string;
}

export function addAuditProve(group: Command, context: CliContext): void {
  const command = group
    .command("prove")
    .summary("write the proof that an entry is in the log")
    .description(
      "Prints a .tlog-proof (c2sp.org/tlog-proof@v1): index, audit path and signed checkpoint. With --out NAME writes NAME.tlog-proof, " +
        "and the entry itself to NAME.json, byte for byte as it is hashed.",
    )
    .argument("<entry>", "index of the entry, as audit tail shows it")
    .argument("[folder]", "the log (default: that of --config)")
    .option("--instance <name>", "which instance (default: the newest)")
    .option("--out <name>", "write two files instead of printing the proof")
    .addOption(configOption(context.env))
    .action((entry: string, folder: string | undefined, options: ProveOptions) =>
      prove(context, entry, folder, options),
    );
  examples(command, [["postern audit prove 4711 --out evidence", "evidence.json and evidence.tlog-proof"]]);
}

async function prove(
  context: CliContext,
  entry: string,
  named: string | undefined,
  options: ProveOptions,
): Promise<void> {
  if (!/^\d{1,15}$/.test(entry))
    throw new CliError("usage", `"${entry}" is no index of an entry`, "postern audit tail shows them");
  const { path, name } = await instanceFolder(logFolder(context, named, options.config), options.instance);
  const index = Number(entry);
  const proof = await proveEntry(path, index).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(
      "failed",
      `entry ${index} of ${name} cannot be proved: ${why}`,
      "postern audit verify says what is wrong",
    );
  });
  if (options.out === undefined) {
    context.out.write(proof);
    return;
  }
  const base = resolve(context.cwd, options.out);
  for await (const { json } of readEntries(path, index)) {
    writeFileSync(`${base}.json`, json);
    break;
  }
  writeFileSync(`${base}.tlog-proof`, proof);
  note(
    context,
    `${options.out}.json and ${options.out}.tlog-proof are written. The log's verifier key is in ${path}/log.vkey.`,
  );
}
