/**
 * Splits a stream of bytes into messages, in either direction, without copying those that lie whole in a chunk. Looks at
 * type and length only: bodies are decoded by the message files, if anyone needs them.
 */

import { Buffer } from "node:buffer";
import type { FrameLimits } from "./frame-limits.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

/**
 * Takes what a {@link FrameScanner} finds, in the order of the stream. Each call gets `bytes[start, end)`, type byte and
 * length included. As long as `bytes` is the same object, one call starts where the one before it ended: what is to pass
 * unchanged can leave as one subarray. `bytes` is the chunk that was fed, or a buffer that is now the visitor's.
 */
export interface FrameVisitor {
  /** One whole message. Answering false stops the scan before it: it comes again, first, at `resume`. */
  message(type: number, bytes: Uint8Array, start: number, end: number): boolean;
  /** A message of a streamed type does not end in this chunk: its `totalBytes` follow as pieces, and no other call until then. */
  streamed(type: number, totalBytes: number): void;
  /** The next bytes of that message; the first of them are type byte and length. */
  piece(bytes: Uint8Array, start: number, end: number): void;
}

/** Type byte and length. */
const HEADER_BYTES = 5;

/**
 * Feed it chunks of any size; the calls to the visitor are the same however the stream is cut, but for streamed messages.
 *
 * Memory: between two calls it holds at most the start of one message that is not streamed, in a buffer of at most twice
 * what has come of it and never more than its type's limit, and while stopped what the chunk held behind that. Nothing is
 * allocated for a length that was only announced. After a {@link ProtocolViolation} the stream cannot be read on.
 */
export class FrameScanner {
  readonly #limits: FrameLimits;
  readonly #visitor: FrameVisitor;
  /** Bytes #held[#heldStart, #heldEnd) wait for the rest of their message, or for `resume`. */
  #held: Uint8Array = EMPTY;
  #heldStart = 0;
  #heldEnd = 0;
  /** Bytes to come of the streamed message that is open. */
  #streaming = 0;
  #stopped = false;
  #availableEnd = 0;

  constructor(limits: FrameLimits, visitor: FrameVisitor) {
    this.#limits = limits;
    this.#visitor = visitor;
  }

  /** True where the stream stands between two messages: only here may it end, or another message be put in. */
  get atBoundary(): boolean {
    return this.#streaming === 0 && this.#heldEnd === this.#heldStart;
  }

  /** True after the visitor answered false. Stop reading: what is fed now is kept, without a bound. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** True inside a message that passes in pieces: what has passed of it cannot be taken back. */
  get streaming(): boolean {
    return this.#streaming > 0;
  }

  /** Of the bytes of the message that the visitor looks at: up to here they are the stream's. */
  get availableEnd(): number {
    return this.#availableEnd;
  }

  get heldBytes(): number {
    return this.#heldEnd - this.#heldStart;
  }

