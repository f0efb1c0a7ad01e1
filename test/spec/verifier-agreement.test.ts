/** Logs that the gateway's own code wrote, before both verifiers: src/audit/verify.ts and verifier/postern_verify.py agree on each. */

import { execFile, spawn, spawnSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";

const PROJECT = join(import.meta.dirname, "../..");
const withPython = describe.skipIf(spawnSync("python3", ["--version"]).status !== 0);

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "postern-agreement-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Runs the sample-log generator over a data folder. @returns its exit code, null where it killed itself. */
function makeLog(data: string, ...args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [join(PROJECT, "test/support/make-log.mjs"), data, ...args], {
    stdio: "ignore",
  });
  return new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve));
}

async function pythonFindings(folder: string): Promise<readonly string[]> {
  const run = promisify(execFile)("python3", ["-B", join(PROJECT, "verifier/postern_verify.py"), folder]);
  const output = await run.catch((error: { code?: number; stdout?: string }) => {
    if (error.code !== 1 || error.stdout === undefined) throw error;
    return { stdout: error.stdout };
  });
  return output.stdout.startsWith("All is well") ? [] : output.stdout.trimEnd().split("\n");
}

withPython("a log that a gateway wrote in three runs", () => {
  let folder: string;
  let files: readonly string[];
  beforeAll(async () => {
    const data = join(scratch, "ordinary");
    expect(await makeLog(data, "1200", "--runs", "3")).toBe(0);
    folder = join(data, "log");
    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    files = found
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(folder.length + 1));
  });

  it("verifies in both verifiers", async () => {
    expect((await verifyLog(folder)).problems).toEqual([]);
    expect(await pythonFindings(folder)).toEqual([]);
  });

  it.each([
    ["has one bit flipped", flipMiddleBit],
    ["is removed", (path: string) => rm(path)],
    ["is cut in half", async (path: string) => truncate(path, Math.floor((await readFile(path)).length / 2))],
  ])("is named by both where any one of its files %s", async (_, damage) => {
    const copy = join(scratch, "copy");
    await cp(folder, copy, { recursive: true });
    for (const file of files) {
      await damage(join(copy, file));

      const [ours, theirs] = [await verifyLog(copy), await pythonFindings(copy)];

      expect(ours.problems, file).toContainEqual(expect.stringContaining(file));
      expect(theirs, file).toContainEqual(expect.stringContaining(file));
      await cp(join(folder, file), join(copy, file));
    }
    await rm(copy, { recursive: true });
  });
});

async function flipMiddleBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  await writeFile(path, bytes);
}

withPython("a log whose gateway was killed", () => {
  it("verifies in both before and after it was started again", async () => {
    const data = join(scratch, "killed");
    for (const args of [["2000"], ["2000", "--kill"], ["500"]]) {
      expect(await makeLog(data, ...args)).toBe(args.includes("--kill") ? null : 0);

      expect((await verifyLog(join(data, "log"))).problems).toEqual([]);
      expect(await pythonFindings(join(data, "log"))).toEqual([]);
    }
  });
});
