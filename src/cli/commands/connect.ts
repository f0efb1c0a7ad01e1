/** `postern connect DB`: psql through the gateway, the token in psql's environment and nowhere else. */

import { spawn } from "node:child_process";
import type { Command } from "commander";
import { examples, type GatewayOptions, gatewayOption } from "../command-options.ts";
import { type Connection, connectionTo } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { accessGateway } from "../login/token-source.ts";

interface ConnectOptions extends GatewayOptions {
  readonly role?: string;
  readonly ca?: string;
}

/** Variables of libpq that would lead psql elsewhere, or to another password. */
const MISLEADING = [
  "PGHOSTADDR",
  "PGSERVICE",
  "PGSERVICEFILE",
  "PGPASSFILE",
  "PGREQUIREAUTH",
  "PGSSLNEGOTIATION",
] as const;

export function addConnect(program: Command, context: CliContext, exit: (status: number) => void): void {
  const command = program
    .command("connect")
    .summary("open psql with a short-lived token")
    .description(
      "Starts psql on a database through the gateway. What follows -- goes to psql; its exit status is this command's.",
    )
    .argument("<db>", "database, by its name at the gateway")
    .argument("[psql...]", "arguments of psql, after --")
    .option("--role <name>", "role to connect as (default: the database's)")
    .option("--ca <file>", "CA certificates of the gateway (default: libpq's, ~/.postgresql/root.crt)")
    .addOption(gatewayOption())
    .action(async (database: string, psql: readonly string[], options: ConnectOptions) => {
      exit(await connect(context, database, psql, options));
    });
  examples(command, [
    ["postern connect shop", "an interactive psql"],
    ["postern connect shop --role agent -- -c 'select count(*) from orders'", "one statement"],
  ]);
}

async function connect(
  context: CliContext,
  database: string,
  psql: readonly string[],
  options: ConnectOptions,
): Promise<number> {
  const access = await accessGateway(context, options.gateway);
  const connection = await connectionTo(access, database, options.role);
  const env = { ...libpqEnvironment(context.env, connection, options.ca), PGPASSWORD: access.token.reveal() };
  return runPsql(psql, env);
}

function libpqEnvironment(env: NodeJS.ProcessEnv, to: Connection, ca: string | undefined): NodeJS.ProcessEnv {
  const clean = { ...env };
  for (const name of MISLEADING) delete clean[name];
  return {
    ...clean,
    PGHOST: to.host,
    PGPORT: String(to.port),
    PGDATABASE: to.database,
    PGUSER: to.user,
    PGSSLMODE: to.sslmode,
    ...(ca === undefined ? {} : { PGSSLROOTCERT: ca }),
  };
}

function runPsql(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("psql", [...args], { env, stdio: "inherit" });
    // An interrupt is psql's to answer (it cancels the statement): this process only waits.
    const ignore = (): void => undefined;
    process.on("SIGINT", ignore);
    child.on("error", (error) => {
      process.off("SIGINT", ignore);
      const gone = "code" in error && error.code === "ENOENT";
      const why = gone ? "psql is not installed here" : `psql cannot be started: ${error.message}`;
      reject(new CliError("failed", why, "postern url and postern token serve any other client"));
    });
    child.on("close", (status) => {
      process.off("SIGINT", ignore);
      resolve(status ?? 1);
    });
  });
}
