/** `postern labels check`: labels.yaml judged by itself, and against a catalog where one is named. */

import type { Command } from "commander";
import { ConfigError, type ConfigProblem, formatProblem } from "../../config/problems.ts";
import { checkLabels, unusedLabels } from "../../masking/labels/check.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import { resolveLabels } from "../../masking/labels/spread.ts";
import { examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import {
  compiled,
  databaseOptions,
  type LabelsText,
  meantCatalog,
  readLabels,
  type SavedOptions,
} from "../labels/source.ts";
import { note, printData } from "../output.ts";
import { paint, visible } from "../text.ts";

type CheckOptions = SavedOptions & FormatOptions;

export function addLabelsCheck(group: Command, context: CliContext): void {
  const command = group
    .command("check")
    .summary("check labels.yaml for mistakes")
    .description(
      "Names every mistake in labels.yaml with its line and column: unknown keys, labels and databases, patterns that are none. With --database or --catalog also what only a catalog tells: patterns that stand on no column, columns with two labels, masks that a column's type cannot carry, with the mask that would do. Exit status 1 if any mistake.",
    )
    .argument("[file]", "the file (default: the one that --config names)")
    .option("--catalog <file>", "a catalog that policy catalog save wrote, instead of the server");
  databaseOptions(command, context)
    .addOption(formatOption())
    .action((file: string | undefined, options: CheckOptions) => check(context, file, options));
  examples(command, [
    ["postern labels check", "the file that postern.yaml names"],
    ["postern labels check --database shop", "and what the database's catalog says of it"],
  ]);
}

async function check(context: CliContext, file: string | undefined, options: CheckOptions): Promise<void> {
  const labels = readLabels(context, file, options.config);
  const { set, problems: own } = compile(labels);
  const problems = set === undefined ? own : [...own, ...(await byCatalog(context, labels, set, options))];
  const errors = problems.filter(({ severity }) => severity === "error").length;
  if (options.output === "table") {
    for (const problem of problems) {
      const color = problem.severity === "error" ? "red" : "yellow";
      context.out.write(`${paint(context.out.color, color, visible(formatProblem(problem)))}\n`);
    }
  } else {
    const data = { ok: errors === 0, version: set?.version ?? null, rules: set?.rules.length ?? 0, problems };
    printData(context, options.output, options.output === "jsonl" ? problems : data);
  }
  if (errors > 0 || set === undefined) {
    const count = `${errors} ${errors === 1 ? "mistake" : "mistakes"}`;
    throw new CliError("failed", `${labels.shown} has ${count}`, "mend them, then: postern labels check");
  }
  if (options.output === "table")
    note(context, `${labels.shown} is in order: ${ofColumns(set)}, version ${set.version.slice(0, 12)}.`);
}

function ofColumns({ rules, masks }: LabelSet): string {
  return `${rules.length} ${rules.length === 1 ? "pattern" : "patterns"}, ${masks.size - 1} labels`;
}

function compile(labels: LabelsText): { readonly set?: LabelSet; readonly problems: readonly ConfigProblem[] } {
  try {
    const set = compiled(labels);
    const unused = unusedLabels(set).map((label) =>
      problemOf(labels, { severity: "warning", line: 1, message: `no pattern gives the label ${label}` }),
    );
    return { set, problems: unused };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problems: error.problems };
  }
}

async function byCatalog(
  context: CliContext,
  labels: LabelsText,
  set: LabelSet,
  options: CheckOptions,
): Promise<readonly ConfigProblem[]> {
  if (options.database === undefined && options.catalog === undefined) return [];
  const catalog = await meantCatalog(context, options);
  return checkLabels(set, catalog, resolveLabels(set, catalog)).map((problem) => problemOf(labels, problem));
}

function problemOf(
  { shown }: LabelsText,
  { hint, ...rest }: { severity: "error" | "warning"; line: number; message: string; hint?: string },
): ConfigProblem {
  const problem = { ...rest, file: shown, column: 1, path: "" };
  return hint === undefined ? problem : { ...problem, suggestion: hint };
}
