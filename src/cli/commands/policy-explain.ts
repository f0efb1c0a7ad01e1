/** `postern policy explain`: what a statement touches, each request, and what decided it. Runs nothing. */

import type { Command } from "commander";
import type { Catalog } from "../../analysis/catalog.ts";
import { Grammar, MAJORS } from "../../analysis/grammar.ts";
import { parseChecked } from "../../analysis/parser.ts";
import { type PolicyRequest, resourceText } from "../../analysis/requests.ts";
import type { GatewayError } from "../../base/errors.ts";
import { NO_LABELS } from "../../masking/labels/compile.ts";
import { combine, type Decision } from "../../policy/decision.ts";
import { explainDecision } from "../../policy/explain.ts";
import type { PolicyPrincipal, PolicySet } from "../../policy/policy-set.ts";
import { refusalOf } from "../../policy/refusal.ts";
import { rowsOf, treesOf } from "../../upstream/own-questions.ts";
import type { UpstreamTarget } from "../../upstream/target.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { configuredLabels } from "../labels/source.ts";
import { note, printData } from "../output.ts";
import { type AskerOptions, askerOptions, contextOf, principalOf } from "../policy/asker.ts";
import { ExplainedMasks } from "../policy/explained-masks.ts";
import { policyConfig, readPolicyFolder, usableFolder } from "../policy/folder.ts";
import { type ResolvedText, Resolver, type Source } from "../policy/resolver.ts";
import { offlineSource, onlyDatabase, savedCatalog, targetOf, withServer } from "../policy/source.ts";
import { wrap } from "../table.ts";
import { paint, visible } from "../text.ts";

interface ExplainOptions extends ConfigOptions, FormatOptions, AskerOptions {
  readonly database?: string;
  readonly role?: string;
  readonly catalog?: string;
  readonly policy?: string;
}

export function addPolicyExplain(group: Command, context: CliContext, exit: (status: number) => void): void {
  const command = group
    .command("explain")
    .summary("show what a statement touches and what decides it")
    .description(
      "Breaks a statement into what it touches, by the server's own tree, and shows what policy decides of each, and the refusal as the agent would read it. Several statements are explained in turn. Nothing is run. With --catalog it asks no server: an approximation, and it says so. Exit status 3 where it would be denied, 4 where it would wait for approval.",
    )
    .argument("<sql>", "the statement, or - to read it from standard input")
    .option("--database <name>", "the database, as the configuration names it")
    .option("--role <name>", "upstream role, as the configuration names it (default: the database's own)")
    .option("--catalog <file>", "a catalog that policy catalog save wrote, instead of the server")
    .option("--policy <folder>", "policies to ask (default: those of --config)")
    .addOption(configOption(context.env))
    .addOption(formatOption());
  askerOptions(command).action(async (sql: string, options: ExplainOptions) => {
    exit(await explain(context, sql, options));
  });
  examples(command, [
    ['postern policy explain "DELETE FROM orders" --as report-agent --groups agents --database shop', "by the server"],
    ['postern policy explain "TABLE customers" --groups agents --catalog shop.json', "without one"],
  ]);
}

async function explain(context: CliContext, given: string, options: ExplainOptions): Promise<number> {
  const sql = given === "-" ? await standardInput() : given;
  const offline = options.catalog !== undefined;
  const config = policyConfig(context, options.config, !offline);
  const folder = readPolicyFolder(context, options.policy, config, options.config);
  const { set, listings } = usableFolder(context, folder, config);
  const principal = principalOf(options, config.config);
  const labels = config.config === undefined ? NO_LABELS : configuredLabels(context, options.config);
  const asker = { ...contextOf(options, context), hasWhere: true, matchesAll: false };
  const reveals = (name: string): readonly string[] | null => {
    const decision = set.decide(principal, { action: "reveal", resource: { kind: "label", name } }, asker);
    return decision.verdict === "permit" ? decision.policies : null;
  };
  const masks = (catalog: Catalog): ExplainedMasks => new ExplainedMasks(catalog, labels, reveals);
  const statements = await resolved(context, sql, options, config, { listings, masks });
  if (statements.length === 0) throw new CliError("usage", "the text holds no statement");
  const explained = statements.map((one) => judged(one, set, principal, options, context));
  if (options.output === "table") show(context, explained, principal, options, set);
  else
    printData(
      context,
      options.output,
      explained.map(({ decisions: _, statement: __, ...data }) => ({
        source: offline ? "catalog" : "server",
        ...data,
      })),
    );
  return EXIT[worst(explained)];
}

