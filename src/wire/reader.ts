/** Reads the fields of one message body, in order and to the last byte. Knows field types, not messages. */

import { ProtocolViolation } from "./protocol-violation.ts";
import { decodeUtf8 } from "./text.ts";

/** Longest run worth a loop in JavaScript. */
const SHORT = 32;

/** How a value is written: 0 as text, 1 as binary. */
export type FormatCode = 0 | 1;

/**
 * A cursor over a message body. Every method reads at the cursor and moves it; all throw {@link ProtocolViolation} where the
 * body is too short or the field is malformed. Byte results are views on the body, never copies.
 */
export class MessageReader {
  readonly #name: string;
  readonly #body: Uint8Array;
  #offset = 0;

  /** @param name the message as the docs name it, for the errors. @param body the message after type byte and length. */
  constructor(name: string, body: Uint8Array) {
    this.#name = name;
    this.#body = body;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#body.length - this.#offset;
  }

  /** The error for a field at `offset` that is well-formed but not allowed. */
  violation(problem: string, offset = this.#offset): ProtocolViolation {
    return new ProtocolViolation(this.#name, problem, offset);
  }

  /** NUL-terminated UTF-8 text, without its NUL. */
  cstring(): string {
    const start = this.#offset;
    const end = this.#terminator();
    const text = decodeUtf8(this.#body, start, end);
    if (text === null) throw this.violation("text is not UTF-8", start);
    this.#offset = end + 1;
    return text;
  }

  /** NUL-terminated bytes in any encoding, without the NUL. */
  cstringBytes(): Uint8Array {
    const start = this.#offset;
    const end = this.#terminator();
    this.#offset = end + 1;
    return this.#body.subarray(start, end);
  }

  int8(): number {
    const at = this.#take(1);
    return (this.#byte(at) << 24) >> 24;
  }

  uint8(): number {
    return this.#byte(this.#take(1));
  }

  int16(): number {
    const at = this.#take(2);
    return ((this.#byte(at) << 24) >> 16) | this.#byte(at + 1);
  }

  /** The docs say Int16 for counts too, but the server reads them unsigned: 65,535 parameters are served. */
  uint16(): number {
    const at = this.#take(2);
    return (this.#byte(at) << 8) | this.#byte(at + 1);
  }

  int32(): number {
    const at = this.#take(4);
    return (this.#byte(at) << 24) | (this.#byte(at + 1) << 16) | (this.#byte(at + 2) << 8) | this.#byte(at + 3);
  }

  /** Object identifiers are unsigned. */
  uint32(): number {
    return this.int32() >>> 0;
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#body.subarray(at, at + length);
  }

  /** A value with its Int32 length; null for length -1 (SQL NULL). */
  bytesOrNull(): Uint8Array | null {
    const at = this.#offset;
    const length = this.int32();
    if (length === -1) return null;
    if (length < 0) throw this.violation("a value has a negative length", at);
    if (length > this.remaining) throw this.violation("a value is longer than the message", at);
    return this.bytes(length);
  }

  formatCode(): FormatCode {
    const at = this.#offset;
    const code = this.uint16();
    if (code !== 0 && code !== 1) throw this.violation("unknown format code", at);
    return code;
  }

  /**
   * A count (16 bits) and that many items. @param itemBytes least bytes that one item takes: a count that cannot fit in what
   * is left is refused before anything is allocated.
   */
  list<T>(item: () => T, itemBytes = 1): T[] {
    const at = this.#offset;
    const count = this.uint16();
    if (count * itemBytes > this.remaining) throw this.violation("a count is larger than the message", at);
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(item());
    return items;
  }

  /** All bytes that are left. */
  rest(): Uint8Array {
    const at = this.#offset;
    this.#offset = this.#body.length;
    return this.#body.subarray(at);
  }

  /** The end of the message: as strict as the server, since a byte skipped here is a byte that no policy has seen. */
  end(): void {
    if (this.#offset !== this.#body.length) throw this.violation("bytes after the last field");
  }

  #take(length: number): number {
    const at = this.#offset;
    if (length < 0 || length > this.#body.length - at) throw this.violation("the message ends inside a field", at);
    this.#offset = at + length;
    return at;
  }

  #byte(at: number): number {
    return this.#body[at] as number; // #take has checked the bounds
  }

  #terminator(): number {
    const body = this.#body;
    // Names are short: a loop over them costs less than a call out of JavaScript.
    const near = Math.min(body.length, this.#offset + SHORT);
    for (let at = this.#offset; at < near; at++) if (body[at] === 0) return at;
    const end = body.indexOf(0, near);
    if (end === -1) throw this.violation("text without its terminator");
    return end;
  }
}
