/** `name = value`, as in connection strings, environment files, JSON and logs: which names say secret, and which values can be one. */

import {
  ALNUM,
  BASE64,
  BASE64URL,
  BLANK,
  byteAt,
  code,
  DIGIT,
  EQUALS,
  HYPHEN,
  is,
  LETTER,
  lowerText,
  rawText,
  runEnd,
  WORD,
} from "./bytes.ts";
import type { DetectorName } from "./finding.ts";
import { beginsAsPlaceholder, isPlaceholder } from "./placeholders.ts";

const NAME_BYTES = 48;
const VALUE_BYTES = 256;
const TOKEN_BYTES = 4096;
/** Only a password where a connection string goes on behind it. */
const UNSURE = 0.3;
const SHORTEST_PASSWORD = 6;
const SHORTEST_TOKEN = 16;

const QUOTES = new Set([..."\"'`"].map(code));
const BACKSLASH = code("\\");
const NAME_OTHERS = new Set([...".-"].map(code));
/** What ends a value that no quote holds together. */
const ENDS = new Set([..." \t\r\n;&\"'`,<>)}]|"].map(code));

const CONNECTION_NAMES = new Set(
  "host hostname hostaddr server datasource source catalog database dbname db user username uid userid port sslmode accountname defaultendpointsprotocol sharedaccesskeyname endpoint".split(
    " ",
  ),
);
const PASSWORD_NAME =
  /(password|passwd|passphrase|passwort|pwd|motdepasse|contrasena)$|^(pass|pw)$|(db|user|smtp|ftp|admin)pass$/;
const TOKEN_NAME =
  /(secret|secretkey|apikey|accesskey|authkey|authtoken|accesstoken|refreshtoken|bearertoken|apitoken|clientsecret|signingkey|encryptionkey|secretaccesskey)$/;

export interface SecretValue {
  readonly start: number;
  readonly end: number;
  readonly detector: DetectorName;
  readonly confidence: number;
  /** Rather than a key of a service. */
  readonly isPassword: boolean;
}

/** Ends of the names below, two letters each: most names are told from them without being read. */
const ENDS_OF_SECRETS = endings("rd wd se rt ss pw na et ey en ig on");
const ENDS_OF_CONNECTIONS = endings("st me dr er ce og se db id rt de ol nt");

function endings(pairs: string): Uint8Array {
  const table = new Uint8Array(32 * 32);
  for (const pair of pairs.split(" ")) table[pairOf(pair.charCodeAt(0), pair.charCodeAt(1))] = 1;
  return table;
}

/** Of letters: their number in the alphabet, whatever their case. Others are taken for a letter too, and told apart later. */
function pairOf(first: number, second: number): number {
  return ((first & 31) << 5) | (second & 31);
}

/** The name before `at`, in lower case without `_`, `.` and `-`; "" where none stands there, or none that is looked for. */
export function readName(cell: Uint8Array, at: number): string {
  let end = at;
  if (is(byteAt(cell, end - 1), BLANK)) end--;
  if (QUOTES.has(byteAt(cell, end - 1))) end--;
  if (byteAt(cell, end - 1) === BACKSLASH) end--;
  const pair = pairOf(byteAt(cell, end - 2), byteAt(cell, end - 1));
  const isConnection = byteAt(cell, at) === 0x3d && ENDS_OF_CONNECTIONS[pair] === 1;
  if (!isConnection && ENDS_OF_SECRETS[pair] !== 1) return "";
  let start = end;
  const lowest = Math.max(0, end - NAME_BYTES);
  while (start > lowest && (is(byteAt(cell, start - 1), WORD) || NAME_OTHERS.has(byteAt(cell, start - 1)))) start--;
  return lowerText(cell, start, end).replace(/[_.-]/g, "");
}

export function isConnectionName(name: string): boolean {
  return CONNECTION_NAMES.has(name);
}

/** @param at of `=` or `:`. @param isConnection whether the rest of a connection string stands near: a password there may be any text. */
export function findSecretValue(
  cell: Uint8Array,
  at: number,
  end: number,
  name: string,
  isConnection: boolean,
): SecretValue | null {
  if (PASSWORD_NAME.test(name)) return password(cell, at, end, isConnection);
  if (name === "sig") return signature(cell, at, end);
  if (name.endsWith("authorization")) return authorization(cell, at, end);
  if (name === "accountkey" || name === "sharedaccesskey") return azureKey(cell, at, end, name);
  return TOKEN_NAME.test(name) ? token(cell, at, end, name) : null;
}

/** Behind the sign, a blank or two, and the quote. */
function startOfValue(cell: Uint8Array, at: number): { readonly start: number; readonly quote: number } {
  let start = at + 1;
  while (start < at + 3 && byteAt(cell, start) === 0x20) start++;
  if (byteAt(cell, start) === BACKSLASH && QUOTES.has(byteAt(cell, start + 1))) start++;
  const quote = byteAt(cell, start);
  return QUOTES.has(quote) ? { start: start + 1, quote } : { start, quote: 0 };
}

