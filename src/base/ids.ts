/** Identifiers: sortable by time, unguessable, short enough to read aloud. */

import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford base 32, lower case: no i, l, o, u to mistake

function base32(bytes: Uint8Array): string {
  let bits = 0;
  let held = 0;
  let text = "";
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

export type IdPrefix = "ses" | "apr" | "gw" | "grt" | "msg";

/**
 * A new identifier, `<prefix>_<26 characters>`: 48 bits of time in milliseconds, then 80 random bits (as ULID).
 * @param random source of randomness, an argument so that tests can seed it.
 */
export function newId(prefix: IdPrefix, nowMs: number, random: (size: number) => Uint8Array = randomBytes): string {
  const bytes = new Uint8Array(16);
  let time = nowMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes.set(random(10), 6);
  return `${prefix}_${base32(bytes)}`;
}
