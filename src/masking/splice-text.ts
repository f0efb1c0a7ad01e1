/** A text put together from parts of a client's text and what was put between them, and where each place of the one is in the other. */

import { Buffer } from "node:buffer";
import type { Span } from "../analysis/references.ts";
import type { Edit } from "./splice-edits.ts";

interface Piece {
  readonly bytes: Uint8Array;
  /** Where it begins in the spliced text. */
  readonly at: number;
  /** Where it, or what it stands for, begins in the client's. */
  readonly clientByte: number;
  /** copied: as sent, in its place. moved: as sent, elsewhere. made: stands for what the client sent. */
  readonly kind: "copied" | "moved" | "made";
  /** Where what its first byte belongs to begins in the client's text: before it, where qualifiers were cut off. */
  readonly opensAt: number;
}

export class SplicedText {
  readonly #source: Uint8Array;
  readonly #pieces: Piece[] = [];
  #length = 0;

  /** @param edits in the order of the text; one inside the span of another only where that moves it along. */
  constructor(source: Uint8Array, edits: readonly Edit[]) {
    this.#source = source;
    this.#copy({ startByte: 0, endByte: source.length }, edits, "copied");
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#pieces.map(({ bytes }) => bytes));
  }

  #copy({ startByte, endByte }: Span, edits: readonly Edit[], kind: "copied" | "moved"): void {
    let at = startByte;
    let opensAt = at;
    for (const edit of edits) {
      if (edit.startByte < at || edit.endByte > endByte) continue;
      this.#add(this.#source.subarray(at, edit.startByte), at, kind, opensAt);
      this.#make(edit.before, edit.startByte);
      // It begins with a token of its own: what is within it begins later.
      const { moved } = edit;
      const inner = moved === null ? [] : edits.filter((one) => one.startByte > moved.startByte);
      if (moved !== null) this.#copy(moved, inner, "moved");
      this.#make(edit.after, edit.startByte);
      at = edit.endByte;
      opensAt = edit.isPrefix ? edit.startByte : at;
    }
    // Also where it is empty: ofClient finds the end by it.
    this.#add(this.#source.subarray(at, endByte), at, kind, opensAt);
  }

  #make(text: string, clientByte: number): void {
    if (text !== "") this.#add(Buffer.from(text), clientByte, "made", clientByte);
  }

  #add(bytes: Uint8Array, clientByte: number, kind: Piece["kind"], opensAt: number): void {
    this.#pieces.push({ bytes, at: this.#length, clientByte, kind, opensAt });
    this.#length += bytes.length;
  }

  /** @param position 1-based, in characters. Beyond the end: the end. */
  toClient(position: number): number {
    const byte = byteOfCharacter(this.bytes(), position - 1);
    const piece = this.#pieces.findLast(({ at, bytes }) => at <= byte && bytes.length > 0);
    if (byte >= this.#length || piece === undefined) return charactersBefore(this.#source, this.#source.length) + 1;
    const offset = piece.kind === "made" ? 0 : byte - piece.at;
    return charactersBefore(this.#source, offset === 0 ? piece.opensAt : piece.clientByte + offset) + 1;
  }

  /** @param byte of the client's text. Within what was replaced: where that begins. */
  ofClient(byte: number): number {
    const piece = this.#pieces.findLast(({ kind, clientByte }) => kind === "copied" && clientByte <= byte);
    if (piece === undefined) return 0;
    return piece.at + Math.min(byte - piece.clientByte, piece.bytes.length);
  }
}

/** Characters as PostgreSQL counts them: code points. */
export function charactersBefore(text: Uint8Array, byte: number): number {
  let count = 0;
  for (let at = 0; at < byte; at++) if (((text[at] ?? 0) & 0xc0) !== 0x80) count++;
  return count;
}

function byteOfCharacter(text: Uint8Array, characters: number): number {
  let left = characters;
  let at = 0;
  for (; at < text.length; at++) {
    if (((text[at] ?? 0) & 0xc0) === 0x80) continue;
    if (left-- <= 0) break;
  }
  return at;
}
