/** `postern doctor`: what would keep the gateway from working, or from being safe, and how to mend it. */

import { resolve } from "node:path";
import type { Command } from "commander";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import type { DoctorFinding, FindingState } from "../doctor/finding.ts";
import { examine } from "../doctor/run.ts";
import { EXIT } from "../exit.ts";
import { note, printData } from "../output.ts";
import { wrap } from "../table.ts";
import { pad, paint, visible, width } from "../text.ts";

const COLOR = { ok: "green", warn: "yellow", fail: "red", skip: "dim" } as const satisfies Record<FindingState, string>;

export function addDoctor(program: Command, context: CliContext, exit: (status: number) => void): void {
  const command = program
    .command("doctor")
    .summary("find what keeps the gateway from working")
    .description(
      "Looks at configuration, certificates, issuers, clock, upstreams, policy, control store, data folder, disk and audit log, says ok, warn " +
        "or fail of each, and what mends it. Changes nothing. Exit status 1 if anything fails.",
    )
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((options: ConfigOptions & FormatOptions) => doctor(context, options, exit));
  examples(command, [
    ["postern doctor", "with postern.yaml in this folder"],
    ["postern doctor -o jsonl", "for a monitoring job"],
  ]);
}

async function doctor(
  context: CliContext,
  { config, output }: ConfigOptions & FormatOptions,
  exit: (status: number) => void,
): Promise<void> {
  const findings: DoctorFinding[] = [];
  for await (const finding of examine(resolve(context.cwd, config), context)) {
    findings.push(finding);
    if (output === "table") context.out.write(describe(finding, context));
    else if (output === "jsonl") printData(context, output, finding);
  }
  if (output === "json" || output === "yaml") printData(context, output, findings);
  const count = (state: FindingState): number => findings.filter((finding) => finding.state === state).length;
  if (output === "table")
    note(context, `${count("ok")} ok, ${count("warn")} warn, ${count("fail")} fail, ${count("skip")} not looked at`);
  if (count("fail") > 0) exit(EXIT.failed);
}

function describe({ state, check, target, message, mend }: DoctorFinding, { out }: CliContext): string {
  const head = `${paint(out.color, COLOR[state], pad(state, 4))}  ${pad(check, 22)}`;
  const indent = 30;
  const room = out.isTerminal && out.columns > 0 ? Math.max(30, out.columns - indent) : Number.POSITIVE_INFINITY;
  const text = [`${target}: ${message}`, ...(mend === null ? [] : [`mend: ${mend}`])].map(visible);
  const lines = text.flatMap((line) => wrap(line, room));
  const gap = " ".repeat(Math.max(2, indent - 6 - width(pad(check, 22))));
  return lines.map((line, index) => `${index === 0 ? `${head}${gap}` : " ".repeat(indent)}${line}\n`).join("");
}
