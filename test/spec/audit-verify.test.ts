/** A log that was changed after it was written: whoever has only the folder is told what is wrong. */

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";
import { listFiles } from "../../src/audit/verify-files.ts";
import { appendEntries, openLog } from "../support/make-log.mjs";

/** Thousands of verifications. */
const LONG = { timeout: 300_000 };

let folder: string;
/** Copies of the log folder after the first, second and third run; the last is the present state. */
let states: string[];
let log: string;
/** A log of few entries, for many verifications. */
let small: string;
let instance: string;
let files: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-verify-"));
  const data = join(folder, "data");
  states = [];
  for (let run = 0; run < 3; run++) {
    const opened = await openLog(data);
    instance = opened.instance;
    await appendEntries(opened, 280);
    await opened.close("run ends");
    const copy = join(folder, `run-${run}`);
    cpSync(join(data, "log"), copy, { recursive: true });
    states.push(copy);
  }
  const few = await openLog(join(folder, "few"));
  await few.close("run ends");
  small = join(folder, "few", "log");
  log = join(folder, "log");
  cpSync(states[2]!, log, { recursive: true });
  files = [...listFiles(log)].sort();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Problems of the log after `change`; puts back what was there. */
async function problemsAfter(path: string, change: (path: string) => void, whole = log): Promise<readonly string[]> {
  const target = join(whole, path);
  const kept = `${target}-kept`;
  const aside = join(folder, "aside");
  cpSync(target, aside, { recursive: true });
  change(target);
  try {
    return (await verifyLog(whole)).problems;
  } finally {
    rmSync(target, { recursive: true, force: true });
    rmSync(kept, { recursive: true, force: true });
    cpSync(aside, target, { recursive: true });
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Whether one of the sentences names the file, or for one of a pair that does not agree, both. */
function expectNamed(problems: readonly string[], path: string, what: string): void {
  expect(
    problems.some((problem) => problem.includes(path)),
    `${what} ${path}: ${problems.join(" | ")}`,
  ).toBe(true);
}

/** A generator of numbers below `limit` that is the same in each run of the tests. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % limit;
  };
}

describe("a log that nobody has changed", () => {
  it("has no problems, in each state it was in", async () => {
    for (const state of [...states, log]) {
      const report = await verifyLog(state);

      expect(report.problems).toEqual([]);
      expect(report.ok).toBe(true);
      expect(report.logs.map(({ name }) => name)).toEqual([instance, "registry"].sort().toReversed());
    }
    expect(files.length).toBeGreaterThan(12);
  });

  it("is believed with the right key only", async () => {
    const vkey = readFileSync(join(log, instance, "log.vkey"), "utf8").trim();
    const other = "other.example+77a81d1d+ATFmtjDWYRsUKBUqQWGHHhhJnnb3WcVLSF9iD9NKJw5s";

    expect((await verifyLog(log, { keys: [vkey] })).warnings).toEqual([]);
    await expect(verifyLog(log, { keys: ["nonsense"] })).rejects.toThrow("not a verifier key");
    await expect(verifyLog(log, { keys: [other] })).rejects.toThrow("key id");
  });
});

describe("a log that is being written", () => {
  it("has no problems while it is, whatever the moment", LONG, async () => {
    const data = join(folder, "live");
    const opened = await openLog(data);
    let reading = true;
    const writing = (async () => {
      while (reading) {
        await appendEntries(opened, 100);
        await new Promise((resolve) => opened.afterHandOver(resolve));
      }
    })();
    for (let times = 0; times < 12; times++) expect((await verifyLog(join(data, "log"))).problems).toEqual([]);
    reading = false;
    await writing;
    await opened.close("run ends");

    expect((await verifyLog(join(data, "log"))).problems).toEqual([]);
  });
});

describe("a log of which one bit was flipped", () => {
  it("has the file named, for every byte of keys and checkpoints", LONG, async () => {
    const random = seeded(1);
    for (const path of [...listFiles(small)].filter((file) => /(checkpoint|log\.vkey)$/.test(file))) {
      const size = statSync(join(small, path)).size;
      for (let at = 0; at < size; at++) {
        const problems = await problemsAfter(path, (target) => flip(target, at, random(8)), small);
        expectNamed(problems, path, `byte ${at} of`);
      }
    }
  });

  it("has the file named, for bits all over bundles and tiles", LONG, async () => {
    const random = seeded(2);
    for (const path of files.filter((file) => file.includes("/tile/"))) {
      const size = statSync(join(log, path)).size;
      const places = [0, 1, 2, size - 1, ...Array.from({ length: 12 }, () => random(size))];
      for (const at of places) {
        const problems = await problemsAfter(path, (target) => flip(target, at, random(8)));
        expectNamed(problems, path, `byte ${at} of`);
      }
    }
  });
});

describe("a log of which a file is not whole", () => {
  it("has the file named when it was removed", async () => {
    for (const path of files) expectNamed(await problemsAfter(path, (target) => rmSync(target)), path, "without");
  });

  it("has the file named when it was cut or lengthened", async () => {
    for (const path of files) {
      const size = statSync(join(log, path)).size;
      for (const length of [0, Math.floor(size / 2), size - 1, size + 1]) {
        expectNamed(await problemsAfter(path, (target) => truncateSync(target, length)), path, `${length} bytes of`);
      }
    }
  });

  it("has a log named that was removed as a whole", async () => {
    expectNamed(await problemsAfter(instance, (target) => rmSync(target, { recursive: true })), instance, "without");
    expectNamed(
      await problemsAfter("registry", (target) => rmSync(target, { recursive: true })),
      "registry",
      "without",
    );
  });

  it("has files named that do not belong there", async () => {
    for (const path of ["stray", `${instance}/stray`, `${instance}/tile/0/9999`, `${instance}/tile/0/000.p/0`]) {
      cpSync(join(log, instance, "log.vkey"), join(log, path), { recursive: true });
      const { problems } = await verifyLog(log);
      rmSync(join(log, path));
      expectNamed(problems, path, "with");
    }
    rmSync(join(log, instance, "tile/0/000.p"), { recursive: true });
  });
});

describe("a log of which something was exchanged with an older copy", () => {
  it("has the file named, for each file that was another then", async () => {
    let exchanged = 0;
    for (const state of states.slice(0, 2)) {
      for (const path of [...listFiles(state)]) {
        if (!files.includes(path) || readFileSync(join(state, path)).equals(readFileSync(join(log, path)))) continue;
        const problems = await problemsAfter(path, (target) => cpSync(join(state, path), target));
        expectNamed(problems, path, "older");
        exchanged++;
      }
    }
    expect(exchanged).toBeGreaterThanOrEqual(4); // both checkpoints, from both earlier runs
  });

  it("has the instance's folder named when all of it is older", async () => {
    for (const state of states.slice(0, 2)) {
      const problems = await problemsAfter(instance, (target) => exchange(target, join(state, instance)));
      expectNamed(problems, `${instance}/checkpoint is an older one`, "older");
    }
  });

  it("has the registry named when all of it is older", async () => {
    for (const state of states.slice(0, 2)) {
      const problems = await problemsAfter("registry", (target) => exchange(target, join(state, "registry")));
      expectNamed(problems, "registry/checkpoint is an older one", "older");
    }
  });
});

function flip(path: string, at: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ (1 << bit);
  writeFileSync(path, bytes);
}

function exchange(target: string, copy: string): void {
  renameSync(target, `${target}-kept`);
  rmSync(`${target}-kept`, { recursive: true });
  cpSync(copy, target, { recursive: true });
}
