/** The names in a log's folder against the size of its checkpoint: what is stray, what is ahead, what a killed gateway left. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMissing, TEMPORARY_PREFIX } from "./atomic-file.ts";
import { TILE_WIDTH, type TileLevel, tileCounts, tilePath } from "./tile-path.ts";

/** What a name stands for. `ahead`: beyond the checkpoint. `narrower`: a partial file that a wider or full one has replaced. */
export type Place = "expected" | "ahead" | "narrower" | "temporary" | "stray";

interface TileName {
  readonly level: TileLevel;
  readonly index: number;
  readonly width: number;
}

/** All files below `folder`, as paths relative to it, in no order. One folder's names are in memory at a time. */
export function* listFiles(folder: string, below = ""): Generator<string> {
  const deeper: string[] = [];
  for (const entry of namesOf(join(folder, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) deeper.push(path);
    else yield path;
  }
  for (const path of deeper) yield* listFiles(folder, path);
}

function namesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Judges a path of listFiles() in a log of `size` entries. */
export function placeOf(path: string, size: number): Place {
  if (path === "checkpoint" || path === "checkpoint.next" || path === "log.vkey") return "expected";
  if (path.slice(path.lastIndexOf("/") + 1).startsWith(TEMPORARY_PREFIX)) return "temporary";
  const name = parseTilePath(path);
  if (name === undefined) return "stray";
  const { full, partial } = tileCounts(size, name.level);
  if (name.width === TILE_WIDTH) return name.index < full ? "expected" : "ahead";
  if (name.index < full || (name.index === full && name.width < partial)) return "narrower";
  return name.index === full && name.width === partial ? "expected" : "ahead";
}

/** Whether a narrower file is the beginning of the one that has replaced it in a log of `size` entries. */
export function isBeginning(folder: string, path: string, size: number): boolean {
  const name = parseTilePath(path);
  if (name === undefined) return false;
  const { full, partial } = tileCounts(size, name.level);
  const whole = readFileSync(join(folder, tilePath(name.level, name.index, name.index < full ? TILE_WIDTH : partial)));
  const bytes = readFileSync(join(folder, path));
  return bytes.length < whole.length && whole.subarray(0, bytes.length).equals(bytes);
}

function parseTilePath(path: string): TileName | undefined {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return undefined;
  const [, level = "", digits = "", width] = match;
  const name: TileName = {
    level: level === "entries" ? level : Number(level),
    index: Number(digits.replace(/[x/]/g, "")),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  // Only one way of writing it is the name: no leading zeros, no width of 256.
  return tilePath(name.level, name.index, name.width) === path ? name : undefined;
}
