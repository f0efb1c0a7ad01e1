/** The kinds of value that postern.yaml knows, as zod types: what a text must look like and how a refusal words it. Reads no file. */

import { z } from "zod";
import { parseDuration, parseSize } from "./duration.ts";

/** Node's timers hold at most 2^31-1 ms: longer ones fire at once, which would end every session. */
const LONGEST_TIMER_MS = 24 * 86_400_000;

const DURATION_ERROR = "expected a duration such as 500ms, 90s, 5m, 8h or 400d";
const SIZE_ERROR = "expected a size such as 512B, 64KiB, 256MiB or 5GiB";

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number) {
  return z.int().min(min).max(max);
}

function durationText(longestMs: number) {
  return z
    .string({ error: DURATION_ERROR })
    .regex(/^\d{1,12}(ms|s|m|h|d)$/, { error: DURATION_ERROR })
    .refine(
      (value) => {
        const durationMs = parseDuration(value);
        return durationMs === null || (durationMs > 0 && durationMs <= longestMs); // null: the pattern has said so already
      },
      `expected a duration of more than 0 and at most ${longestMs / 86_400_000}d`,
    );
}

/** Milliseconds, more than 0, of a wait that a timer ends: at most 24 days. */
export function timer(fallback: string) {
  return durationText(LONGEST_TIMER_MS)
    .default(fallback)
    .transform((value) => parseDuration(value) ?? 0);
}

/** Milliseconds, more than 0, at most 100 years. */
export function duration(fallback: string) {
  return durationText(36_525 * 86_400_000)
    .default(fallback)
    .transform((value) => parseDuration(value) ?? 0);
}

/** Bytes between two sizes that are given as text. */
export function size(smallest: string, largest: string, fallback: string) {
  return sizeText(smallest, largest)
    .default(fallback)
    .transform((value) => parseSize(value) ?? 0);
}

/** The same where there is no limit unless one is given. */
export function optionalSize(smallest: string, largest: string) {
  return sizeText(smallest, largest)
    .optional()
    .transform((value) => (value === undefined ? undefined : (parseSize(value) ?? 0)));
}

function sizeText(smallest: string, largest: string) {
  const min = parseSize(smallest) ?? 0;
  const max = parseSize(largest) ?? 0;
  return z
    .string({ error: SIZE_ERROR })
    .regex(/^\d{1,12}(B|KiB|MiB|GiB|TiB)$/, { error: SIZE_ERROR })
    .refine((value) => {
      const bytes = parseSize(value) ?? min;
      return bytes >= min && bytes <= max;
    }, `expected a size from ${smallest} to ${largest}`);
}

/** Text that says something, on one line and without NUL. */
export function text() {
  return z.string().regex(/^[^\0\r\n]+$/, { error: "expected text on one line, not empty" });
}

/** Path of a file or folder; relative ones start at the folder of postern.yaml. */
export function path() {
  return z.string().regex(/^[^\0\r\n]+$/, { error: "expected a path" });
}

/** A secret: the text itself (best as `${VARIABLE}`), or the file that holds it. */
export function secret() {
  return z.union([
    z.string().regex(/^[^\0]+$/, { error: "expected a secret that is not empty" }),
    z.strictObject({ file: path().describe("File that holds the secret.") }),
  ]);
}

/** A name of ours: what agents, log origins and URLs can carry unescaped. */
export function name(what: string) {
  return z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,62}$/, {
    error: `expected ${what}: a letter, then at most 62 letters, digits, ".", "_" or "-"`,
  });
}

/** An http or https address without user, query or fragment. */
export function webUrl() {
  return z.string().refine(isWebUrl, "expected an address such as https://idp.example.com");
}

function isWebUrl(value: string): boolean {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  return url.username === "" && url.password === "" && url.search === "" && url.hash === "";
}
