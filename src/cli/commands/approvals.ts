/**
 * `postern approvals ls|show|approve|deny|watch|stats`: statements that wait for people. A decision names the card that `show` printed, or that
 * was printed before the question: what is approved is what was read, though the request may have been another by then.
 */

import { setTimeout as wait } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { z } from "zod";
import { type Approval, type ApprovalStats, OPERATIONS } from "../../http/contract.ts";
import { examples, type FormatOptions, formatOption, type GatewayOptions, gatewayOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { accessAsPerson, type GatewayAccess } from "../login/token-source.ts";
import { type Column, note, printData, printList, printOne } from "../output.ts";
import { cut, pieces, revealed, visible } from "../text.ts";
import { withId } from "./sessions.ts";

type Request = z.infer<typeof Approval>;

const STATES = ["pending", "approved", "denied", "consumed", "withdrawn", "expired", "void"] as const;
/** The API's own page limit. */
const PAGE = 200;
/** Characters of a statement where it is one of many; `show` has all of it. */
const BEGINNING = 200;
/** Digits of the card's hash that are printed, and the fewest that are taken. */
const CARD_DIGITS = 16;
const FEWEST_DIGITS = 8;

interface ListOptions extends GatewayOptions, FormatOptions {
  readonly state?: (typeof STATES)[number];
  readonly database?: string;
  readonly limit: number;
}

interface DecideOptions extends GatewayOptions, FormatOptions {
  readonly card?: string;
  readonly reason?: string;
  readonly rows?: number;
}

interface StatsOptions extends GatewayOptions, FormatOptions {
  readonly days: number;
  readonly database?: string;
}

interface WatchOptions extends GatewayOptions, FormatOptions {
  readonly every: number;
  readonly once?: boolean;
}

export function addApprovals(program: Command, context: CliContext): void {
  const group = program
    .command("approvals")
    .summary("decide statements that wait for people")
    .description("Statements that need approval by people, as policy's @approvers says.");
  addList(group, context);
  addShow(group, context);
  addDecision(group, context, "approve");
  addDecision(group, context, "deny");
  addWatch(group, context);
  addStats(group, context);
}

function addStats(group: Command, context: CliContext): void {
  const command = group
    .command("stats")
    .summary("how requests are decided")
    .description(
      "Counts requests by what became of them, and shows how each reviewer decides: who decides much, fast and always alike is tired.",
    )
    .option("--days <number>", "back from now", count, 30)
    .option("--database <name>", "of this database")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action(async ({ days, database, gateway, output }: StatsOptions) => {
      const { api, token } = await accessAsPerson(context, gateway);
      const { path, answer } = OPERATIONS.approvalStats;
      const query = new URLSearchParams({ days: String(days), ...(database === undefined ? {} : { database }) });
      const stats = await api.call({ path: `${path}?${query}`, answer, token });
      if (output !== "table") printData(context, output, stats);
      else showStats(context, stats);
    });
  examples(command, [["postern approvals stats --days 7", "the last week"]]);
}

type Stats = z.infer<typeof ApprovalStats>;

function showStats(context: CliContext, { days, requests, oldestOpenSeconds, decisions, reviewers }: Stats): void {
  const asked = Object.values(requests).reduce((sum, each) => sum + each, 0);
  const became = Object.entries(requests).filter(([, each]) => each > 0);
  printOne(context, "table", requests, [
    ["days", days],
    ["asked for", asked],
    ["of these", became.map(([state, each]) => `${each} ${state}`)],
    ["oldest waiting", oldestOpenSeconds === null ? null : `${Math.round(oldestOpenSeconds)} s`],
    ["decisions", decisions.count],
  ]);
  context.out.write("\n");
  const all = decisions.count === 0 ? [] : [{ by: "all", ...decisions }, ...reviewers];
  printList(context, "table", all, REVIEWERS, "Nobody has decided anything.");
}

const percent = (share: number | null): string | null => (share === null ? null : `${Math.round(share * 100)} %`);
const REVIEWERS: readonly Column<Stats["reviewers"][number]>[] = [
  { head: "BY", cell: ({ by }) => by },
  { head: "DECISIONS", cell: (each) => each.count },
  { head: "A DAY", cell: ({ perDay }) => perDay.toFixed(1) },
  { head: "MEDIAN", cell: ({ medianSeconds }) => (medianSeconds === null ? null : `${Math.round(medianSeconds)} s`) },
  { head: "UNDER 5 S", cell: ({ underFiveSeconds }) => percent(underFiveSeconds) },
  { head: "APPROVED", cell: ({ approved }) => percent(approved) },
];

function addList(group: Command, context: CliContext): void {
  const command = group
    .command("ls")
    .summary("list requests, newest first")
    .description("Lists the requests that you may decide or, by a role, see.")
    .addOption(new Option("--state <state>", "in this state").choices(STATES))
    .option("--database <name>", "on this database")
    .option("--limit <number>", "how many at most", count, 50)
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action(async (options: ListOptions) => {
      const access = await accessAsPerson(context, options.gateway);
      const found = await listed(access, options);
      printList(context, options.output, found, COLUMNS, "Nothing waits for approval.");
    });
  examples(command, [
    ["postern approvals ls --state pending", "what waits for you"],
    ["postern approvals ls --state approved -o jsonl", "what may run now"],
  ]);
}

function addShow(group: Command, context: CliContext): void {
  const command = group
    .command("show")
    .summary("show what there is to decide")
    .description("Shows a request whole: statement, parameters, who asks and why, and who has decided so far.")
    .argument("<id>", "request, as `approvals ls` names it")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action(async (id: string, options: GatewayOptions & FormatOptions) => {
      const request = await read(await accessAsPerson(context, options.gateway), id);
      if (options.output !== "table") printData(context, options.output, request);
      else {
        showRequest(context, request);
        showCommands(context, request);
      }
    });
  examples(command, [["postern approvals show apr_01h…", "read it before you decide"]]);
}

function addDecision(group: Command, context: CliContext, verb: "approve" | "deny"): void {
  const command = group
    .command(verb)
    .summary(verb === "approve" ? "approve a statement: it runs once" : "deny a statement")
    .description(
      verb === "approve"
        ? "Approves a statement, for one attempt within the request's time. Nobody approves what was asked on their own behalf."
        : "Denies a statement. Its agent is told the reason.",
    )
    .argument("<id>", "request, as `approvals ls` names it")
    .option(
      "--card <digits>",
      "of what you have read: `approvals show` prints it (default: on a terminal it is shown, and you are asked)",
    )
    .option("--reason <text>", verb === "approve" ? "why, for the record" : "why: the agent is told")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((id: string, options: DecideOptions) => decide(context, verb, id, options));
  if (verb === "approve") command.option("--rows <number>", "changed rows at most: what changes more is undone", count);
  examples(command, [
    verb === "approve"
      ? ["postern approvals approve apr_01h… --card 1f2e3d4c5b6a7988", "let it run"]
      : ["postern approvals deny apr_01h… --card 1f2e3d4c5b6a7988 --reason 'name the rows'", "and say why"],
  ]);
}

function addWatch(group: Command, context: CliContext): void {
  const command = group
    .command("watch")
    .summary("print what comes to wait for you")
    .description("Prints each request that waits for approval, those that wait already first, until it is interrupted.")
    .option("--every <seconds>", "how often to ask", count, 2)
    .option("--once", "what waits now, and no more")
    .addOption(gatewayOption())
    .addOption(formatOption())
    .action((options: WatchOptions) => watch(context, options));
  examples(command, [["postern approvals watch -o jsonl", "for a program that tells people"]]);
}

async function listed(
  { api, token }: GatewayAccess,
  { state, database, limit }: Pick<ListOptions, "state" | "database" | "limit">,
): Promise<readonly Request[]> {
  const found: Request[] = [];
  let before: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (state !== undefined) query.set("state", state);
    if (database !== undefined) query.set("database", database);
    if (before !== null) query.set("before", before);
    const { path, answer } = OPERATIONS.listApprovals;
    const page: z.infer<typeof answer> = await api.call({ path: `${path}?${query}`, answer, token });
    found.push(...page.approvals);
    before = page.next;
  } while (before !== null && found.length < limit);
  return found.slice(0, limit);
}

