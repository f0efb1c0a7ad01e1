/** Builds messages, as many as wanted, in one buffer that grows, so that they leave in one write. Knows field types, not messages. */

import { Buffer } from "node:buffer";
import { ProtocolViolation } from "./protocol-violation.ts";

const INITIAL_BYTES = 256;
const EMPTY = Buffer.alloc(0);

/** Longest text worth a loop in JavaScript. */
const SHORT = 32;

/** Lengths are Int32 on the wire; PostgreSQL itself refuses to build a message over 1 GiB. */
const MAX_MESSAGE_BYTES = 0x3fff_ffff;

/**
 * `begin`, fields, `end`, again for each message, then `finish`. All methods but `finish` return the writer.
 * Throws {@link ProtocolViolation} for what cannot be said on the wire: NUL inside a cstring, numbers out of range.
 */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;
  /** Where the open message's length stands, -1 between messages. */
  #lengthAt = -1;
  /** Of the message that was begun last, for the errors. */
  #name: string | null = null;
  #type: number | null = null;

  /** @param sizeBytes a guess that saves growing. */
  constructor(sizeBytes = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafe(sizeBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Opens a message. @param type its type byte; null for the packets without one (startup, SSLRequest, CancelRequest). */
  begin(type: number | null, name: string | null = null): this {
    if (this.#lengthAt !== -1) throw this.#refusal("begun inside another message");
    this.#name = name;
    this.#type = type;
    if (type !== null) this.uint8(type);
    this.#lengthAt = this.#length;
    return this.int32(0);
  }

  /** Closes the open message: its length is now known and written into it. */
  end(): this {
    if (this.#lengthAt === -1) throw this.#refusal("ended without a beginning");
    const length = this.#length - this.#lengthAt;
    if (length > MAX_MESSAGE_BYTES) throw this.#refusal("longer than 1 GiB");
    this.#store32(length, this.#lengthAt);
    this.#lengthAt = -1;
    return this;
  }

  /** A whole message without fields. */
  empty(type: number): this {
    return this.begin(type).end();
  }

  cstring(text: string): this {
    const at = this.#grow(text.length + 1);
    // Names are short and ASCII: a loop costs a fraction of a call into the encoder.
    if (text.length > SHORT || !this.#storeAscii(text, at)) return this.#encode(text);
    this.#buffer[at + text.length] = 0;
    this.#length = at + text.length + 1;
    return this;
  }

  #storeAscii(text: string, at: number): boolean {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code >= 0x80) return false;
      this.#buffer[at + i] = code;
    }
    return true;
  }

  #encode(text: string): this {
    // A lone surrogate would leave as U+FFFD: two names that differ here would be one there.
    if (text.includes("\0") || !text.isWellFormed())
      throw this.#refusal("text that cannot be sent (NUL or lone surrogate)");
    const at = this.#grow(Buffer.byteLength(text, "utf8") + 1);
    const written = this.#buffer.write(text, at, "utf8");
    this.#buffer[at + written] = 0;
    this.#length = at + written + 1;
    return this;
  }

  cstringBytes(text: Uint8Array): this {
    if (text.includes(0)) throw this.#refusal("text that cannot be sent (NUL)");
    return this.bytes(text).uint8(0);
  }

  int8(value: number): this {
    this.#range(value, -0x80, 0x7f);
    const at = this.#grow(1);
    this.#buffer[at] = value;
    this.#length = at + 1;
    return this;
  }

  uint8(value: number): this {
    this.#range(value, 0, 0xff);
    const at = this.#grow(1);
    this.#buffer[at] = value;
    this.#length = at + 1;
    return this;
  }

  int16(value: number): this {
    this.#range(value, -0x8000, 0x7fff);
    const at = this.#grow(2);
    this.#buffer[at] = value >> 8;
    this.#buffer[at + 1] = value;
    this.#length = at + 2;
    return this;
  }

  uint16(value: number): this {
    this.#range(value, 0, 0xffff);
    const at = this.#grow(2);
    this.#buffer[at] = value >> 8;
    this.#buffer[at + 1] = value;
    this.#length = at + 2;
    return this;
  }

  int32(value: number): this {
    this.#range(value, -0x8000_0000, 0x7fff_ffff);
    const at = this.#grow(4);
    this.#store32(value, at);
    this.#length = at + 4;
    return this;
  }

  uint32(value: number): this {
    this.#range(value, 0, 0xffff_ffff);
    const at = this.#grow(4);
    this.#store32(value, at);
    this.#length = at + 4;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    this.#length = at + bytes.length;
    return this;
  }

  /** A value with its Int32 length; null is SQL NULL, length -1. */
  bytesOrNull(bytes: Uint8Array | null): this {
    return bytes === null ? this.int32(-1) : this.int32(bytes.length).bytes(bytes);
  }

  /** A count (16 bits) and the items. */
  list<T>(items: readonly T[], item: (value: T) => void): this {
    this.uint16(items.length);
    for (const value of items) item(value);
    return this;
  }

  /** Everything written since the last `finish`. The bytes are the caller's; the writer goes on with a new buffer. */
  finish(): Uint8Array {
    if (this.#lengthAt !== -1) throw this.#refusal("not ended");
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return bytes;
  }

  /** Makes room for `more` bytes, and says where they go. Call it before #buffer is looked at: it may be another then. */
  #grow(more: number): number {
    const needed = this.#length + more;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, INITIAL_BYTES));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    return this.#length;
  }

  #store32(value: number, at: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
  }

  #range(value: number, low: number, high: number): void {
    if (!Number.isInteger(value) || value < low || value > high) throw this.#refusal("a number out of range");
  }

  #refusal(problem: string): ProtocolViolation {
    const unnamed = this.#type === null ? "packet" : `message '${String.fromCharCode(this.#type)}'`;
    return new ProtocolViolation(this.#name ?? unnamed, problem, this.#length);
  }
}
