/**
 * Whether the data of a COPY FROM holds a mask as a whole field. The formats (text, CSV, binary, whatever delimiter) are not told apart:
 * a field is what stands between control characters, quotes and the usual delimiters. Does not know which column a field is for.
 */

import { Buffer } from "node:buffer";

/** No mask is longer, in bytes. */
const LONGEST = 512;

export class CopiedMasks {
  readonly #isMask: (text: string) => boolean;
  readonly #separates = new Uint8Array(256);
  /** The beginning of a field that has not ended. */
  readonly #begun = Buffer.alloc(LONGEST);
  /** Above LONGEST: it is too long to be a mask. */
  #length = 0;

  /** @param isMask of one column that is copied into, at least. @param fills of partial masks: they are not taken apart. */
  constructor(isMask: (text: string) => boolean, fills: readonly string[]) {
    this.#isMask = isMask;
    this.#separates.fill(1, 0, 0x20);
    for (const byte of Buffer.from(`,;|"'`)) this.#separates[byte] = 1;
    for (const byte of Buffer.from(fills.join(""))) this.#separates[byte] = 0;
  }

  /** @param bytes the next of the data, cut anywhere. @returns whether a mask ends in them. */
  take(bytes: Uint8Array): boolean {
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (this.#separates[bytes[at] ?? 0] !== 1) continue;
      if (this.#ends(bytes.subarray(from, at))) return true;
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
    return false;
  }

  /** The data is complete. @returns whether its last field, which nothing ends, is a mask. */
  end(): boolean {
    return this.#ends(NOTHING);
  }

  #ends(rest: Uint8Array): boolean {
    const length = this.#length + rest.length;
    const isWhole = this.#length === 0;
    if (!isWhole) this.#keep(rest);
    this.#length = 0;
    if (length === 0 || length > LONGEST) return false;
    return this.#isMask(isWhole ? Buffer.from(rest).toString("utf8") : this.#begun.toString("utf8", 0, length));
  }

  #keep(rest: Uint8Array): void {
    if (this.#length + rest.length <= LONGEST) this.#begun.set(rest, this.#length);
    this.#length += rest.length;
  }
}

const NOTHING = new Uint8Array(0);
