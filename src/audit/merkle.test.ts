import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSigner } from "./checkpoint.ts";
import { CompactRange } from "./compact-range.ts";
import { EMPTY_ROOT, leafHash, nodeHash, splitPoint, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { parseProof, proveEntry, TreeReader } from "./prove.ts";
import { levelCount, tileCounts, tilePath } from "./tile-path.ts";
import { EMPTY_EDGE, TreeWriter } from "./tree-writer.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Leaves and roots of the reference implementation (certificate-transparency, merkletree/merkle_tree_test.cc; RFC 6962). */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** The definition of RFC 6962, section 2.1, word for word: slow, and nobody's fast path. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY_ROOT;
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const split = splitPoint(leaves.length);
  return nodeHash(mth(leaves.slice(0, split)), mth(leaves.slice(split)));
}

describe("the tree of RFC 6962", () => {
  it("has the roots of the reference implementation's vectors", () => {
    const leaves = LEAVES.map((leaf) => leafHash(Buffer.from(leaf, "hex")));

    expect(leaves.map((_, i) => hex(mth(leaves.slice(0, i + 1))))).toEqual(ROOTS);
    expect(hex(EMPTY_ROOT)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("has the same root when it is grown from perfect subtrees", () => {
    const leaves = LEAVES.map((leaf) => leafHash(Buffer.from(leaf, "hex")));
    const range = new CompactRange();

    const roots = leaves.map((leaf) => {
      range.push(leaf, 0);
      return hex(range.root());
    });

    expect(roots).toEqual(ROOTS);
  });
});

describe("the names of tiles", () => {
  it("are those of C2SP tlog-tiles", () => {
    expect(tilePath(0, 1234067, 256)).toBe("tile/0/x001/x234/067");
    expect(tilePath("entries", 0, 5)).toBe("tile/entries/000.p/5");
    expect(tilePath(2, 1000, 256)).toBe("tile/2/x001/000");
  });

  it("are as many as the specification's example has for 70,000 entries", () => {
    expect(levelCount(70_000)).toBe(3);
    expect(tileCounts(70_000, 0)).toEqual({ full: 273, partial: 112 });
    expect(tileCounts(70_000, 1)).toEqual({ full: 1, partial: 17 });
    expect(tileCounts(70_000, 2)).toEqual({ full: 0, partial: 1 });
    expect(tileCounts(256, 1)).toEqual({ full: 0, partial: 1 });
  });
});

describe("proofs made from tiles", () => {
  const SIZE = 70_000;
  let folder: string;
  let tree: TreeReader;
  const roots = new Map<number, Uint8Array>();
  const entryOf = (index: number) => Buffer.from(`{"seq":${index}}`);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-proof-"));
    mkdirSync(join(folder, "log"));
    const signer = makeSigner("gw/one", generateKeyPairSync("ed25519").privateKey);
    const writer = new TreeWriter(join(folder, "log"), signer, EMPTY_EDGE);
    for (let index = 0; index < SIZE; index++) {
      const entry = entryOf(index);
      const bytes = Buffer.concat([Buffer.from([0, entry.length]), entry]);
      writer.add(bytes, 2, bytes.length);
      if (index % 4999 === 0 || index < 600) roots.set(index + 1, writer.head().root);
    }
    roots.set(SIZE, writer.publish().root);
    tree = new TreeReader(join(folder, "log"), SIZE);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("lead from any entry to the root", async () => {
    const root = roots.get(SIZE)!;
    await fc.assert(
      fc.asyncProperty(fc.nat(SIZE - 1), async (index) => {
        const proof = await tree.inclusion(index);
        const leaf = leafHash(entryOf(index));
        expect(verifyInclusion(leaf, index, SIZE, proof, root)).toBe(true);
        expect(verifyInclusion(leaf, index ^ 1, SIZE, proof, root)).toBe(false);
        expect(verifyInclusion(leafHash(entryOf(index + 1)), index, SIZE, proof, root)).toBe(false);
        expect(verifyInclusion(leaf, index, SIZE, proof.slice(1), root)).toBe(false);
        expect(verifyInclusion(leaf, index, SIZE, [...proof, leaf], root)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("lead from any earlier root to any later one", async () => {
    const sizes = [...roots.keys()].sort((a, b) => a - b);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sizes), fc.constantFrom(...sizes), async (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const [before, after] = [roots.get(from)!, roots.get(to)!];
        const proof = await tree.consistency(from, to);
        expect(verifyConsistency(from, before, to, after, proof)).toBe(true);
        if (from === to) return;
        expect(verifyConsistency(from, after, to, after, proof)).toBe(false);
        expect(verifyConsistency(from, before, to, before, proof)).toBe(false);
        expect(verifyConsistency(from, before, to, after, [...proof, before])).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("give the root that the log had at each earlier size", async () => {
    for (const [size, root] of roots) expect(hex(await tree.root(size))).toBe(hex(root));
    await expect(tree.root(SIZE + 1)).rejects.toThrow(RangeError);
  });

  it("are one file for someone who has nothing else", async () => {
    const text = await proveEntry(join(folder, "log"), 69_999);
    const proof = parseProof(text);

    expect(text.startsWith("c2sp.org/tlog-proof@v1\nindex 69999\n")).toBe(true);
    expect(proof.checkpoint.split("\n").slice(0, 2)).toEqual(["gw/one", String(SIZE)]);
    expect(verifyInclusion(leafHash(entryOf(69_999)), 69_999, SIZE, proof.hashes, roots.get(SIZE)!)).toBe(true);
    await expect(proveEntry(join(folder, "log"), SIZE)).rejects.toThrow(RangeError);
    expect(() => parseProof(text.replace("index 69999", "index 069999"))).toThrow("index");
    expect(() => parseProof(text.slice(1))).toThrow("tlog-proof");
  });
});
