/** `postern databases`: what is behind the gateway. */

import type { Command } from "commander";
import { OPERATIONS } from "../../http/contract.ts";
import { type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { accessAsPerson, type GatewayAccess } from "../login/token-source.ts";
import { printList } from "../output.ts";

/** Names alone for a person who is neither auditor nor admin. */
interface DatabaseRow {
  readonly name: string;
  readonly environment: string | null;
  readonly roles: readonly string[] | null;
  readonly defaultRole: string | null;
}

export function addDatabases(program: Command, context: CliContext): void {
  program
    .command("databases")
    .summary("list the databases behind the gateway")
    .description("Lists the databases behind the gateway; their roles are shown to auditors and admins.")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action(async (options: GatewayOptions & FormatOptions) => {
      const rows = await databasesOf(await accessAsPerson(context, options.gateway));
      const columns = [
        { head: "NAME", cell: (row: DatabaseRow) => row.name },
        { head: "ENVIRONMENT", cell: (row: DatabaseRow) => row.environment },
        { head: "ROLES", cell: (row: DatabaseRow) => row.roles },
        { head: "DEFAULT ROLE", cell: (row: DatabaseRow) => row.defaultRole },
      ];
      printList(context, options.output, rows, columns, "The gateway has no database.");
    });
}

async function databasesOf({ api, token }: GatewayAccess): Promise<readonly DatabaseRow[]> {
  const { listDatabases, discovery } = OPERATIONS;
  try {
    return (await api.call({ path: listDatabases.path, answer: listDatabases.answer, token })).databases;
  } catch (error) {
    if (!(error instanceof CliError) || error.exit !== "denied") throw error;
    const { databases } = await api.call({ path: discovery.path, answer: discovery.answer, token });
    if (databases === undefined) throw error;
    return databases.map((name) => ({ name, environment: null, roles: null, defaultRole: null }));
  }
}
