/**
 * Checkpoints as signed notes (C2SP tlog-checkpoint, signed-note): made, parsed strictly, verified. Pure. Keys as files: key.ts.
 */

import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { HASH_BYTES } from "./merkle.ts";

const ED25519 = 0x01;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
/** DER in front of the 32 bytes of an Ed25519 public key (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** State of a log: what a checkpoint says. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A public key with the name and id that its signatures carry. */
export interface VerifierKey {
  readonly name: string;
  readonly id: Uint8Array;
  readonly publicKey: KeyObject;
}

/** Signs as `name`. */
export interface Signer {
  readonly name: string;
  readonly id: Uint8Array;
  readonly privateKey: KeyObject;
}

/** A text that is not what it should be; the message says in what way, as the end of a sentence about it. */
export class MalformedNote extends Error {}

/** Whether `name` can name a key, and so be an origin: no white space, no `+`, not empty. */
export function isKeyName(name: string): boolean {
  return /^[^\s\p{Z}\p{Cc}+]+$/u.test(name) && name.isWellFormed();
}

/** The 32 bytes of an Ed25519 public key (of the public half of a private one). */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX.length);
}

/** First four bytes of SHA-256(name, newline, 0x01, public key). */
export function keyId(name: string, publicKey: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ED25519)).update(publicKey).digest();
  return digest.subarray(0, KEY_ID_BYTES);
}

/** `name+hex(key id)+base64(0x01, public key)`. */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  const id = Buffer.from(keyId(name, publicKey)).toString("hex");
  return `${name}+${id}+${Buffer.concat([Uint8Array.of(ED25519), publicKey]).toString("base64")}`;
}

/** @throws {MalformedNote} */
export function parseVkey(text: string): VerifierKey {
  const match = /^([^\n+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text);
  const [, name = "", id = "", base64 = ""] = match ?? [];
  const bytes = strictBase64(base64);
  if (match === null || !isKeyName(name) || bytes?.length !== 33 || bytes[0] !== ED25519) {
    throw new MalformedNote("is not a verifier key of an Ed25519 key");
  }
  const raw = bytes.subarray(1);
  if (Buffer.from(keyId(name, raw)).toString("hex") !== id)
    throw new MalformedNote("has a key id that is not its key's");
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
  return { name, id: Buffer.from(id, "hex"), publicKey };
}

export function makeSigner(name: string, privateKey: KeyObject): Signer {
  return { name, id: keyId(name, rawPublicKey(privateKey)), privateKey };
}

/** The signed note. */
export function signCheckpoint(head: TreeHead, signer: Signer): string {
  const text = `${head.origin}\n${head.size}\n${Buffer.from(head.root).toString("base64")}\n`;
  const signature = sign(null, Buffer.from(text), signer.privateKey);
  return `${text}\n— ${signer.name} ${Buffer.concat([signer.id, signature]).toString("base64")}\n`;
}

/**
 * Reads a signed note and verifies it: a signature of one of `keys` must be there, and each that claims to be must hold.
 * @throws {MalformedNote}
 */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): TreeHead {
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n")) throw new MalformedNote("is not a signed note");
  const text = note.slice(0, split + 1);
  const head = parseText(text);
  let verified = false;
  for (const line of note.slice(split + 2, -1).split("\n")) {
    const { name, id, signature } = parseSignature(line);
    const key = keys.find((one) => one.name === name && Buffer.compare(one.id, id) === 0);
    if (key === undefined) continue; // signed-note: signatures of unknown keys are ignored
    if (signature.length !== SIGNATURE_BYTES || !verify(null, Buffer.from(text), key.publicKey, signature)) {
      throw new MalformedNote(`has a wrong signature of ${name}`);
    }
    verified = true;
  }
  if (!verified) throw new MalformedNote("has no signature of a known key");
  return head;
}

function parseText(text: string): TreeHead {
  const [origin = "", size = "", root = "", ...rest] = text.split("\n");
  const bytes = strictBase64(root);
  if (rest.length !== 1 || rest[0] !== "" || !isKeyName(origin) || !/^(0|[1-9]\d{0,15})$/.test(size)) {
    throw new MalformedNote("is not a checkpoint of origin, size and root");
  }
  if (bytes?.length !== HASH_BYTES) throw new MalformedNote("has no root of 32 bytes in base64");
  return { origin, size: Number(size), root: bytes };
}

function parseSignature(line: string) {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const bytes = strictBase64(match?.[2] ?? "");
  if (match === null || bytes === undefined || bytes.length <= KEY_ID_BYTES) {
    throw new MalformedNote("has a signature line that is not of the form of one");
  }
  return { name: match[1] ?? "", id: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

/** Decodes base64 that is exactly what encoding would have given: no bit of it can be changed unnoticed. */
function strictBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
