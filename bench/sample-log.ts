/**
 * Writes an audit log from the specification alone, for the verifiers' tests and their bench: C2SP tlog-tiles, signed-note,
 * tlog-checkpoint, and docs/reference/events.md. Shares nothing with src/audit, so that an error there is not repeated here.
 */

import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };
export type Entry = { readonly [name: string]: Value };

const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 8785 for what sample entries hold. */
export function canonical(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

export interface Signer {
  readonly vkey: string;
  readonly keyId: Buffer;
  readonly privateKey: KeyObject;
}

/** A new Ed25519 key with a signed-note name. */
export function makeSigner(name: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const encoded = Buffer.concat([Buffer.from([1]), publicKey.export({ format: "der", type: "spki" }).subarray(-32)]);
  const keyId = sha256(name, "\n", encoded).subarray(0, 4);
  return { vkey: `${name}+${keyId.toString("hex")}+${encoded.toString("base64")}`, keyId, privateKey };
}

/** RFC 6962, section 2.1: the Merkle tree hash of leaf hashes, by its own recursive definition. */
export function merkleRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return sha256("");
  const [only] = hashes;
  if (hashes.length === 1 && only !== undefined) return only;
  const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return sha256(Buffer.from([1]), merkleRoot(hashes.slice(0, split)), merkleRoot(hashes.slice(split)));
}

/** RFC 6962, section 2.1.1: the audit path of a leaf, from its sibling to the root's child. */
export function auditPath(index: number, hashes: readonly Buffer[]): Buffer[] {
  if (hashes.length <= 1) return [];
  const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)];
  return index < split
    ? [...auditPath(index, left), merkleRoot(right)]
    : [...auditPath(index - split, right), merkleRoot(left)];
}

/** 1234067 -> x001/x234/067. */
export function tilePath(index: number): string {
  const groups = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return groups.join("/");
}

/** One log: entries in memory, then a folder. */
export class SampleLog {
  readonly origin: string;
  readonly signer: Signer;
  readonly entries: Buffer[] = [];
  readonly leaves: Buffer[] = [];

  constructor(origin: string, signer = makeSigner(origin)) {
    this.origin = origin;
    this.signer = signer;
  }

  append(entry: Entry | string): void {
    const bytes = Buffer.from(typeof entry === "string" ? entry : canonical(entry));
    this.entries.push(bytes);
    this.leaves.push(sha256(Buffer.from([0]), bytes));
  }

  checkpoint(size = this.leaves.length): string {
    const text = `${this.origin}\n${size}\n${merkleRoot(this.leaves.slice(0, size)).toString("base64")}\n`;
    const signature = Buffer.concat([this.signer.keyId, sign(null, Buffer.from(text), this.signer.privateKey)]);
    return `${text}\n— ${this.origin} ${signature.toString("base64")}\n`;
  }

  /** A c2sp.org/tlog-proof@v1 of one entry. */
  proof(index: number): string {
    const hashes = auditPath(index, this.leaves).map((hash) => `${hash.toString("base64")}\n`);
    return `c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes.join("")}\n${this.checkpoint()}`;
  }

  async write(folder: string): Promise<void> {
    const bundles = this.entries.map((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return Buffer.concat([length, entry]);
    });
    await writeTiles(join(folder, "tile", "entries"), bundles);
    let hashes: readonly Buffer[] = this.leaves;
    for (let level = 0; hashes.length > 0; level++) {
      await writeTiles(join(folder, "tile", String(level)), hashes);
      const full = Array.from({ length: Math.floor(hashes.length / 256) }, (_, tile) =>
        hashes.slice(tile * 256, tile * 256 + 256),
      );
      hashes = full.map(merkleRoot);
    }
    await put(join(folder, "log.vkey"), `${this.signer.vkey}\n`);
    await put(join(folder, "checkpoint"), this.checkpoint());
  }
}

