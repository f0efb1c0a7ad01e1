/**
 * The SQLSTATE of an error of the grammar. libpg-query hands on PostgreSQL's words and the source file but not the code, so it is
 * read from the words; test/spec/analysis-against-servers.test.ts compares with the servers. Anything not listed is a syntax error, as in gram.y nearly all are.
 */

import type { Major } from "./grammar.ts";

const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [/^stack depth limit exceeded/, "54001"],
  [/^invalid byte sequence for encoding/, "22021"],
  [/^unsafe use of \\' in a string literal/, "22P06"],
  [/^role name ".*" is reserved|cannot be used as a role name here$/, "42939"],
  [
    /^precision for type float must be|^unrecognized (partitioning strategy|role option|JSON encoding)|^invalid role option|^column number must be in range/,
    "22023",
  ],
  [
    / not (yet )?(implemented|supported|possible)|^only string constants are supported| (is|are) only supported | cannot be (changed$|marked |altered to be )|^aggregates cannot have output arguments|^CREATE SCHEMA IF NOT EXISTS cannot include/,
    "0A000",
  ],
];

/** @param message PostgreSQL's words. @param file the source file that raised it, as libpg-query names it. */
export function sqlstateOf(message: string, file: string, major: Major): string {
  if (message.startsWith("LIMIT #,#")) return major < 16 ? "0A000" : "42601";
  // The scanner and the parser say the same words with different codes.
  if (message === "invalid Unicode escape") return file.includes("scan") ? "22025" : "42601";
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? "42601";
}
