/** `postern audit verify`: whether the log is whole, by all that can be known from its folder. */

import type { Command } from "commander";
import { MalformedNote } from "../../audit/checkpoint.ts";
import { type LogReport, type Report, verifyLog } from "../../audit/verify.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { logFolder } from "../log-folder.ts";
import { note, printData, printList } from "../output.ts";
import { paint, visible } from "../text.ts";

interface VerifyOptions extends ConfigOptions, FormatOptions {
  readonly key?: readonly string[];
}

export function addAuditVerify(group: Command, context: CliContext, exit: (status: number) => void): void {
  const command = group
    .command("verify")
    .summary("verify the log")
    .description(
      "Verifies every leaf, tile, root and signature, that no entry is missing, and that no log is: by the registry. Needs nothing but " +
        "the folder. Without --key the log's own key is taken, which proves that it is whole, not whose it is. Exit status 1 if anything is wrong.",
    )
    .argument("[folder]", "the log (default: that of --config)")
    .option("--key <vkey>", "a verifier key that is trusted; may be given again", collect)
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((folder: string | undefined, options: VerifyOptions) => verify(context, folder, options, exit));
  examples(command, [
    ["postern audit verify", "the log of postern.yaml in this folder"],
    ["postern audit verify ./copied/log --key 'shop/gw_…+1234abcd+AQ…'", "a copy, against the key that you were given"],
  ]);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

async function verify(
  context: CliContext,
  named: string | undefined,
  options: VerifyOptions,
  exit: (status: number) => void,
): Promise<void> {
  const report = await verified(logFolder(context, named, options.config), options.key, context);
  if (!report.ok) exit(EXIT.failed);
  if (options.output !== "table") {
    printData(context, options.output, report);
    return;
  }
  for (const warning of report.warnings) note(context, visible(`warning: ${warning}`));
  for (const problem of report.problems) context.out.write(`${paint(context.out.color, "red", visible(problem))}\n`);
  const columns = [
    { head: "LOG", cell: (log: LogReport) => log.name },
    { head: "ENTRIES", cell: (log: LogReport) => log.size },
    { head: "ROOT", cell: (log: LogReport) => log.root },
  ];
  printList(context, "table", report.logs, columns, "No log could be read.");
  const count = report.problems.length;
  if (report.ok) context.out.write(`${paint(context.out.color, "green", "ok")}: ${report.entries} entries verified\n`);
  else
    note(context, `${count} ${count === 1 ? "thing is" : "things are"} wrong: keep a copy of the folder as it is now`);
}

async function verified(folder: string, keys: readonly string[] | undefined, context: CliContext): Promise<Report> {
  const { err } = context;
  let entries = 0;
  const onProgress = (more: number): void => {
    entries += more;
    if (err.isTerminal) err.write(`\r\u001b[K${entries} entries`);
  };
  try {
    return await verifyLog(folder, { onProgress, ...(keys === undefined ? {} : { keys }) });
  } catch (error) {
    if (!(error instanceof MalformedNote)) throw error;
    throw new CliError(
      "usage",
      `--key is no verifier key: ${error.message}`,
      "give it as in log.vkey: name+12345678+A…",
    );
  } finally {
    if (err.isTerminal) err.write("\r\u001b[K");
  }
}
