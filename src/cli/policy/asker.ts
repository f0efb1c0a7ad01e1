/** Who asks, and how, as the options of a command say it: the principal and the context that policies are asked with. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Config } from "../../config/schema.ts";
import { principalId } from "../../identity/principal.ts";
import type { PolicyContext, PolicyPrincipal } from "../../policy/policy-set.ts";
import type { CliContext } from "../context.ts";

export interface AskerOptions {
  readonly as?: string;
  readonly groups?: readonly string[];
  readonly kind: "agent" | "human";
  readonly issuer?: string;
  readonly onBehalfOf?: string;
  readonly claim?: Readonly<Record<string, string>>;
  readonly via: "wire" | "mcp" | "http";
  readonly approvedBy?: readonly string[];
  readonly inTransaction?: boolean;
  readonly address: string;
}

/** Adds the options. */
export function askerOptions(command: Command): Command {
  return command
    .option("--as <subject>", "who asks: the subject of an agent's token, or of a person's with --kind human")
    .option("--groups <groups>", "groups of who asks, separated by commas", listed)
    .addOption(new Option("--kind <kind>", "what asks").choices(["agent", "human"]).default("agent"))
    .option("--issuer <url>", "issuer of the token (default: the first of that kind in the configuration)")
    .option("--on-behalf-of <subject>", "whom the agent acts for")
    .option("--claim <name=value>", "a claim of the token; may be given again", claim)
    .addOption(new Option("--via <way>", "how it is asked").choices(["wire", "mcp", "http"]).default("wire"))
    .option("--approved-by <groups>", "as if people of these groups had approved it", listed)
    .option("--in-transaction", "as if a transaction were open")
    .option("--address <ip>", "address it is asked from", "127.0.0.1");
}

/** The principal as the gateway would make it of such a token. */
export function principalOf(options: AskerOptions, config: Config | undefined): PolicyPrincipal {
  const { kind, groups = [], claim: claims = {}, onBehalfOf } = options;
  const issuer = options.issuer ?? config?.issuers.find((one) => one.kind === kind)?.url ?? "https://idp.example.com";
  const asks = options.as ?? (kind === "agent" ? "an-agent" : "a-person");
  // As in a token: the subject is whom it is done for, the actor who does it.
  const subject = onBehalfOf ?? asks;
  const actors = onBehalfOf === undefined ? [] : [{ subject: asks, proof: "verified" as const }];
  const actor = onBehalfOf === undefined ? {} : { actor: asks };
  return { kind, id: principalId(issuer, subject, actors), issuer, subject, groups, claims, ...actor };
}

export function contextOf(
  options: AskerOptions,
  { clock }: CliContext,
): Omit<PolicyContext, "hasWhere" | "matchesAll"> {
  const now = new Date(clock.nowMs());
  return {
    approvedBy: options.approvedBy ?? [],
    inTransaction: options.inTransaction === true,
    via: options.via,
    hour: now.getUTCHours(),
    weekday: now.getUTCDay(),
    clientAddress: options.address,
    ...(options.onBehalfOf === undefined ? {} : { onBehalfOf: options.onBehalfOf }),
  };
}

export function listed(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === "")) throw new InvalidArgumentError("names separated by commas.");
  return names;
}

function claim(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
