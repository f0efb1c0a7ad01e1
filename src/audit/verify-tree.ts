/**
 * One log's tree against its checkpoint: every bundle, every tile, the root. Reads each file once, in order, and names the one
 * that is wrong; where a leaf tile and its bundle differ, the tile above says which. Judges no entry: see verify-entries.ts.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isMissing } from "./atomic-file.ts";
import { walkBundle } from "./bundle.ts";
import type { TreeHead } from "./checkpoint.ts";
import { equalHashes, HASH_BYTES, leafHashInto, perfectRoot, rootOfEdges } from "./merkle.ts";
import { levelCount, TILE_WIDTH, type TileLevel, tileCounts, tilePath } from "./tile-path.ts";

const YIELD_TILES = 16;

export interface TreeVisitor {
  /** Something is wrong; the text begins with the file's path below the log's folder. */
  problem(text: string): void;
  /** The entries of one bundle: entry i of it is at [bounds[2i], bounds[2i + 1]) of `bytes`. */
  bundle(first: number, bytes: Buffer, bounds: readonly number[]): void;
  /** A bundle is missing or cannot be read. */
  missing(first: number): void;
  /** A partial file is not there but a wider one: right in a log that is being written, wrong in another. */
  replaced(path: string): void;
  /** The leaf hashes of one tile, those that the tiles above stand for; their root where the tile is full. */
  leaves(first: number, hashes: Buffer, root: Uint8Array | undefined): Promise<void>;
}

/** Checks the tree of `head` in `folder`. @returns its root as the files give it, undefined where too much is missing. */
export async function verifyTree(
  folder: string,
  { size, root }: TreeHead,
  visitor: TreeVisitor,
): Promise<Uint8Array | undefined> {
  const check = new TreeCheck(folder, size, root, visitor);
  for (let first = 0; first < size; first += TILE_WIDTH) {
    await check.leafTile(first);
    if (first % (YIELD_TILES * TILE_WIDTH) === 0) await setImmediate();
  }
  return check.end();
}

class TreeCheck {
  readonly #folder: string;
  readonly #size: number;
  readonly #root: Uint8Array;
  readonly #visitor: TreeVisitor;
  /** Hashes of the tile at each level above 0 that is being computed. */
  readonly #levels: Uint8Array[][] = [];
  /** Full tiles so far, by level. */
  readonly #done: number[] = [];
  /** Level 1 as it is on disk, one tile: what leaf tiles are judged by. */
  #above: { readonly index: number; readonly bytes: Buffer | undefined } | undefined;
  /** Leaf hashes of the partial tile: the bundle's, and the tile's where these differ. */
  #lastLeaves: readonly Buffer[] = [];
  /** Hashes of some leaf tile are not known: what is above it cannot be computed. */
  #broken = false;

  constructor(folder: string, size: number, root: Uint8Array, visitor: TreeVisitor) {
    this.#folder = folder;
    this.#size = size;
    this.#root = root;
    this.#visitor = visitor;
  }

  async leafTile(first: number): Promise<void> {
    const index = first / TILE_WIDTH;
    const width = Math.min(TILE_WIDTH, this.#size - first);
    const computed = this.#hashBundle(index, width);
    const stored = this.#readHashes(0, index, width);
    if (width < TILE_WIDTH) return this.#lastTile(first, computed, stored);
    const leaves = this.#choose(index, computed, stored);
    if (leaves === undefined) {
      const parent = this.#storedParent(index);
      if (parent === undefined) this.#broken = true;
      return this.#fold(1, parent ?? Buffer.alloc(HASH_BYTES));
    }
    const root = perfectRoot(leaves, 0, TILE_WIDTH);
    await this.#visitor.leaves(first, leaves, root);
    this.#fold(1, root);
  }

  async #lastTile(first: number, computed: Buffer | undefined, stored: Buffer | undefined): Promise<void> {
    const [leaves, other] = [computed ?? stored, stored];
    if (leaves === undefined) {
      this.#broken = true;
      return;
    }
    this.#lastLeaves = other === undefined || equalHashes(leaves, other) ? [leaves] : [leaves, other];
    await this.#visitor.leaves(first, leaves, undefined);
  }

