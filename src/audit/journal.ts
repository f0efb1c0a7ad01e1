/**
 * The write-ahead journal: entries gather in one buffer, a hand-over writes them to the kernel in one call, a flush
 * (fdatasync, one in flight) makes them durable for all who wait. Knows no entry's meaning, no tile, no key: see log.ts.
 * What was appended stays in the buffer until it is durable, so that a disk that comes back gets all of it.
 */

import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { FRAME_HEADER_BYTES, sealFrame } from "./frame.ts";
import { createFilled, listSegments, segmentPath, sparePath } from "./segment.ts";
import {
  DirtyFiles,
  type FileIdentity,
  identityOf,
  identityOfOpen,
  isSameFileSync,
  sameFile,
  syncFolder,
} from "./segment-sync.ts";

/** A frame is sealed at this size, so that it fits a segment; more than this waiting in memory is handed over unasked. */
const FRAME_TARGET_BYTES = 1024 * 1024;
/** Entries kept in memory while the disk is away: only those that settle what is already on record (log.ts). */
const BACKLOG_BYTES = 64 * 1024 * 1024;
const LENGTH_BYTES = 2;
const INITIAL_BYTES = 2 * FRAME_TARGET_BYTES;
/** A buffer that a burst has made larger than this is given back when it is empty. */
const MAX_IDLE_BYTES = 4 * INITIAL_BYTES;

export interface JournalOptions {
  /** `<data>/journal`; exists. */
  readonly folder: string;
  readonly firstSeq: number;
  readonly segmentBytes: number;
  /** Called with each seq below which all is durable. */
  readonly onDurable: (size: number) => void;
  /** Called once when a write or flush fails; nothing is written again until recover(). */
  readonly onFailure: (cause: unknown) => void;
}

/** What a text came to when it was appended. */
export type Appended = { readonly ok: true } | { readonly ok: false; readonly bytes: number };

