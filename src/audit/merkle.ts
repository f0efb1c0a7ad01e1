/**
 * The Merkle tree of RFC 6962, section 2.1 (RFC 9162, section 2.1): leaf and node hashes, roots of runs of hashes, and the
 * check of proofs. Pure. Making proofs from a folder's tiles: prove.ts.
 */

import { hash } from "node:crypto";

export const HASH_BYTES = 32;

/** Root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Uint8Array = Buffer.from(hash("sha256", "", "hex"), "hex");

const node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

/**
 * Writes the leaf hash of the entry at [start, end) of `bytes` to `target`. The byte before the entry is borrowed for the
 * prefix 0x00 and put back, which spares a copy: in a bundle it is the entry's length.
 */
export function leafHashInto(bytes: Buffer, start: number, end: number, target: Buffer, offset: number): void {
  const borrowed = bytes.readUInt8(start - 1);
  bytes[start - 1] = 0;
  // "binary" is the cheapest way out of hash(): a Buffer for each digest costs twice as much.
  target.write(hash("sha256", bytes.subarray(start - 1, end), "binary"), offset, "latin1");
  bytes[start - 1] = borrowed;
}

/** Leaf hash of one entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(1 + entry.length);
  bytes.set(entry, 1);
  const target = Buffer.alloc(HASH_BYTES);
  leafHashInto(bytes, 1, bytes.length, target, 0);
  return target;
}

/** Hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return Buffer.from(hash("sha256", node, "binary"), "latin1");
}

/** Root of the perfect subtree over `count` (a power of two) consecutive hashes of `hashes`, from hash `first` on. */
export function perfectRoot(hashes: Uint8Array, first: number, count: number): Uint8Array {
  const level = Buffer.from(hashes.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
  for (let width = count; width > 1; width /= 2) {
    for (let i = 0; i < width / 2; i++) {
      level.copy(node, 1, i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES);
      level.write(hash("sha256", node, "binary"), i * HASH_BYTES, "latin1");
    }
  }
  return level.subarray(0, HASH_BYTES);
}

/**
 * Root of a tree given by the hashes on its right edge: `edges[L]` are those of the partial tile at level L (fewer than 256),
 * each the root of 256^L leaves. As RFC 6962 splits at powers of two, the tree is a fold of perfect subtrees from the right.
 */
export function rootOfEdges(edges: readonly Uint8Array[]): Uint8Array {
  const subtrees: Uint8Array[] = [];
  for (const edge of edges.toReversed()) {
    const width = edge.length / HASH_BYTES;
    let first = 0;
    for (let count = 128; count >= 1; count /= 2) {
      if (first + count > width) continue;
      subtrees.push(perfectRoot(edge, first, count));
      first += count;
    }
  }
  const last = subtrees.pop();
  if (last === undefined) return EMPTY_ROOT;
  return subtrees.reduceRight((right, left) => nodeHash(left, right), last);
}

/** Largest power of two below `count` (at least 2): where RFC 6962 splits a tree. */
export function splitPoint(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** Whether `proof` shows that `leaf` is at `index` of the tree of `size` leaves with `root`. RFC 9162, section 2.1.3.2. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (index >= size) return false;
  let place = index;
  let last = size - 1;
  let computed = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      computed = nodeHash(sibling, computed);
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      computed = nodeHash(computed, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalHashes(computed, root);
}

/** Whether `proof` shows that the tree of `size1` leaves is the beginning of that of `size2`. RFC 9162, section 2.1.4.2. */
export function verifyConsistency(
  size1: number,
  root1: Uint8Array,
  size2: number,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (size1 > size2) return false;
  if (size1 === size2) return proof.length === 0 && equalHashes(root1, root2);
  if (size1 === 0) return proof.length === 0 && equalHashes(root1, EMPTY_ROOT);
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : [...proof];
  const start = path.shift();
  if (start === undefined) return false;
  let place = size1 - 1;
  let last = size2 - 1;
  while (place % 2 === 1) {
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  let first = start;
  let second = start;
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      second = nodeHash(second, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalHashes(first, root1) && equalHashes(second, root2);
}

/** Hashes are public: no constant time is needed. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function isPowerOfTwo(count: number): boolean {
  return count > 0 && Number.isInteger(Math.log2(count));
}
