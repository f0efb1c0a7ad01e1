import { Buffer } from "node:buffer";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeBackend, encodeFrontend } from "../../test/vectors/wire/encode-any.ts";
import { BACKEND_VECTORS, FRONTEND_VECTORS } from "../../test/vectors/wire/messages.ts";
import { type RecordedSession, readSession, SESSION_NAMES } from "../../test/vectors/wire/sessions.ts";
import { decodeBackend } from "./backend.ts";
import { certificateHash } from "./channel-binding.ts";
import { encoded } from "./encode.ts";
import { backendLimits, type FrameLimits, frontendLimits } from "./frame-limits.ts";
import { FrameScanner } from "./framing.ts";
import { decodeFrontend } from "./frontend.ts";
import { BACKEND, FRONTEND } from "./message-types.ts";
import { parseOAuthBearerResponse } from "./oauthbearer.ts";
import { decodePasswordMessage, decodeSASLInitialResponse } from "./password.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { beginScram } from "./scram.ts";
import { decodeStartupPacket } from "./startup.ts";

/** What `decode` gives, or null where it is a protocol violation; any other error fails the test. */
function attempt<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolViolation) return null;
    throw error;
  }
}

/** What was accepted is encoded to the bytes it came from: no byte was skipped or read as another. */
function decodeAndEncode(type: number, body: Uint8Array, sent: "frontend" | "backend"): Uint8Array | null {
  return attempt(() => {
    if (sent === "frontend") {
      const message = decodeFrontend(type, body);
      return encoded((writer) => encodeFrontend(writer, message));
    }
    const message = decodeBackend(type, body);
    if (message.type === "AuthenticationOther") return null;
    return encoded((writer) => void encodeBackend(writer, message));
  });
}

function expectExact(type: number, body: Uint8Array, sent: "frontend" | "backend"): void {
  const again = decodeAndEncode(type, body, sent);
  if (again !== null) expect(Buffer.compare(again.subarray(5), body)).toBe(0);
}

/** Bytes that decoders branch on, more often than chance has them. */
const bytes = fc
  .array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 2, 4, 0x50, 0x53, 0xff, 0x80), fc.nat(255)), { maxLength: 80 })
  .map((values) => Uint8Array.from(values));

const RUNS = { numRuns: 3_000 };

describe("bytes that nobody meant as a message", () => {
  it.each([
    ["a frontend", "frontend", Object.values(FRONTEND)],
    ["a backend", "backend", Object.values(BACKEND)],
  ] as const)("from %s are a protocol violation or exactly a message", (_, sent, types) => {
    const type = fc.oneof(fc.constantFrom(...types), fc.nat(255));
    fc.assert(
      fc.property(type, bytes, (code, body) => expectExact(code, body, sent)),
      RUNS,
    );
  });

  it("are a protocol violation or a startup packet", () => {
    const start = fc.constantFrom("00030000", "00030002", "0003270f", "04d2162e", "04d2162f", "04d21630", "00020000");
    fc.assert(
      fc.property(start, bytes, (code, rest) => {
        const packet = Buffer.concat([Buffer.alloc(4), Buffer.from(code, "hex"), rest]);
        packet.writeInt32BE(packet.length);
        attempt(() => decodeStartupPacket(packet));
        attempt(() => decodeStartupPacket(packet.subarray(0, packet.length - 1)));
        attempt(() => decodeStartupPacket(rest));
      }),
      RUNS,
    );
  });

  it("are a protocol violation or a step of authentication", () => {
    const nonce = "n".repeat(24);
    const challenge = Buffer.from(`r=${nonce}s,s=AAAA,i=4096`);
    const proof = beginScram({ kind: "none" }, nonce).challenged(challenge).prove(Buffer.alloc(32));
    fc.assert(
      fc.property(bytes, fc.nat(challenge.length), (data, at) => {
        attempt(() => decodePasswordMessage(data));
        attempt(() => decodeSASLInitialResponse(data));
        attempt(() => parseOAuthBearerResponse(data));
        attempt(() => certificateHash(data));
        attempt(() => proof.verify(data));
        attempt(() => beginScram({ kind: "none" }, nonce).challenged(Buffer.concat([challenge.subarray(0, at), data])));
      }),
      RUNS,
    );
  });
});

