/**
 * Reads a log's entries from its tiles, as an index or a tail needs them. Checks no hash: what is read here is as good as the
 * folder, and verify.ts says how good that is. Copes with a gateway that writes meanwhile.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./atomic-file.ts";
import { walkBundle } from "./bundle.ts";
import { TILE_WIDTH, type TileLevel, tilePath } from "./tile-path.ts";

export interface ReadEntry {
  /** Leaf index, the entry's `seq`. */
  readonly index: number;
  /** Canonical JSON. */
  readonly json: string;
}

/**
 * Entries of the log in `folder` (`<data>/log/<instance>`, with `checkpoint` in it) from leaf `from` to the checkpoint's size
 * at the time of the call. A log without a checkpoint has none. One bundle is in memory at a time.
 */
export async function* readEntries(folder: string, from: number): AsyncGenerator<ReadEntry, void, undefined> {
  const size = await readSize(folder);
  let next = from;
  while (next < size) {
    const first = Math.floor(next / TILE_WIDTH) * TILE_WIDTH;
    const bytes = await readTile(folder, "entries", first / TILE_WIDTH, Math.min(TILE_WIDTH, size - first));
    const entries: string[] = [];
    const whole = walkBundle(bytes, 0, bytes.length, (start, end) => entries.push(bytes.toString("utf8", start, end)));
    if (!whole || entries.length < Math.min(TILE_WIDTH, size - first))
      throw new Error("a bundle of entries is too short");
    for (; next < Math.min(first + TILE_WIDTH, size); next++) yield { index: next, json: entries[next - first] ?? "" };
  }
}

/** Size in the log's checkpoint, unverified; 0 where there is none. */
export async function readSize(folder: string): Promise<number> {
  try {
    const [, size = ""] = (await readFile(join(folder, "checkpoint"), "utf8")).split("\n");
    if (!/^\d{1,16}$/.test(size)) throw new Error("checkpoint has no size in its second line");
    return Number(size);
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

/**
 * Bytes of a tile or bundle of at least `width`: where that partial file has been replaced, a wider one's or the full one's,
 * whose beginning is the same. @throws what the file system throws; ENOENT names the file of exactly `width`.
 */
export async function readTile(folder: string, level: TileLevel, index: number, width: number): Promise<Buffer> {
  const path = join(folder, tilePath(level, index, width));
  try {
    return await readFile(path);
  } catch (error) {
    if (!isMissing(error) || width === TILE_WIDTH) throw error;
    const wider = await readWider(folder, level, index, width);
    if (wider === undefined) throw error;
    return wider;
  }
}

async function readWider(folder: string, level: TileLevel, index: number, width: number): Promise<Buffer | undefined> {
  const full = join(folder, tilePath(level, index, TILE_WIDTH));
  // Between listing and reading the gateway may have replaced it once more, hence three tries.
  for (let tries = 0; tries < 3; tries++) {
    const partials = await readdir(`${full}.p`).catch(() => []);
    const widest = Math.max(0, ...partials.filter((name) => /^\d{1,3}$/.test(name)).map(Number));
    const candidates = widest >= width ? [`${full}.p/${widest}`, full] : [full];
    for (const path of candidates) {
      try {
        return await readFile(path);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }
  return undefined;
}
