/** `postern sessions ls|show|kill`: who is connected and what was done, as the gateway's API tells it. */

import type { Command } from "commander";
import { Option } from "commander";
import type { z } from "zod";
import { OPERATIONS, type Session, type Statement } from "../../http/contract.ts";
import { examples, type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { accessAsPerson, type GatewayAccess } from "../login/token-source.ts";
import { type Column, note, printData, printList, printOne } from "../output.ts";

type SessionRow = z.infer<typeof Session>;
type StatementRow = z.infer<typeof Statement>;

/** The API's own page limit. */
const PAGE = 200;

interface ListOptions extends GatewayOptions, FormatOptions {
  readonly limit: number;
  readonly [filter: string]: unknown;
}

const FILTERS = ["principal", "database", "state", "verdict", "text", "since", "until"] as const;

export function addSessions(program: Command, context: CliContext): void {
  const group = program
    .command("sessions")
    .summary("list, show and end sessions")
    .description("Sessions through the gateway.");
  addList(group, context);
  addShow(group, context);
  addKill(group, context);
}

function addList(group: Command, context: CliContext): void {
  const command = group
    .command("ls")
    .summary("list sessions, newest first")
    .description("Lists sessions, newest first: live at this gateway, and past at all gateways of the control store.")
    .option("--principal <id>", "of this principal")
    .option("--database <name>", "on this database")
    .addOption(
      new Option("--state <state>", "live, open (not closed on record) or closed").choices(["live", "open", "closed"]),
    )
    .addOption(new Option("--verdict <verdict>", "with a statement so decided").choices(["permitted", "refused"]))
    .option("--text <text>", "with this text in names and addresses")
    .option("--since <time>", "opened at or after this time (RFC 3339)")
    .option("--until <time>", "opened before this time (RFC 3339)")
    .option("--limit <number>", "how many at most", count, 50)
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((options: ListOptions) => list(context, options));
  examples(command, [
    ["postern sessions ls --state live", "who is connected now"],
    [
      "postern sessions ls --verdict refused --since 2026-01-01T00:00:00Z -o jsonl",
      "sessions with a refused statement",
    ],
  ]);
}

function addShow(group: Command, context: CliContext): void {
  group
    .command("show")
    .summary("show one session and its statements")
    .argument("<id>", "session, as `sessions ls` names it")
    .option("--limit <number>", "how many statements at most", count, 50)
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((id: string, options: ListOptions) => showSession(context, id, options));
}

function addKill(group: Command, context: CliContext): void {
  const command = group
    .command("kill")
    .summary("end a live session")
    .description(
      "Ends a live session at once; its open transaction is rolled back. The reason stands in the audit log.",
    )
    .argument("<id>", "session, as `sessions ls` names it")
    .requiredOption("--reason <text>", "why, for the record")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action(async (id: string, options: GatewayOptions & FormatOptions & { readonly reason: string }) => {
      const { api, token } = await accessAsPerson(context, options.gateway);
      const { path, answer } = OPERATIONS.killSession;
      const body = { reason: options.reason };
      const killed = await api.call({ method: "POST", path: withId(path, id), body, answer, token });
      if (options.output === "table") note(context, `Session ${id} is ended.`);
      else printData(context, options.output, killed);
    });
  examples(command, [["postern sessions kill ses_01h… --reason 'runaway report'", "end it"]]);
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const access = await accessAsPerson(context, options.gateway);
  const rows: SessionRow[] = [];
  let before: string | null = null;
  let complete = true;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, options.limit - rows.length)) });
    for (const name of FILTERS) if (typeof options[name] === "string") query.set(name, options[name]);
    if (before !== null) query.set("before", before);
    const { path, answer } = OPERATIONS.listSessions;
    const page: z.infer<typeof answer> = await access.api.call({
      path: `${path}?${query}`,
      answer,
      token: access.token,
    });
    rows.push(...page.sessions);
    before = page.next;
    complete &&= page.complete;
  } while (before !== null && rows.length < options.limit);
  printList(context, options.output, rows, SESSION_COLUMNS, "No session.");
  if (!complete) note(context, "The control store is away: these are the live sessions of this gateway only.");
}

const SESSION_COLUMNS: readonly Column<SessionRow>[] = [
  { head: "SESSION", cell: ({ id }) => id },
  { head: "STATE", cell: ({ state, activity }) => activity ?? state },
  { head: "PRINCIPAL", cell: ({ principal }) => principal.id },
  { head: "DATABASE", cell: ({ database }) => database },
  { head: "ROLE", cell: ({ role }) => role },
  { head: "OPENED", cell: ({ openedAt }) => openedAt },
  { head: "STATEMENTS", cell: ({ statements }) => statements },
];

async function showSession(context: CliContext, id: string, options: ListOptions): Promise<void> {
  const access = await accessAsPerson(context, options.gateway);
  const { path, answer } = OPERATIONS.readSession;
  const session = await access.api.call({ path: withId(path, id), answer, token: access.token });
  const { rows: statements, more } = await statementsOf(access, id, options.limit);
  const facts = [
    ["session", session.id],
    ["state", session.activity ?? session.state],
    ["principal", session.principal.id],
    ["acting", session.principal.actors.map(({ subject, proof }) => `${subject} (${proof})`)],
    ["database", session.database],
    ["role", session.role],
    ["client", session.clientAddress],
    ["application", session.applicationName],
    ["opened", session.openedAt],
    ["closed", session.closedAt],
    ["reason", session.closeReason],
    ["in the log", session.instance === null ? null : `${session.instance}, entry ${session.logIndex}`],
  ] as const;
  printOne(context, options.output, { ...session, statementList: statements }, facts);
  if (options.output !== "table") return;
  context.out.write("\n");
  printList(context, "table", statements, STATEMENT_COLUMNS, "No statement yet.");
  if (more) note(context, `There are more: --limit ${options.limit * 4}`);
}

const STATEMENT_COLUMNS: readonly Column<StatementRow>[] = [
  { head: "TIME", cell: ({ decidedAt }) => decidedAt },
  { head: "CLASS", cell: (row) => row.class },
  { head: "VERDICT", cell: ({ verdict }) => verdict },
  { head: "OUTCOME", cell: ({ outcome, sqlstate }) => (sqlstate === null ? outcome : `${outcome} ${sqlstate}`) },
  { head: "ROWS", cell: ({ rowsReturned, rowsAffected }) => rowsReturned ?? rowsAffected },
  { head: "MS", cell: ({ durationMs }) => durationMs },
  { head: "TRANSACTION", cell: ({ transactionFate }) => transactionFate },
  { head: "ENTRY", cell: ({ logIndex }) => logIndex },
];

async function statementsOf(
  { api, token }: GatewayAccess,
  id: string,
  limit: number,
): Promise<{ rows: readonly StatementRow[]; more: boolean }> {
  const { path, answer } = OPERATIONS.listStatements;
  const rows: StatementRow[] = [];
  let after: number | null = null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - rows.length)) });
    if (after !== null) query.set("after", String(after));
    const page: z.infer<typeof answer> = await api.call({ path: `${withId(path, id)}?${query}`, answer, token });
    rows.push(...page.statements);
    after = page.next;
  } while (after !== null && rows.length < limit);
  return { rows, more: after !== null };
}

/** A path of the contract with its `{id}` filled in. */
export function withId(path: string, id: string): string {
  return path.replace("{id}", encodeURIComponent(id));
}

/** A whole number of an option. @throws {CliError} usage. */
export function count(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new CliError("usage", `"${text}" is no number from 1 to 9999999`);
}
