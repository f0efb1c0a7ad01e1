/** `postern policy suggest`: the least that what was used would need, as Cedar to start from. Puts nothing in force. */

import type { Command } from "commander";
import { GatewayError } from "../../base/errors.ts";
import { compilePolicies } from "../../policy/compile.ts";
import { PolicyError } from "../../policy/problem.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printData } from "../output.ts";
import { policyConfig } from "../policy/folder.ts";
import { logSource } from "../policy/log-source.ts";
import { recordedStatements } from "../policy/recorded.ts";
import { cedarOf, Usage } from "../policy/suggest.ts";

interface SuggestOptions extends ConfigOptions, FormatOptions {
  readonly from?: string;
  readonly group?: string;
  readonly principal?: string;
}

export function addPolicySuggest(group: Command, context: CliContext): void {
  const command = group
    .command("suggest")
    .summary("write the least that was needed so far as policies")
    .description(
      "Writes policies that permit what the statements on record were permitted to do, and nothing else: one permit for each principal and thing, with counts. With --group all of it for that group. For reading, then for a file of the policy folder; nothing is put in force.",
    )
    .option("--from <log-or-time>", "a log's folder, a time, or how long ago: 7d (default: all of --config's log)")
    .option("--group <name>", "the group that the permits are for (default: each principal's own)")
    .option("--principal <subject>", "only what this one did: the actor, or the subject of who acts for itself")
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((options: SuggestOptions) => suggest(context, options));
  examples(command, [
    [
      "postern policy suggest --from 30d --group agents > candidate/agents.cedar",
      "then: policy simulate --policy candidate",
    ],
  ]);
}

async function suggest(
  context: CliContext,
  { from, group, principal, config: file, output }: SuggestOptions,
): Promise<void> {
  const { databases } = policyConfig(context, file, false);
  const { folder, sinceMs } = logSource(context, from, file);
  const usage = new Usage(group);
  for await (const statement of recordedStatements(folder, sinceMs)) {
    if (principal === undefined || principal === statement.acts) usage.add(statement);
  }
  if (usage.statements === 0)
    throw new CliError(
      "failed",
      `nothing was permitted on record in ${folder} since then${why(usage)}`,
      "postern audit tail shows what is on record",
    );
  const text = cedarOf(usage);
  checked(text, databases);
  if (output === "table") context.out.write(text);
  else {
    const { statements, refused, withoutRequests, principals, span } = usage;
    printData(context, output, {
      statements,
      refused,
      withoutRequests,
      principals,
      span,
      permits: usage.suggestions(),
      cedar: text,
    });
  }
  if (usage.withoutRequests > 0)
    note(context, `${usage.withoutRequests} statements ran without a policy: what they touched is not on record.`);
}

function why({ withoutRequests }: Usage): string {
  return withoutRequests === 0
    ? ""
    : `: ${withoutRequests} statements ran without a policy, which puts no requests on record`;
}

/** What is suggested must be a policy. */
function checked(text: string, databases: Parameters<typeof compilePolicies>[1]): void {
  try {
    compilePolicies([{ name: "suggested.cedar", text }], databases);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new GatewayError("INTERNAL", "what would be suggested is no policy", { detail: error.message, cause: error });
  }
}
