/**
 * Files of the journal: `<16 digits of the first seq>.seg`, filled with zeros and synced ahead of need, so that fdatasync
 * has no metadata to write. Knows names, creation and listing; what stands inside: frame.ts.
 */

import { constants, readdirSync } from "node:fs";
import { type FileHandle, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

export const SEGMENT_BYTES = 16 * 1024 * 1024;
const SPARE = "spare.seg";
const FILL_BYTES = 1024 * 1024;

/** One segment: `firstSeq` is the seq of its first entry. */
export interface SegmentName {
  readonly firstSeq: number;
  readonly path: string;
}

export function segmentPath(folder: string, firstSeq: number): string {
  return join(folder, `${String(firstSeq).padStart(16, "0")}.seg`);
}

/** The spare's place: a filled segment without entries, renamed when it is needed. */
export function sparePath(folder: string): string {
  return join(folder, SPARE);
}

/** The journal's segments, by first seq. */
export async function listSegments(folder: string): Promise<readonly SegmentName[]> {
  return segmentsOf(folder, await readdir(folder));
}

/** listSegments() for the integrator's thread. */
export function listSegmentsSync(folder: string): readonly SegmentName[] {
  return segmentsOf(folder, readdirSync(folder));
}

function segmentsOf(folder: string, names: readonly string[]): readonly SegmentName[] {
  return names
    .filter((name) => /^\d{16}\.seg$/.test(name))
    .sort()
    .map((name) => ({ firstSeq: Number(name.slice(0, 16)), path: join(folder, name) }));
}

/** Makes a zero-filled, synced file of `bytes` bytes at `path`, whole or not at all. */
export async function createFilled(path: string, bytes: number): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, 0o600);
  try {
    await fill(file, bytes);
    await file.sync();
  } catch (error) {
    await unlink(temporary); // on a full disk it would keep the space that others need to go on
    throw error;
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function fill(file: FileHandle, bytes: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(FILL_BYTES, bytes));
  for (let offset = 0; offset < bytes; offset += zeros.length) {
    const length = Math.min(zeros.length, bytes - offset);
    const { bytesWritten } = await file.write(zeros, 0, length, offset);
    if (bytesWritten !== length) throw new Error(`wrote ${bytesWritten} of ${length} bytes`);
  }
}
