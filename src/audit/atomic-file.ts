/**
 * Files that appear whole or not at all: written under a temporary name, synced, renamed; the folders' names synced once
 * for many files. Synchronous: the integrator's thread does nothing else meanwhile, and libuv's pool stays free for flushes.
 */

import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Files that a killed process may leave; not part of a log. */
export const TEMPORARY_PREFIX = ".tmp-";

/** Writes files below `root` and remembers which folders have to be synced. */
export class AtomicFiles {
  readonly #root: string;
  readonly #afterEach: (path: string) => void;
  #folders = new Set<string>();

  /** @param afterEach called after each step that a crash could follow; for tests of exactly that. */
  constructor(root: string, afterEach: (path: string) => void = () => {}) {
    this.#root = root;
    this.#afterEach = afterEach;
  }

  /** @param path relative to the root. @throws what the file system throws. */
  write(path: string, bytes: Uint8Array): void {
    const target = join(this.#root, path);
    const temporary = join(dirname(target), TEMPORARY_PREFIX + basename(target));
    const file = this.#create(temporary);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    this.#afterEach(temporary);
    this.rename(temporary, target);
  }

  /** Both absolute. */
  rename(from: string, to: string): void {
    renameSync(from, to);
    this.#folders.add(dirname(to));
    this.#afterEach(to);
  }

  /** Counts `folder` among those that syncFolders() syncs. */
  touch(folder: string): void {
    this.#folders.add(folder);
  }

  /** Makes the names written since the last call survive a power cut. */
  syncFolders(): void {
    for (const path of this.#folders) {
      const folder = openSync(path, "r");
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    }
    this.#folders.clear();
  }

  #create(path: string): number {
    try {
      return openSync(path, "w", 0o600);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#makeFolder(dirname(path));
      return openSync(path, "w", 0o600);
    }
  }

  /** Folders below the root are made, the root itself is not: it has gone, and with it what it should be found in. */
  #makeFolder(path: string): void {
    statSync(this.#root);
    const first = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) this.#folders.add(dirname(made));
  }
}

/** Whether an error of the file system says that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
