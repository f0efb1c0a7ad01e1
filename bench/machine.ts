/** What the figures were measured on: without it they mean nothing. */

import { execFile } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";
import { clientProgram } from "./pgbench.ts";
import { pgbouncerVersion } from "./servers/pgbouncer.ts";

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly postgresql: string;
  readonly pgbench: string;
  readonly pgbouncer: string;
  /** Of the last minute before the run: above a fraction of a core, others were at work. */
  readonly loadBefore: number;
}

/** @param postgresql version of the server measured. */
export async function describeMachine(postgresql: string, loadBefore: number): Promise<Machine> {
  const { stdout } = await promisify(execFile)(clientProgram("pgbench"), ["--version"]);
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    postgresql,
    pgbench: /[\d.]+/.exec(stdout)?.[0] ?? "unknown",
    pgbouncer: await pgbouncerVersion(),
    loadBefore,
  };
}

export function currentLoad(): number {
  return loadavg()[0] ?? 0;
}
