/** UTF-8 to text and back, strictly: ill-formed bytes are refused and never replaced by U+FFFD, and a byte order mark is kept. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Longest run worth a loop in JavaScript; beyond it a call of the decoder costs less. */
const SHORT = 32;

/** The text of `bytes[start, end)`, or null where it is not well-formed UTF-8 (what PostgreSQL answers with 22021). */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string | null {
  if (start === end) return "";
  if (end - start <= SHORT) {
    const text = decodeShortAscii(bytes, start, end);
    if (text !== null) return text;
  }
  try {
    return strict.decode(bytes.subarray(start, end));
  } catch {
    return null; // the decoder's only error: these bytes are not UTF-8
  }
}

function decodeShortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}
