/** `postern policy check`: policies, listings and tests judged without starting anything or asking any server. */

import type { Command } from "commander";
import { parsePolicyTests } from "../../policy/table-tests.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printData } from "../output.ts";
import { compileFolder, found, policyConfig, problemLine, readPolicyFolder } from "../policy/folder.ts";
import { paint } from "../text.ts";

export function addPolicyCheck(group: Command, context: CliContext): void {
  const command = group
    .command("check")
    .summary("check policies for mistakes")
    .description(
      "Names every mistake in the policy folder with its line and column: syntax, names and types that the schema does not know, annotations, listings of functions, table tests. Warns of policies that can never match. Exit status 1 if any mistake.",
    )
    .argument("[folder]", "the policy's folder (default: that of --config)")
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((folder: string | undefined, options: ConfigOptions & FormatOptions) => check(context, folder, options));
  examples(command, [
    ["postern policy check", "the folder that postern.yaml names"],
    ["postern policy check ./candidate", "another one, with the databases of postern.yaml"],
  ]);
}

function check(
  context: CliContext,
  named: string | undefined,
  { config: file, output }: ConfigOptions & FormatOptions,
): void {
  const config = policyConfig(context, file, false);
  const folder = readPolicyFolder(context, named, config, file);
  const { set, problems: ofPolicies } = compileFolder(folder, config);
  const problems = [...ofPolicies];
  for (const { name, text } of folder.tests) found(problems, () => parsePolicyTests(name, text));
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const ok = set !== undefined && errors === 0;
  if (output === "table") {
    for (const problem of problems) {
      const color = { error: "red", warning: "yellow", note: "bold" } as const;
      context.out.write(`${paint(context.out.color, color[problem.severity], problemLine(folder, problem))}\n`);
    }
  } else {
    const version = set?.version ?? null;
    printData(
      context,
      output,
      output === "jsonl" ? problems : { ok, version, policies: set?.policies.length ?? 0, problems },
    );
  }
  if (!ok) {
    const count = `${errors} ${errors === 1 ? "mistake" : "mistakes"}`;
    throw new CliError(
      "failed",
      `the policy in ${folder.shown} has ${count}`,
      `mend them, then: postern policy check ${named ?? ""}`.trimEnd(),
    );
  }
  if (output !== "table") return;
  const count = set.policies.length;
  note(
    context,
    `${folder.shown} is in order: ${count} ${count === 1 ? "policy" : "policies"}, version ${set.version.slice(0, 12)}.`,
  );
  if (config.config === undefined) note(context, `  Databases were not checked: ${file} cannot be used.`);
}
