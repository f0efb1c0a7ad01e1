/** The bytes that a tree's text is made of, and the one thing that must be known of it before it is read: that its lines break between tokens. */

export const BYTE = {
  newline: 0x0a,
  space: 0x20,
  quote: 0x22,
  openList: 0x28,
  closeList: 0x29,
  minus: 0x2d,
  zero: 0x30,
  openDatum: 0x5b,
  backslash: 0x5c,
  closeDatum: 0x5d,
  b: 0x62,
  i: 0x69,
  o: 0x6f,
  x: 0x78,
  open: 0x7b,
  close: 0x7d,
} as const;

/** Bytes of a line after its first, when the server broke it for want of a space. */
const UNBROKEN_BYTES = 77;

/**
 * Whether the server may have broken a line inside a token. It breaks after 78 bytes where no byte but the first of them is a space,
 * and drops nothing: a backslash can be cut from the brace that it escapes, which then looks like the tree's own. A line break
 * behind a backslash may be a name's own, so it does not end the stretch that is counted.
 * Source: format_node_dump in src/backend/nodes/print.c of PostgreSQL 15 to 18.
 */
export function hasHardWrap(text: Uint8Array): boolean {
  let start = 0; // of the stretch without a space
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte !== BYTE.space && (byte !== BYTE.newline || text[at - 1] === BYTE.backslash)) continue;
    if (at - start >= UNBROKEN_BYTES) return true;
    start = at + 1;
  }
  return text.length - start >= UNBROKEN_BYTES;
}

export function equalsAt(text: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (text[at + index] !== expected[index]) return false;
  }
  return true;
}

export function isSeparator(byte: number): boolean {
  return byte === BYTE.space || byte === BYTE.newline;
}

/** Unescaped, it is never part of a token. */
export function isStructural(byte: number): boolean {
  return byte === BYTE.open || byte === BYTE.close || byte === BYTE.openList || byte === BYTE.closeList;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
