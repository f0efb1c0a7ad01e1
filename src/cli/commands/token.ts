/** `postern token`: a short-lived token on standard output, for a program that takes it from there. */

import type { Command } from "commander";
import { examples, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { accessGateway } from "../login/token-source.ts";
import { note } from "../output.ts";

export function addToken(program: Command, context: CliContext): void {
  const command = program
    .command("token")
    .summary("print a short-lived token")
    .description(
      "Prints a token for the gateway, renewed if it is about to run out. Whoever reads it can act as you while it runs.",
    )
    .addOption(gatewayOption())
    .action(async (options: GatewayOptions) => {
      const { token } = await accessGateway(context, options.gateway);
      if (context.out.isTerminal) note(context, "This is a credential, and it now stands in your terminal's history.");
      context.out.write(`${token.reveal()}\n`);
    });
  examples(command, [['PGPASSWORD="$(postern token)" psql "$(postern url shop)"', "give it to psql"]]);
}