async function read({ api, token }: GatewayAccess, id: string): Promise<Request> {
  const { path, answer } = OPERATIONS.readApproval;
  return api.call({ path: withId(path, id), answer, token });
}

async function decide(
  context: CliContext,
  verb: "approve" | "deny",
  id: string,
  { card, reason, rows, gateway, output }: DecideOptions,
): Promise<void> {
  if (verb === "deny" && reason === undefined)
    throw new CliError("usage", "the agent is told a reason", "postern approvals deny … --reason TEXT");
  const next = `postern approvals show ${visible(id)}`;
  if (card === undefined && context.ask === undefined) {
    throw new CliError("usage", "there is no terminal to show it on: --card says what you have read", next);
  }
  const access = await accessAsPerson(context, gateway);
  const shown = await read(access, id);
  const { cardHash } = shown;
  if (card === undefined) {
    if (shown.state === "pending") await confirm(context, verb, shown); // else the gateway says what has become of it
  } else if (card.length < FEWEST_DIGITS || !cardHash.startsWith(card.toLowerCase())) {
    throw new CliError("denied", "that is not the card of this request", next);
  }
  const { path, answer } = verb === "approve" ? OPERATIONS.approveStatement : OPERATIONS.denyStatement;
  const body = { card: cardHash, ...(reason === undefined ? {} : { reason }), ...(rows === undefined ? {} : { rows }) };
  const request = await access.api.call({ method: "POST", path: withId(path, id), body, answer, token: access.token });
  if (output !== "table") {
    printData(context, output, request);
    return;
  }
  const more = request.state === "pending" ? ` It still waits for ${visible(request.missing.join(" and "))}.` : "";
  note(context, `${visible(id)} is ${verb === "approve" ? "approved by you" : "denied"}.${more}`);
}

