/**
 * The registry log and the instance logs against each other: what the registry recorded of a log must be in that log, and what
 * heartbeats recorded of the registry must be in the registry. Reads each side in step with the other: memory is bounded.
 */

import { join } from "node:path";
import { CompactRange } from "./compact-range.ts";
import type { StoredEntry } from "./entry-check.ts";
import { HASH_BYTES } from "./merkle.ts";
import { readEntries, readTile } from "./read.ts";
import { folderOfOrigin, type RegistryRecord, recordOf } from "./registry.ts";
import { TILE_WIDTH } from "./tile-path.ts";
import type { RegistryAnchor } from "./verify-entries.ts";
import type { Findings, LogVisitor, VerifiedLog } from "./verify-log.ts";

export const REGISTRY = "registry";
const TILE_HEIGHT = 8;

/** What the registry says of one log. */
export interface RegistrySummary {
  readonly origin: string;
  readonly vkey: string;
  last: RegistryRecord;
}

/** Collects the registry's records while it is verified; one summary for each log is in memory. */
export class RegistryRecords {
  /** By folder name. */
  readonly logs = new Map<string, RegistrySummary>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  note(index: number, entry: StoredEntry): void {
    const record = recordOf(entry);
    const problem = (text: string) => this.#findings.problem(`${REGISTRY}: entry ${index} ${text}`);
    if (record === undefined) {
      problem("is no record of a log");
      return;
    }
    const { origin, type, size, vkey } = record;
    const known = this.logs.get(folderOfOrigin(origin));
    if (known === undefined) {
      if (type !== "log.opened" || vkey === undefined) problem(`is the first of ${origin} and not log.opened`);
      this.logs.set(folderOfOrigin(origin), { origin, vkey: vkey ?? "", last: record });
      return;
    }
    if (known.origin !== origin) problem(`is of ${origin}, whose folder is that of ${known.origin}`);
    if (size < known.last.size) problem(`has ${origin} at ${size} entries, after ${known.last.size}`);
    if (vkey !== undefined && vkey !== known.vkey) problem(`has another key for ${origin} than before`);
    if (type !== "log.opened" && known.last.type === "log.closed") problem(`is of ${origin}, which is closed`);
    known.last = record;
  }
}

/** Compares one instance log with its records, and its heartbeats with the registry, while it is being read. */
export class CrossCheck implements LogVisitor {
  readonly #name: string;
  readonly #findings: Findings;
  readonly #records: AsyncGenerator<IndexedRecord>;
  readonly #registry: RootCursor;
  readonly #range = new CompactRange();
  readonly progress: (entries: number) => void;
  #next: IndexedRecord | undefined;
  #started = false;

  /** @param registrySize entries of the registry that were verified. */
  constructor(
    folder: string,
    name: string,
    summary: RegistrySummary | undefined,
    registrySize: number,
    findings: Findings,
    progress: (entries: number) => void,
  ) {
    this.#name = name;
    this.#findings = findings;
    this.#records = recordsOf(join(folder, REGISTRY), registrySize, summary?.origin);
    this.#registry = new RootCursor(join(folder, REGISTRY), registrySize);
    this.progress = progress;
  }

