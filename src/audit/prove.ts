/**
 * Proofs from a log's tiles: inclusion (RFC 6962, section 2.1.1), consistency (2.1.2), roots of earlier sizes, and the file
 * that carries one to someone who has nothing else (C2SP tlog-proof). Signs nothing: the checkpoint is the one on disk.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EMPTY_ROOT, HASH_BYTES, leafHash, nodeHash, perfectRoot, splitPoint, verifyInclusion } from "./merkle.ts";
import { readEntries, readTile } from "./read.ts";
import { TILE_WIDTH, tileCounts } from "./tile-path.ts";

const TILE_HEIGHT = 8;
const CACHED_TILES = 64;

/** Nodes of the tree of `size` leaves in `folder`, read from tiles. Believes the tiles: who needs more checks the root. */
export class TreeReader {
  readonly #folder: string;
  readonly #size: number;
  readonly #tiles = new Map<string, Promise<Buffer>>();

  constructor(folder: string, size: number) {
    this.#folder = folder;
    this.#size = size;
  }

  /** Root of the tree of the first `size` leaves. */
  async root(size: number): Promise<Uint8Array> {
    if (size > this.#size) throw new RangeError(`the log has ${this.#size} entries, not ${size}`);
    return size === 0 ? EMPTY_ROOT : this.#range(0, size);
  }

  /** Audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling up. */
  inclusion(index: number, size = this.#size): Promise<Uint8Array[]> {
    if (index >= size || size > this.#size) throw new RangeError(`the log has ${size} entries: there is no ${index}`);
    return this.#path(index, 0, size);
  }

  /** Proof that the tree of `from` leaves is the beginning of that of `to`. */
  consistency(from: number, to = this.#size): Promise<Uint8Array[]> {
    if (from > to || to > this.#size)
      throw new RangeError(`${from} is more than ${to}, or that more than ${this.#size}`);
    return from === 0 || from === to ? Promise.resolve([]) : this.#subproof(from, 0, to, true);
  }

  async #path(index: number, low: number, high: number): Promise<Uint8Array[]> {
    if (high - low === 1) return [];
    const middle = low + splitPoint(high - low);
    if (index < middle) return [...(await this.#path(index, low, middle)), await this.#range(middle, high)];
    return [...(await this.#path(index, middle, high)), await this.#range(low, middle)];
  }

  /** SUBPROOF of RFC 6962, section 2.1.2: `whole` while the old tree's root is known to the verifier. */
  async #subproof(from: number, low: number, high: number, whole: boolean): Promise<Uint8Array[]> {
    if (from === high) return whole ? [] : [await this.#range(low, high)];
    const middle = low + splitPoint(high - low);
    if (from <= middle) return [...(await this.#subproof(from, low, middle, whole)), await this.#range(middle, high)];
    return [...(await this.#subproof(from, middle, high, false)), await this.#range(low, middle)];
  }

  /** Root over the leaves [low, high); `low` is a multiple of the power of two that is not below their number. */
  async #range(low: number, high: number): Promise<Uint8Array> {
    const count = high - low;
    const height = Math.log2(count);
    if (Number.isInteger(height)) return this.#node(height, low / count);
    const middle = low + splitPoint(count);
    return nodeHash(await this.#range(low, middle), await this.#range(middle, high));
  }

  /** Root of the perfect subtree of 2^height leaves that is number `index` of those. */
  async #node(height: number, index: number): Promise<Uint8Array> {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = Math.floor(first / TILE_WIDTH);
    const bytes = await this.#tile(level, tile);
    const offset = first - tile * TILE_WIDTH;
    if (bytes.length < (offset + count) * HASH_BYTES) throw new Error(`tile ${level}/${tile} is too short`);
    return perfectRoot(bytes, offset, count);
  }

  #tile(level: number, index: number): Promise<Buffer> {
    const key = `${level}/${index}`;
    const known = this.#tiles.get(key);
    if (known !== undefined) return known;
    const { full, partial } = tileCounts(this.#size, level);
    const bytes = readTile(this.#folder, level, index, index < full ? TILE_WIDTH : partial);
    const oldest = this.#tiles.keys().next().value;
    if (this.#tiles.size >= CACHED_TILES && oldest !== undefined) this.#tiles.delete(oldest);
    this.#tiles.set(key, bytes);
    return bytes;
  }
}

/**
 * A `.tlog-proof` for leaf `index` of the log in `folder`: index, audit path, checkpoint. The entry itself is not in it.
 * @throws {RangeError} where the checkpoint does not cover the entry (yet), {Error} where the tiles do not lead to its root.
 */
export async function proveEntry(folder: string, index: number): Promise<string> {
  const checkpoint = await readFile(join(folder, "checkpoint"), "utf8");
  const [, size = "", root = ""] = checkpoint.split("\n");
  const proof = await new TreeReader(folder, Number(size)).inclusion(index);
  const leaf = leafHash(await readEntry(folder, index));
  if (!verifyInclusion(leaf, index, Number(size), proof, Buffer.from(root, "base64"))) {
    throw new Error(`the tiles do not lead from entry ${index} to the root in checkpoint: the log has been changed`);
  }
  const lines = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${lines.join("")}\n${checkpoint}`;
}

/** One entry's bytes. */
async function readEntry(folder: string, index: number): Promise<Uint8Array> {
  for await (const { json } of readEntries(folder, index)) return Buffer.from(json);
  throw new RangeError(`there is no entry ${index}`);
}

/** What a `.tlog-proof` says. */
export interface InclusionProof {
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** The signed note: see openCheckpoint(). */
  readonly checkpoint: string;
}

/** Reads a `.tlog-proof`, strictly. @throws {Error} saying what is wrong with it. Verifies nothing: see verifyInclusion(). */
export function parseProof(text: string): InclusionProof {
  const split = text.indexOf("\n\n");
  const [magic, ...lines] = split === -1 ? [] : text.slice(0, split).split("\n");
  if (magic !== "c2sp.org/tlog-proof@v1") throw new Error("is not a c2sp.org/tlog-proof@v1");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "")?.[1];
  if (index === undefined) throw new Error("has no index");
  const hashes = lines.map((line) => {
    const hash = Buffer.from(line, "base64");
    if (hash.length !== HASH_BYTES || hash.toString("base64") !== line)
      throw new Error("has a line that is not a hash");
    return hash;
  });
  return { index: Number(index), hashes, checkpoint: text.slice(split + 2) };
}
