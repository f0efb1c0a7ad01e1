/** A log that cannot be written: nothing may run, nothing that was taken is lost, and it goes on by itself. */

import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EntryBody } from "../../src/audit/entry.ts";
import { parseEntry, type StoredEntry } from "../../src/audit/entry-check.ts";
import type { AuditLog } from "../../src/audit/log.ts";
import { readEntries } from "../../src/audit/read.ts";
import { verifyLog } from "../../src/audit/verify.ts";
import { openLog, sessionEntries } from "../support/make-log.mjs";

let folder: string;
let data: string;
let log: AuditLog | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-failure-"));
  data = join(folder, "data");
});
afterEach(async () => {
  await log?.close("test ends");
  log = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const UNAVAILABLE = expect.objectContaining({ code: "AUDIT_UNAVAILABLE", sqlstate: "58030" });

/** Resolves when the log's state is `state`. */
async function reaches(opened: AuditLog, state: "ok" | "failed"): Promise<void> {
  const events = new EventEmitter();
  opened.onState((now) => events.emit(now));
  while (opened.state !== state) await once(events, state);
}

async function entriesOf(instance: string): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const { json } of readEntries(join(data, "log", instance), 0)) entries.push(parseEntry(json));
  return entries;
}

/** Closes the log and expects it to verify, with an entry for the interruption. @returns its entries. */
async function closeAndVerify(opened: AuditLog): Promise<StoredEntry[]> {
  await opened.close("test ends");
  expect((await verifyLog(join(data, "log"))).problems).toEqual([]);
  const entries = await entriesOf(opened.instance);
  expect(entries.filter(({ type }) => type === "alarm.log_interrupted").length).toBeGreaterThan(0);
  return entries;
}

/** Whatever would let a statement run throws; what settles one that ran is taken. */
async function expectNothingRuns(opened: AuditLog, session: EntryBody[]): Promise<void> {
  expect(() => opened.append(session[0]!)).toThrow(UNAVAILABLE);
  expect(() => opened.handOver()).toThrow(UNAVAILABLE);
  await expect(opened.whenDurable(0)).rejects.toEqual(UNAVAILABLE);
  await new Promise<void>((resolve) => {
    opened.afterHandOver((error) => {
      expect(error).toEqual(UNAVAILABLE);
      resolve();
    });
  });
}

const sessions = (from: number) => [...sessionEntries(from, 4)];

describe("a log of which a folder is taken away while it is open", () => {
  it.each(["journal", "log", "keys", "."])("fails until %s is back, and has lost nothing", async (part) => {
    const opened = await openLog(data);
    log = opened;
    const [opening, decided, finished, ...rest] = sessions(1);
    opened.append(opening!);
    await opened.whenDurable(opened.append(decided!));

    renameSync(join(data, part), join(folder, "away"));
    await reaches(opened, "failed");
    await expectNothingRuns(opened, sessions(2));
    const outcome = opened.append(finished!);
    renameSync(join(folder, "away"), join(data, part));
    await reaches(opened, "ok");
    for (const entry of rest) opened.append(entry);

    const entries = await closeAndVerify(opened);
    expect(entries[outcome]?.type).toBe("statement.finished");
  });
});

describe("a log whose journal is exchanged under it", () => {
  it("refuses the next hand-over", async () => {
    const opened = await openLog(data);
    log = opened;
    renameSync(join(data, "journal"), join(folder, "away"));
    mkdirSync(join(data, "journal"));
    await reaches(opened, "failed");

    expect(() => opened.handOver()).toThrow(UNAVAILABLE);
  });
});

describe("a log that was opened with a key", () => {
  it("keeps the key where only the owner can read it", async () => {
    log = await openLog(data);

    expect(statSync(join(data, "keys")).mode & 0o777).toBe(0o700);
    expect(statSync(join(data, "keys", "log.key")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(data, "keys", "log.key"), "latin1")).toContain("BEGIN PRIVATE KEY");
  });

  it("fails while the key's file is missing", async () => {
    const opened = await openLog(data);
    log = opened;
    renameSync(join(data, "keys", "log.key"), join(folder, "key"));
    await reaches(opened, "failed");
    renameSync(join(folder, "key"), join(data, "keys", "log.key"));

    await reaches(opened, "ok");
    await closeAndVerify(opened);
  });
});

/** A file system of its own, of a size in MiB; false where this process may not mount one. */
function mountSmall(path: string, sizeMib: number): boolean {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("a log on a disk that is full", () => {
  it("fails, and goes on with all it was given when there is space", async (context) => {
    if (!mountSmall(data, 40)) return context.skip();
    try {
      chmodSync(data, 0o700);
      const opened = await openLog(data);
      log = opened;
      const [opening, decided, finished, ...rest] = sessions(1);
      opened.append(opening!);
      await opened.whenDurable(opened.append(decided!));
      fill(join(data, "filler"));

      opened.append(finished!); // the disk is full when this is integrated, at the latest
      opened.handOver();
      await reaches(opened, "failed");
      await expectNothingRuns(opened, sessions(2));
      rmSync(join(data, "filler"));
      await reaches(opened, "ok");
      for (const entry of rest) opened.append(entry);

      const entries = await closeAndVerify(opened);
      expect(entries.filter(({ session }) => session !== undefined)).toHaveLength(sessions(1).length);
      log = undefined;
    } finally {
      execFileSync("umount", ["-l", data]);
    }
  });
});

/** Writes until the disk is full. */
function fill(path: string): void {
  const bytes = Buffer.alloc(256 * 1024, 1);
  for (const size of [bytes.length, 4096]) {
    try {
      for (;;) writeFileSync(path, bytes.subarray(0, size), { flag: "a" });
    } catch {
      // full, or full but for less than this
    }
  }
}
