/**
 * The registry log: which instance logs there are and how far each had come, so that none can vanish or be set back
 * unnoticed. Written without a journal: an entry and its checkpoint at once, some each minute. Reading it: verify-registry.ts.
 */

import { basename } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import type { Signer, TreeHead } from "./checkpoint.ts";
import { type EntryBody, entryParts, entryText } from "./entry.ts";
import { ensureLogFolder, readHead } from "./log-folder.ts";
import { readEntries } from "./read.ts";
import { TILE_WIDTH } from "./tile-path.ts";
import { parseMicros, Timestamps } from "./timestamp.ts";
import { loadEdge, tidyLog } from "./tree-edge.ts";
import { TreeWriter } from "./tree-writer.ts";

export type RegistryEntry = Extract<EntryBody, { readonly type: `log.${string}` }>;

/** What the registry says last of a log. */
export interface RegistryRecord {
  readonly type: RegistryEntry["type"];
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

export class Registry {
  readonly #tree: TreeWriter;
  readonly #timestamps: Timestamps;
  #head: TreeHead;

  private constructor(tree: TreeWriter, timestamps: Timestamps) {
    this.#tree = tree;
    this.#timestamps = timestamps;
    this.#head = tree.head();
  }

  /** Opens or makes the registry log in `folder`. @throws {Error} where its checkpoint or edge do not verify. */
  static async open(folder: string, signer: Signer, clock: Clock, files?: AtomicFiles): Promise<Registry> {
    ensureLogFolder(folder, signer);
    const head = readHead(folder, signer);
    tidyLog(folder, head.size);
    const tree = new TreeWriter(folder, signer, loadEdge(folder, head), files);
    let last = 0;
    for await (const { json } of readEntries(folder, Math.max(0, head.size - 1))) last = microsOf(json);
    return new Registry(tree, new Timestamps(clock, last));
  }

  /** State on disk. */
  get head(): TreeHead {
    return this.#head;
  }

  /** Writes an entry and the checkpoint over it. After an error publish() brings the entry to disk. */
  record(entry: RegistryEntry): void {
    this.add(entry);
    this.stage();
    this.commit();
  }

  /** Adds an entry in memory. Nothing announces it before stage(). */
  add(entry: RegistryEntry): void {
    const text = entryText(entryParts(entry), this.#tree.size, this.#timestamps.next());
    const bytes = Buffer.alloc(2 + Buffer.byteLength(text));
    bytes.writeUInt16BE(bytes.length - 2, 0);
    bytes.write(text, 2);
    this.#tree.add(bytes, 2, bytes.length);
  }

  /** Announces what was added in `checkpoint.next`. May be called again. */
  stage(): void {
    this.#tree.stage();
  }

  /** Publishes what stage() has announced. */
  commit(): void {
    this.#head = this.#tree.commit();
  }

  /** Brings to disk what a failed record() has left in memory. */
  publish(): void {
    if (this.#tree.size !== this.#head.size) this.#head = this.#tree.publish();
  }
}

/** The newest record of the log with `origin`; undefined where the registry does not know it. Reads backwards. */
export async function lastRecord(folder: string, size: number, origin: string): Promise<RegistryRecord | undefined> {
  for (let first = Math.floor(Math.max(0, size - 1) / TILE_WIDTH) * TILE_WIDTH; first >= 0; first -= TILE_WIDTH) {
    let found: RegistryRecord | undefined;
    for await (const { index, json } of readEntries(folder, first)) {
      if (index >= first + TILE_WIDTH) break;
      const record = recordOf(JSON.parse(json));
      if (record?.origin === origin) found = record;
    }
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The members of a registry entry, or undefined where `entry` is none. */
export function recordOf(
  entry: unknown,
): (RegistryRecord & { readonly origin: string; readonly vkey?: string }) | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const { type, origin, size, root, vkey }: { readonly [K in string]?: unknown } = { ...entry };
  if (type !== "log.opened" && type !== "log.updated" && type !== "log.closed") return undefined;
  if (typeof origin !== "string" || typeof size !== "number" || typeof root !== "string") return undefined;
  return { type, origin, size, root, ...(typeof vkey === "string" ? { vkey } : {}) };
}

/** Name of the folder of the log with `origin`. */
export function folderOfOrigin(origin: string): string {
  return basename(origin);
}

function microsOf(json: string): number {
  const at = json.lastIndexOf('"ts":"') + 6;
  return parseMicros(json.slice(at, at + 27)) || 0;
}