interface Asked {
  readonly listings: ReturnType<typeof usableFolder>["listings"];
  readonly masks: (catalog: Catalog) => ExplainedMasks;
}

function resolved(
  context: CliContext,
  sql: string,
  { catalog, database, role }: ExplainOptions,
  { config }: ReturnType<typeof policyConfig>,
  { listings, masks }: Asked,
): Promise<readonly ResolvedText[]> {
  if (catalog !== undefined) {
    const saved = savedCatalog(context, catalog);
    if (database !== undefined && database !== saved.database)
      throw new CliError("usage", `${catalog} is of database "${saved.database}", not "${database}"`);
    const source = { ...offlineSource(saved, listings), masks: masks(saved) };
    return Resolver.open(source).then((resolver) => resolver.resolve(sql));
  }
  const named = database ?? onlyDatabase(config);
  if (config === undefined || named === undefined) {
    throw new CliError("usage", "no database is named", "give --database, or --catalog FILE");
  }
  const target = targetOf(config, named, role);
  return withServer(context, target, listings, async (source) =>
    (await Resolver.open({ ...source, masks: await learned(masks(source.catalog), source, target) })).resolve(sql),
  );
}

async function learned(
  masks: ExplainedMasks,
  { server, catalog }: Source,
  target: UpstreamTarget,
): Promise<ExplainedMasks> {
  const major = MAJORS.find((known) => known === Math.floor(catalog.serverVersion / 10_000));
  if (server === null || major === undefined) return masks;
  const grammar = await Grammar.load(major);
  await masks.learn(server, major, {
    trees: (texts) => treesOf(target, texts),
    rows: (sql) => rowsOf(target, sql),
    parse: async (text) => parseChecked(grammar, text),
  });
  return masks;
}

async function standardInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** One statement as json, yaml and jsonl have it, and what the table is made of. */
function judged(
  statement: ResolvedText,
  set: PolicySet,
  principal: PolicyPrincipal,
  options: ExplainOptions,
  cli: CliContext,
) {
  const { requests, hasWhere, matchesAll, notes } = statement;
  const context = { ...contextOf(options, cli), hasWhere, matchesAll };
  const decisions = requests.map((request) => set.decide(principal, request, context));
  const combined = combine(decisions);
  const verdict = statement.refusal === null ? combined.verdict : ("deny" as const);
  const refusal = statement.refusal ?? refusalOf(requests, decisions);
  return {
    sql: statement.text,
    class: statement.class,
    verdict,
    policies: statement.refusal === null ? combined.policies : [],
    policyVersion: set.version,
    requests: requests.map((request, index) => requestData(request, decisions[index])),
    refusal: refusal === null ? null : refusalData(refusal),
    masked: statement.masked,
    notes,
    decisions,
    statement,
  };
}

type Judged = ReturnType<typeof judged>;

function requestData(request: PolicyRequest, decision: Decision | undefined) {
  const { action, columns = [], through = [], setting, channel } = request;
  return {
    action,
    resource: resourceText(request.resource),
    columns,
    through,
    ...(setting === undefined ? {} : { setting }),
    ...(channel === undefined ? {} : { channel }),
    decision: decision?.verdict ?? "deny",
    policies: decision?.policies ?? [],
    reason: decision === undefined || decision.verdict === "permit" ? null : decision.reason,
  };
}

function refusalData({ sqlstate, code, message, detail, hint }: GatewayError) {
  return { sqlstate, code, message, detail: detail ?? null, hint: hint ?? null };
}

const WORDS = { permit: "permitted", deny: "denied", hold: "waits for approval" } as const;
const COLORS = { permit: "green", deny: "red", hold: "yellow" } as const;

