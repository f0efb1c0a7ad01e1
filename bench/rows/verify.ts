/**
 * How fast both verifiers read a log: the one that this very run wrote, or where no gateway ran, a sample made from the
 * specification. Runs after the gateway has stopped.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bench } from "../bench.ts";
import { writeSampleLog } from "../sample-log.ts";

export const VERIFY = "verifying the log";
const run = promisify(execFile);
/** Entries from which one reading is long enough to be steady. */
const LONG_LOG = 500_000;

export async function verify(bench: Bench): Promise<void> {
  const { options, projectPath, samples, gateway } = bench;
  const temporary = await mkdtemp(join(tmpdir(), "postern-bench-log-"));
  try {
    const written = gateway !== undefined && existsSync(gateway.logPath) ? gateway.logPath : undefined;
    const folder = written ?? join(temporary, "log");
    if (written === undefined) await writeSampleLog(folder, { statements: options.quick ? 500 : 100_000 });
    const entries = await countEntries(folder);
    bench.say(
      `${VERIFY}: ${entries.toLocaleString("en-US")} entries ${written === undefined ? "of a sample" : "of this run"}`,
    );
    const verifiers = [
      ["python", "python3", [join(projectPath, "verifier", "postern_verify.py"), folder]],
      ["node", process.execPath, [join(projectPath, "dist", "cli", "main.js"), "audit", "verify", folder]],
    ] as const;
    for (const [name, command, args] of verifiers) {
      if (name === "node" && !existsSync(args[0])) continue;
      for (let repetition = 0; repetition < (options.quick || entries > LONG_LOG ? 1 : 3); repetition++) {
        const startMs = performance.now();
        await run(command, args, { maxBuffer: 1 << 26 });
        samples.add(VERIFY, "entries/s", name, (entries * 1000) / (performance.now() - startMs));
      }
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** By the checkpoints' second lines. */
async function countEntries(folder: string): Promise<number> {
  let entries = 0;
  for (const name of await readdir(folder)) {
    entries += Number((await readFile(join(folder, name, "checkpoint"), "utf8")).split("\n")[1]);
  }
  return entries;
}
