import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessionEntries } from "../../test/support/make-log.mjs";
import { type Clock, systemClock } from "../base/clock.ts";
import { type EntryBody, entryParts, entryText, MAX_ENTRY_BYTES } from "./entry.ts";
import { Integrator, journalFolderOf, logFolderOf, prepareFolders } from "./integrate.ts";
import { Journal } from "./journal.ts";
import { loadLogKey } from "./key.ts";
import { OpenSessions } from "./open-sessions.ts";
import { readSize } from "./read.ts";
import { recover } from "./recovery.ts";
import { Timestamps } from "./timestamp.ts";
import { verifyLog } from "./verify.ts";

/** Ends a run at a chosen write, as a kill would: nothing after it happens. */
class Killed extends Error {}

/** Some hundred openings of a log, with a sync for each file. */
const LONG_MS = 240_000;

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "postern-integrate-"));
  mkdirSync(join(data, "journal"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

const place = (folder: string) => ({ dataFolder: folder, gatewayName: "gw", instance: "one" });

/** Writes `entries` to the journal behind what is there, durable. */
async function journalEntries(
  folder: string,
  firstSeq: number,
  entries: Iterable<EntryBody>,
  clock: Clock,
): Promise<number> {
  const journal = new Journal({
    folder: join(folder, "journal"),
    firstSeq,
    segmentBytes: 128 * 1024,
    onDurable: () => {},
    onFailure: (cause) => {
      throw cause;
    },
  });
  await journal.start();
  const timestamps = new Timestamps(clock, 0);
  let count = 0;
  for (const entry of entries) {
    journal.append(entryText(entryParts(entry), journal.next, timestamps.next()), MAX_ENTRY_BYTES);
    if (++count % 10 === 0) journal.handOver();
  }
  journal.handOver();
  await journal.close();
  return journal.next;
}

/** Opens the folder as a gateway does and integrates all there is; `killAt`: dies at that write. @returns the writes made. */
async function integrateAll(folder: string, killAt = Number.POSITIVE_INFINITY): Promise<number> {
  const { privateKey } = await loadLogKey(folder, true);
  const head = await prepareFolders(place(folder), privateKey, systemClock);
  const found = await recover(journalFolderOf(place(folder)), logFolderOf(place(folder)), head.size);
  let writes = 0;
  const afterEach = () => {
    if (++writes === killAt) throw new Killed();
  };
  const options = { ...place(folder), privateKey, clock: systemClock, afterEach };
  const integrator = await Integrator.open(options, OpenSessions.from(found.sessionsAtTiles));
  integrator.integrate(found.size);
  integrator.record();
  integrator.close(found.size);
  return writes;
}

function* manyEntries(sessions: number): Generator<EntryBody> {
  yield { type: "gateway.started", origin: "gw/one", version: "0", runtime: "test" };
  for (let i = 0; i < sessions; i++) yield* sessionEntries(i, 10);
  yield { type: "gateway.stopped", reason: "test", counters: {} };
}

describe("an integrator that is killed at any of its writes", () => {
  it(
    "leaves a log that verifies, before and after the next start",
    async () => {
      const size = await journalEntries(data, 0, manyEntries(28), systemClock);
      expect(size).toBeGreaterThan(512); // full tiles, and partial ones
      const whole = join(data, "whole");
      cpSync(join(data, "journal"), join(whole, "journal"), { recursive: true });
      const writes = await integrateAll(whole);
      expect(writes).toBeGreaterThan(30);

      for (let killAt = 1; killAt <= writes; killAt++) {
        const folder = join(data, `at-${killAt}`);
        cpSync(join(data, "journal"), join(folder, "journal"), { recursive: true });
        await expect(integrateAll(folder, killAt)).rejects.toThrow(Killed);
        expect((await verifyLog(join(folder, "log"))).problems, `killed at ${killAt}`).toEqual([]);

        await integrateAll(folder);
        const report = await verifyLog(join(folder, "log"));

        expect(report.problems, `after ${killAt}`).toEqual([]);
        expect(
          report.warnings.filter((text) => !text.includes("key")),
          `after ${killAt}`,
        ).toEqual([]);
        expect(report.logs.find(({ name }) => name === "one")?.size).toBe(size);
        rmSync(folder, { recursive: true });
      }
    },
    LONG_MS,
  );

  it(
    "leaves one that verifies where an earlier run had ended already",
    async () => {
      let size = await journalEntries(data, 0, manyEntries(2), systemClock);
      await integrateAll(data);
      size = await journalEntries(data, size, manyEntries(14), systemClock);
      const again = join(data, "again");
      const copy = (to: string) => {
        for (const part of ["journal", "keys", "log"]) cpSync(join(data, part), join(to, part), { recursive: true });
      };
      copy(again);
      const writes = await integrateAll(again);

      for (let killAt = 1; killAt <= writes; killAt++) {
        const folder = join(data, `at-${killAt}`);
        copy(folder);
        await expect(integrateAll(folder, killAt)).rejects.toThrow(Killed);
        expect((await verifyLog(join(folder, "log"))).problems, `killed at ${killAt}`).toEqual([]);
        await integrateAll(folder);

        expect((await verifyLog(join(folder, "log"))).problems, `after ${killAt}`).toEqual([]);
        expect(await readSize(join(folder, "log", "one"))).toBe(size);
        rmSync(folder, { recursive: true });
      }
    },
    LONG_MS,
  );
});

describe("an integrator that has published a checkpoint", () => {
  it("deletes the segments that it covers, and no other", async () => {
    const size = await journalEntries(data, 0, manyEntries(120), systemClock);
    const before = readdirSync(join(data, "journal")).filter((name) => /^\d/.test(name));
    expect(before.length).toBeGreaterThan(3);

    await integrateAll(data);

    expect(readdirSync(join(data, "journal")).filter((name) => /^\d/.test(name))).toEqual(before.slice(-1));
    expect(await readSize(join(data, "log", "one"))).toBe(size);
  });
});

describe("a log whose folder is an older copy", () => {
  it("is not continued", async () => {
    const size = await journalEntries(data, 0, manyEntries(2), systemClock);
    await integrateAll(data);
    cpSync(join(data, "log", "one"), join(data, "older"), { recursive: true });
    await journalEntries(data, size, manyEntries(2), systemClock);
    await integrateAll(data);
    rmSync(join(data, "log", "one"), { recursive: true });
    cpSync(join(data, "older"), join(data, "log", "one"), { recursive: true });

    await expect(integrateAll(data)).rejects.toThrow("it is an older copy");
  });
});