  /** Compares the partial tiles and gives the root. */
  end(): Uint8Array | undefined {
    const edges: Uint8Array[] = [];
    for (let level = 1; level < levelCount(this.#size); level++) {
      const { full, partial } = tileCounts(this.#size, level);
      const hashes = Buffer.concat(this.#levels[level] ?? []);
      if (partial > 0) this.#compare(level, full, partial, hashes);
      edges.push(hashes);
    }
    if (this.#broken) return undefined;
    const roots = this.#lastLeaves.map((leaves) => rootOfEdges([leaves, ...edges]));
    const right = roots.findIndex((root) => equalHashes(root, this.#root));
    if (roots.length === 2) this.#nameLast(right);
    return right === -1 ? (roots[0] ?? rootOfEdges([new Uint8Array(0), ...edges])) : roots[right];
  }

  /** The last leaf tile and its bundle differ: the root says which is right, `right` 0 for the bundle. */
  #nameLast(right: number): void {
    const [computed = Buffer.alloc(0), stored = Buffer.alloc(0)] = this.#lastLeaves;
    const { full, partial } = tileCounts(this.#size, 0);
    const at = firstDifference(computed, stored);
    this.#nameChanged(full, partial, at, right === 0 ? "tile" : right === 1 ? "bundle" : "either");
  }

  #nameChanged(index: number, width: number, at: number, which: "tile" | "bundle" | "either"): void {
    const entry = index * TILE_WIDTH + at;
    const bundle = tilePath("entries", index, width);
    const tile = tilePath(0, index, width);
    if (which === "tile")
      this.#visitor.problem(`${tile} has been changed: its hash ${at} is not that of entry ${entry}`);
    if (which === "bundle")
      this.#visitor.problem(`${bundle} has been changed: entry ${entry} is not the one that was logged`);
    if (which !== "either") return;
    this.#visitor.problem(
      `${bundle} does not agree with its tile on entry ${entry}: this file or that has been changed`,
    );
    this.#visitor.problem(
      `${tile} does not agree with its bundle on entry ${entry}: this file or that has been changed`,
    );
  }

  /** Leaf hashes of a bundle's entries, which are visited; undefined where there is no whole bundle. */
  #hashBundle(index: number, width: number): Buffer | undefined {
    const first = index * TILE_WIDTH;
    const found = this.#read("entries", index, width);
    if (found === undefined) {
      this.#visitor.missing(first);
      return undefined;
    }
    const { bytes, path } = found;
    const bounds: number[] = [];
    const whole = walkBundle(bytes, 0, bytes.length, (start, end) => bounds.push(start, end));
    const count = bounds.length / 2;
    if (!whole || count < width || (count > width && found.exact)) {
      this.#visitor.problem(`${path} has not the lengths of ${width} entries`);
      this.#visitor.missing(first);
      return undefined;
    }
    const hashes = Buffer.alloc(width * HASH_BYTES);
    for (let i = 0; i < width; i++)
      leafHashInto(bytes, bounds[2 * i] ?? 0, bounds[2 * i + 1] ?? 0, hashes, i * HASH_BYTES);
    this.#visitor.bundle(first, bytes, bounds.slice(0, 2 * width));
    return hashes;
  }

  #readHashes(level: number, index: number, width: number): Buffer | undefined {
    const found = this.#read(level, index, width);
    if (found === undefined) return undefined;
    const { bytes, path, exact } = found;
    const length = width * HASH_BYTES;
    if (exact ? bytes.length !== length : bytes.length < length) {
      this.#visitor.problem(`${path} has ${bytes.length} bytes instead of ${length}`);
      return undefined;
    }
    return bytes.subarray(0, length);
  }

  /** Where tile and bundle differ, the tile above knows which of them is as it was when the log grew over it. */
  #choose(index: number, computed: Buffer | undefined, stored: Buffer | undefined): Buffer | undefined {
    if (computed === undefined || stored === undefined) return stored ?? computed;
    if (equalHashes(computed, stored)) return computed;
    const parent = this.#storedParent(index);
    const at = firstDifference(computed, stored);
    if (parent !== undefined && equalHashes(parent, perfectRoot(stored, 0, TILE_WIDTH))) {
      this.#nameChanged(index, TILE_WIDTH, at, "bundle");
      return stored;
    }
    const known = parent !== undefined && equalHashes(parent, perfectRoot(computed, 0, TILE_WIDTH));
    this.#nameChanged(index, TILE_WIDTH, at, known ? "tile" : "either");
    return computed;
  }

