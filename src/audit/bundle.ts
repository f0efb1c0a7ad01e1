/** Entry bundles (C2SP tlog-tiles, "Log entries"): walking (big-endian uint16 length, entry) without copying. Pure. */

/** Calls `each` with the bounds of every entry in [from, to) of `bytes`. Returns false where the lengths do not end at `to`. */
export function walkBundle(
  bytes: Buffer,
  from: number,
  to: number,
  each: (start: number, end: number) => void,
): boolean {
  let offset = from;
  while (offset + 2 <= to) {
    const start = offset + 2;
    const end = start + bytes.readUInt16BE(offset);
    if (end > to) return false;
    each(start, end);
    offset = end;
  }
  return offset === to;
}
