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

/** So far back may the checkpoint be whose partial files a killed process did not delete: see BATCH_BYTES of integrate.ts. */
const TIDY_TILES = 2048;

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

/** Deletes temporary files and partial files near the edge that the checkpoint's size does not call for. */
export function tidyLog(folder: string, size: number): void {
  removeTemporary(folder);
  const levels: TileLevel[] = ["entries", ...Array.from({ length: levelCount(size) + 1 }, (_, level) => level)];
  for (const level of levels) {
    const { full, partial } = tileCounts(size, level);
    const folders = new Set<string>();
    for (let index = Math.max(0, full - TIDY_TILES); index <= full + TIDY_TILES; index++) {
      const keep = index === full && partial > 0 ? String(partial) : undefined;
      dropPartials(`${join(folder, tilePath(level, index, TILE_WIDTH))}.p`, keep);
      folders.add(dirname(join(folder, tilePath(level, index, TILE_WIDTH))));
    }
    for (const path of folders) removeTemporary(path);
  }
}

function dropPartials(path: string, keep: string | undefined): void {
  const names = namesIn(path);
  for (const name of names) if (name !== keep) unlinkSync(join(path, name));
  if (names.length > 0 && keep === undefined) rmSync(path, { recursive: true });
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