  /**
   * @param chunk the next bytes of the stream, the caller's again when this returns (what is needed later is copied), unless
   * the visitor kept views on it. @throws {ProtocolViolation} for an unknown type or a length out of its type's bounds, as
   * soon as the header is there.
   */
  feed(chunk: Uint8Array): void {
    if (this.#stopped) {
      this.#keep(chunk, 0);
      return;
    }
    let at = 0;
    if (this.#streaming > 0) at = this.#passPiece(chunk, 0);
    else if (this.#heldEnd > this.#heldStart) at = this.#completeHeld(chunk);
    if (!this.#stopped && at < chunk.length) at = this.#walk(chunk, at, chunk.length);
    if (at < chunk.length) this.#keep(chunk, at);
  }

  /** Goes on where the visitor stopped. */
  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    const start = this.#walk(this.#held, this.#heldStart, this.#heldEnd);
    this.#heldStart = start;
    if (start === this.#heldEnd) this.#drop();
  }

  /** Visits the whole messages of `bytes[at, end)`; returns where the first stands that is not whole, or not wanted yet. */
  #walk(bytes: Uint8Array, start: number, end: number): number {
    const visitor = this.#visitor;
    this.#availableEnd = end;
    let at = start;
    while (end - at >= HEADER_BYTES) {
      const type = bytes[at] as number;
      const next = at + 1 + this.#length(type, bytes, at + 1);
      if (next > end) return this.#limits.streamed[type] === 1 ? this.#stream(type, bytes, at, end, next - at) : at;
      if (!visitor.message(type, bytes, at, next)) {
        this.#stopped = true;
        return at;
      }
      at = next;
    }
    return at;
  }

  #length(type: number, bytes: Uint8Array, at: number): number {
    const length =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number);
    // An unknown type has the limit 0. Checked before the body is waited for: the peer chooses this number.
    if (length < 4 || length > (this.#limits.lengths[type] as number)) throw this.#refusal(type, length);
    return length;
  }

  #stream(type: number, bytes: Uint8Array, at: number, end: number, totalBytes: number): number {
    this.#visitor.streamed(type, totalBytes);
    this.#visitor.piece(bytes, at, end);
    this.#streaming = totalBytes - (end - at);
    return end;
  }

  #passPiece(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#streaming);
    if (end > at) this.#visitor.piece(chunk, at, end);
    this.#streaming -= end - at;
    return end;
  }

  /** Brings the message whose start is held to its end, as far as the chunk goes; returns what it took of the chunk. */
  #completeHeld(chunk: Uint8Array): number {
    let at = this.#take(chunk, 0, HEADER_BYTES);
    if (this.heldBytes < HEADER_BYTES) return at;
    const type = this.#held[this.#heldStart] as number;
    const total = 1 + this.#length(type, this.#held, this.#heldStart + 1);
    if (this.#limits.streamed[type] === 1) {
      this.#stream(type, this.#held, this.#heldStart, this.#heldEnd, total);
      this.#drop();
      return this.#passPiece(chunk, at);
    }
    at = this.#take(chunk, at, total);
    if (this.heldBytes < total) return at;
    this.#availableEnd = this.#heldEnd;
    if (this.#visitor.message(type, this.#held, this.#heldStart, this.#heldEnd)) this.#drop();
    else this.#stopped = true;
    return at;
  }

  /** Moves bytes of the chunk behind the held ones until there are `wanted`; returns where the chunk is then. */
  #take(chunk: Uint8Array, at: number, wanted: number): number {
    const end = Math.min(chunk.length, at + Math.max(0, wanted - this.heldBytes));
    if (end > at) this.#append(chunk, at, end, wanted);
    return end;
  }

  #keep(chunk: Uint8Array, at: number): void {
    if (at < chunk.length) this.#append(chunk, at, chunk.length, Number.POSITIVE_INFINITY);
  }

  /** @param wanted bytes that will be held in the end: no larger buffer is made. */
  #append(chunk: Uint8Array, start: number, end: number, wanted: number): void {
    const held = this.heldBytes;
    const needed = held + end - start;
    if (this.#heldEnd + end - start > this.#held.length) {
      // Doubling what is there, not allocating what was announced: an announcement costs the peer five bytes.
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(wanted, held * 2)));
      larger.set(this.#held.subarray(this.#heldStart, this.#heldEnd));
      this.#held = larger;
      this.#heldStart = 0;
      this.#heldEnd = held;
    }
    this.#held.set(chunk.subarray(start, end), this.#heldEnd);
    this.#heldEnd += end - start;
  }

  /** Never used again, even where it has room: the visitor may have kept views on it. */
  #drop(): void {
    this.#held = EMPTY;
    this.#heldStart = 0;
    this.#heldEnd = 0;
  }

  #refusal(type: number, length: number): ProtocolViolation {
    const limit = this.#limits.lengths[type] as number;
    if (limit === 0) return new ProtocolViolation(`${this.#limits.direction} message`, `unknown type ${type}`, 0);
    const name = `${this.#limits.direction} message '${String.fromCharCode(type)}'`;
    return new ProtocolViolation(name, `its length ${length} is not between 4 and ${limit}`, 1);
  }
}

const EMPTY = new Uint8Array(0);
