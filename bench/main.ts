/** `npm run bench`: starts the servers, runs the rows one after the other, prints the tables, writes the JSON, leaves nothing behind. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Bench } from "./bench.ts";
import { CleanUp } from "./clean-up.ts";
import { currentLoad, describeMachine } from "./machine.ts";
import { type Options, type RowName, readOptions, USAGE } from "./options.ts";
import { topFunctions } from "./profile.ts";
import { goalsTable, judgeGoals, machineLine, otherTable, throughputTable } from "./report.ts";
import { approval } from "./rows/approval.ts";
import { attacks } from "./rows/attacks.ts";
import { bulk } from "./rows/bulk.ts";
import { connect } from "./rows/connect.ts";
import { detectors, detectorsTable } from "./rows/detectors.ts";
import { firstSeen } from "./rows/first-seen.ts";
import { latency } from "./rows/latency.ts";
import { memory } from "./rows/memory.ts";
import { slowReader } from "./rows/slow-reader.ts";
import { table } from "./rows/table.ts";
import { throughput, throughputOverTls } from "./rows/throughput.ts";
import { verify } from "./rows/verify.ts";
import { Samples } from "./samples.ts";
import { makeCertificate } from "./servers/certificate.ts";
import { profilesIn, type RunningGateway, startGateway } from "./servers/gateway.ts";
import { makeIssuer } from "./servers/issuer.ts";
import { startPgbouncer } from "./servers/pgbouncer.ts";
import { startPostgres } from "./servers/postgres.ts";
import { type RunningTarget, TargetUnavailable } from "./target.ts";

const ROWS: Readonly<
  Record<Exclude<RowName, "verify" | "tls" | "table" | "bulk" | "approval">, (bench: Bench) => Promise<void>>
> = {
  throughput,
  latency,
  "first-seen": firstSeen,
  attacks,
  connect,
  memory,
  "slow-reader": slowReader,
  detectors,
};

/** @param args after the script's name. @returns the exit status. */
export async function main(projectPath: string, args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  return (await runBench(projectPath, options)) ? 0 : 1;
}

