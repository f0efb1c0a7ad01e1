/** `postern login`: a person by the device flow, an agent by its credentials in the environment. */

import type { Command } from "commander";
import { examples, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { credentialsOf, logInByCredentials } from "../login/client-credentials.ts";
import { logInByDevice } from "../login/device-flow.ts";
import { chooseGateway, chooseIssuer, discoverGateway, loginOf } from "../login/token-source.ts";
import { note } from "../output.ts";
import { StateFolder } from "../state-folder.ts";

interface LoginOptions extends GatewayOptions {
  readonly issuer?: string;
  readonly device?: boolean;
}

export function addLogin(program: Command, context: CliContext): void {
  const command = program
    .command("login")
    .summary("log in at a gateway")
    .description(
      "Logs a person in by the device flow of the gateway's issuer: confirm the code that is shown, on any screen. " +
        "With POSTERN_CLIENT_ID and POSTERN_CLIENT_SECRET (or …_FILE) set, logs an agent in by them. " +
        "The login is kept under $XDG_STATE_HOME/postern, readable by you alone, and renewed while the issuer allows.",
    )
    .addOption(gatewayOption())
    .option("--issuer <url>", "which issuer, where the gateway knows several")
    .option("--device", "use the device flow even where standard error is no terminal")
    .action((options: LoginOptions) => logIn(context, options));
  examples(command, [
    ["postern login --gateway https://postern.example.com:8432", "log in as a person"],
    ["POSTERN_CLIENT_ID=report POSTERN_CLIENT_SECRET_FILE=secret postern login --gateway URL", "log in as an agent"],
  ]);
}

async function logIn(context: CliContext, options: LoginOptions): Promise<void> {
  const api = chooseGateway(context, options.gateway);
  const credentials = options.device === true ? undefined : credentialsOf(context);
  if (credentials === undefined && options.device !== true && !context.err.isTerminal) {
    const next = "set POSTERN_CLIENT_ID and POSTERN_CLIENT_SECRET_FILE, or give --device";
    throw new CliError("usage", "a person logs in at a terminal, and this is none", next);
  }
  const discovery = await discoverGateway(api);
  const issuer = chooseIssuer(discovery, credentials === undefined ? "human" : "agent", options.issuer);
  const state = new StateFolder(context);
  if (credentials !== undefined) {
    const login = loginOf(api, issuer, credentials.clientId, await logInByCredentials(issuer, credentials));
    state.keep(login);
    state.keep(login, credentials.clientId);
    note(context, `Logged in at ${discovery.gateway.name} as the agent ${credentials.clientId}.`);
    return;
  }
  if (issuer.clientId === undefined) {
    throw new CliError(
      "failed",
      `the gateway names no client for people of ${issuer.url}`,
      "its configuration needs issuers[].clientId",
    );
  }
  state.keep(loginOf(api, issuer, issuer.clientId, await logInByDevice(context, issuer, issuer.clientId)));
  note(context, `Logged in at ${discovery.gateway.name}. See: postern whoami`);
}
