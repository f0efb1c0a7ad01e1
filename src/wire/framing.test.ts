import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  authenticatingFrontendLimits,
  backendLimits,
  type FrameLimits,
  frontendLimits,
  SMALL_MESSAGE_BYTES,
} from "./frame-limits.ts";
import { FrameScanner } from "./framing.ts";
import { BACKEND, FRONTEND } from "./message-types.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

function message(type: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(5 + bodyBytes, bodyBytes & 0xff);
  bytes[0] = type;
  bytes.writeInt32BE(4 + bodyBytes, 1);
  return bytes;
}

/** Notes what it is shown, copying as a caller with reused buffers must; takes messages as long as `takes` says. */
class Witness {
  readonly seen: string[] = [];
  readonly runs: Buffer[] = [];
  readonly chunks = new Set<Uint8Array>();
  takes: () => boolean = () => true;
  #piece = Buffer.alloc(0);
  #announced = { type: 0, totalBytes: 0 };

  message(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.takes()) return false;
    this.chunks.add(bytes);
    this.#see(type, Buffer.from(bytes.subarray(start, end)));
    return true;
  }

  streamed(type: number, totalBytes: number): void {
    expect(this.#piece.length).toBe(0);
    this.#announced = { type, totalBytes };
  }

  piece(bytes: Uint8Array, start: number, end: number): void {
    this.#piece = Buffer.concat([this.#piece, bytes.subarray(start, end)]);
    if (this.#piece.length < this.#announced.totalBytes) return;
    this.#see(this.#announced.type, this.#piece);
    this.#piece = Buffer.alloc(0);
  }

  #see(type: number, bytes: Buffer): void {
    expect(bytes[0]).toBe(type);
    this.seen.push(bytes.toString("hex"));
    this.runs.push(bytes);
  }
}

function scan(limits: FrameLimits, chunks: readonly Uint8Array[]): { witness: Witness; scanner: FrameScanner } {
  const witness = new Witness();
  const scanner = new FrameScanner(limits, witness);
  for (const chunk of chunks) scanner.feed(chunk);
  return { witness, scanner };
}

