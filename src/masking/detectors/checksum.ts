/** The check that GitHub and npm put into their tokens: the last six characters are a CRC-32 in base 62. */

const BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECK_CHARACTERS = 6;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * @param body what follows the prefix, ASCII.
 * Source: GitHub, "Behind GitHub's new authentication token formats": CRC-32 of the random part, padded with zeros.
 */
export function passesTokenChecksum(body: string): boolean {
  const random = body.slice(0, -CHECK_CHARACTERS);
  return inBase62(crc32(random)).padStart(CHECK_CHARACTERS, "0") === body.slice(-CHECK_CHARACTERS);
}

/** ISO 3309. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const character of text) crc = (crc >>> 8) ^ (TABLE[(crc ^ character.charCodeAt(0)) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

function inBase62(number: number): string {
  let text = "";
  for (let rest = number; rest > 0; rest = Math.floor(rest / 62)) text = (BASE_62[rest % 62] ?? "") + text;
  return text;
}
