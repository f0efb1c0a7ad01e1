/** Roots of a growing tree at any size, from the roots of perfect subtrees in order (RFC 6962, section 2.1). Pure. */

import { EMPTY_ROOT, nodeHash } from "./merkle.ts";

/** The perfect subtrees that a tree falls into, largest first: at most one of each height. */
export class CompactRange {
  #subtrees: { readonly hash: Uint8Array; readonly height: number }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds the root of the next 2^height leaves; the size so far must be a multiple of that. */
  push(hash: Uint8Array, height: number): void {
    let node = { hash, height };
    this.#size += 2 ** height;
    for (let left = this.#subtrees.at(-1); left?.height === node.height; left = this.#subtrees.at(-1)) {
      node = { hash: nodeHash(left.hash, node.hash), height: node.height + 1 };
      this.#subtrees.pop();
    }
    this.#subtrees.push(node);
  }

  root(): Uint8Array {
    const hashes = this.#subtrees.map((subtree) => subtree.hash);
    const last = hashes.pop();
    return last === undefined ? EMPTY_ROOT : hashes.reduceRight((right, left) => nodeHash(left, right), last);
  }
}
