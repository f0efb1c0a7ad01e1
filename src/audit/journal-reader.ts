/**
 * Reads the journal's frames from a seq on, across segments, while it is being written: for the integrator, and for recovery.
 * A seq may stand in two segments after a failed write (journal.ts, recover): both have the same bytes, or one is torn.
 */

import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { FRAME_HEADER_BYTES, findFrame, frameAt } from "./frame.ts";
import { listSegmentsSync, type SegmentName } from "./segment.ts";

const WINDOW_BYTES = 4 * 1024 * 1024;

/** One frame: the entries are in [start, end) of `bytes`, which are valid until the next call. */
export interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly firstSeq: number;
}

export class JournalReader {
  readonly #folder: string;
  #file = -1;
  #path = "";
  #window = Buffer.alloc(WINDOW_BYTES);
  #windowAt = 0;
  #windowBytes = 0;
  #offset = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The frame whose first entry is `seq`, or undefined where no segment has a whole one. */
  read(seq: number): Frame | undefined {
    const here = this.#file === -1 ? undefined : this.#frameOf(seq);
    return here ?? this.#search(seq);
  }

  close(): void {
    if (this.#file !== -1) closeSync(this.#file);
    this.#file = -1;
  }

  /** Opens anew the segments that can have `seq`: newest first, as the older one may be torn there. */
  #search(seq: number): Frame | undefined {
    const before = this.#path;
    for (const segment of listSegmentsSync(this.#folder).toReversed()) {
      if (segment.firstSeq > seq) continue;
      this.#open(segment);
      const frame = this.#frameOf(seq) ?? this.#frameBehindDamage(segment, seq);
      if (frame !== undefined) return frame;
      if (segment.path === before) break; // older ones end before this one
    }
    return undefined;
  }

  /** A damaged place before the frame hides it from #frameOf(). */
  #frameBehindDamage({ path }: SegmentName, seq: number): Frame | undefined {
    const offset = findFrame(readFileSync(path), this.#offset, (firstSeq) => firstSeq === seq);
    if (offset === undefined) return undefined;
    this.#offset = offset;
    return this.#frameOf(seq);
  }

  #open({ path }: SegmentName): void {
    this.close();
    this.#file = openSync(path, "r");
    this.#path = path;
    this.#offset = 0;
    this.#windowAt = 0;
    this.#windowBytes = 0;
  }

  /** Goes forward in the open segment to the frame of `seq`; the offset stays behind the last frame before it. */
  #frameOf(seq: number): Frame | undefined {
    for (;;) {
      const frame = this.#frameHere();
      if (frame === undefined || frame.firstSeq > seq) return undefined;
      this.#offset += frame.end - frame.start + FRAME_HEADER_BYTES;
      if (frame.firstSeq === seq) return frame;
    }
  }

  /** What was read ahead may have been half written then: what is no frame is read once more. */
  #frameHere(): Frame | undefined {
    const frame = this.#frameInWindow();
    if (frame !== undefined) return frame;
    this.#windowBytes = 0;
    return this.#frameInWindow();
  }

  #frameInWindow(): Frame | undefined {
    this.#fill(FRAME_HEADER_BYTES);
    const at = this.#offset - this.#windowAt;
    if (at + FRAME_HEADER_BYTES > this.#windowBytes) return undefined;
    const length = this.#window.readUInt32BE(at);
    if (length === 0 || length > this.#remaining()) return undefined;
    this.#fill(FRAME_HEADER_BYTES + length);
    const bytes = this.#window.subarray(0, this.#windowBytes);
    const frame = frameAt(bytes, this.#offset - this.#windowAt);
    return frame.kind === "frame" ? { bytes, start: frame.start, end: frame.end, firstSeq: frame.firstSeq } : undefined;
  }

  #remaining(): number {
    return fstatSync(this.#file).size - this.#offset;
  }

  /** Makes the window hold `bytes` bytes from the offset on, or all that there are. */
  #fill(bytes: number): void {
    const have = this.#windowAt + this.#windowBytes - this.#offset;
    if (this.#offset >= this.#windowAt && have >= bytes) return;
    if (bytes > this.#window.length) this.#window = Buffer.alloc(bytes);
    this.#windowAt = this.#offset;
    this.#windowBytes = readSync(this.#file, this.#window, 0, this.#window.length, this.#offset);
  }
}