/** Xorshift: a loop that can be repeated from its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One to four changes of a stream: a byte, a bit, a length, a piece cut out, doubled or put elsewhere. */
function mutate(stream: Buffer, next: (below: number) => number): Buffer {
  let bytes = Buffer.from(stream);
  for (let changes = 1 + next(4); changes > 0 && bytes.length > 8; changes--) {
    const at = next(bytes.length - 4);
    const size = 1 + next(Math.min(40, bytes.length - at));
    switch (next(6)) {
      case 0:
        bytes[at] = next(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8));
        break;
      case 2:
        bytes.writeInt32BE([0, -1, 3, 4, 0x7fff_ffff, 0x1000_0000, next(70_000)][next(7)] ?? 0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at + size), bytes.subarray(at)]);
        break;
      default:
        bytes.copyWithin(next(bytes.length), at, at + size);
    }
  }
  return bytes;
}

/** Feeds the stream in pieces of any size, and decodes what comes out. */
function read(
  stream: Buffer,
  limits: FrameLimits,
  sent: "frontend" | "backend",
  next: (below: number) => number,
): void {
  const scanner = new FrameScanner(limits, {
    message: (type, bytes, start, end) => {
      expectExact(type, bytes.subarray(start + 5, end), sent);
      return true;
    },
    streamed: () => undefined,
    piece: () => undefined,
  });
  for (let at = 0; at < stream.length; ) {
    const end = Math.min(stream.length, at + 1 + next(2_000));
    scanner.feed(stream.subarray(at, end));
    at = end;
  }
}

/** The largest buffer that was asked for while `work` ran. */
function largestAllocation(work: () => void): number {
  const allocate = Buffer.allocUnsafe;
  let largest = 0;
  const spy = vi.spyOn(Buffer, "allocUnsafe").mockImplementation((size) => {
    largest = Math.max(largest, size);
    return allocate(size);
  });
  try {
    work();
  } finally {
    spy.mockRestore();
  }
  return largest;
}

/** The number of rounds is the test's length: raise it for a longer hunt. */
const ROUNDS = Number(process.env["POSTERN_FUZZ_ROUNDS"] ?? 2_000);
const SEED = Number(process.env["POSTERN_FUZZ_SEED"] ?? 20_260_101);

describe("a recorded session with bytes changed", () => {
  let sessions: readonly RecordedSession[];
  beforeAll(async () => {
    sessions = await Promise.all(SESSION_NAMES.map(readSession));
  });

  it.each([
    ["its client", "frontend", frontendLimits({ messageBytes: 1_000_000 })],
    ["its server, rows streamed", "backend", backendLimits({ messageBytes: 1_000_000 })],
    ["its server, rows whole", "backend", backendLimits({ messageBytes: 1_000_000, streamed: [] })],
  ] as const)("is read to a protocol violation or the end, in memory of what came, from %s", (_, sent, limits) => {
    const next = random(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const session = sessions[round % sessions.length]!;
      const stream = mutate(session[sent], next);

      const largest = largestAllocation(() => attempt(() => read(stream, limits, sent, next)));

      expect(largest, `round ${round} of seed ${SEED}`).toBeLessThanOrEqual(2 * stream.length + 256);
    }
  });

  it("is refused or understood from its first packet", () => {
    const next = random(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const packets = sessions.flatMap(({ packets }) => packets);
      attempt(() => decodeStartupPacket(mutate(packets[round % packets.length]!, next)));
    }
  });

  it("is changed only as far as its message goes, in every vector", () => {
    const next = random(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [sent, vectors] of [
        ["frontend", FRONTEND_VECTORS],
        ["backend", BACKEND_VECTORS],
      ] as const) {
        const vector = vectors[round % vectors.length]!;
        expectExact(vector.bytes[0]!, mutate(vector.bytes.subarray(5), next), sent);
      }
    }
  });
});
