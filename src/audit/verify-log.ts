/**
 * One log's folder: key, checkpoint, tree, files, entries. What one log says of another is verify.ts's business.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMissing } from "./atomic-file.ts";
import {
  MalformedNote,
  openCheckpoint,
  parseVkey,
  rawPublicKey,
  type TreeHead,
  type VerifierKey,
} from "./checkpoint.ts";
import type { StoredEntry } from "./entry-check.ts";
import { equalHashes } from "./merkle.ts";
import { EntryChecker, type RegistryAnchor } from "./verify-entries.ts";
import { isBeginning, listFiles, type Place, placeOf } from "./verify-files.ts";
import { verifyTree } from "./verify-tree.ts";

/** Files of one kind that are named; memory is bounded whatever a folder has. */
const MAX_NAMED = 2000;

/** Where problems go; each text is a sentence that begins with the path of a file or log below the `log` folder. */
export interface Findings {
  problem(text: string): void;
  warning(text: string): void;
}

/** What another log's verification asks of this one while it is read. */
export interface LogVisitor {
  entry?(index: number, entry: StoredEntry): void;
  anchor?(anchor: RegistryAnchor): Promise<void>;
  leaves?(first: number, hashes: Buffer, root: Uint8Array | undefined): Promise<void>;
  progress?(entries: number): void;
}

/** A log that has been read to its checkpoint. */
export interface VerifiedLog {
  readonly head: TreeHead;
  readonly vkey: string;
  readonly lastType: string;
  /** A validly signed checkpoint.next is there. */
  readonly staged: boolean;
}

/** Verifies `<folder>/<name>`. @returns undefined where key or checkpoint cannot be believed: nothing below them can be judged. */
export async function verifyOneLog(
  folder: string,
  name: string,
  trusted: readonly VerifierKey[] | undefined,
  findings: Findings,
  visitor: LogVisitor = {},
): Promise<VerifiedLog | undefined> {
  const check = new LogCheck(join(folder, name), name, findings);
  const key = check.key(trusted);
  const head = key === undefined ? undefined : check.checkpoint("checkpoint", key);
  if (key === undefined || head === undefined) {
    check.strayFiles();
    return undefined;
  }
  const checker = await check.tree(head, visitor);
  const staged = check.files(head, key);
  for (const [type, count] of checker.unknown)
    findings.warning(`${name} has ${count} entries of the unknown type ${type}`);
  return { head, vkey: check.vkey, lastType: checker.lastType, staged };
}

class LogCheck {
  readonly #folder: string;
  readonly #name: string;
  readonly #findings: Findings;
  vkey = "";
  readonly #replaced: string[] = [];

  constructor(folder: string, name: string, findings: Findings) {
    this.#folder = folder;
    this.#name = name;
    this.#findings = findings;
  }