/** @returns whether every row was measured. */
async function runBench(projectPath: string, options: Options): Promise<boolean> {
  const loadBefore = currentLoad();
  // In order of their end: last started, first stopped, whatever happens in between.
  await using cleanUp = new CleanUp();
  onSignal(cleanUp);
  const bulkRows = options.quick ? 10_000 : 1_000_000;
  say(`Starting PostgreSQL with pgbench's tables and ${bulkRows.toLocaleString("en-US")} rows more`);
  const certificate = await makeCertificate();
  const server = await startPostgres(options.quick ? 8 : 32, bulkRows, certificate);
  cleanUp.defer(() => server.stop());
  const machine = await describeMachine(server.version, loadBefore);
  say(machineLine(machine));

  const issuer = await makeIssuer();
  const profilePath = options.profile ? await mkdtemp(join(tmpdir(), "postern-bench-profile-")) : undefined;
  const pgbouncer = options.targets.includes("pgbouncer")
    ? await orNone("pgbouncer", startPgbouncer(server.target, certificate), cleanUp)
    : undefined;
  const gatewayOptions = {
    projectPath,
    upstream: server,
    issuer,
    ...(profilePath === undefined ? {} : { profilePath }),
  };
  const wanted = options.targets.includes("postern");
  const gateway = wanted ? await orNone<RunningGateway>("postern", startGateway(gatewayOptions), cleanUp) : undefined;
  if (gateway !== undefined) cleanUp.defer(() => gateway.stop().then(() => gateway.remove()));

  const direct = options.targets.includes("direct") ? [server.target] : [];
  const samples = new Samples();
  const bench: Bench = {
    options,
    projectPath,
    targets: [...direct, ...[pgbouncer, gateway].flatMap((running) => (running === undefined ? [] : [running.target]))],
    tlsTargets: [],
    server,
    gateway,
    bulkRows,
    samples,
    say,
  };
  let complete = true;
  // What was measured by then is not lost with a row that fails.
  const tryRow = async (row: RowName, measure: () => Promise<void>): Promise<void> => {
    try {
      await measure();
    } catch (error) {
      complete = false;
      say(`FAILED: ${row}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const row of options.rows) {
    if (row === "verify") continue;
    if (row === "tls")
      await tryRow(row, () => withTls(bench, pgbouncer, () => startGateway({ ...gatewayOptions, certificate })));
    else if (row === "table")
      await tryRow(row, () => table(bench, (served) => startGateway({ ...gatewayOptions, served })));
    else if (row === "approval")
      await tryRow(row, () => approval(bench, (served) => startGateway({ ...gatewayOptions, served })));
    else if (row === "bulk")
      await tryRow(row, () => bulk(bench, () => startGateway({ ...gatewayOptions, detectors: "always" })));
    else await tryRow(row, () => ROWS[row](bench));
  }
  await gateway?.stop();
  if (options.rows.includes("verify")) await tryRow("verify", () => verify(bench));
  await report(bench, machine, profilePath);
  return complete;
}

/** A target that cannot start is left out, and who reads the figures is told. */
async function orNone<T extends RunningTarget>(
  name: string,
  starting: Promise<T>,
  cleanUp: CleanUp,
): Promise<T | undefined> {
  try {
    const running = await starting;
    cleanUp.defer(() => running.stop());
    return running;
  } catch (error) {
    if (!(error instanceof TargetUnavailable)) throw error;
    say(`SKIPPED: ${name}: ${error.message}`);
    return undefined;
  }
}

/** The TLS row has a gateway of its own: a listener takes TLS or plain text, never both. */
async function withTls(
  bench: Bench,
  pgbouncer: RunningTarget | undefined,
  start: () => Promise<RunningGateway>,
): Promise<void> {
  await using cleanUp = new CleanUp();
  const gateway = bench.gateway === undefined ? undefined : await orNone("postern over TLS", start(), cleanUp);
  if (gateway !== undefined) cleanUp.defer(() => gateway.stop().then(() => gateway.remove()));
  const direct = bench.targets.filter((target) => target.name === "direct");
  const hops = [pgbouncer, gateway].flatMap((running) => (running === undefined ? [] : [running.target]));
  await throughputOverTls({ ...bench, tlsTargets: [...direct, ...hops] });
}

async function report(
  bench: Bench,
  machine: Awaited<ReturnType<typeof describeMachine>>,
  profilePath: string | undefined,
): Promise<void> {
  const { samples, options } = bench;
  const reached = judgeGoals(samples);
  const goals = options.quick ? [] : [goalsTable(reached, samples)];
  const tables = [throughputTable(samples), otherTable(samples), detectorsTable(samples), ...goals].filter(Boolean);
  process.stdout.write(
    `\n${machineLine(machine)}\nMedians of ${options.repetitions} interleaved repetitions.\n\n${tables.join("\n\n")}\n`,
  );
  if (options.quick) process.stdout.write("\nA quick run: it shows that the bench works, its figures mean nothing.\n");
  if (profilePath !== undefined) {
    for (const profile of (await profilesIn(profilePath)).slice(0, 4))
      process.stdout.write(`\n${topFunctions(profile, 30)}\n`);
    await rm(profilePath, { recursive: true, force: true });
  }
  const document = { machine, options, at: new Date().toISOString(), reached, samples: samples.all };
  await writeFile(resolve(options.jsonPath), `${JSON.stringify(document, null, 2)}\n`);
  say(`Figures written to ${options.jsonPath}`);
}

/** Ctrl-C ends the servers too. They would end with us anyway; this way their folders go at once. */
function onSignal(cleanUp: CleanUp): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void cleanUp[Symbol.asyncDispose]().finally(() => process.exit(130)));
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
