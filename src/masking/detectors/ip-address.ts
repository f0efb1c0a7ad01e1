/** Internet addresses of version 4. They have no check digit, and versions of software are written like them: off unless asked for. */

import { follows } from "./context.ts";
import { DOT } from "./digits.ts";
import { goesOn, type Judgement, type WrittenNumber } from "./written-number.ts";

const ADDRESS = 0.85;
const VERSION = 0.3;
const VERSION_WORDS = new Set(["version", "v", "ver", "release", "build", "oid", "section"]);

export function ipv4({ cell, window, prefix, isJoined }: WrittenNumber): Judgement | null {
  if (prefix !== "" || isJoined || window.groups < 4 || window.commonSeparator(4) !== DOT) return null;
  if (window.groups > 4 && window.separator(4) === DOT) return null;
  for (let group = 0; group < 4; group++)
    if (!isOctet(window.digitsIn(group), window.groupLength(group), window.value.bind(window))) return null;
  if (goesOn(cell, window.end(3))) return null;
  const isVersion = follows(cell, window.start(0), VERSION_WORDS);
  return { groups: 4, confidence: isVersion ? VERSION : ADDRESS };
}

function isOctet(from: number, length: number, value: (from: number, length: number) => number): boolean {
  if (length > 3 || (length > 1 && value(from, 1) === 0)) return false;
  return value(from, length) <= 255;
}