  /** The hash of leaf tile `index` in the tile above it, as it is on disk; undefined where that is missing. */
  #storedParent(index: number): Uint8Array | undefined {
    const above = Math.floor(index / TILE_WIDTH);
    if (this.#above?.index !== above) {
      const { full, partial } = tileCounts(this.#size, 1);
      const path = join(this.#folder, tilePath(1, above, above < full ? TILE_WIDTH : partial));
      this.#above = { index: above, bytes: existsSync(path) ? readFileSync(path) : undefined };
    }
    const from = (index % TILE_WIDTH) * HASH_BYTES;
    const hash = this.#above.bytes?.subarray(from, from + HASH_BYTES);
    return hash?.length === HASH_BYTES ? hash : undefined;
  }

  #fold(level: number, hash: Uint8Array): void {
    const hashes = this.#levels[level] ?? [];
    this.#levels[level] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    this.#levels[level] = [];
    const bytes = Buffer.concat(hashes);
    this.#compare(level, this.#tileDone(level), TILE_WIDTH, bytes);
    this.#fold(level + 1, perfectRoot(bytes, 0, TILE_WIDTH));
  }

  /** Index of the tile at `level` that has just become full. */
  #tileDone(level: number): number {
    const index = this.#done[level] ?? 0;
    this.#done[level] = index + 1;
    return index;
  }

  #compare(level: number, index: number, width: number, computed: Buffer): void {
    const stored = this.#readHashes(level, index, width);
    if (stored === undefined || this.#broken || equalHashes(stored, computed)) return;
    const at = firstDifference(stored, computed);
    this.#visitor.problem(
      `${tilePath(level, index, width)} has been changed: its hash ${at} is not that of the level below`,
    );
  }

  /** A file of exactly this width, or one that a running gateway has put in its place. */
  #read(level: TileLevel, index: number, width: number) {
    const path = tilePath(level, index, width);
    const exact = this.#readIfThere(path);
    if (exact !== undefined) return { bytes: exact, path, exact: true };
    for (const wider of this.#widerThan(level, index, width)) {
      const bytes = this.#readIfThere(wider);
      if (bytes === undefined) continue;
      this.#visitor.replaced(path);
      return { bytes, path: wider, exact: false };
    }
    this.#visitor.problem(`${path} is missing`);
    return undefined;
  }

  #widerThan(level: TileLevel, index: number, width: number): readonly string[] {
    if (width === TILE_WIDTH) return [];
    const full = tilePath(level, index, TILE_WIDTH);
    const folder = join(this.#folder, `${full}.p`);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const widths = names.filter((name) => /^[1-9]\d{0,2}$/.test(name) && Number(name) > width).map(Number);
    return [...widths.sort((a, b) => b - a).map((wider) => tilePath(level, index, wider)), full];
  }

  #readIfThere(path: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#folder, path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      this.#visitor.problem(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

/** Index of the first hash in which two runs of hashes differ. */
function firstDifference(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return Math.floor(at / HASH_BYTES);
}
