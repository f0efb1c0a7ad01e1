/** `postern policy simulate`: what candidate policies would have decided of the statements on record. Changes nothing. */

import type { Command } from "commander";
import type { Catalog } from "../../analysis/catalog.ts";
import { resourceText } from "../../analysis/requests.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printData, show } from "../output.ts";
import { listed } from "../policy/asker.ts";
import { policyConfig, readPolicyFolder, usableFolder } from "../policy/folder.ts";
import { groupsOf, logSource } from "../policy/log-source.ts";
import { type RecordedStatement, recordedStatements } from "../policy/recorded.ts";
import { type Redecided, Simulation, type Verdict } from "../policy/simulate.ts";
import { savedCatalog } from "../policy/source.ts";
import { formatTable } from "../table.ts";
import { visible } from "../text.ts";
import { count } from "./sessions.ts";

interface SimulateOptions extends ConfigOptions, FormatOptions {
  readonly from?: string;
  readonly policy?: string;
  readonly groups?: readonly string[];
  readonly catalog: readonly string[];
  readonly limit: number;
}

export function addPolicySimulate(group: Command, context: CliContext): void {
  const command = group
    .command("simulate")
    .summary("decide recorded statements again by other policies")
    .description(
      "Decides the statements of the audit log again by the policies of a folder: what would be newly denied, held or allowed, by which policy, and how many approvals a day that would ask for. Says which statements could not be decided again, and of which an older gateway recorded no groups: those of the upstream role's configuration stand for them then.",
    )
    .option("--from <log-or-time>", "a log's folder, a time, or how long ago: 7d (default: all of --config's log)")
    .option("--policy <folder>", "the candidate (default: the policy of --config)")
    .option("--groups <groups>", "as if everyone on record were in these groups, separated by commas", listed)
    .option(
      "--catalog <file...>",
      "catalogs that policy catalog save wrote, for views and kinds of relations in older entries",
    )
    .option("--limit <number>", "how many changes are listed at most", count, 50)
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((options: SimulateOptions) => simulate(context, { ...options, catalog: options.catalog ?? [] }));
  examples(command, [
    ["postern policy simulate --from 7d --policy ./candidate", "the last week by other policies"],
    ["postern policy simulate --from ./postern-data/log --policy ./candidate -o json", "all of a log, for programs"],
  ]);
}

/** Statements of one form, one principal and one change are told once. */
interface Change {
  readonly entry: string;
  readonly at: string;
  readonly principal: string;
  readonly database: string;
  readonly class: string;
  readonly requests: readonly string[];
  readonly before: Verdict;
  readonly after: Verdict;
  readonly policies: readonly string[];
  statements: number;
}

async function simulate(context: CliContext, options: SimulateOptions): Promise<void> {
  const config = policyConfig(context, options.config, false);
  const { set } = usableFolder(context, readPolicyFolder(context, options.policy, config, options.config), config);
  const { folder, sinceMs } = logSource(context, options.from, options.config);
  const catalogs = new Map(
    options.catalog.map((file): [string, Catalog] => {
      const catalog = savedCatalog(context, file);
      return [catalog.database, catalog];
    }),
  );
  const simulation = new Simulation(set, catalogs);
  const tally = new Tally(options.groups !== undefined);
  for await (const statement of recordedStatements(folder, sinceMs)) {
    tally.add(statement, simulation.decide(statement, groupsOf(statement, config.config, options.groups)));
  }
  if (tally.total === 0)
    throw new CliError(
      "failed",
      `no statement is on record in ${folder} since then`,
      "postern audit tail shows what is",
    );
  const report = { log: folder, policyVersion: set.version, ...tally.report() };
  if (options.output !== "table") printData(context, options.output, report);
  else print(context, report, options.limit);
}

class Tally {
  readonly #changes = new Map<string, Change>();
  readonly #byPolicy = new Map<string, Record<Verdict, number>>();
  readonly #lacking = new Map<string, number>();
  readonly #groupsGiven: boolean;
  readonly #counts = { newlyDenied: 0, newlyHeld: 0, newlyAllowed: 0, unchanged: 0, notRecomputed: 0 };
  #held = 0;
  #groupsTaken = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  total = 0;

  /** @param groupsGiven by the command line: then none are taken for others. */
  constructor(groupsGiven: boolean) {
    this.#groupsGiven = groupsGiven;
  }

