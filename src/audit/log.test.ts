import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../base/clock.ts";
import { parseEntry, type StoredEntry } from "./entry-check.ts";
import { AuditLog, type AuditLogOptions } from "./log.ts";
import { readEntries } from "./read.ts";
import { verifyLog } from "./verify.ts";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const alarm = (detail: string) => ({ type: "alarm.raised", name: "test", detail }) as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-audit-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(options: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  return AuditLog.open({
    folder,
    gatewayName: "gw",
    clock: systemClock,
    durability: "default",
    logger: quiet,
    ...options,
  });
}

/** Synchronous: the log hands over by itself in a later turn of the event loop. */
function journalHas(text: string): boolean {
  return readFileSync(join(folder, "journal", "0000000000000000.seg")).includes(text);
}

async function entriesOf(log: AuditLog): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const { json } of readEntries(join(folder, "log", log.instance), 0)) entries.push(parseEntry(json));
  return entries;
}

describe("an audit log that is open", () => {
  it("has an entry in the journal's file once it is handed over, and not before", async () => {
    const log = await open();

    const index = log.append(alarm("planted détail"));
    const before = journalHas(`"seq":${index},`);
    log.handOver();

    expect(before).toBe(false);
    expect(journalHas(`"detail":"planted détail","name":"test","seq":${index},"ts":"`)).toBe(true);
    await log.whenDurable(index);
    await log.close("test ends");
  });

  it("hands over once for all who ask in one turn of the event loop", async () => {
    const log = await open();
    const handOver = vi.spyOn(log, "handOver");

    const indexes = ["a", "b", "c"].map((detail) => log.append(alarm(detail)));
    await Promise.all(indexes.map(() => new Promise<void>((resolve) => log.afterHandOver(() => resolve()))));

    expect(handOver).toHaveBeenCalledTimes(1);
    await log.close("test ends");
  });

  it("brings what nobody waits for to the disk by itself", async () => {
    const log = await open();

    const index = log.append(alarm("nobody waits"));

    await vi.waitUntil(() => journalHas(`"seq":${index},`), { timeout: 10_000 });
    await log.close("test ends");
  });

  it("calls back when the entry is on disk, under strict for reads too", async () => {
    let flushes = 0;
    const log = await open({ durability: "strict", onFlush: () => flushes++ });
    const before = flushes;

    log.append(alarm("read"));
    const flushesThen = await new Promise<number>((resolve) => log.afterHandOver(() => resolve(flushes)));

    expect(flushesThen + 1).toBeGreaterThan(before); // the flush that covers it has ended, its report comes after
    await log.close("test ends");
    expect(flushes).toBeGreaterThan(before);
  });

  it("refuses an entry over 65,535 bytes and writes nothing of it", async () => {
    const log = await open();
    const size = log.size;

    expect(() => log.append(alarm("x".repeat(65_500)))).toThrow(
      expect.objectContaining({ code: "STATEMENT_OVER_LIMIT" }),
    );
    expect(() => log.append(alarm("é".repeat(33_000)))).toThrow("over the limit of 65535");
    expect(log.append(alarm("x".repeat(65_000)))).toBe(size);

    await log.close("test ends");
    expect((await verifyLog(join(folder, "log"))).problems).toEqual([]);
  });

  it("tells once that the clock was set back, and goes on in time", async () => {
    let backMicros = 0;
    const clock: Clock = { ...systemClock, nowMicros: () => systemClock.nowMicros() - backMicros };
    const log = await open({ clock });
    backMicros = 3600e6;
    for (const detail of ["a", "b"]) log.append(alarm(detail));
    await log.close("test ends");

    const entries = await entriesOf(log);
    expect(entries.filter(({ type }) => type === "alarm.clock_stepped")).toHaveLength(1);
    expect((await verifyLog(join(folder, "log"))).problems).toEqual([]);
  });

  it("gives a sign of life each minute, with counters and the state of the registry", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const log = await open({ counters: () => ({ statements: 7 }) });
    const size = log.size;
    const grown = vi.waitUntil(() => log.size > size, { timeout: 10_000 });
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    await grown;
    await log.close("test ends");

    const beat = (await entriesOf(log)).find(({ type }) => type === "gateway.heartbeat");
    expect(beat).toMatchObject({ counters: { statements: 7 }, registry: { size: 2 } });
    expect((await verifyLog(join(folder, "log"))).problems).toEqual([]);
  });

  it("refuses a gateway's name or an instance that cannot be part of an origin", async () => {
    await expect(open({ gatewayName: "my gateway" })).rejects.toThrow("no white space");
    await expect(open({ instance: "../one" })).rejects.toThrow("cannot name an instance");
    await expect(open({ instance: "registry" })).rejects.toThrow("cannot name an instance");
  });

  it("is closed for good", async () => {
    const log = await open();
    await log.close("test ends");
    await log.close("again");

    expect(() => log.append(alarm("late"))).toThrow(expect.objectContaining({ code: "AUDIT_UNAVAILABLE" }));
    expect(log.lag).toBe(0);
  });
});
