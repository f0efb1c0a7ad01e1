/** `postern url DB`: a connection URL without the token, which never stands in a command line. */

import type { Command } from "commander";
import { examples, type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import { connectionTo, connectionUrl } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { accessGateway } from "../login/token-source.ts";
import { note, printData } from "../output.ts";

interface UrlOptions extends GatewayOptions, FormatOptions {
  readonly role?: string;
}

export function addUrl(program: Command, context: CliContext): void {
  const command = program
    .command("url")
    .summary("print a connection URL")
    .description(
      "Prints a connection URL for a database, without a password: the token goes there, by PGPASSWORD or a password callback.",
    )
    .argument("<db>", "database, by its name at the gateway")
    .option("--role <name>", "role to connect as (default: the database's)")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((database: string, options: UrlOptions) => printUrl(context, database, options));
  examples(command, [['PGPASSWORD="$(postern token)" psql "$(postern url shop)"', "connect with psql"]]);
}

async function printUrl(context: CliContext, database: string, options: UrlOptions): Promise<void> {
  const connection = await connectionTo(await accessGateway(context, options.gateway), database, options.role);
  const url = connectionUrl(connection);
  if (options.output !== "table") {
    printData(context, options.output, { url, ...connection });
    return;
  }
  context.out.write(`${url}\n`);
  if (context.out.isTerminal)
    note(
      context,
      'The password is a token: PGPASSWORD="$(postern token)". It is read once, at the start of a session.',
    );
}