  /** The key in log.vkey; with `trusted` keys it must be one of those. */
  key(trusted: readonly VerifierKey[] | undefined): VerifierKey | undefined {
    const text = this.#read("log.vkey");
    if (text === undefined) return undefined;
    this.vkey = text.trimEnd();
    const key = this.#parse("log.vkey", () => {
      if (!text.endsWith("\n")) throw new MalformedNote("does not end with a newline");
      return parseVkey(text.slice(0, -1));
    });
    if (key === undefined || trusted === undefined) return key;
    const raw = rawPublicKey(key.publicKey);
    if (trusted.some((one) => equalHashes(rawPublicKey(one.publicKey), raw))) return key;
    this.#problem("log.vkey is none of the keys that were given");
    return undefined;
  }

  checkpoint(file: string, key: VerifierKey): TreeHead | undefined {
    const text = this.#read(file);
    const head = text === undefined ? undefined : this.#parse(file, () => openCheckpoint(text, [key]));
    if (head === undefined || head.origin === key.name) return head;
    this.#problem(`${file} is of ${head.origin}, its key is of ${key.name}`);
    return undefined;
  }

  async tree(head: TreeHead, visitor: LogVisitor): Promise<EntryChecker> {
    const checker = new EntryChecker((text) => this.#problem(text, ": "));
    const anchors: RegistryAnchor[] = [];
    const root = await verifyTree(this.#folder, head, {
      problem: (text) => this.#problem(text),
      replaced: (path) => this.#replaced.push(path),
      missing: () => checker.skip(),
      bundle: (first, bytes, bounds) => {
        for (let i = 0; i < bounds.length; i += 2) {
          const index = first + i / 2;
          const entry = checker.check(index, bytes.toString("utf8", bounds[i], bounds[i + 1]));
          if (entry !== undefined) visitor.entry?.(index, entry);
          if (checker.anchor !== undefined) anchors.push(checker.anchor);
        }
        visitor.progress?.(bounds.length / 2);
      },
      leaves: async (first, hashes, root) => {
        await visitor.leaves?.(first, hashes, root);
        for (const anchor of anchors.splice(0)) await visitor.anchor?.(anchor);
      },
    });
    if (root !== undefined && !equalHashes(root, head.root)) {
      this.#problem(
        "checkpoint has a root that is not that of the tiles: one of them is not of this log's present state",
      );
    }
    return checker;
  }

  /** Compares the folder's names with the checkpoint's size. @returns whether a later checkpoint is announced. */
  files(head: TreeHead, key: VerifierKey): boolean {
    const found = new Map<Place, string[]>();
    for (const path of listFiles(this.#folder)) {
      const place = placeOf(path, head.size);
      if (place === "expected") continue;
      const paths = found.get(place) ?? [];
      found.set(place, paths);
      if (paths.length < MAX_NAMED) paths.push(path);
    }
    for (const path of found.get("stray") ?? []) this.#problem(`${path} does not belong here`);
    // In this order: what was beyond the checkpoint when it was listed is announced still, or the checkpoint has moved.
    const next = this.#next(key);
    const now = this.checkpoint("checkpoint", key);
    if (next !== undefined && next.size < head.size) {
      this.#problem("checkpoint.next is of a smaller size than checkpoint");
    }
    // A validly signed later checkpoint: the log is being written, and its files have changed while we looked.
    if (now?.size === head.size) this.#judge(head.size, next?.size ?? head.size, found);
    return next !== undefined;
  }

  #judge(size: number, announced: number, found: ReadonlyMap<Place, readonly string[]>): void {
    for (const path of this.#replaced) this.#problem(`${path} is missing`);
    for (const path of found.get("narrower") ?? []) this.#checkNarrower(path, size);
    for (const path of found.get("temporary") ?? [])
      this.#warning(`${path} was not written to its end: it is not part of the log`);
    const ahead = found.get("ahead") ?? [];
    const beyond = ahead.filter((path) => placeOf(path, announced) === "ahead").sort();
    for (const path of ahead)
      if (!beyond.includes(path)) this.#warning(`${path} is beyond checkpoint, up to checkpoint.next`);
    if (beyond[0] === undefined) return;
    this.#problem(`checkpoint is of ${size} entries, and ${beyond[0]} is beyond that: checkpoint is an older one`);
  }

  /** checkpoint.next, where it is there; it may go while we look. */
  #next(key: VerifierKey): TreeHead | undefined {
    try {
      const text = readFileSync(join(this.#folder, "checkpoint.next"), "utf8");
      return this.#parse("checkpoint.next", () => openCheckpoint(text, [key]));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Without a checkpoint only names can be judged. */
  strayFiles(): void {
    for (const path of listFiles(this.#folder)) {
      if (placeOf(path, Number.MAX_SAFE_INTEGER) === "stray") this.#problem(`${path} does not belong here`);
    }
  }

  #checkNarrower(path: string, size: number): void {
    try {
      if (!isBeginning(this.#folder, path, size))
        this.#problem(`${path} is not the beginning of the file that has replaced it`);
    } catch (error) {
      if (!isMissing(error)) throw error; // the wider one is missing, and named as such
    }
  }

  #parse<T>(file: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof MalformedNote)) throw error;
      this.#problem(`${file} ${error.message}`);
      return undefined;
    }
  }

  #read(file: string): string | undefined {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(join(this.#folder, file)));
    } catch (error) {
      this.#problem(isMissing(error) ? `${file} is missing` : `${file} cannot be read as text`);
      return undefined;
    }
  }

  #problem(text: string, between = "/"): void {
    this.#findings.problem(`${this.#name}${between}${text}`);
  }

  #warning(text: string): void {
    this.#findings.warning(`${this.#name}/${text}`);
  }
}
