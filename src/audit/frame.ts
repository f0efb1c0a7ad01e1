/**
 * The journal's unit of writing: one frame for each hand-over, with as many entries as had gathered. Pure; files are
 * segment.ts's business. A frame: u32 length of payload, u32 CRC-32 of all that follows it, u64 seq of the first entry,
 * payload; all big-endian. The payload is as in an entry bundle: (u16 length, entry) repeated. Length 0 is the unwritten rest.
 */

import { crc32 } from "node:zlib";

export const FRAME_HEADER_BYTES = 16;
const CRC_FROM = 8;

/** What stands at an offset of a segment. `torn`: neither a whole frame nor the zeros of an unwritten rest. */
export type FrameAt =
  | { readonly kind: "frame"; readonly firstSeq: number; readonly start: number; readonly end: number }
  | { readonly kind: "end" }
  | { readonly kind: "torn" };

/** Fills in the header of the frame at `start` whose payload ends at `end`. */
export function sealFrame(bytes: Buffer, start: number, end: number, firstSeq: number): void {
  bytes.writeUInt32BE(end - start - FRAME_HEADER_BYTES, start);
  bytes.writeBigUInt64BE(BigInt(firstSeq), start + CRC_FROM);
  bytes.writeUInt32BE(crc32(bytes.subarray(start + CRC_FROM, end)), start + 4);
}

/** Judges what stands at `offset` of a segment's bytes. `start` and `end` of a frame are those of its payload. */
export function frameAt(bytes: Buffer, offset: number): FrameAt {
  const header = offset + FRAME_HEADER_BYTES;
  if (header > bytes.length) return isZero(bytes, offset) ? { kind: "end" } : { kind: "torn" };
  const length = bytes.readUInt32BE(offset);
  if (length === 0 && bytes.readUInt32BE(offset + 4) === 0)
    return isZero(bytes, offset) ? { kind: "end" } : { kind: "torn" };
  const end = header + length;
  if (length === 0 || end > bytes.length) return { kind: "torn" };
  if (crc32(bytes.subarray(offset + CRC_FROM, end)) !== bytes.readUInt32BE(offset + 4)) return { kind: "torn" };
  const firstSeq = Number(bytes.readBigUInt64BE(offset + CRC_FROM));
  return { kind: "frame", firstSeq, start: header, end };
}

/**
 * Offset of the next whole frame at or behind `from` whose first seq `accept` takes; undefined where there is none. For
 * segments with a damaged place in them, as a power cut can leave that wrote later pages and not earlier ones.
 */
export function findFrame(bytes: Buffer, from: number, accept: (firstSeq: number) => boolean): number | undefined {
  for (let offset = from; offset + FRAME_HEADER_BYTES < bytes.length; offset++) {
    const length = bytes.readUInt32BE(offset);
    if (length === 0 || length > bytes.length - offset || bytes.readUInt16BE(offset + CRC_FROM) !== 0) continue;
    const frame = frameAt(bytes, offset);
    if (frame.kind === "frame" && accept(frame.firstSeq)) return offset;
  }
  return undefined;
}

/** Offset behind the last byte that is not zero, from `offset` on; `offset` where all are zero. */
export function writtenEnd(bytes: Uint8Array, offset: number): number {
  let end = bytes.length;
  while (end > offset && bytes[end - 1] === 0) end--;
  return end;
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  return writtenEnd(bytes, offset) === offset;
}