function show(
  context: CliContext,
  explained: readonly Judged[],
  principal: PolicyPrincipal,
  { catalog, database }: ExplainOptions,
  set: PolicySet,
): void {
  const { out } = context;
  const groups = principal.groups.length === 0 ? "no group" : principal.groups.join(", ");
  const where =
    catalog === undefined
      ? `by the server's own tree${database === undefined ? "" : ` of ${database}`}`
      : `offline, by ${catalog}: an approximation of what the server would say`;
  const write = (text: string, first = "", other = first): void => hang(context, visible(text), first, other);
  write(`${principal.kind} ${principal.id} in ${groups}; policy ${set.version.slice(0, 12)}; ${where}`);
  for (const { sql, class: kind, verdict, refusal, decisions, statement } of explained) {
    out.write(`\n${visible(sql)}\n`);
    out.write(`${paint(out.color, COLORS[verdict], WORDS[verdict])} (${kind})\n`);
    for (const { text, first, other } of tree(statement, decisions, set)) write(text, first, other);
    for (const text of maskedLines(statement)) write(text, "  ", "    ");
    for (const text of statement.notes) write(text, "  note: ", "        ");
    if (refusal !== null)
      for (const [first, text] of refusalText(refusal)) write(text, first, " ".repeat(first.length));
  }
  if (explained.length > 1) note(context, `${explained.length} statements, each explained as if it were sent alone.`);
}

function maskedLines({ masked }: ResolvedText): readonly string[] {
  if (masked === null) return [];
  const columns = masked.columns.map(({ column, labels, mask, revealed }) => {
    return revealed
      ? `shown as it is: ${column} (${labels.join(", ")})`
      : `masked: ${column} (${labels.join(", ")}: ${mask})`;
  });
  return masked.sent === null ? columns : [...columns, `sent: ${masked.sent}`];
}

interface Branch {
  readonly text: string;
  /** Before the first line of it, and before those that it goes on in. */
  readonly first: string;
  readonly other: string;
}

function tree({ requests }: ResolvedText, decisions: readonly Decision[], set: PolicySet): readonly Branch[] {
  const branches = requests.flatMap((request, index) => {
    const decision = decisions[index];
    return decision === undefined ? [] : [explainDecision(request, decision, set.policies)];
  });
  return branches.flatMap((lines, index) => {
    const last = index === branches.length - 1;
    const trunk = last ? "    " : "  │ ";
    return lines.map((line, at) => {
      const text = line.trimStart();
      const indent = " ".repeat(line.length - text.length);
      return { text, first: `${at > 0 ? trunk : last ? "  └ " : "  ├ "}${indent}`, other: `${trunk}${indent}  ` };
    });
  });
}

/** On a terminal a long line goes on below itself; anywhere else it stays one. */
function hang({ out }: CliContext, text: string, first: string, other: string): void {
  const room = out.isTerminal && out.columns > 0 ? Math.max(20, out.columns - other.length) : Number.POSITIVE_INFINITY;
  const lines = wrap(text, room);
  out.write(lines.map((line, at) => `${at === 0 ? first : other}${line}\n`).join(""));
}

/** As psql shows it to the agent. */
function refusalText({
  sqlstate,
  message,
  detail,
  hint,
}: ReturnType<typeof refusalData>): readonly (readonly [first: string, text: string])[] {
  const lines = (label: string, text: string | null): readonly (readonly [string, string])[] =>
    (text ?? "").split("\n").flatMap((line, at) => {
      if (text === null) return [];
      return [[at === 0 ? `    ${label}:  ` : " ".repeat(label.length + 7), line] as const];
    });
  return [
    ["  ", "The agent would read:"],
    ...lines("ERROR", `${sqlstate}: ${message}`),
    ...lines("DETAIL", detail),
    ...lines("HINT", hint),
  ];
}

function worst(explained: readonly Judged[]): "ok" | "denied" | "pending" {
  if (explained.some(({ verdict }) => verdict === "deny")) return "denied";
  return explained.some(({ verdict }) => verdict === "hold") ? "pending" : "ok";
}
