/** `postern logout`: the kept login is deleted here, and revoked at the issuer where that can be. */

import type { Command } from "commander";
import * as oidc from "openid-client";
import { type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { discoverIssuer } from "../login/issuer.ts";
import { chooseGateway } from "../login/token-source.ts";
import { note } from "../output.ts";
import { type Login, StateFolder } from "../state-folder.ts";

export function addLogout(program: Command, context: CliContext): void {
  program
    .command("logout")
    .summary("forget the login")
    .description("Deletes the kept login of a gateway, and asks the issuer to revoke it.")
    .addOption(gatewayOption())
    .action((options: GatewayOptions) => logOut(context, options));
}

async function logOut(context: CliContext, options: GatewayOptions): Promise<void> {
  const api = chooseGateway(context, options.gateway);
  const state = new StateFolder(context);
  const login = state.login(api.url.href);
  state.forget(api.url.href); // first: whatever the issuer does, it is gone from here
  if (login === undefined) {
    note(context, `Nobody is logged in at ${api.url.origin}.`);
    return;
  }
  const revoked = login.refreshToken === undefined ? false : await revoke(login, login.refreshToken);
  const rest = revoked ? "and revoked at the issuer" : "here; a token that was handed out serves until it runs out";
  note(context, `Logged out at ${api.url.origin}: the login is deleted ${rest}.`);
}

async function revoke(login: Login, refreshToken: string): Promise<boolean> {
  try {
    const issuer = { url: login.issuer, kind: login.kind, audience: login.audience };
    await oidc.tokenRevocation(await discoverIssuer(issuer, login.clientId), refreshToken, {
      token_type_hint: "refresh_token",
    });
    return true;
  } catch {
    return false; // told by the message: the issuer has no revocation, or is away
  }
}
