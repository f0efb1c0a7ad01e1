/**
 * What a run has left: the journal's entries beyond the tiles, a torn tail, sessions and statements without an end. Reads and
 * cuts; the entries that say so are the log's to write (log.ts). Memory is bounded by one bundle, one segment, the open sessions.
 */

import { open, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isMissing } from "./atomic-file.ts";
import { walkBundle } from "./bundle.ts";
import { findFrame, frameAt, writtenEnd } from "./frame.ts";
import { JournalReader } from "./journal-reader.ts";
import { OpenSessions } from "./open-sessions.ts";
import { readEntries } from "./read.ts";
import { listSegments } from "./segment.ts";
import { TILE_WIDTH } from "./tile-path.ts";
import { parseMicros } from "./timestamp.ts";

export interface Recovered {
  /** Seq of the next entry: everything below is in the tiles or in the journal. */
  readonly size: number;
  /** `ts` of the last entry in microseconds, 0 for none. */
  readonly lastMicros: number;
  /** The log is new, or its last run ended in order. */
  readonly clean: boolean;
  /** Entries in the journal beyond the tiles. */
  readonly replayed: number;
  readonly cutBytes: number;
  /** File in the journal's folder that keeps the cut bytes, where whole frames were among them. */
  readonly kept: string | undefined;
  readonly sessions: OpenSessions;
  /** What OpenSessions knew at the checkpoint, as its toJSON(): the integrator goes on from there. */
  readonly sessionsAtTiles: unknown;
}

/** Name of the file in the journal's folder that keeps what OpenSessions knew at some size. */
export const SESSIONS_FILE = "sessions.json";

/**
 * @param tiles size of the checkpoint in `logFolder`.
 * @throws {Error} where the journal begins behind the checkpoint: then the log's folder is an older copy.
 */
export async function recover(journalFolder: string, logFolder: string, tiles: number): Promise<Recovered> {
  const known = await readKnown(journalFolder, logFolder, tiles);
  const sessions = known.sessions;
  let last = "";
  for await (const { index, json } of readEntries(logFolder, Math.min(known.size, Math.max(0, tiles - 1)))) {
    last = json;
    if (index >= known.size) sessions.feed(json);
    else sessions.see(json);
  }
  const sessionsAtTiles = sessions.toJSON();
  const reader = new JournalReader(journalFolder);
  let size = tiles;
  try {
    for (let frame = reader.read(size); frame !== undefined; frame = reader.read(size)) {
      const { bytes, start, end } = frame;
      walkBundle(bytes, start, end, (from, to) => {
        last = bytes.toString("latin1", from, to);
        sessions.feed(last);
        size += 1;
      });
    }
  } finally {
    reader.close();
  }
  const cut = await cutTail(journalFolder, tiles, size);
  const clean = size === 0 || (cut.cutBytes === 0 && sessions.lastType === "gateway.stopped");
  return { size, lastMicros: microsOf(last), clean, replayed: size - tiles, sessions, sessionsAtTiles, ...cut };
}

/** Cuts what is behind the last whole frame, and puts aside segments that cannot be reached any more. */
async function cutTail(folder: string, tiles: number, size: number) {
  const segments = await listSegments(folder);
  const reachable = segments.filter((segment) => segment.firstSeq <= size);
  const beyond = segments.filter((segment) => segment.firstSeq > size);
  if (beyond.length > 0 && !reachable.some((segment) => segment.firstSeq <= tiles)) {
    throw new Error(
      `the journal begins at entry ${beyond[0]?.firstSeq}, the log has only ${tiles}: its folder is an older copy`,
    );
  }
  let cutBytes = 0;
  let kept: string | undefined;
  const newest = reachable.at(-1);
  if (newest !== undefined) {
    const bytes = await readFile(newest.path);
    const end = framesEnd(bytes, size);
    const rest = bytes.subarray(end, writtenEnd(bytes, end));
    cutBytes += rest.length;
    if (findFrame(rest, 0, (seq) => seq >= size) !== undefined) {
      kept = `cut-${size}.seg`;
      await writeFile(join(folder, kept), rest, { mode: 0o600 });
    }
    if (rest.length > 0) await truncate(newest.path, end);
  }
  for (const { path } of reachable) await syncFile(path); // a killed process had it with the kernel, not on disk
  for (const { path } of beyond) {
    cutBytes += writtenEnd(await readFile(path), 0);
    kept = `cut-${basename(path)}`;
    await rename(path, join(folder, kept));
  }
  return { cutBytes, kept };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** End of the last whole frame whose entries are below `size`. */
function framesEnd(bytes: Buffer, size: number): number {
  let end = 0;
  for (let at: number | undefined = 0; at !== undefined; at = findFrame(bytes, end, (seq) => seq < size)) {
    const frame = frameAt(bytes, at);
    if (frame.kind === "frame" && frame.firstSeq < size) end = frame.end;
    else if (at > 0) break;
  }
  return end;
}

/** Where to begin to read: what was kept about open sessions, else the bundle with the last beginning or end of a run. */
async function readKnown(journalFolder: string, logFolder: string, tiles: number) {
  try {
    const kept: unknown = JSON.parse(await readFile(join(journalFolder, SESSIONS_FILE), "utf8"));
    if (isKept(kept) && kept.size <= tiles) return { size: kept.size, sessions: OpenSessions.from(kept.sessions) };
  } catch (error) {
    if (!isMissing(error) && !(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  for (let first = Math.floor(Math.max(0, tiles - 1) / TILE_WIDTH) * TILE_WIDTH; first > 0; first -= TILE_WIDTH) {
    for await (const { index, json } of readEntries(logFolder, first)) {
      if (index >= first + TILE_WIDTH) break;
      if (/"type":"gateway\.(started|stopped)"/.test(json)) return { size: first, sessions: new OpenSessions() };
    }
  }
  return { size: 0, sessions: new OpenSessions() };
}

function isKept(value: unknown): value is { readonly size: number; readonly sessions: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "size" in value &&
    Number.isSafeInteger(value.size) &&
    "sessions" in value
  );
}

function microsOf(entry: string): number {
  if (entry === "") return 0;
  const at = entry.lastIndexOf('"ts":"') + 6;
  const micros = parseMicros(entry.slice(at, at + 27));
  if (Number.isNaN(micros)) throw new Error("the last entry has no ts");
  return micros;
}
