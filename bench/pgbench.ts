/** Runs pgbench and reads what it says. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "./target.ts";

const run = promisify(execFile);
const DEBIAN = "/usr/lib/postgresql";

/** psql or pgbench: Debian's newest, else the one on PATH (npm's binaries bring the server only). */
export function clientProgram(name: "psql" | "pgbench"): string {
  const { PATH = "" } = process.env;
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...majors.map((major) => join(DEBIAN, major, "bin")), ...PATH.split(delimiter)];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`${name} is not installed (Debian's package postgresql-contrib or postgresql-client brings it)`);
  return found;
}

export interface Load {
  readonly script: "select-only" | "tpcb-like";
  readonly mode: "simple" | "extended" | "prepared";
  readonly clients: number;
  /** How long, or how many transactions of each client: a busy machine may do none in a second. */
  readonly extent: { readonly seconds: number } | { readonly transactions: number };
  readonly tls?: boolean;
}

export interface LoadResult {
  /** Without the time to connect. */
  readonly transactionsPerSecond: number;
  readonly transactions: number;
}

/** @throws {Error} when pgbench ends in failure or a transaction failed. */
export async function pgbench(target: Target, load: Load): Promise<LoadResult> {
  return parse(await start(target, load, []));
}

/** The latency of each transaction of one client, in microseconds. */
export async function pgbenchLatencies(target: Target, load: Load): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "postern-bench-latency-"));
  try {
    await start(target, load, ["--log", "--log-prefix", join(folder, "transactions")]);
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
    // "client transaction latency script epoch microseconds", PostgreSQL 18 docs, pgbench, "Per-Transaction Logging"
    return texts.flatMap((text) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => Number(line.split(" ")[2])),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(target: Target, load: Load, more: readonly string[]): Promise<string> {
  const threads = Math.min(load.clients, availableParallelism());
  const { extent } = load;
  const length = "seconds" in extent ? ["-T", String(extent.seconds)] : ["-t", String(extent.transactions)];
  const what = ["-n", "-b", load.script, "-M", load.mode, "-c", String(load.clients), "-j", String(threads), ...length];
  const where = ["-h", target.host, "-p", String(target.port), "-U", target.user, target.database];
  const env = {
    ...process.env,
    PGPASSWORD: target.password,
    PGSSLMODE: load.tls === true ? "require" : "disable",
    LC_ALL: "C",
  };
  const { stdout } = await run(clientProgram("pgbench"), [...what, ...more, ...where], { env, maxBuffer: 1 << 24 });
  return stdout;
}

function parse(output: string): LoadResult {
  const rate = /^tps = ([\d.]+) \(without initial connection time\)/m.exec(output)?.[1];
  const count = /^number of transactions actually processed: (\d+)/m.exec(output)?.[1];
  const failed = /^number of failed transactions: (\d+)/m.exec(output)?.[1];
  if (rate === undefined || count === undefined || failed !== "0")
    throw new Error(`pgbench did not finish cleanly: ${output}`);
  return { transactionsPerSecond: Number(rate), transactions: Number(count) };
}
