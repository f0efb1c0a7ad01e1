/**
 * Brings the journal's entries into the tiles: frames in, checkpoints out, journal segments deleted behind. Also keeps the
 * registry's record of this log, and what recovery will need of open sessions. Runs in the integrator's thread; waits for nothing.
 */

import type { KeyObject } from "node:crypto";
import { statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { AtomicFiles } from "./atomic-file.ts";
import { walkBundle } from "./bundle.ts";
import { makeSigner, type Signer, type TreeHead } from "./checkpoint.ts";
import { JournalReader } from "./journal-reader.ts";
import { ensureLogFolder, readHead, vkeyOf } from "./log-folder.ts";
import type { OpenSessions } from "./open-sessions.ts";
import { TreeReader } from "./prove.ts";
import { SESSIONS_FILE } from "./recovery.ts";
import { lastRecord, Registry } from "./registry.ts";
import { listSegmentsSync } from "./segment.ts";
import { loadEdge, tidyLog } from "./tree-edge.ts";
import { TreeWriter } from "./tree-writer.ts";

/** Entries in memory until their checkpoint is made. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** What recovery reads again at most, beside what is not integrated. */
const KEEP_SESSIONS_ENTRIES = 50_000;

/** Where the parts of a data folder are. */
export interface LogPlace {
  readonly dataFolder: string;
  readonly gatewayName: string;
  readonly instance: string;
}

export function logFolderOf({ dataFolder, instance }: LogPlace): string {
  return join(dataFolder, "log", instance);
}

export function journalFolderOf({ dataFolder }: LogPlace): string {
  return join(dataFolder, "journal");
}

function registryFolderOf({ dataFolder }: LogPlace): string {
  return join(dataFolder, "log", "registry");
}

export interface IntegratorOptions extends LogPlace {
  readonly privateKey: KeyObject;
  readonly clock: Clock;
  /** Called after each write of a file, with its path; for tests that crash there. */
  readonly afterEach?: (path: string) => void;
}

/** Makes this log's folder and the registry's where they are not there, and checks what is. @returns the log's verified head. */
export async function prepareFolders(place: LogPlace, privateKey: KeyObject, clock: Clock): Promise<TreeHead> {
  const signer = signerOf(place, privateKey);
  const folder = logFolderOf(place);
  const registry = await Registry.open(registryFolderOf(place), registrySignerOf(place, privateKey), clock);
  const record = await lastRecord(registryFolderOf(place), registry.head.size, signer.name);
  if (record === undefined) ensureLogFolder(folder, signer);
  const head = readHead(folder, signer);
  if (record !== undefined && record.size > head.size) {
    throw new Error(
      `log/${place.instance} has ${head.size} entries, the registry knows of ${record.size}: it is an older copy`,
    );
  }
  const root = await new TreeReader(folder, head.size).root(record?.size ?? 0);
  if (record !== undefined && Buffer.from(root).toString("base64") !== record.root) {
    throw new Error(
      `log/${place.instance} is not the log that the registry knows: its first ${record.size} entries differ`,
    );
  }
  return head;
}

function signerOf({ gatewayName, instance }: LogPlace, privateKey: KeyObject): Signer {
  return makeSigner(`${gatewayName}/${instance}`, privateKey);
}

function registrySignerOf({ gatewayName }: LogPlace, privateKey: KeyObject): Signer {
  return makeSigner(`${gatewayName}/registry`, privateKey);
}

export class Integrator {
  readonly #place: LogPlace;
  readonly #signer: Signer;
  readonly #tree: TreeWriter;
  readonly #registry: Registry;
  readonly #journal: JournalReader;
  readonly #kept: AtomicFiles;
  readonly #sessions: OpenSessions;
  #head: TreeHead;
  #keptSize: number;
  /** Size in the registry's last record of this log. */
  #recordedSize: number;
  /** The registry's last record of this log is log.closed. */
  #closed = false;
  /** log.closed is in the registry's tree, and not yet under its checkpoint. */
  #closing = false;

  private constructor(options: IntegratorOptions, tree: TreeWriter, registry: Registry, sessions: OpenSessions) {
    this.#place = options;
    this.#signer = signerOf(options, options.privateKey);
    this.#tree = tree;
    this.#registry = registry;
    this.#sessions = sessions;
    this.#journal = new JournalReader(journalFolderOf(options));
    this.#kept = new AtomicFiles(journalFolderOf(options), options.afterEach);
    this.#head = tree.head();
    this.#keptSize = this.#head.size;
    this.#recordedSize = this.#head.size;
  }

  /** Opens the log of prepareFolders() and records that in the registry. `sessions`: those open at the checkpoint. */
  static async open(options: IntegratorOptions, sessions: OpenSessions): Promise<Integrator> {
    const signer = signerOf(options, options.privateKey);
    const folder = logFolderOf(options);
    const head = readHead(folder, signer);
    tidyLog(folder, head.size);
    const files = new AtomicFiles(folder, options.afterEach);
    const tree = new TreeWriter(folder, signer, loadEdge(folder, head), files);
    const registryFolder = registryFolderOf(options);
    const registryFiles = new AtomicFiles(registryFolder, options.afterEach);
    const registrySigner = registrySignerOf(options, options.privateKey);
    const registry = await Registry.open(registryFolder, registrySigner, options.clock, registryFiles);
    registry.record({ type: "log.opened", vkey: vkeyOf(signer), ...recorded(head) });
    return new Integrator(options, tree, registry, sessions);
  }

  /** The checkpoint on disk. */
  get head(): TreeHead {
    return this.#head;
  }

  /** The registry's checkpoint on disk. */
  get registryHead(): TreeHead {
    return this.#registry.head;
  }

  /** Integrates what is below `durable`, a batch at a time, each under a checkpoint. @throws what the file system throws. */
  integrate(durable: number): void {
    if (!this.#closing) this.#registry.publish(); // what a full disk has kept back
    while (this.#head.size < durable || this.#tree.size > this.#head.size || this.#closing) {
      if (this.#tree.size === this.#head.size && !this.#closing) this.#gather(durable);
      this.#publish();
      this.#keepSessions();
      this.#deleteSegments();
    }
  }

  /** Records in the registry how far this log has come, where it has since the last time. */
  record(): void {
    if (this.#head.size === this.#recordedSize) return;
    this.#recordedSize = this.#head.size;
    this.#registry.record({ type: "log.updated", ...recorded(this.#head) });
  }

  /** Integrates the rest. Where that ends with gateway.stopped, recovery will have nothing to read. */
  close(durable: number): void {
    this.integrate(durable);
    this.#keepSessions(true);
    this.#journal.close();
  }

  /** Notices folders that were removed or exchanged under the open log. @throws what the file system throws. */
  checkPlace(): void {
    statSync(join(logFolderOf(this.#place), "checkpoint"));
    statSync(join(registryFolderOf(this.#place), "checkpoint"));
    readHead(logFolderOf(this.#place), this.#signer);
  }

  /**
   * A checkpoint over what was gathered. Where its last entry is gateway.stopped, the registry announces the end before and
   * records it after, so that a log which seems to have ended, and is not closed there, has been set back.
   */
  #publish(): void {
    if (this.#closed)
      this.#registry.record({ type: "log.opened", vkey: vkeyOf(this.#signer), ...recorded(this.#head) });
    this.#closed = false;
    if (this.#sessions.lastType === "gateway.stopped" && !this.#closing) {
      this.#registry.add({ type: "log.closed", ...recorded(this.#tree.head()) });
      this.#closing = true;
    }
    if (this.#closing) this.#registry.stage();
    this.#head = this.#tree.publish();
    if (!this.#closing) return;
    this.#registry.commit();
    this.#closing = false;
    this.#closed = true;
    this.#recordedSize = this.#head.size;
  }

  #gather(durable: number): void {
    while (this.#tree.size < durable && this.#tree.pendingBytes < BATCH_BYTES) {
      const frame = this.#journal.read(this.#tree.size);
      if (frame === undefined) throw new Error(`entry ${this.#tree.size} is not in the journal`);
      walkBundle(frame.bytes, frame.start, frame.end, (start, end) => {
        this.#tree.add(frame.bytes, start, end);
        this.#sessions.feed(frame.bytes.toString("latin1", start, end));
      });
    }
  }

  /** Keeps what recovery needs now and then, and at the end. */
  #keepSessions(always = false): void {
    if (!always && this.#head.size - this.#keptSize < KEEP_SESSIONS_ENTRIES) return;
    const kept = { size: this.#head.size, sessions: this.#sessions.toJSON() };
    this.#kept.write(SESSIONS_FILE, Buffer.from(JSON.stringify(kept)));
    this.#keptSize = this.#head.size;
  }

  /** A segment may go when the next one begins at or below the checkpoint: all of its entries are in synced tiles. */
  #deleteSegments(): void {
    const segments = listSegmentsSync(journalFolderOf(this.#place));
    for (const [i, { path }] of segments.entries()) {
      const next = segments[i + 1];
      if (next === undefined || next.firstSeq > this.#head.size) return;
      unlinkSync(path);
    }
  }
}

function recorded(head: TreeHead) {
  return { origin: head.origin, size: head.size, root: Buffer.from(head.root).toString("base64") };
}
