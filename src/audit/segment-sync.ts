/** What a flush of the journal has to sync: the current segment, those written to their end since, and the folder's names. */

import { close, closeSync, fdatasync, fstatSync, fsync, open, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

const fdatasyncOf = promisify(fdatasync);
const fsyncOf = promisify(fsync);
const openOf = promisify(open);
const closeOf = promisify(close);

/** Tells a file or folder from another one that has taken its name. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

export async function identityOf(path: string): Promise<FileIdentity> {
  const { dev, ino } = await stat(path);
  return { dev, ino };
}

export function identityOfOpen(file: number): FileIdentity {
  const { dev, ino } = fstatSync(file);
  return { dev, ino };
}

export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Whether `path` still is that file. False where it cannot be read. */
export function isSameFileSync(path: string, identity: FileIdentity): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  return now !== undefined && sameFile(now, identity);
}

/** Syncs a folder, so that the names in it survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await openOf(path, "r");
  try {
    await fsyncOf(folder);
  } finally {
    await closeOf(folder);
  }
}

/** Segments written to their end and not synced yet. Owns their descriptors from rotated() on. */
export class DirtyFiles {
  #rotated: number[] = [];

  rotated(file: number): void {
    this.#rotated.push(file);
  }

  /** Syncs the rotated ones, then `file`, then the folder's names where there were any rotated. @throws what fdatasync throws. */
  async sync(file: number, folder: string): Promise<void> {
    const rotated = this.#rotated;
    this.#rotated = [];
    try {
      for (const old of rotated) await fdatasyncOf(old);
      await fdatasyncOf(file);
      if (rotated.length > 0) await syncFolder(folder);
    } finally {
      for (const old of rotated) closeSync(old);
    }
  }

  closeAll(): void {
    for (const old of this.#rotated) closeSync(old);
    this.#rotated = [];
  }
}
