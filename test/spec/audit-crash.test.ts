/** A gateway that is killed under load: what it let run is on record, and the next start leaves nothing open. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { entryParts, entryText } from "../../src/audit/entry.ts";
import { parseEntry, type StoredEntry } from "../../src/audit/entry-check.ts";
import { findFrame, writtenEnd } from "../../src/audit/frame.ts";
import { Journal } from "../../src/audit/journal.ts";
import { readEntries } from "../../src/audit/read.ts";
import { segmentPath } from "../../src/audit/segment.ts";
import { Timestamps } from "../../src/audit/timestamp.ts";
import { verifyLog } from "../../src/audit/verify.ts";
import { systemClock } from "../../src/base/clock.ts";
import { appendEntries, openLog, sessionEntries } from "../support/make-log.mjs";

/** Kills in the short form, and with POSTERN_TEST_LONG set. */
const KILLS = process.env["POSTERN_TEST_LONG"] === undefined ? 6 : 60;
const WRITER = fileURLToPath(new URL("../support/audit-writer.mjs", import.meta.url));

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "postern-crash-"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

/** Runs the writer until it has let `statements` run, then kills it. @returns the indexes of the intents it let run. */
async function writeAndKill(statements: number): Promise<number[]> {
  const writer: ChildProcess = spawn(process.execPath, [WRITER, data], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(writer, "exit");
  const ran: number[] = [];
  for await (const line of createInterface({ input: writer.stdout! })) {
    const [, index] = /^[kd] (\d+)$/.exec(line) ?? [];
    if (index !== undefined) ran.push(Number(index));
    if (ran.length === statements) writer.kill("SIGKILL"); // lines that are in the pipe already still count
  }
  await ended;
  return ran;
}

async function entriesOf(instance: string): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const { json } of readEntries(join(data, "log", instance), 0)) entries.push(parseEntry(json));
  return entries;
}

/** Opens and closes the log, and gives all of its entries. @throws where it does not verify. */
async function restart(): Promise<StoredEntry[]> {
  const log = await openLog(data);
  await log.close("restarted");
  expect((await verifyLog(join(data, "log"))).problems).toEqual([]);
  return entriesOf(log.instance);
}

describe("a gateway that is killed while statements run", () => {
  it("has an intent on record for each one it let run, and closes each after its restart", {
    timeout: 300_000,
  }, async () => {
    const ran: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      ran.push(...(await writeAndKill(1 + kill * 37)));
      expect((await verifyLog(join(data, "log"))).problems).toEqual([]); // as the kill has left it

      const entries = await restart();

      for (const index of ran) expect(entries[index]?.type).toBe("statement.decided");
      expect(unfinished(entries)).toEqual([]);
      expect(entries.filter(({ type }) => type === "journal.recovered")).toHaveLength(kill + 1);
    }
    const unknown = (await restart()).filter((entry) => entry["outcome"] === "unknown");
    expect(unknown.length).toBeGreaterThan(0);
  });
});

/** Permitted statements without an outcome, and sessions without an end. */
function unfinished(entries: readonly StoredEntry[]): string[] {
  const open = new Set<string>();
  for (const { type, session, sessionSeq, verdict, statement } of entries) {
    if (type === "statement.decided" && verdict === "permitted") open.add(`${session} ${sessionSeq}`);
    if (type === "statement.finished") open.delete(`${session} ${statement}`);
    if (type === "session.opened") open.add(`${session}`);
    if (type === "session.closed") open.delete(`${session}`);
  }
  return [...open];
}

