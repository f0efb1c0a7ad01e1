/** Passwords before the host of a URL (RFC 3986, section 3.2.1), and addresses that are a secret themselves. Finds the secret only. */

import { ALNUM, byteAt, code, is, LETTER, lowerText, PLUS_SLASH, rawText, runEnd, standsAt } from "./bytes.ts";
import type { FindingList } from "./finding.ts";
import { isPlaceholder } from "./placeholders.ts";

const SCHEME_BYTES = 24;
const AUTHORITY_BYTES = 512;
const AT = code("@");
const COLON = code(":");
const SCHEME_OTHERS = new Set([..."+.-"].map(code));
/** What ends an authority; what cannot stand in one unescaped. */
const ENDS = new Set([..."/?# \t\r\n\"'<>`\\|,;()"].map(code));

/** Of databases, queues and directories: what stands there is a connection string. */
export const CONNECTION_SCHEMES: ReadonlySet<string> = new Set(
  "postgres postgresql mysql mysql2 mysqlx mariadb mongodb mongodb+srv redis rediss valkey amqp amqps sqlserver mssql oracle cockroachdb clickhouse snowflake redshift cassandra couchbase neo4j bolt nats kafka influxdb ldap ldaps db2 memcached elasticsearch mqtt mqtts".split(
    " ",
  ),
);

const CONNECTION = 0.97;
const URL = 0.95;
const HOOK = "hooks.slack.com/services/";
const HOOK_BYTES = 30;

export interface SeenUrl {
  /** Where to go on. */
  readonly end: number;
  readonly isConnection: boolean;
}

/** @param at the colon of `://`. Null where it is none. */
export function findUrlPassword(cell: Uint8Array, at: number, end: number, found: FindingList): SeenUrl | null {
  if (!standsAt(cell, at, end, "://")) return null;
  const authority = at + 3;
  const schemeStart = startOfScheme(cell, at);
  if (schemeStart === at) return null;
  const scheme = lowerText(cell, schemeStart, at);
  const isConnection = CONNECTION_SCHEMES.has(scheme.slice(scheme.lastIndexOf(":") + 1));
  if (standsAt(cell, authority, end, HOOK)) return findHook(cell, authority, end, found);
  const userinfoEnd = endOfUserinfo(cell, authority, end);
  const colon = userinfoEnd === 0 ? -1 : colonIn(cell, authority, userinfoEnd);
  if (colon < 0 || colon === userinfoEnd - 1 || isPlaceholder(rawText(cell, colon + 1, userinfoEnd)))
    return { end: authority, isConnection };
  const added = isConnection
    ? found.add("connection-string", colon + 1, userinfoEnd, CONNECTION)
    : found.add("url-password", colon + 1, userinfoEnd, URL);
  return { end: added ? userinfoEnd + 1 : authority, isConnection };
}

function startOfScheme(cell: Uint8Array, at: number): number {
  const lowest = Math.max(0, at - SCHEME_BYTES);
  let start = at;
  while (start > lowest && (is(byteAt(cell, start - 1), ALNUM) || SCHEME_OTHERS.has(byteAt(cell, start - 1)))) start--;
  while (start < at && !is(byteAt(cell, start), LETTER)) start++;
  return start;
}

function colonIn(cell: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) if (byteAt(cell, at) === COLON) return at;
  return -1;
}

/** The last `@` of the authority: passwords are often written with an `@` that should be escaped. 0 where none is. */
function endOfUserinfo(cell: Uint8Array, start: number, end: number): number {
  const limit = Math.min(end, start + AUTHORITY_BYTES);
  let last = 0;
  for (let at = start; at < limit; at++) {
    const byte = byteAt(cell, at);
    if (byte === AT) last = at;
    else if (ENDS.has(byte)) break;
  }
  const host = byteAt(cell, last + 1);
  return last > start && (is(host, ALNUM) || host === code("[")) ? last : 0;
}

/** Who has the address of an incoming webhook may write to it. */
function findHook(cell: Uint8Array, authority: number, end: number, found: FindingList): SeenUrl {
  const secret = authority + HOOK.length;
  const secretEnd = runEnd(cell, secret, Math.min(end, secret + 128), ALNUM | PLUS_SLASH);
  const added = secretEnd - secret >= HOOK_BYTES && found.add("slack-token", secret, secretEnd, 0.98);
  return { end: added ? secretEnd : secret, isConnection: false };
}
