/**
 * Opening a log's folder to go on with it: the right edge of its tree, checked against the checkpoint, and the removal of
 * what a killed process left beside it. Checks no more than the edge: the whole log is verify.ts's business.
 */

import { readdirSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { isMissing, TEMPORARY_PREFIX } from "./atomic-file.ts";
import { walkBundle } from "./bundle.ts";
import type { TreeHead } from "./checkpoint.ts";
import { equalHashes, HASH_BYTES, leafHashInto, rootOfEdges } from "./merkle.ts";
import { levelCount, TILE_WIDTH, type TileLevel, tileCounts, tilePath } from "./tile-path.ts";
import type { TreeEdge } from "./tree-writer.ts";

/** So far off may partial files be that a killed process left: a batch of integrate.ts has fewer tiles. A folder has 1000. */
const TIDY_TILES = 2000;

/** Reads the edge of the tree of `head`. @throws {Error} that names the file which is missing or wrong. */
export function loadEdge(folder: string, head: TreeHead): TreeEdge {
  const edges: Uint8Array[] = [];
  for (let level = 0; level < levelCount(head.size); level++) edges.push(readPartial(folder, level, head.size));
  const bundle = readPartial(folder, "entries", head.size);
  checkBundle(bundle, edges[0] ?? new Uint8Array(0));
  if (!equalHashes(rootOfEdges(edges), head.root)) {
    throw new Error("the tiles are not those of the checkpoint: `postern audit verify` names what is wrong");
  }
  return { size: head.size, bundle, edges };
}

function readPartial(folder: string, level: TileLevel, size: number): Uint8Array {
  const { full, partial } = tileCounts(size, level);
  if (partial === 0) return new Uint8Array(0);
  const path = tilePath(level, full, partial);
  const bytes = readFileSync(join(folder, path));
  if (level !== "entries" && bytes.length !== partial * HASH_BYTES)
    throw new Error(`${path} has ${bytes.length} bytes`);
  return bytes;
}

function checkBundle(bundle: Uint8Array, leaves: Uint8Array): void {
  const bytes = Buffer.from(bundle);
  const hashes = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  let count = 0;
  const whole = walkBundle(bytes, 0, bytes.length, (start, end) => {
    if (count < TILE_WIDTH) leafHashInto(bytes, start, end, hashes, count * HASH_BYTES);
    count += 1;
  });
  if (!whole || !equalHashes(hashes.subarray(0, count * HASH_BYTES), leaves)) {
    throw new Error("the last bundle of entries is not that of the tiles");
  }
}

/** Deletes temporary files, and partial files near the edge that the checkpoint's size does not call for. */
export function tidyLog(folder: string, size: number): void {
  removeTemporary(folder);
  const levels: TileLevel[] = ["entries", ...Array.from({ length: levelCount(size) + 1 }, (_, level) => level)];
  for (const level of levels) {
    const { full, partial } = tileCounts(size, level);
    const keep = partial > 0 ? join(folder, tilePath(level, full, partial)) : undefined;
    const indexes = [full - TIDY_TILES, full - TIDY_TILES / 2, full, full + TIDY_TILES / 2, full + TIDY_TILES];
    const folders = indexes.map((index) => dirname(join(folder, tilePath(level, Math.max(0, index), TILE_WIDTH))));
    for (const path of new Set(folders)) {
      removeTemporary(path);
      for (const name of namesIn(path)) if (name.endsWith(".p")) dropPartials(join(path, name), keep);
    }
  }
}

function dropPartials(path: string, keep: string | undefined): void {
  const names = namesIn(path);
  for (const name of names) if (join(path, name) !== keep) unlinkSync(join(path, name));
  if (keep === undefined || dirname(keep) !== path) rmSync(path, { recursive: true });
}

function removeTemporary(path: string): void {
  for (const name of namesIn(path)) if (name.startsWith(TEMPORARY_PREFIX)) unlinkSync(join(path, name));
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
