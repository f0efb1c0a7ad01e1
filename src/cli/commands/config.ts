/** `postern config check|schema`: the configuration judged without starting anything. */

import { resolve } from "node:path";
import type { Command } from "commander";
import { configJsonSchema } from "../../config/json-schema.ts";
import { checkConfig } from "../../config/load.ts";
import { type ConfigProblem, formatProblem } from "../../config/problems.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printData } from "../output.ts";
import { paint, safeJson, visible } from "../text.ts";

export function addConfig(program: Command, context: CliContext): void {
  const group = program
    .command("config")
    .summary("check the configuration, print its schema")
    .description("The configuration, postern.yaml.");
  const check = group
    .command("check")
    .summary("check postern.yaml")
    .description(
      "Names every mistake in postern.yaml with its line and column, and files that others can read. Exit status 1 if any mistake.",
    )
    .argument("[file]", "the file (default: that of --config)")
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((file: string | undefined, options: ConfigOptions & FormatOptions) =>
      checkFile(context, file ?? options.config, options),
    );
  examples(check, [["postern config check", "postern.yaml in this folder"]]);
  const schema = group
    .command("schema")
    .summary("print the JSON Schema of postern.yaml")
    .action(() => context.out.write(`${safeJson(configJsonSchema(), 2)}\n`));
  examples(schema, [
    [
      "postern config schema > postern.schema.json",
      "then in postern.yaml: # yaml-language-server: $schema=postern.schema.json",
    ],
  ]);
}

function checkFile(context: CliContext, file: string, { output }: FormatOptions): void {
  const { config, problems } = checkConfig(file, context.env);
  if (output === "table") {
    for (const problem of problems) context.out.write(`${line(problem, context.out.color)}\n`);
  } else printData(context, output, output === "jsonl" ? problems : { ok: config !== undefined, problems });
  const errors = problems.filter(({ severity }) => severity === "error").length;
  if (config === undefined) {
    throw new CliError(
      "failed",
      `${file} has ${errors} ${errors === 1 ? "mistake" : "mistakes"}`,
      "mend them, then: postern config check",
    );
  }
  if (output === "table") note(context, `${resolve(context.cwd, file)} is in order.`);
}

function line(problem: ConfigProblem, color: boolean): string {
  const text = visible(formatProblem(problem));
  return paint(color, problem.severity === "error" ? "red" : "yellow", text);
}
