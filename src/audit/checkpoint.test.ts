import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  formatVkey,
  isKeyName,
  makeSigner,
  openCheckpoint,
  parseVkey,
  rawPublicKey,
  signCheckpoint,
} from "./checkpoint.ts";
import { EMPTY_ROOT } from "./merkle.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const signer = makeSigner("gw.example/one", privateKey);
const vkey = formatVkey("gw.example/one", rawPublicKey(privateKey));
const key = parseVkey(vkey);
const head = { origin: "gw.example/one", size: 42, root: EMPTY_ROOT };

describe("a checkpoint", () => {
  it("is the note of C2SP tlog-checkpoint, and gives its head back to who has the key", () => {
    const note = signCheckpoint(head, signer);

    const lines = note.split("\n");
    expect(lines.slice(0, 4)).toEqual(["gw.example/one", "42", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ""]);
    expect(lines[4]).toMatch(/^— gw\.example\/one [A-Za-z0-9+/]{90}[A-Za-z0-9+/=]{2}$/);
    expect(lines.slice(5)).toEqual([""]);
    expect(openCheckpoint(note, [key])).toMatchObject({ origin: head.origin, size: 42 });
  });

  it("is not believed with one character changed, anywhere", () => {
    const note = signCheckpoint(head, signer);
    for (let at = 0; at < note.length; at++) {
      const changed = `${note.slice(0, at)}${note[at] === "A" ? "B" : "A"}${note.slice(at + 1)}`;
      expect(() => openCheckpoint(changed, [key]), `character ${at}`).toThrow();
    }
  });

  it("may carry cosignatures of keys that are not known here", () => {
    const witness = makeSigner("witness.example", generateKeyPairSync("ed25519").privateKey);
    const cosignature = signCheckpoint(head, witness).split("\n")[4];

    const note = `${signCheckpoint(head, signer)}${cosignature}\n`;

    expect(openCheckpoint(note, [key]).size).toBe(42);
    expect(() => openCheckpoint(signCheckpoint(head, witness), [key])).toThrow("no signature of a known key");
  });
});

describe("a verifier key", () => {
  /** The key of RFC 8032, section 7.1, test 1. */
  const seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
  const rfc8032 = createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"),
    format: "der",
    type: "pkcs8",
  });

  it("is name, key id and key, as C2SP signed-note has it", () => {
    const raw = rawPublicKey(rfc8032);

    expect(Buffer.from(raw).toString("hex")).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    expect(formatVkey("a.example", raw)).toMatch(/^a\.example\+[0-9a-f]{8}\+Adda/);
    expect(parseVkey(formatVkey("a.example", raw)).name).toBe("a.example");
  });

  it("is refused where it is not exactly that", () => {
    expect(() => parseVkey(vkey.replace("gw.", "gv."))).toThrow("key id");
    expect(() => parseVkey(`${vkey}=`)).toThrow("not a verifier key");
    expect(() => parseVkey("a+b")).toThrow("not a verifier key");
  });

  it("has a name without white space and plus", () => {
    expect(["gw", "gw.example/one", "é"].map(isKeyName)).toEqual([true, true, true]);
    expect(["", "a b", "a+b", "a\u00a0b", "a\n", "\ud800"].map(isKeyName)).toEqual(Array(6).fill(false));
  });
});
