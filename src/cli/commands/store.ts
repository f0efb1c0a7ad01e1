/** `postern store rebuild`: the search index made anew from the audit log. */

import { join, resolve } from "node:path";
import type { Command } from "commander";
import { readEntries } from "../../audit/read.ts";
import { loadConfig } from "../../config/load.ts";
import { principalId } from "../../identity/principal.ts";
import { type RebuildProgress, rebuildStore } from "../../store/rebuild.ts";
import { openStore } from "../../store/store.ts";
import { createLogger } from "../../telemetry/log.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printList } from "../output.ts";

export function addStore(program: Command, context: CliContext): void {
  const group = program.command("store").summary("rebuild the search index").description("The control store.");
  const command = group
    .command("rebuild")
    .summary("make the search index anew from the audit log")
    .description(
      "Empties the index of sessions and statements and reads all logs of the data folder again. Freezes stay. Gateways may go on running.",
    )
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((options: ConfigOptions & FormatOptions) => rebuild(context, options));
  examples(command, [["postern store rebuild", "after the store was lost or restored from an old copy"]]);
}

async function rebuild(context: CliContext, options: ConfigOptions & FormatOptions): Promise<void> {
  const config = loadConfig(resolve(context.cwd, options.config), context.env);
  const logger = createLogger({ level: "error", destination: { write: (line) => context.err.write(line) } });
  const store = await openStore(config.store.url, logger);
  try {
    if (store.state.phase !== "up")
      throw new CliError("failed", "the control store does not answer", "postern doctor says why");
    const progress = progressLine(context);
    const counts = await rebuildStore({
      store,
      logFolder: join(config.dataPath, "log"),
      principalName: principalId,
      logger,
      readEntries,
      signal: context.signal,
      onProgress: progress.show,
    });
    progress.end();
    const rows = [...counts].map(([instance, entries]) => ({ instance, entries }));
    const columns = [
      { head: "INSTANCE", cell: (row: (typeof rows)[number]) => row.instance },
      { head: "ENTRIES", cell: (row: (typeof rows)[number]) => row.entries },
    ];
    printList(context, options.output, rows, columns, "There is no log yet.");
  } finally {
    await store.close();
  }
}

/** One line that is written over on a terminal; nothing off one but a line a log. */
function progressLine(context: CliContext): { show(progress: RebuildProgress): void; end(): void } {
  const { err } = context;
  let told = 0;
  return {
    show: ({ instance, log, logs, entries }) => {
      if (err.isTerminal) err.write(`\r\u001b[Klog ${log} of ${logs} (${instance}): ${entries} entries`);
      else if (log !== told) note(context, `log ${log} of ${logs}: ${instance}`);
      told = log;
    },
    end: () => {
      if (err.isTerminal && told > 0) err.write("\r\u001b[K");
    },
  };
}
