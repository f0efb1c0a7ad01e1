/**
 * One log's tree on disk: takes entries in order, keeps only the right edge in memory, and publishes a checkpoint with the
 * files under it. A crash between any two writes leaves a log that verifies: the order is in docs/reference/events.md,
 * "The folder". Knows no journal and no entry's meaning.
 */

import { rmdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { AtomicFiles } from "./atomic-file.ts";
import { type Signer, signCheckpoint, type TreeHead } from "./checkpoint.ts";
import { HASH_BYTES, leafHashInto, perfectRoot, rootOfEdges } from "./merkle.ts";
import { TILE_WIDTH, type TileLevel, tilePath } from "./tile-path.ts";

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The right edge of a tree: what its next leaf is added to. */
export interface TreeEdge {
  readonly size: number;
  /** Bytes of the partial bundle. */
  readonly bundle: Uint8Array;
  /** Hashes of the partial tile at each level; empty where there is none. */
  readonly edges: readonly Uint8Array[];
}

export const EMPTY_EDGE: TreeEdge = { size: 0, bundle: new Uint8Array(0), edges: [] };

interface Level {
  readonly hashes: Buffer;
  count: number;
}

export class TreeWriter {
  readonly #folder: string;
  readonly #signer: Signer;
  readonly #files: AtomicFiles;
  readonly #levels: Level[] = [];
  #bundle = Buffer.alloc(1024 * 1024);
  #bundleBytes = 0;
  #size: number;
  /** Full bundles and tiles that are not on disk yet. */
  #pending: { readonly path: string; readonly level: number; readonly bytes: Uint8Array }[] = [];
  #pendingBytes = 0;
  #staged: TreeHead | undefined;
  /** Partial files of the checkpoint on disk. */
  #partials: ReadonlySet<string> = new Set();

  /** @param edge that of the checkpoint in `folder`. */
  constructor(folder: string, signer: Signer, edge: TreeEdge, files = new AtomicFiles(folder)) {
    this.#folder = folder;
    this.#signer = signer;
    this.#files = files;
    this.#size = edge.size;
    this.#append(edge.bundle);
    for (const [level, hashes] of edge.edges.entries()) {
      const { hashes: own } = this.#level(level);
      own.set(hashes);
      this.#level(level).count = hashes.length / HASH_BYTES;
    }
    this.#partials = new Set(this.#partialFiles().map((file) => file.path));
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of full files that wait for publish(): the caller bounds them. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Adds the entry at [start, end) of `bytes`; the two bytes before it are its length, as in a bundle. */
  add(bytes: Buffer, start: number, end: number): void {
    const level = this.#level(0);
    leafHashInto(bytes, start, end, level.hashes, level.count * HASH_BYTES);
    this.#append(bytes.subarray(start - 2, end));
    level.count += 1;
    this.#size += 1;
    if (level.count < TILE_WIDTH) return;
    this.#queue("entries", -1, Buffer.from(this.#bundle.subarray(0, this.#bundleBytes)));
    this.#bundleBytes = 0;
    this.#fold(0);
  }

  /** State of the tree in memory, which the next checkpoint will have. */
  head(): TreeHead {
    const edges = this.#levels.map(({ hashes, count }) => hashes.subarray(0, count * HASH_BYTES));
    return { origin: this.#signer.name, size: this.#size, root: rootOfEdges(edges) };
  }

  /** First half of publish(): announces the tree as `checkpoint.next`. Nothing may be added before commit(). */
  stage(): TreeHead {
    const head = this.head();
    this.#files.write("checkpoint.next", Buffer.from(signCheckpoint(head, this.#signer)));
    this.#files.syncFolders();
    this.#staged = head;
    return head;
  }

  /** Second half: the files, then the name `checkpoint`. After an error publish() tries both again. */
  commit(): TreeHead {
    const head = this.#staged ?? this.stage();
    // -1 are the bundles: whoever finds a tile of level 0 finds what it is made of.
    for (const { path, bytes } of this.#pending.sort((a, b) => a.level - b.level)) this.#files.write(path, bytes);
    const partials = this.#partialFiles();
    for (const { path, bytes } of partials) if (!this.#partials.has(path)) this.#files.write(path, bytes);
    this.#files.syncFolders();
    this.#files.rename(join(this.#folder, "checkpoint.next"), join(this.#folder, "checkpoint"));
    this.#files.syncFolders();
    this.#staged = undefined;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#dropPartials(new Set(partials.map((file) => file.path)));
    return head;
  }

  /** Brings all that was added to disk, under a new checkpoint. */
  publish(): TreeHead {
    this.stage();
    return this.commit();
  }

  #level(level: number): Level {
    const known = this.#levels[level];
    if (known !== undefined) return known;
    const made: Level = { hashes: Buffer.alloc(TILE_BYTES), count: 0 };
    this.#levels[level] = made;
    return made;
  }

  /** The tile at `level` is full: its root is the next hash one level up. */
  #fold(level: number): void {
    const tile = this.#level(level);
    const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1)) - 1;
    const bytes = Buffer.from(tile.hashes);
    this.#queue(level, level, bytes, index);
    tile.count = 0;
    const above = this.#level(level + 1);
    above.hashes.set(perfectRoot(bytes, 0, TILE_WIDTH), above.count * HASH_BYTES);
    above.count += 1;
    if (above.count === TILE_WIDTH) this.#fold(level + 1);
  }

  #queue(level: TileLevel, order: number, bytes: Uint8Array, index = Math.floor(this.#size / TILE_WIDTH) - 1): void {
    this.#pending.push({ path: tilePath(level, index, TILE_WIDTH), level: order, bytes });
    this.#pendingBytes += bytes.length;
  }

  #append(bytes: Uint8Array): void {
    if (this.#bundleBytes + bytes.length > this.#bundle.length) {
      const grown = Buffer.alloc(Math.max(this.#bundle.length * 2, this.#bundleBytes + bytes.length));
      this.#bundle.copy(grown, 0, 0, this.#bundleBytes);
      this.#bundle = grown;
    }
    this.#bundle.set(bytes, this.#bundleBytes);
    this.#bundleBytes += bytes.length;
  }

  /** The partial bundle and tiles of the tree in memory, the bundle first, then by level. */
  #partialFiles(): { readonly path: string; readonly bytes: Uint8Array }[] {
    const width = this.#size % TILE_WIDTH;
    const files: { readonly path: string; readonly bytes: Uint8Array }[] = [];
    if (width > 0) {
      const path = tilePath("entries", Math.floor(this.#size / TILE_WIDTH), width);
      files.push({ path, bytes: this.#bundle.subarray(0, this.#bundleBytes) });
    }
    for (const [level, { hashes, count }] of this.#levels.entries()) {
      if (count === 0) continue;
      const path = tilePath(level, Math.floor(this.#size / TILE_WIDTH ** (level + 1)), count);
      files.push({ path, bytes: hashes.subarray(0, count * HASH_BYTES) });
    }
    return files;
  }

  /** Deletes partial files that the new checkpoint does not need; a wider or full one has their content. */
  #dropPartials(needed: ReadonlySet<string>): void {
    const old = this.#partials;
    this.#partials = needed;
    for (const path of old) {
      if (needed.has(path)) continue;
      removeIfThere(join(this.#folder, path));
    }
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
    rmdirSync(dirname(path));
  } catch {
    // The folder has the next partial in it; or the file stays: not wrong, only of no use, and tidyLog() looks for those.
  }
}
