/** CRC-32 of ASCII text in base 62, six characters. */
export declare function crc32(text: string): string;
