/** `postern freeze|unfreeze PRINCIPAL`: revocation that reaches live sessions, at all gateways. */

import type { Command } from "commander";
import type { z } from "zod";
import { type FrozenPrincipal, OPERATIONS } from "../../http/contract.ts";
import { examples, type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { accessAsPerson } from "../login/token-source.ts";
import { note, printData, printList } from "../output.ts";
import { withId } from "./sessions.ts";

interface FreezeOptions extends GatewayOptions, FormatOptions {
  readonly reason?: string;
  readonly list?: boolean;
}

export function addFreeze(program: Command, context: CliContext): void {
  const command = program
    .command("freeze")
    .summary("end a principal's sessions and let it open none")
    .description(
      "Ends all sessions of a principal within a second, at all gateways, and lets it open none until it is unfrozen.",
    )
    .argument("[principal]", "principal, as `sessions ls` names it")
    .option("--reason <text>", "why, for the record")
    .option("--list", "list who is frozen instead")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((principal: string | undefined, options: FreezeOptions) =>
      options.list === true ? listFrozen(context, options) : change(context, "freeze", principal, options),
    );
  examples(command, [
    ["postern freeze 'https://idp.example.com#report' --reason 'leaked secret'", "lock it out"],
    ["postern freeze --list", "who is locked out"],
  ]);
}

export function addUnfreeze(program: Command, context: CliContext): void {
  program
    .command("unfreeze")
    .summary("let a frozen principal in again")
    .argument("<principal>", "principal, as `freeze --list` names it")
    .option("--reason <text>", "why, for the record")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((principal: string, options: FreezeOptions) => change(context, "unfreeze", principal, options));
}

async function change(
  context: CliContext,
  verb: "freeze" | "unfreeze",
  principal: string | undefined,
  options: FreezeOptions,
): Promise<void> {
  if (principal === undefined) throw new CliError("usage", "no principal is named", "postern sessions ls shows them");
  const { reason } = options;
  if (reason === undefined) throw new CliError("usage", "the record needs a reason", `postern ${verb} … --reason TEXT`);
  const { api, token } = await accessAsPerson(context, options.gateway);
  const { path, answer } = verb === "freeze" ? OPERATIONS.freezePrincipal : OPERATIONS.unfreezePrincipal;
  const state = await api.call({ method: "POST", path: withId(path, principal), body: { reason }, answer, token });
  if (options.output !== "table") {
    printData(context, options.output, state);
    return;
  }
  const now = state.state === "frozen" ? "is frozen" : "may connect again";
  note(context, state.changed ? `${principal} ${now}.` : `${principal} ${now}: it was so already.`);
}

async function listFrozen(context: CliContext, options: FreezeOptions): Promise<void> {
  const { api, token } = await accessAsPerson(context, options.gateway);
  const { path, answer } = OPERATIONS.listPrincipals;
  const { principals } = await api.call({ path: `${path}?state=frozen`, answer, token });
  type Row = z.infer<typeof FrozenPrincipal>;
  const columns = [
    { head: "PRINCIPAL", cell: (row: Row) => row.id },
    { head: "SINCE", cell: (row: Row) => row.at },
    { head: "BY", cell: (row: Row) => row.by },
    { head: "REASON", cell: (row: Row) => row.reason },
  ];
  printList(context, options.output, principals, columns, "Nobody is frozen.");
}