/** Shows it where questions are asked, so that the result stays alone on standard output. @throws {CliError} unless the answer is yes. */
async function confirm(context: CliContext, verb: "approve" | "deny", request: Request): Promise<void> {
  showRequest({ ...context, out: context.err }, request);
  const question = verb === "approve" ? "Approve it, as it stands here, to run once?" : "Deny it?";
  const said = (await context.ask?.(`\n${question} [y/N] `)) ?? "";
  if (!/^\s*y(es)?\s*$/i.test(said)) throw new CliError("failed", "nothing was decided");
}

async function watch(context: CliContext, options: WatchOptions): Promise<void> {
  const { every, once, output } = options;
  if (once !== true && (output === "json" || output === "yaml")) {
    throw new CliError("usage", `watching does not end, and ${output} needs an end`, "use -o jsonl, or --once");
  }
  let told: ReadonlySet<string> = new Set();
  for (;;) {
    const waiting = [...(await waitingNow(context, options))].reverse();
    const fresh = waiting.filter(({ id }) => !told.has(id));
    if (output === "table") for (const request of fresh) context.out.write(line(context, request));
    else printData(context, output, fresh);
    // Ids of what waits still: one that is gone does not come back.
    told = new Set(waiting.map(({ id }) => id));
    if (once === true || context.signal.aborted) return;
    await wait(every * 1_000, undefined, { signal: context.signal }).catch(() => {});
    if (context.signal.aborted) return;
  }
}

/** All that is pending. The token is asked for each time: a login is renewed before it runs out, and people watch for longer than it lasts. */
async function waitingNow(context: CliContext, { gateway }: WatchOptions): Promise<readonly Request[]> {
  const access = await accessAsPerson(context, gateway);
  try {
    return await listed(access, { state: "pending", limit: Number.POSITIVE_INFINITY });
  } catch (error) {
    if (context.signal.aborted) return []; // the interrupt came while the gateway was asked
    throw error;
  }
}

function line({ out }: CliContext, { id, principal, database, class: kind, reason, card }: Request): string {
  const lines = [
    `${id}  ${revealed(principal)} on ${revealed(database)}: ${kind}; ${revealed(reason)}`,
    `  ${revealed((card?.statement ?? "").slice(0, BEGINNING))}`,
  ];
  return lines.map((text) => `${out.columns > 0 ? cut(text, out.columns) : text}\n`).join("");
}