describe("a journal with a torn tail", () => {
  /** Leaves entries in the journal that are in no tile, as a kill does: a frame for every five. @returns their segment. */
  async function leaveJournal(): Promise<string> {
    mkdirSync(join(data, "journal"));
    const fail = (cause: unknown) => expect.fail(String(cause));
    const options = { folder: join(data, "journal"), firstSeq: 0, segmentBytes: 256 * 1024 };
    const journal = new Journal({ ...options, onDurable: () => {}, onFailure: fail });
    await journal.start();
    const timestamps = new Timestamps(systemClock, 0);
    for (const entry of sessionEntries(1, 22)) {
      journal.append(entryText(entryParts(entry), journal.next, timestamps.next()), 65_535);
      if (journal.next % 5 === 0) journal.handOver();
    }
    await journal.close(); // what is behind the last five was not handed over: the session is open still
    return segmentPath(options.folder, 0);
  }

  /** Offset of the frame whose first entry is `seq`. */
  function frameOf(segment: string, seq: number): number {
    return findFrame(readFileSync(segment), 0, (firstSeq) => firstSeq === seq)!;
  }

  /** The entry that says what was recovered. */
  async function recovered(): Promise<StoredEntry> {
    const entries = await restart();
    expect(unfinished(entries)).toEqual([]);
    return entries.find(({ type }) => type === "journal.recovered")!;
  }

  it("has its sessions closed where nothing was torn", async () => {
    await leaveJournal();

    expect(await recovered()).toMatchObject({ cutBytes: 0, replayed: 45, sessionsClosed: 1 });
  });

  it("loses the write that had not ended, and an entry says how much was cut", async () => {
    const segment = await leaveJournal();
    const bytes = readFileSync(segment);
    bytes.set([0, 0, 2, 0, 1, 2, 3, 4, 5], writtenEnd(bytes, 0));
    writeFileSync(segment, bytes);

    expect(await recovered()).toMatchObject({ cutBytes: 9, replayed: 45 });
  });

  it("is cut to the last whole write, wherever it was torn", async () => {
    const segment = await leaveJournal();
    const last = frameOf(segment, 40);
    const end = writtenEnd(readFileSync(segment), 0);

    for (const length of [end - 1, last + 100, last + 17, last + 15, last + 3]) {
      const before = readFileSync(segment);
      truncateSync(segment, length);
      const cutBytes = writtenEnd(readFileSync(segment), 0) - last;
      expect(await recovered()).toMatchObject({ replayed: 40, cutBytes });
      rmSync(data, { recursive: true });
      mkdirSync(join(data, "journal"), { recursive: true });
      writeFileSync(segment, before);
    }
  });

  it("keeps the rest in a file where whole writes stand behind a damaged one", async () => {
    const segment = await leaveJournal();
    flipByte(segment, frameOf(segment, 20) + 100);

    const { replayed, kept, cutBytes } = await recovered();

    expect(replayed).toBe(20);
    expect(readFileSync(join(data, "journal", String(kept))).length).toBe(cutBytes);
  });
});

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

describe("a data folder", () => {
  it("is opened by one process at a time, and after a kill by the next", { timeout: 120_000 }, async () => {
    const writer = spawn(process.execPath, [WRITER, data], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(writer, "exit");
    await once(createInterface({ input: writer.stdout! }), "line");

    await expect(openLog(data)).rejects.toThrow(`in use by process ${writer.pid}`);
    writer.kill("SIGKILL");
    writer.stdout!.destroy();
    await ended;

    const log = await openLog(data);
    await expect(openLog(data)).rejects.toThrow("open in this process already");
    await log.close("test ends");
  });

  it("keeps its log across runs, with the same key and origin", async () => {
    const first = await openLog(data);
    await appendEntries(first, 10);
    await first.close("first run");
    const second = await openLog(data);
    await second.close("second run");

    const entries = await entriesOf(second.instance);

    expect(second.origin).toBe(first.origin);
    expect(entries.map(({ type }) => type).filter((type) => /^(gateway|key)/.test(type))).toEqual([
      "key.created",
      "gateway.started",
      "gateway.stopped",
      "gateway.started",
      "gateway.stopped",
    ]);
  });

  it("is not opened with another key, or without the one it was signed with", async () => {
    const log = await openLog(data);
    for (const entry of sessionEntries(1, 3)) log.append(entry);
    await log.close("first run");
    const key = join(data, "keys", "log.key");
    const kept = readFileSync(key);

    rmSync(key);
    await expect(openLog(data)).rejects.toThrow("keys/log.key is missing");
    appendFileSync(key, "nonsense");
    await expect(openLog(data)).rejects.toThrow("the audit log cannot be opened");
    writeFileSync(key, kept);
    await (await openLog(data)).close("again");
  });
});