async function writeTiles(folder: string, parts: readonly Buffer[]): Promise<void> {
  for (let tile = 0; tile * 256 < parts.length; tile++) {
    const slice = parts.slice(tile * 256, tile * 256 + 256);
    const partial = slice.length < 256 ? `.p/${slice.length}` : "";
    await put(join(folder, tilePath(tile) + partial), Buffer.concat(slice));
  }
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** A clock of its own: each entry later than the one before. */
export class SampleClock {
  #microseconds = Date.UTC(2026, 2, 1, 9, 30) * 1000;

  /** @returns RFC 3339 with six digits of a second. */
  next(advanceMicroseconds = 250): string {
    this.#microseconds += advanceMicroseconds;
    const milliseconds = Math.floor(this.#microseconds / 1000);
    return new Date(milliseconds).toISOString().replace("Z", `${String(this.#microseconds % 1000).padStart(3, "0")}Z`);
  }
}

const HASH = "0123456789abcdef".repeat(4);
const COUNTERS = { sessions: 1, statements: 2 };
const CONTEXT: Entry = {
  principal: {
    kind: "agent",
    issuer: "https://idp.example",
    subject: "ada@example.com",
    actors: [{ subject: "reporter", proof: "verified" }],
    credential: { kind: "token", id: "0f1e2d3c4b5a6978" },
  },
  clientAddress: "127.0.0.1:50123",
  via: "wire",
  database: "shop",
  upstreamRole: "agent",
};

/** One gateway instance's log and its place in the registry, told as a gateway would tell them. */
export class SampleGateway {
  readonly log: SampleLog;
  readonly registry: SampleLog;
  readonly #clock: SampleClock;
  readonly #sessions = new Map<string, { next: number; statements: number }>();

  constructor(origin: string, registry: SampleLog, clock: SampleClock) {
    this.log = new SampleLog(origin);
    this.registry = registry;
    this.#clock = clock;
    this.#record("log.opened", { vkey: this.log.signer.vkey });
    this.write("key.created", { purpose: "log", algorithm: "Ed25519", vkey: this.log.signer.vkey });
    this.start();
  }

  /** An entry outside of sessions. */
  write(type: string, members: Entry, afterMicroseconds?: number): void {
    this.log.append({ v: 1, seq: this.log.entries.length, ts: this.#clock.next(afterMicroseconds), type, ...members });
  }

  start(): void {
    this.write("gateway.started", { origin: this.log.origin, version: "0.0.0", runtime: "sample" });
  }

  heartbeat(afterMicroseconds = 60_000_000): void {
    this.#record("log.updated", {});
    const root = merkleRoot(this.registry.leaves).toString("base64");
    this.write(
      "gateway.heartbeat",
      { counters: COUNTERS, registry: { size: this.registry.leaves.length, root } },
      afterMicroseconds,
    );
  }

  stop(): void {
    this.write("gateway.stopped", { reason: "sample", counters: COUNTERS });
    this.#record("log.closed", {});
  }

  open(session: string): void {
    this.#sessions.set(session, { next: 0, statements: 0 });
    this.#inSession(session, "session.opened", { ...CONTEXT, tls: "TLSv1.3", applicationName: "sample ünïcode 😀" });
  }

  /** A statement that is forwarded, answered and committed: three entries. */
  statement(session: string, durationMs = 0.25): void {
    const number = this.decide(session, "permitted");
    const outcome = { outcome: "completed", rowsReturned: 1, rowsAffected: 0, bytes: 120, durationMs, rows: HASH };
    this.#inSession(session, "statement.finished", { statement: number, ...outcome });
    this.#inSession(session, "transaction.committed", { statements: [[number, number]], transactionId: "742" });
  }

  /** @returns the sessionSeq of the statement. */
  decide(session: string, verdict: "permitted" | "refused"): number {
    const { next } = this.#state(session);
    this.#state(session).statements++;
    const sql = { commitment: HASH, fingerprint: "4f2a" };
    this.#inSession(session, "statement.decided", { ...CONTEXT, class: "read", verdict, sql, requests: [] });
    return next;
  }

  close(session: string, statements = this.#state(session).statements): void {
    this.#inSession(session, "session.closed", { statements, rows: 1, bytes: 240, reason: "client ended" });
  }

  /** Any entry of a session, with the next sessionSeq or another. */
  #inSession(session: string, type: string, members: Entry): void {
    this.write(type, { session, sessionSeq: this.#state(session).next++, ...members });
  }

  #state(session: string): { next: number; statements: number } {
    const state = this.#sessions.get(session);
    if (state === undefined) throw new Error(`session ${session} was not opened`);
    return state;
  }

  #record(type: string, members: Entry): void {
    const state = {
      origin: this.log.origin,
      size: this.log.leaves.length,
      root: merkleRoot(this.log.leaves).toString("base64"),
    };
    this.registry.append({
      v: 1,
      seq: this.registry.entries.length,
      ts: this.#clock.next(),
      type,
      ...state,
      ...members,
    });
  }
}

/** A registry log that has its key on record. */
export function makeRegistry(gatewayName: string, clock: SampleClock): SampleLog {
  const registry = new SampleLog(`${gatewayName}/registry`);
  const key = { purpose: "log", algorithm: "Ed25519", vkey: registry.signer.vkey };
  registry.append({ v: 1, seq: 0, ts: clock.next(), type: "key.created", ...key });
  return registry;
}

/** A whole `log` folder of one instance that has run, served `statements` statements in sessions of a hundred, and stopped. */
export async function writeSampleLog(folder: string, options: { readonly statements: number }): Promise<void> {
  const clock = new SampleClock();
  const registry = makeRegistry("sample", clock);
  const gateway = new SampleGateway("sample/a1", registry, clock);
  for (let done = 0; done < options.statements; done += 100) {
    const session = `ses_${String(done).padStart(8, "0")}`;
    gateway.open(session);
    for (let n = done; n < Math.min(done + 100, options.statements); n++) gateway.statement(session);
    gateway.close(session);
  }
  gateway.stop();
  await gateway.log.write(join(folder, "a1"));
  await registry.write(join(folder, "registry"));
}
