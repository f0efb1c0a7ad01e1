import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { AuditLog } from "./log.ts";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

describe("an audit log that is open", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "postern-audit-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("has an entry in the journal's file once it is handed over, and says when it is on disk", async () => {
    const log = await AuditLog.open({
      folder,
      gatewayName: "gw",
      clock: systemClock,
      durability: "default",
      logger: quiet,
    });

    const index = log.append({ type: "alarm.raised", name: "test", detail: "planted détail" });
    log.handOver();

    const bytes = await readFile(join(folder, "journal", "0000000000000000.seg"));
    expect(bytes.includes(`"detail":"planted détail","name":"test","seq":${index},"ts":"`)).toBe(true);
    await log.whenDurable(index);
    await log.close("test ends");
  });
});
