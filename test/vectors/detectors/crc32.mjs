/** CRC-32 of ASCII text in base 62, six characters: as GitHub and npm end their tokens. Bit by bit, with no table: it checks one that has one. */

const BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function crc32(text) {
  let crc = 0xffffffffn;
  for (const character of text) {
    crc ^= BigInt(character.charCodeAt(0));
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xedb88320n : crc >> 1n;
  }
  let rest = crc ^ 0xffffffffn;
  let result = "";
  for (let index = 0; index < 6; index++) {
    result = BASE_62[Number(rest % 62n)] + result;
    rest /= 62n;
  }
  return result;
}
