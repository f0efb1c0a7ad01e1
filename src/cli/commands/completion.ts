/** `postern completion SHELL`: the script that completes commands and options. */

import { Argument, type Command } from "commander";
import { examples } from "../command-options.ts";
import { completionScript, SHELLS, type Shell } from "../completion.ts";
import type { CliContext } from "../context.ts";

export function addCompletion(program: Command, context: CliContext): void {
  const command = program
    .command("completion")
    .summary("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "which shell").choices([...SHELLS]))
    .action((shell: Shell) => context.out.write(completionScript(shell, program)));
  examples(command, [
    ["source <(postern completion bash)", "in this bash"],
    ["postern completion fish > ~/.config/fish/completions/postern.fish", "in every fish"],
  ]);
}