  async anchor({ index, size, root }: RegistryAnchor): Promise<void> {
    const found = await this.#registry.rootAt(size);
    if (found === "unknown") return;
    if (found === "behind") this.#problem(`entry ${index} knows less of the registry than a heartbeat before it`);
    else if (found === "beyond") {
      this.#findings.problem(
        `${REGISTRY}/checkpoint is an older one: entry ${index} of ${this.#name} knew ${size} entries of it`,
      );
    } else if (found !== root) {
      this.#findings.problem(
        `${REGISTRY} is not the one that entry ${index} of ${this.#name} knew: its first ${size} entries differ`,
      );
    }
  }

  async leaves(first: number, hashes: Buffer, root: Uint8Array | undefined): Promise<void> {
    if (!this.#started) await this.#advance();
    this.#started = true;
    while (this.#next !== undefined && this.#next.size <= first) await this.#compare();
    const count = hashes.length / HASH_BYTES;
    if (this.#range.size !== first) return; // a tile is missing before this one: named by the tree
    if (root !== undefined && (this.#next === undefined || this.#next.size > first + count)) {
      this.#range.push(root, TILE_HEIGHT);
      return;
    }
    for (let i = 0; i < count; i++) {
      this.#range.push(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), 0);
      while (this.#next !== undefined && this.#next.size <= first + i + 1) await this.#compare();
    }
  }

  /** Records beyond the log's end: it was longer once. */
  async end(size: number): Promise<void> {
    if (!this.#started) await this.#advance();
    while (this.#next !== undefined && this.#next.size <= size) await this.#compare();
    if (this.#next === undefined) return;
    const { index, size: recorded } = this.#next;
    this.#findings.problem(
      `${this.#name}/checkpoint is an older one: it has ${size} entries, and entry ${index} of ${REGISTRY} knew ${recorded}`,
    );
    await this.#records.return(undefined);
  }

  async #compare(): Promise<void> {
    const record = this.#next;
    if (record !== undefined && record.size === this.#range.size) {
      const root = Buffer.from(this.#range.root()).toString("base64");
      if (root !== record.root) {
        this.#problem(`entries up to ${record.size} are not those that entry ${record.index} of ${REGISTRY} knew`);
      }
    }
    await this.#advance();
  }

  async #advance(): Promise<void> {
    const { value, done } = await this.#records.next();
    this.#next = done ? undefined : value;
  }

  #problem(text: string): void {
    this.#findings.problem(`${this.#name}: ${text}`);
  }
}

/** What must hold between the end of an instance log and the registry's last record of it. */
export function checkEnd(
  name: string,
  log: VerifiedLog,
  summary: RegistrySummary,
  staged: boolean,
  findings: Findings,
): void {
  const { size, root, origin } = log.head;
  const { last } = summary;
  if (summary.origin !== origin)
    findings.problem(`${name} is the log ${origin}, the registry knows ${summary.origin} there`);
  if (summary.vkey !== log.vkey) findings.problem(`${name}/log.vkey is not the key that the registry knows`);
  const same = last.size === size && last.root === Buffer.from(root).toString("base64");
  if (last.type === "log.closed" && last.size < size) {
    findings.problem(
      `${REGISTRY}/checkpoint is an older one: it closes ${name} with ${last.size} entries, which has ${size}`,
    );
  } else if (log.lastType === "gateway.stopped" && !staged && !(same && last.type !== "log.updated")) {
    findings.problem(
      `${REGISTRY}/checkpoint is an older one: ${name} has ended with ${size} entries, the registry does not say so`,
    );
  }
}

interface IndexedRecord extends RegistryRecord {
  readonly index: number;
}

async function* recordsOf(registry: string, size: number, origin: string | undefined): AsyncGenerator<IndexedRecord> {
  if (origin === undefined || size === 0) return;
  try {
    for await (const { index, json } of readEntries(registry, 0)) {
      if (index >= size) return;
      const record = recordOf(JSON.parse(json));
      if (record?.origin === origin) yield { ...record, index };
    }
  } catch {
    // A bundle of the registry is missing or damaged: the registry's own verification has named it.
  }
}

/** Roots of the registry at sizes that only grow. */
class RootCursor {
  readonly #folder: string;
  readonly #size: number;
  readonly #range = new CompactRange();
  #tile: Buffer | undefined;

  constructor(folder: string, size: number) {
    this.#folder = folder;
    this.#size = size;
  }

  /** Base64. `behind`: smaller than asked before; `beyond`: more than there is; `unknown`: a tile is missing. */
  async rootAt(size: number): Promise<string | "behind" | "beyond" | "unknown"> {
    if (size < this.#range.size) return "behind";
    if (size > this.#size) return "beyond";
    while (this.#range.size < size) {
      const at = this.#range.size;
      const index = Math.floor(at / TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, this.#size - index * TILE_WIDTH);
      if (this.#tile === undefined || at % TILE_WIDTH === 0) {
        this.#tile = await readTile(this.#folder, 0, index, width).catch(() => undefined);
      }
      if (this.#tile === undefined) return "unknown"; // the registry's own verification has named it
      const from = (at % TILE_WIDTH) * HASH_BYTES;
      this.#range.push(this.#tile.subarray(from, from + HASH_BYTES), 0);
    }
    return Buffer.from(this.#range.root()).toString("base64");
  }
}
