/** `postern store rebuild`: the index made anew from the logs. Freezes are not made from the logs and stay as they are. */

import { readdir } from "node:fs/promises";
import { systemClock } from "../base/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { clearIndex } from "./cursors.ts";
import type { PrincipalName } from "./index-entries.ts";
import { type EntryReader, LogIndexer } from "./indexer.ts";
import type { Store } from "./store.ts";

export interface RebuildOptions {
  readonly store: Store;
  /** The folder of all logs, `<data>/log`. */
  readonly logFolder: string;
  readonly principalName: PrincipalName;
  readonly logger: Logger;
  readonly onProgress?: (progress: RebuildProgress) => void;
  readonly signal?: AbortSignal;
  readonly readEntries?: EntryReader;
}

/** `entries`: read so far of the log of `instance`; `logs` of them are there, this is number `log`, counted from 1. */
export interface RebuildProgress {
  readonly instance: string;
  readonly log: number;
  readonly logs: number;
  readonly entries: number;
}

/**
 * Empties the index and reads all instance logs again. Gateways may go on running: their indexers find the cursor moved and
 * go on from there. @returns the number of entries read, by instance.
 */
export async function rebuildStore(options: RebuildOptions): Promise<ReadonlyMap<string, number>> {
  const { store, logFolder, onProgress } = options;
  const instances = await listInstances(logFolder);
  await store.transaction(clearIndex);
  const counts = new Map<string, number>();
  for (const [position, instance] of instances.entries()) {
    const indexer = new LogIndexer({
      ...options,
      instance,
      clock: systemClock,
      signal: options.signal ?? new AbortController().signal,
      maxEntriesPerSecond: Number.POSITIVE_INFINITY,
    });
    await indexer.toEnd((entries) => onProgress?.({ instance, log: position + 1, logs: instances.length, entries }));
    options.signal?.throwIfAborted();
    counts.set(instance, indexer.next ?? 0);
  }
  return counts;
}

/** The instance logs in `<data>/log`. The registry is a log too, of logs: it holds no session. */
export async function listInstances(logFolder: string): Promise<string[]> {
  const found = await readdir(logFolder, { withFileTypes: true });
  return found
    .filter((entry) => entry.isDirectory() && entry.name !== "registry")
    .map((entry) => entry.name)
    .sort();
}
