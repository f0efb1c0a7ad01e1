/** `postern audit tail`: the newest entries of the log as people read them, or as they stand. Checks no hash: see audit verify. */

import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { z } from "zod";
import { type ReadEntry, readEntries, readSize } from "../../audit/read.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { instanceFolder, logFolder } from "../log-folder.ts";
import { printData, show } from "../output.ts";
import { cut, escapeUnsafe } from "../text.ts";
import { count } from "./sessions.ts";

/** The log publishes a checkpoint each second at most. */
const LOOK_AGAIN_MS = 500;

interface TailOptions extends ConfigOptions, FormatOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly instance?: string;
}

export function addAuditTail(group: Command, context: CliContext): void {
  const command = group
    .command("tail")
    .summary("show the newest entries")
    .description(
      "Shows the newest entries of one gateway instance's log. With -o jsonl each as it stands in the log, byte for byte.",
    )
    .argument("[folder]", "the log (default: that of --config)")
    .option("-f, --follow", "go on with entries as they are published")
    .option("-n, --lines <number>", "how many", count, 20)
    .option("--instance <name>", "which instance (default: the newest)")
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((folder: string | undefined, options: TailOptions) => tail(context, folder, options));
  examples(command, [
    ["postern audit tail -f", "as it happens"],
    ["postern audit tail -n 1000 -o jsonl | jq 'select(.type == \"session.refused\")'", "who was refused"],
  ]);
}

async function tail(context: CliContext, named: string | undefined, options: TailOptions): Promise<void> {
  const streamed = options.output === "table" || options.output === "jsonl";
  if (options.follow === true && !streamed)
    throw new CliError("usage", `-f does not end, and ${options.output} needs an end`, "use -o jsonl");
  const { path } = await instanceFolder(logFolder(context, named, options.config), options.instance);
  let next = Math.max(0, (await readSize(path)) - options.lines);
  const held: unknown[] = [];
  do {
    for await (const entry of readEntries(path, next)) {
      if (streamed) context.out.write(`${line(entry, context, options)}\n`);
      else held.push(JSON.parse(entry.json));
      next = entry.index + 1;
    }
    if (options.follow === true)
      await wait(LOOK_AGAIN_MS, undefined, { signal: context.signal }).catch(() => undefined);
  } while (options.follow === true && !context.signal.aborted);
  if (options.output === "json" || options.output === "yaml") printData(context, options.output, held);
}

function line(entry: ReadEntry, { out }: CliContext, { output }: TailOptions): string {
  if (output === "jsonl") return out.isTerminal ? escapeUnsafe(entry.json) : entry.json; // off a terminal byte for byte
  const text = summary(entry);
  return out.isTerminal && out.columns > 0 ? cut(text, out.columns) : text;
}

const Common = z.looseObject({
  ts: z.string(),
  type: z.string(),
  session: z.string().optional(),
  principal: z.looseObject({ subject: z.string(), actors: z.array(z.looseObject({ subject: z.string() })) }).optional(),
});

/** Members that tell most, by their names in docs/reference/events.md. */
const TELLING = [
  ...[
    "class",
    "verdict",
    "reason",
    "outcome",
    "sqlstate",
    "database",
    "upstreamRole",
    "clientAddress",
    "rowsReturned",
    "rowsAffected",
  ],
  ...["durationMs", "statements", "actor", "target", "name", "detail", "version", "size"],
] as const;

function summary({ index, json }: ReadEntry): string {
  const entry = Common.safeParse(JSON.parse(json)).data;
  if (entry === undefined) return `${index}  ${show(json)}`;
  const { ts, type, session, principal } = entry;
  const acting = principal?.actors.map(({ subject }) => subject).join(" by ");
  const who = principal === undefined ? [] : [acting === "" ? principal.subject : `${acting} for ${principal.subject}`];
  const told = TELLING.flatMap((name) => (name in entry ? [`${name}=${show(entry[name])}`] : []));
  return [String(index), ts, type, ...(session === undefined ? [] : [session]), ...who.map(show), ...told].join("  ");
}
