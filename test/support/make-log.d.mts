/** Types of make-log.mjs for the tests. It works on dist, so its log is dist's. */

import type { EntryBody } from "../../src/audit/entry.ts";
import type { AuditLog, LogSink } from "../../src/audit/log.ts";

export function openLog(folder: string, logger?: LogSink): Promise<AuditLog>;
export function sessionEntries(number: number, statements: number): Generator<EntryBody>;
/** Appends about `count` entries and returns how many. */
export function appendEntries(log: AuditLog, count: number, statementsPerSession?: number): Promise<number>;