const COLUMNS: readonly Column<Request>[] = [
  { head: "ID", cell: ({ id }) => id },
  { head: "STATE", cell: ({ state }) => state },
  { head: "ASKED", cell: ({ requestedAt }) => requestedAt.replace(/\.\d+Z$/, "Z") },
  { head: "UNTIL", cell: ({ expiresAt }) => expiresAt.replace(/\.\d+Z$/, "Z") },
  { head: "DATABASE", cell: ({ database }) => database },
  { head: "PRINCIPAL", cell: ({ principal }) => principal },
  { head: "MISSING", cell: ({ state, missing }) => (state === "pending" ? missing : []) },
  { head: "STATEMENT", cell: ({ card }) => card && revealed(card.statement.slice(0, BEGINNING)) },
];

function showRequest(context: CliContext, request: Request): void {
  const { card, decisions, missing, state, mayNotDecide } = request;
  const facts: (readonly [string, unknown])[] = [
    ["id", request.id],
    ["state", state],
    ["asked", request.requestedAt],
    ["until", request.expiresAt],
    ["principal", request.principal],
    ["database", request.database],
    ["role", card?.role],
    ["environment", card?.environment],
    ["from", card?.clientAddress],
    ["session", request.session],
    ["reason", request.reason],
    ["purpose (unverified)", typeof card?.purpose === "string" ? revealed(card.purpose) : null],
    ["needs", `${request.quorum} of ${request.approvers.join(" and of ")}`],
    ["missing", state === "pending" ? missing : null],
    ["ended", request.endedReason],
    ["asks for", card?.requests.map(({ action, resource, decision }) => `${action} ${resource} (${decision})`)],
    ["at most rows", card?.maxRows],
    ["approved for rows", request.rows],
    ["rows estimated", card?.estimate == null ? null : `${card.estimate.rows} by the planner, which may be wrong`],
    ["rows counted", card === null ? null : card.counted ? "yes: --rows bounds it" : "no"],
    ["you", mayNotDecide === null ? "may decide it" : mayNotDecide],
  ];
  printOne(context, "table", request, facts);
  for (const { by, verdict, group, reason, rows, at } of decisions) {
    const why = reason === null ? "" : `: ${reason}`;
    const most = rows === null ? "" : `, at most ${rows} rows`;
    context.out.write(`${visible(`${at} ${verdict} by ${by} for ${group ?? "-"}${most}${why}`)}\n`);
  }
  if (card === null) {
    context.out.write("\nThe statement is not kept: the request has ended.\n");
    return;
  }
  context.out.write("\n");
  const lines = card.statement.split("\n");
  const places = String(lines.length).length;
  lines.forEach((text, at) => {
    writeQuoted(context, `${String(at + 1).padStart(places)} | `, revealed(text));
  });
  for (const line of card.estimate?.plan ?? []) writeQuoted(context, "plan | ", revealed(line));
  card.parameters.forEach(({ value, format, typeOid }, at) => {
    const type = typeOid === 0 ? "" : ` (type ${typeOid})`;
    // Quoted, so that the text NULL and digits that are a text are no other values.
    const bytes = format === "text" ? "" : `${visible(format)} \\x`;
    const shown = value === null ? "NULL" : bytes === "" ? `'${revealed(value)}'` : `${bytes}${visible(value)}`;
    writeQuoted(context, `  $${at + 1} = `, `${shown}${type}`);
  });
}

/**
 * Text of the agent behind a margin, on every row that it takes: at the terminal's edge a line of it could pass for one of ours, such
 * as the command that approves another request.
 */
function writeQuoted({ out }: CliContext, margin: string, text: string): void {
  const room = out.columns > 0 ? Math.max(20, out.columns - margin.length) : Number.POSITIVE_INFINITY;
  const [first = "", ...more] = pieces(text, room);
  const below = `${" ".repeat(Math.max(0, margin.length - 2))}| `;
  out.write([`${margin}${first}\n`, ...more.map((piece) => `${below}${piece}\n`)].join(""));
}

/** The commands that decide what was shown. */
function showCommands(context: CliContext, request: Request): void {
  if (request.card === null || request.mayNotDecide !== null) return;
  const digits = request.cardHash.slice(0, CARD_DIGITS);
  context.out.write(`\npostern approvals approve ${request.id} --card ${digits}\n`);
  context.out.write(`postern approvals deny ${request.id} --card ${digits} --reason '…'\n`);
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new CliError("usage", `"${visible(text)}" is no number of at least 1`);
}