export class Journal {
  readonly #options: JournalOptions;
  readonly #dirty = new DirtyFiles();
  #bytes = Buffer.alloc(INITIAL_BYTES);
  /** Offsets in #bytes: [0, written) is handed over, not durable; [written, used) only here; -1: no frame is open. */
  #written = 0;
  #used = 0;
  #open = -1;
  #openSeq = 0;
  #next: number;
  #handed: number;
  #durable: number;
  #folder: FileIdentity | undefined;
  #file = -1;
  #path = "";
  #identity: FileIdentity | undefined;
  #position = 0;
  #failed = false;
  #flushing: Promise<void> | undefined;
  #spare: Promise<void> | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#next = options.firstSeq;
    this.#handed = options.firstSeq;
    this.#durable = options.firstSeq;
  }

  /** Makes the first segment. @throws what the file system throws. */
  async start(): Promise<void> {
    this.#folder = await identityOf(this.#options.folder);
    await this.#newSegment();
    this.#makeSpare();
  }

  /** Seq of the next entry. */
  get next(): number {
    return this.#next;
  }
  /** All below are with the kernel: they survive the end of this process. */
  get handed(): number {
    return this.#handed;
  }
  /** All below are on disk. */
  get durable(): number {
    return this.#durable;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Whether the memory for entries that cannot be written is used up. */
  get full(): boolean {
    return this.#used > BACKLOG_BYTES;
  }

  /** Bytes that wait for a hand-over; log.ts hands over unasked above FRAME_TARGET_BYTES. */
  get overdue(): boolean {
    return this.#used - this.#written > FRAME_TARGET_BYTES;
  }

  /** Adds one entry to the buffer as `next`. Over `limit` bytes nothing is added. Hot path: no allocation but growth. */
  append(text: string, limit: number): Appended {
    if (this.#open !== -1 && this.#used - this.#open > FRAME_TARGET_BYTES) this.#seal();
    const worst = this.#used + FRAME_HEADER_BYTES + LENGTH_BYTES + text.length * 3;
    if (worst > this.#bytes.length) this.#grow(worst);
    const start = this.#open === -1 ? this.#used + FRAME_HEADER_BYTES : this.#used;
    const length = this.#bytes.write(text, start + LENGTH_BYTES);
    if (length > limit) return { ok: false, bytes: length };
    if (this.#open === -1) {
      this.#open = this.#used;
      this.#openSeq = this.#next;
    }
    this.#bytes[start] = length >>> 8;
    this.#bytes[start + 1] = length & 255;
    this.#used = start + LENGTH_BYTES + length;
    this.#next += 1;
    return APPENDED;
  }

  /** Writes all that was appended to the kernel, at once. @throws what the file system throws; then the journal has failed. */
  handOver(): void {
    if (this.#failed) throw new Error("the journal has failed");
    if (this.#open === -1) return;
    this.#seal();
    try {
      if (this.#position + (this.#used - this.#written) <= this.#options.segmentBytes) this.#write(this.#used);
      else this.#writeFrames();
      this.#handed = this.#next;
    } catch (cause) {
      this.#fail(cause);
      throw cause;
    }
  }

  /** Makes all that is handed over durable, together with what others wait for. Resolves also where it failed: see onFailure. */
  flush(): Promise<void> {
    if (this.#failed || this.#handed === this.#durable) return Promise.resolve();
    this.#flushing ??= this.#sync().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  get flushing(): boolean {
    return this.#flushing !== undefined;
  }

  /** Whether the segment at its path is still the one being written. Cheap (one stat): called now and then before a hand-over. */
  isInPlace(): boolean {
    return this.#identity !== undefined && isSameFileSync(this.#path, this.#identity);
  }

  /** Marks the journal failed from outside: a folder that is gone, a worker that cannot write. */
  fail(cause: unknown): void {
    this.#fail(cause);
  }

  /**
   * Tries again after a failure: all that is not durable goes into a new segment named by its first seq, which takes
   * precedence over whatever the old segment holds from there on. @throws what the file system throws; stays failed then.
   */
  async recover(): Promise<void> {
    await this.#flushing;
    const folder = await identityOf(this.#options.folder);
    if (this.#folder === undefined || !sameFile(folder, this.#folder))
      throw new Error("the journal's folder is another one");
    if (this.#open !== -1) this.#seal();
    const end = this.#used;
    const next = this.#next;
    this.#closeFiles();
    for (const { firstSeq, path } of await listSegments(this.#options.folder)) {
      if (firstSeq > this.#durable) await unlink(path); // its entries come again, in the new segment
    }
    await this.#newSegment();
    this.#written = 0;
    this.#writeFrames(end);
    await this.#dirty.sync(this.#file, this.#options.folder);
    this.#failed = false;
    this.#handed = next;
    this.#release(end, next);
    this.#makeSpare();
  }

  /** Flushes and closes. Nothing may be appended after. May be called again. */
  async close(): Promise<void> {
    await this.#flushing;
    await this.flush();
    await this.#spare;
    this.#closeFiles();
  }

  #closeFiles(): void {
    this.#dirty.closeAll();
    if (this.#file !== -1) closeSync(this.#file);
    this.#file = -1;
  }

  #seal(): void {
    sealFrame(this.#bytes, this.#open, this.#used, this.#openSeq);
    this.#open = -1;
  }

  /** Frame by frame, as a frame never crosses from one segment into the next. */
  #writeFrames(end = this.#used): void {
    while (this.#written < end) {
      const frameEnd = this.#written + FRAME_HEADER_BYTES + this.#bytes.readUInt32BE(this.#written);
      if (this.#position > 0 && this.#position + frameEnd - this.#written > this.#options.segmentBytes) {
        this.#rotate(Number(this.#bytes.readBigUInt64BE(this.#written + 8)));
      }
      this.#write(frameEnd);
    }
  }

  #write(end: number): void {
    const length = end - this.#written;
    let done = 0;
    while (done < length) {
      const count = writeSync(this.#file, this.#bytes, this.#written + done, length - done, this.#position + done);
      if (count === 0) throw new Error("the disk took no bytes");
      done += count;
    }
    this.#written = end;
    this.#position += length;
  }

  /** Goes on in the spare, or in a new empty file where the spare is not ready: slower to flush, not less safe. */
  #rotate(firstSeq: number): void {
    const path = segmentPath(this.#options.folder, firstSeq);
    const old = this.#file;
    let file: number;
    try {
      renameSync(sparePath(this.#options.folder), path);
      file = openSync(path, "r+", 0o600);
    } catch {
      file = openSync(path, "w", 0o600);
    }
    this.#dirty.rotated(old);
    this.#use(file, path);
    this.#makeSpare();
  }

  async #newSegment(): Promise<void> {
    const path = segmentPath(this.#options.folder, this.#durable);
    await createFilled(path, this.#options.segmentBytes);
    this.#use(openSync(path, "r+", 0o600), path);
    await syncFolder(this.#options.folder);
  }

  #use(file: number, path: string): void {
    this.#file = file;
    this.#path = path;
    this.#identity = identityOfOpen(file);
    this.#position = 0;
  }

  #makeSpare(): void {
    this.#spare ??= createFilled(sparePath(this.#options.folder), this.#options.segmentBytes)
      .catch(() => undefined) // a full disk shows at the rotation, if it is full still
      .finally(() => {
        this.#spare = undefined;
      });
  }

  async #sync(): Promise<void> {
    const file = this.#file;
    const path = this.#path;
    const identity = this.#identity;
    const size = this.#handed;
    const end = this.#written;
    try {
      await this.#dirty.sync(file, this.#options.folder);
      // A call of this thread: 3 us; through the thread pool it takes ten times that.
      if (identity === undefined || !isSameFileSync(path, identity))
        throw new Error("the journal's segment is not in its place");
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    if (this.#failed) return; // recover() writes it once more, elsewhere
    this.#release(end, size);
  }

  /** Forgets bytes that are durable. */
  #release(end: number, size: number): void {
    this.#bytes.copyWithin(0, end, this.#used);
    this.#written -= end;
    this.#used -= end;
    if (this.#open !== -1) this.#open -= end;
    if (this.#used === 0 && this.#bytes.length > MAX_IDLE_BYTES) this.#bytes = Buffer.alloc(INITIAL_BYTES);
    this.#durable = size;
    this.#options.onDurable(size);
  }

  #grow(bytes: number): void {
    const grown = Buffer.alloc(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.onFailure(cause);
  }
}

const APPENDED: Appended = { ok: true };