function password(cell: Uint8Array, at: number, end: number, isConnection: boolean): SecretValue | null {
  const { start, quote } = startOfValue(cell, at);
  if (beginsAsPlaceholder(rawText(cell, start, Math.min(end, start + 3)))) return null;
  const limit = Math.min(end, start + VALUE_BYTES);
  let valueEnd = start;
  while (
    valueEnd < limit &&
    !(quote === 0 ? ENDS.has(byteAt(cell, valueEnd)) : endsQuoted(byteAt(cell, valueEnd), quote))
  )
    valueEnd++;
  if (valueEnd > start && byteAt(cell, valueEnd - 1) === BACKSLASH) valueEnd--;
  const value = rawText(cell, start, valueEnd);
  if (value === "" || isPlaceholder(value)) return null;
  const isSure =
    isConnection || (quote !== 0 && value.length >= SHORTEST_PASSWORD && !/\s/.test(value) && !isCode(value));
  const isAssigned = byteAt(cell, at) === 0x3d;
  const confidence = isSure ? 0.9 : looksChosen(value) ? 0.85 : isAssigned ? UNSURE : 0;
  return confidence === 0 ? null : { start, end: valueEnd, detector: "assigned-secret", confidence, isPassword: true };
}

function endsQuoted(byte: number, quote: number): boolean {
  return byte === quote || byte === 0x0a;
}

/** In prose a word follows `password:`; what people choose has a digit or a sign in it. */
function looksChosen(value: string): boolean {
  if (value.length < SHORTEST_PASSWORD || isCode(value)) return false;
  return /[^A-Za-z.:\s\x80-\xff-]/.test(value.slice(0, -1)) || /\d$/.test(value);
}

/** A call, a member, an element, words with `_`; a path; the rest of a text whose quote ended at the sign; an object identifier. */
function isCode(value: string): boolean {
  if (/^[A-Za-z_$!][\w$]*(\(|([?.[]+[\w$\]]+)+(\(|$))/.test(value) || /^[a-z]+(_[a-z]+)+$/.test(value)) return true;
  return /^[/=,;()\s]/.test(value) || /^\d+\.\d+\.[\d.]+$/.test(value);
}

/** A run of one alphabet with letters and digits: a word or a number alone is no key. */
function token(cell: Uint8Array, at: number, end: number, name: string): SecretValue | null {
  const { start } = startOfValue(cell, at);
  const run = readRun(cell, start, end);
  if (run === null) return null;
  const length = run - start;
  if (name.endsWith("secretaccesskey") || (name.endsWith("secretkey") && length === 40)) {
    if (length === 40) return { start, end: run, detector: "aws-key", confidence: 0.95, isPassword: false };
  }
  return { start, end: run, detector: "assigned-secret", confidence: 0.85, isPassword: false };
}

function readRun(cell: Uint8Array, start: number, end: number): number | null {
  const limit = Math.min(end, start + TOKEN_BYTES);
  const body = runEnd(cell, start, limit, BASE64 | BASE64URL);
  const run = runEnd(cell, body, Math.min(limit, body + 2), EQUALS);
  if (run - start < SHORTEST_TOKEN || isSameClass(cell, start, body)) return null;
  return isPlaceholder(rawText(cell, start, Math.min(run, start + 32))) ? null : run;
}

function isSameClass(cell: Uint8Array, start: number, end: number): boolean {
  return runEnd(cell, start, end, LETTER | HYPHEN) === end || runEnd(cell, start, end, DIGIT | HYPHEN) === end;
}

/** Azure Storage: 64 bytes. Service Bus, Event Hubs, IoT Hub: 32. */
function azureKey(cell: Uint8Array, at: number, end: number, name: string): SecretValue | null {
  const { start } = startOfValue(cell, at);
  const run = readRun(cell, start, end);
  const expected = name === "accountkey" ? 88 : 44;
  return run !== null && run - start === expected
    ? { start, end: run, detector: "azure-key", confidence: 0.98, isPassword: false }
    : null;
}

const PERCENT = code("%");
const SIGNATURE_CHARACTERS = 43;

/** `sig` of a shared access signature: 32 bytes in base64, its `+ / =` escaped. */
function signature(cell: Uint8Array, at: number, end: number): SecretValue | null {
  const start = at + 1;
  const limit = Math.min(end, start + 72);
  let run = start;
  while (run < limit && (is(byteAt(cell, run), BASE64) || byteAt(cell, run) === PERCENT)) run++;
  if (run - start < SIGNATURE_CHARACTERS) return null;
  if (is(byteAt(cell, run), EQUALS)) run++;
  const plain = rawText(cell, start, run).replaceAll(/%(2B|2F|3D)/gi, "=");
  return /^[A-Za-z0-9+/=]{43}=$/.test(plain)
    ? { start, end: run, detector: "azure-key", confidence: 0.9, isPassword: false }
    : null;
}

const SCHEMES = ["Bearer ", "bearer ", "Basic ", "basic ", "token ", "Token "] as const;

/** RFC 9110, section 11.4: a scheme, then token68. */
function authorization(cell: Uint8Array, at: number, end: number): SecretValue | null {
  const { start } = startOfValue(cell, at);
  const text = rawText(cell, start, Math.min(end, start + 8));
  const scheme = SCHEMES.find((one) => text.startsWith(one));
  if (scheme === undefined) return null;
  const tokenStart = start + scheme.length;
  const limit = Math.min(end, tokenStart + TOKEN_BYTES);
  let run = tokenStart;
  while (
    run < limit &&
    (is(byteAt(cell, run), BASE64 | BASE64URL | EQUALS) || byteAt(cell, run) === 0x2e || byteAt(cell, run) === 0x7e)
  )
    run++;
  const isLong =
    run - tokenStart >= SHORTEST_TOKEN || (scheme.startsWith("B") && run - tokenStart >= 8 && scheme.includes("asic"));
  return isLong && runEnd(cell, tokenStart, run, ALNUM) > tokenStart
    ? { start: tokenStart, end: run, detector: "assigned-secret", confidence: 0.9, isPassword: false }
    : null;
}
