/** Keys of services that say by their first characters whose they are. Looks at what follows; asks nobody whether they work. */

import {
  ALNUM,
  BASE64,
  BASE64URL,
  byteAt,
  code,
  EQUALS,
  is,
  isWordBefore,
  MASK,
  rawText,
  runEnd,
  standsAt,
  variety,
  WORD,
} from "./bytes.ts";
import { passesTokenChecksum } from "./checksum.ts";
import type { DetectorName, FindingList, Probe } from "./finding.ts";
import { KEY_FORMS, type KeyForm } from "./key-forms.ts";

/** A key with fewer different characters is one of a manual: AKIAXXXXXXXXXXXXXXXX. */
const LEAST_VARIETY = 8;
const VARIETY_BYTES = 64;

/** Of the text, checked: nothing else has it. */
const CHECKED = 1;
/** With a CRC-32 that does not fit: a form of the token that came later than ours. */
const UNCHECKED = 0.85;

/** Forms of some services, by the byte at which each is looked for. */
export class KeyProbe implements Probe {
  readonly anchors: readonly number[];
  readonly #forms = new Map<number, KeyForm[]>();

  constructor(on: ReadonlySet<DetectorName>) {
    for (const form of KEY_FORMS) {
      if (!on.has(form.detector)) continue;
      const anchor = form.prefix.charCodeAt(form.anchor);
      this.#forms.set(anchor, [...(this.#forms.get(anchor) ?? []), form]);
    }
    this.anchors = [...this.#forms.keys()];
  }

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    for (const form of this.#forms.get(byteAt(cell, at)) ?? []) {
      const start = at - form.anchor;
      if (!standsAt(cell, start, end, form.prefix)) continue;
      const keyEnd = endOfKey(cell, start, end, form);
      if (keyEnd === 0) continue;
      const confidence = form.checksum === true ? checked(cell, start, keyEnd, form) : form.confidence;
      if (!found.add(form.detector, start, keyEnd, confidence)) continue;
      return form.detector === "aws-key" ? Math.max(keyEnd, addSecretBehind(cell, keyEnd, end, found)) : keyEnd;
    }
    return at + 1;
  }
}

/** 0 where what follows is none. Reads `most` bytes at most. */
function endOfKey(cell: Uint8Array, start: number, end: number, form: KeyForm): number {
  if (isWordBefore(cell, start)) return 0;
  const bodyStart = start + form.prefix.length;
  const keyEnd = runEnd(cell, bodyStart, Math.min(end, bodyStart + form.most + 1), form.alphabet);
  const length = keyEnd - bodyStart;
  if (length < form.least || length > form.most || isWordOn(cell, keyEnd)) return 0;
  if (form.holds !== undefined && !rawText(cell, bodyStart, keyEnd).includes(form.holds)) return 0;
  return variety(cell, bodyStart, Math.min(keyEnd, bodyStart + VARIETY_BYTES)) < LEAST_VARIETY ? 0 : keyEnd;
}

function isWordOn(cell: Uint8Array, end: number): boolean {
  return is(byteAt(cell, end), WORD) || standsAt(cell, end, cell.length, MASK);
}

function checked(cell: Uint8Array, start: number, end: number, { prefix }: KeyForm): number {
  return passesTokenChecksum(rawText(cell, start + prefix.length, end)) ? CHECKED : UNCHECKED;
}

const SECRET_BYTES = 40;
/** As the console's table and its CSV file show both: the identifier, then its secret. */
const BETWEEN = new Set([..." \t\r\n,;:|\"'"].map(code));
const BETWEEN_AT_MOST = 8;

/** The secret of 40 characters that stands right behind its identifier. @returns its end, or 0. */
function addSecretBehind(cell: Uint8Array, keyEnd: number, end: number, found: FindingList): number {
  let start = keyEnd;
  while (start < keyEnd + BETWEEN_AT_MOST && BETWEEN.has(byteAt(cell, start))) start++;
  if (start === keyEnd) return 0;
  const secretEnd = runEnd(cell, start, Math.min(end, start + SECRET_BYTES + 1), BASE64);
  if (secretEnd - start !== SECRET_BYTES || is(byteAt(cell, secretEnd), ALNUM | EQUALS)) return 0;
  return found.add("aws-key", start, secretEnd, 0.9) ? secretEnd : 0;
}

const TILDE = code("~");
const SECRET_AFTER = 31;
const AZURE_SECRET = /^[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,34}$/;

/** Client secrets of Entra ID: three characters, a digit, `Q~`, 31 to 34 more. */
export class AzureSecretProbe implements Probe {
  readonly anchors: readonly number[] = [TILDE];

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const start = at - 5;
    if (byteAt(cell, at - 1) !== code("Q") || start < 0 || isWordBefore(cell, start)) return at + 1;
    let secretEnd = at + 1;
    const limit = Math.min(end, at + 1 + SECRET_AFTER + 4);
    while (secretEnd < limit && isOfSecret(cell, secretEnd)) secretEnd++;
    if (byteAt(cell, secretEnd - 1) === code(".")) secretEnd--; // of the sentence
    if (isWordOn(cell, secretEnd) || !AZURE_SECRET.test(rawText(cell, start, secretEnd))) return at + 1;
    return found.add("azure-key", start, secretEnd, 0.97) ? secretEnd : at + 1;
  }
}

/** Not a second `Q~`, which begins a secret of its own. */
function isOfSecret(cell: Uint8Array, at: number): boolean {
  const byte = byteAt(cell, at);
  if (byte === TILDE) return byteAt(cell, at - 1) !== code("Q");
  return is(byte, BASE64URL) || byte === code(".");
}
