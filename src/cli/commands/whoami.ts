/** `postern whoami`: who the gateway takes the bearer of this login for. */

import type { Command } from "commander";
import { OPERATIONS } from "../../http/contract.ts";
import { type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { readClaims } from "../login/issuer.ts";
import { accessGateway, type GatewayAccess } from "../login/token-source.ts";
import { note, printOne } from "../output.ts";

interface Identity {
  readonly gateway: string;
  /** Whether the gateway said so, or only the token itself. */
  readonly verified: boolean;
  readonly kind: "agent" | "human";
  readonly id: string | null;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly expiresAt: string | null;
}

export function addWhoami(program: Command, context: CliContext): void {
  program
    .command("whoami")
    .summary("show who you are to the gateway")
    .description(
      "Shows the identity, groups, rights and end of the login, as the gateway sees it. Of an agent: as its token says.",
    )
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((options: GatewayOptions & FormatOptions) => whoami(context, options));
}

async function whoami(context: CliContext, options: GatewayOptions & FormatOptions): Promise<void> {
  const access = await accessGateway(context, options.gateway);
  const identity = access.login?.kind === "agent" ? ofToken(access) : await ofGateway(access);
  if (!identity.verified)
    note(context, "The gateway's API answers people only: this is what the agent's token says of itself.");
  printOne(context, options.output, identity, [
    ["gateway", identity.gateway],
    ["kind", identity.kind],
    ["principal", identity.id],
    ["issuer", identity.issuer],
    ["subject", identity.subject],
    ["groups", identity.groups],
    ["rights", identity.roles],
    ["until", identity.expiresAt],
  ]);
}

async function ofGateway({ api, token }: GatewayAccess): Promise<Identity> {
  const { path, answer } = OPERATIONS.whoami;
  const person = await api.call({ path, answer, token });
  return { gateway: api.url.origin, verified: true, kind: "human", ...person };
}

function ofToken({ api, token }: GatewayAccess): Identity {
  const claims = readClaims(token.reveal());
  return {
    gateway: api.url.origin,
    verified: false,
    kind: "agent",
    id: null,
    issuer: claims?.iss ?? null,
    subject: claims?.sub ?? null,
    groups: [],
    roles: [],
    expiresAt: claims?.exp === undefined ? null : new Date(claims.exp * 1000).toISOString(),
  };
}
