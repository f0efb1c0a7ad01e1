/** The tree of commands, and how any of them ends: an exit status, and on failure the cause and the next command. */

import { Command, CommanderError } from "commander";
import { GatewayError } from "../base/errors.ts";
import { ConfigError } from "../config/problems.ts";
import { VERSION } from "../version.ts";
import { addApprovals } from "./commands/approvals.ts";
import { addAudit } from "./commands/audit.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConfig } from "./commands/config.ts";
import { addConnect } from "./commands/connect.ts";
import { addDatabases } from "./commands/databases.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addFreeze, addUnfreeze } from "./commands/freeze.ts";
import { addHarden } from "./commands/harden.ts";
import { addInit } from "./commands/init.ts";
import { addLabels } from "./commands/labels.ts";
import { addLogin } from "./commands/login.ts";
import { addLogout } from "./commands/logout.ts";
import { addPolicy } from "./commands/policy.ts";
import { addSessions } from "./commands/sessions.ts";
import { addStart } from "./commands/start.ts";
import { addStore } from "./commands/store.ts";
import { addToken } from "./commands/token.ts";
import { addUrl } from "./commands/url.ts";
import { addVersion } from "./commands/version.ts";
import { addWhoami } from "./commands/whoami.ts";
import type { CliContext } from "./context.ts";
import { CliError, EXIT } from "./exit.ts";
import { note } from "./output.ts";
import { paint, visible } from "./text.ts";

/** @param exit takes the status of a command that ends with one of its own. */
export function buildProgram(context: CliContext, exit: (status: number) => void): Command {
  const program = new Command("postern")
    .description("Identity-aware gateway between AI agents and PostgreSQL.")
    .version(VERSION)
    .addHelpCommand(new Command("help").argument("[command]").helpGroup("Other:").summary("display help for command"))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
      getOutHelpWidth: () => context.out.columns || 100,
      getErrHelpWidth: () => context.err.columns || 100,
    })
    .showSuggestionAfterError()
    .showHelpAfterError("Help: add --help")
    .addHelpText("after", "\nExit status: 0 ok, 1 failed, 2 usage, 3 denied, 4 pending, 5 expired.");
  program.commandsGroup("Running a gateway:");
  addInit(program, context);
  addConfig(program, context);
  addDoctor(program, context, exit);
  addHarden(program, context);
  addStart(program, context, exit);
  addDemo(program, context, exit);
  addPolicy(program, context, exit);
  addLabels(program, context);
  program.commandsGroup("Connecting:");
  addLogin(program, context);
  addLogout(program, context);
  addWhoami(program, context);
  addDatabases(program, context);
  addConnect(program, context, exit);
  addUrl(program, context);
  addToken(program, context);
  program.commandsGroup("Deciding, watching and ending:");
  addApprovals(program, context);
  addSessions(program, context);
  addFreeze(program, context);
  addUnfreeze(program, context);
  program.commandsGroup("The record:");
  addAudit(program, context, exit);
  addStore(program, context);
  program.commandsGroup("Other:");
  addCompletion(program, context);
  addVersion(program, context);
  return program;
}

/** Runs the command line `args` (without node and script). @returns the exit status. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  let status: number = EXIT.ok;
  const program = buildProgram(context, (own) => {
    status = own;
  });
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    return tell(error, context);
  }
}

function tell(error: unknown, context: CliContext): number {
  // commander has said it already; its help and version end by throwing too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const name = paint(context.err.color, "red", "postern:");
  if (error instanceof CliError) {
    note(context, `${name} ${error.message}`);
    if (error.next !== undefined) note(context, `  ${error.next}`);
    return EXIT[error.exit];
  }
  if (error instanceof ConfigError) {
    note(context, `${name} the configuration cannot be used:\n${visibleLines(error.message)}`);
    note(context, "  postern config check tells the same, warnings too");
    return EXIT.usage;
  }
  if (error instanceof GatewayError) {
    note(context, `${name} ${visible([error.message, error.detail].filter(Boolean).join(": "))}`);
    if (error.hint !== undefined) note(context, `  ${visible(error.hint)}`);
    return EXIT.failed;
  }
  note(context, `${name} ${visible(error instanceof Error ? error.message : String(error))}`);
  if (context.env["POSTERN_DEBUG"] && error instanceof Error) note(context, visibleLines(error.stack ?? ""));
  return EXIT.failed;
}

function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