  add(statement: RecordedStatement, again: Redecided): void {
    this.total++;
    if (again.lacking === null && statement.groups === null && !this.#groupsGiven) this.#groupsTaken++;
    this.#firstMs = Math.min(this.#firstMs, statement.timeMs);
    this.#lastMs = Math.max(this.#lastMs, statement.timeMs);
    if (again.lacking !== null) {
      this.#counts.notRecomputed++;
      this.#lacking.set(again.lacking, (this.#lacking.get(again.lacking) ?? 0) + 1);
      return;
    }
    const { before, after, policies } = again;
    if (after === "hold") this.#held++;
    for (const id of policies) {
      const counts = this.#byPolicy.get(id) ?? { permit: 0, hold: 0, deny: 0 };
      counts[after]++;
      this.#byPolicy.set(id, counts);
    }
    if (before === after) this.#counts.unchanged++;
    else this.#changed(statement, before, after, policies);
  }

  #changed(statement: RecordedStatement, before: Verdict, after: Verdict, policies: readonly string[]): void {
    this.#counts[({ deny: "newlyDenied", hold: "newlyHeld", permit: "newlyAllowed" } as const)[after]]++;
    const { entry, id: principal, database, requests, fingerprint } = statement;
    const key = JSON.stringify([fingerprint, principal, database, before, after, policies]);
    const known = this.#changes.get(key);
    if (known !== undefined) {
      known.statements++;
      return;
    }
    const touched = [...new Set(requests.map(({ action, resource }) => `${action} ${resourceText(resource)}`))];
    const at = new Date(statement.timeMs).toISOString();
    this.#changes.set(key, {
      entry,
      at,
      principal,
      database,
      class: statement.class,
      requests: touched,
      before,
      after,
      policies,
      statements: 1,
    });
  }

  report() {
    const days = (this.#lastMs - this.#firstMs) / 86_400_000;
    return {
      from: new Date(this.#firstMs).toISOString(),
      to: new Date(this.#lastMs).toISOString(),
      statements: this.total,
      ...this.#counts,
      groupsTaken: this.#groupsTaken,
      // A forecast from less than a day would be a guess about the hours that are missing.
      holds: { statements: this.#held, perDay: days < 1 ? null : Math.round((this.#held / days) * 10) / 10 },
      lacking: [...this.#lacking].map(([reason, statements]) => ({ reason, statements })),
      byPolicy: [...this.#byPolicy]
        .map(([policy, counts]) => ({ policy, ...counts }))
        .sort((a, b) => (a.policy < b.policy ? -1 : 1)),
      changes: [...this.#changes.values()].sort((a, b) => b.statements - a.statements),
    };
  }
}

type SimulationReport = ReturnType<Tally["report"]> & { readonly log: string; readonly policyVersion: string };

function print(context: CliContext, report: SimulationReport, limit: number): void {
  const { out } = context;
  out.write(
    `${report.statements} statements, ${report.from} to ${report.to}, by policy ${report.policyVersion.slice(0, 12)}:\n`,
  );
  const rows: readonly (readonly [string, number])[] = [
    ["newly denied", report.newlyDenied],
    ["newly held", report.newlyHeld],
    ["newly allowed", report.newlyAllowed],
    ["unchanged", report.unchanged],
    ["not decided again", report.notRecomputed],
  ];
  for (const [words, number] of rows) out.write(`  ${words.padEnd(18)}${number}\n`);
  for (const { reason, statements } of report.lacking) out.write(`    ${statements}: ${visible(reason)}\n`);
  if (report.groupsTaken > 0)
    out.write(`  ${report.groupsTaken} recorded without groups: taken to be in those of their upstream role\n`);
  const { statements, perDay } = report.holds;
  out.write(
    `  approvals asked for ${statements}${perDay === null ? " (less than a day on record: no forecast)" : `, about ${perDay} a day`}\n`,
  );
  if (report.byPolicy.length > 0) {
    const lines = report.byPolicy.map(({ policy, permit, hold, deny }) => [policy, permit, hold, deny].map(show));
    out.write(`\n${formatTable(["POLICY", "PERMITS", "HOLDS", "DENIES"], lines, out)}`);
  }
  if (report.changes.length === 0) return;
  const changes = report.changes
    .slice(0, limit)
    .map((change) => [
      ...[
        change.statements,
        `${change.before} -> ${change.after}`,
        change.policies,
        change.principal,
        change.requests,
        change.entry,
      ].map(show),
    ]);
  out.write(`\n${formatTable(["COUNT", "CHANGE", "BY", "PRINCIPAL", "TOUCHES", "FIRST ENTRY"], changes, out)}`);
  if (report.changes.length > limit)
    note(context, `${report.changes.length - limit} more kinds of changes: --limit, or -o json.`);
}
