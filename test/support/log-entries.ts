/** The entries of a test gateway's log, parsed, once everything on record is in the tiles. */

import { join } from "node:path";
import { z } from "zod";
import { readEntries } from "../../src/audit/read.ts";
import type { TestGateway } from "./gateway.ts";

const Entry = z.looseObject({
  seq: z.number(),
  type: z.string(),
  session: z.string().optional(),
  sessionSeq: z.number().optional(),
});
export type LogEntry = z.infer<typeof Entry>;

export async function logEntries(gateway: TestGateway): Promise<LogEntry[]> {
  await gateway.running.flushed();
  return readLog(join(gateway.dataPath, "log", gateway.running.instance));
}

/** @param folder of one log. */
export async function readLog(folder: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const { json } of readEntries(folder, 0)) entries.push(Entry.parse(JSON.parse(json)));
  return entries;
}

/** Those of the session that opened last. */
export async function lastSession(gateway: TestGateway): Promise<LogEntry[]> {
  const entries = await logEntries(gateway);
  const opened = entries.filter(({ type }) => type === "session.opened").at(-1);
  return entries.filter(({ session }) => session !== undefined && session === opened?.session);
}