/** The stream cut at the given places. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => stream.subarray(start, at[i] ?? stream.length));
}

const FRONTEND_TYPES = Object.values(FRONTEND).filter((type) => type !== FRONTEND.Authentication);
const stream = (types: readonly number[]) =>
  fc.array(
    fc.tuple(fc.constantFrom(...types), fc.nat(400)).map(([type, size]) => message(type, size)),
    { maxLength: 30 },
  );
const cuts = fc.array(fc.nat(12_000), { maxLength: 40 });

describe("a stream of messages", () => {
  it("is split into the same messages however it is cut into chunks", () => {
    fc.assert(
      fc.property(stream(FRONTEND_TYPES), cuts, (messages, places) => {
        const { witness, scanner } = scan(frontendLimits(), cut(Buffer.concat(messages), places));

        expect(witness.seen).toEqual(messages.map((bytes) => bytes.toString("hex")));
        expect(scanner.atBoundary).toBe(true);
      }),
    );
  });

  it("is split into the same messages where rows pass in pieces", () => {
    fc.assert(
      fc.property(stream(Object.values(BACKEND)), cuts, (messages, places) => {
        const { witness, scanner } = scan(backendLimits(), cut(Buffer.concat(messages), places));

        expect(witness.seen).toEqual(messages.map((bytes) => bytes.toString("hex")));
        expect(scanner.atBoundary).toBe(true);
      }),
    );
  });

  it("is split into the same messages where the visitor stops it at any of them", () => {
    fc.assert(
      fc.property(stream(FRONTEND_TYPES), cuts, fc.infiniteStream(fc.boolean()), (messages, places, answers) => {
        const witness = new Witness();
        witness.takes = () => answers.next().value ?? true;
        const scanner = new FrameScanner(frontendLimits(), witness);
        for (const chunk of cut(Buffer.concat(messages), places)) {
          scanner.feed(chunk);
          if (answers.next().value) scanner.resume();
        }
        witness.takes = () => true;
        scanner.resume();

        expect(witness.seen).toEqual(messages.map((bytes) => bytes.toString("hex")));
        expect(scanner.atBoundary).toBe(true);
      }),
    );
  });

  it("is shown where it lies: whole messages of a chunk are not copied", () => {
    const chunk = Buffer.concat([message(BACKEND.DataRow, 30), message(BACKEND.DataRow, 40), message(0x43, 5)]);

    const { witness } = scan(backendLimits(), [chunk]);

    expect(witness.chunks).toEqual(new Set([chunk]));
    expect(witness.seen).toHaveLength(3);
  });

  it("leaves the chunk to the caller: its reuse changes nothing that was held", () => {
    const whole = message(FRONTEND.Query, 100);
    const reused = Buffer.from(whole.subarray(0, 50));
    const witness = new Witness();
    const scanner = new FrameScanner(frontendLimits(), witness);

    scanner.feed(reused);
    reused.fill(0xff);
    scanner.feed(whole.subarray(50));

    expect(witness.seen).toEqual([whole.toString("hex")]);
  });

  it("is not at a boundary inside a message", () => {
    const bytes = message(BACKEND.DataRow, 100);

    for (let end = 1; end < bytes.length; end++) {
      expect(scan(backendLimits(), [bytes.subarray(0, end)]).scanner.atBoundary, `${end}`).toBe(false);
      expect(scan(backendLimits({ streamed: [] }), [bytes.subarray(0, end)]).scanner.atBoundary, `${end}`).toBe(false);
    }
  });
});

describe("a message whose length is not allowed", () => {
  const header = (type: number, length: number) => {
    const bytes = Buffer.alloc(5);
    bytes[0] = type;
    bytes.writeUInt32BE(length, 1);
    return bytes;
  };

  it.each([
    ["shorter than its length field", frontendLimits(), header(FRONTEND.Sync, 3), "not between 4 and 10000"],
    ["of length 0", frontendLimits(), header(FRONTEND.Query, 0), "not between 4"],
    ["of a negative length", frontendLimits(), header(FRONTEND.Query, 0xffff_ffff), "not between 4"],
    [
      "over PostgreSQL's limit for small ones",
      frontendLimits(),
      header(FRONTEND.Sync, SMALL_MESSAGE_BYTES + 1),
      "not between",
    ],
    [
      "over the configured limit",
      frontendLimits({ messageBytes: 1024 }),
      header(FRONTEND.Parse, 1025),
      "not between 4 and 1024",
    ],
    [
      "over 64 KiB before authentication",
      authenticatingFrontendLimits(),
      header(FRONTEND.Authentication, 65_536),
      "not between",
    ],
    ["of a frontend's unknown type", frontendLimits(), header(0x7a, 4), "unknown type 122"],
    ["a Query before authentication", authenticatingFrontendLimits(), header(FRONTEND.Query, 4), "unknown type 81"],
    ["'p' after authentication", frontendLimits(), header(FRONTEND.Authentication, 4), "unknown type 112"],
    ["of a backend's unknown type", backendLimits(), header(0x7a, 4), "unknown type 122"],
    ["a backend's small one over libpq's limit", backendLimits(), header(BACKEND.ReadyForQuery, 30_001), "not between"],
    [
      "a streamed one over what PostgreSQL can send",
      backendLimits(),
      header(BACKEND.DataRow, 0x4000_0000),
      "not between",
    ],
  ])("is refused at its header, however that arrives: %s", (_, limits, bytes, reason) => {
    expect(() => scan(limits, [bytes])).toThrow(ProtocolViolation);
    expect(() =>
      scan(
        limits,
        [...bytes].map((byte) => Buffer.of(byte)),
      ),
    ).toThrow(reason);
  });

  it("is refused after the messages before it were shown", () => {
    const witness = new Witness();
    const scanner = new FrameScanner(frontendLimits(), witness);

    expect(() => scanner.feed(Buffer.concat([message(FRONTEND.Sync, 0), header(0x7a, 4)]))).toThrow(ProtocolViolation);
    expect(witness.seen).toHaveLength(1);
  });
});

describe("the memory of a stream", () => {
  it("is not allocated for a length that was only announced", () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafe");
    const bytes = Buffer.alloc(6, FRONTEND.Query);
    bytes.writeInt32BE(256 * 1024 * 1024, 1);

    const { scanner } = scan(frontendLimits(), [bytes]);

    expect(scanner.heldBytes).toBe(6);
    expect(Math.max(...allocate.mock.calls.map(([size]) => size))).toBeLessThan(64);
    allocate.mockRestore();
  });

  it("is at most twice what has come of a message, and is copied a few times only", () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafe");
    const bytes = message(FRONTEND.Bind, 20_000_000);

    const { witness } = scan(
      frontendLimits(),
      cut(
        bytes,
        Array.from({ length: 400 }, (_, i) => i * 50_000),
      ),
    );

    expect(witness.seen).toHaveLength(1);
    const sizes = allocate.mock.calls.map(([size]) => size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(bytes.length);
    expect(sizes.length).toBeLessThan(30);
    allocate.mockRestore();
  });

  it("holds nothing of a row of 50 MB that streams", () => {
    const row = message(BACKEND.DataRow, 50_000_000);
    let passed = 0;
    let most = 0;
    const scanner = new FrameScanner(backendLimits(), {
      message: () => true,
      streamed: () => undefined,
      piece: (_, start, end) => {
        passed += end - start;
      },
    });

    for (const chunk of cut(
      row,
      Array.from({ length: 800 }, (_, i) => i * 65_536),
    )) {
      scanner.feed(chunk);
      most = Math.max(most, scanner.heldBytes);
    }

    expect(passed).toBe(row.length);
    expect(most).toBe(0);
    expect(scanner.atBoundary).toBe(true);
  });
});
