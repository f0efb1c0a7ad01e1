/**
 * An audit entry as bytes: canonical JSON (RFC 8785) with the members that the log itself fills in (`seq`, `ts`) left open.
 * Which types and members there are: entry-shape.ts. Does not write anything: see log.ts.
 */

import { canonicalJson, canonicalString, type Json } from "../base/canonical-json.ts";
import { GatewayError } from "../base/errors.ts";
import type { EntryBody } from "./entry-shape.ts";

export type { ActorRecord, EntryBody, EntryType, PrincipalRecord, Ranges, RequestRecord } from "./entry-shape.ts";

/** Version of the schema in docs/reference/events.md, as `v` of each entry. */
export const ENTRY_VERSION = 1;

/** An entry's length is a big-endian uint16 in its bundle (C2SP tlog-tiles, "Log Entries"). */
export const MAX_ENTRY_BYTES = 65_535;

/**
 * A canonical entry split around the two members that the log fills in:
 * `"{" + head + "\"seq\":N," + mid + "\"ts\":\"…\"," + tail + "}"`.
 * `head` and `mid` are "" or end with a comma; `tail` never ends with one and always holds `type` and `v`.
 */
export interface EntryParts {
  readonly head: string;
  readonly mid: string;
  readonly tail: string;
}

/**
 * Splits `entry` for AuditLog.appendParts. Members are sorted by UTF-16 code units, so what sorts before `seq` is the
 * head, what sorts between `seq` and `ts` (session, sessionSeq, sql, sqlstate, statement, …) the middle.
 * @throws {TypeError} for a number or string that canonical JSON cannot hold.
 */
export function entryParts(entry: EntryBody): EntryParts {
  const members: Readonly<Record<string, Json | undefined>> = { ...entry, v: ENTRY_VERSION };
  let head = "";
  let mid = "";
  const tail: string[] = [];
  for (const key of Object.keys(members).sort()) {
    const value = members[key];
    if (value === undefined) continue;
    const member = `${canonicalString(key)}:${canonicalJson(value)}`;
    if (key < "seq") head += `${member},`;
    else if (key < "ts") mid += `${member},`;
    else tail.push(member);
  }
  return { head, mid, tail: tail.join(",") };
}

/** The entry's canonical text, with what the log fills in. */
export function entryText({ head, mid, tail }: EntryParts, seq: number, ts: string): string {
  return `{${head}"seq":${seq},${mid}"ts":"${ts}",${tail}}`;
}

/** The error of an entry over MAX_ENTRY_BYTES. Nothing was written: the caller shortens its lists, or refuses the statement. */
export function entryTooLong(bytes: number): GatewayError {
  return new GatewayError("STATEMENT_OVER_LIMIT", `an audit entry of ${bytes} bytes is over the limit of 65535`);
}

/** Longest name of a client that an entry repeats, in UTF-16 code units (PostgreSQL's own names end at 63 bytes). */
const MAX_CLAIMED = 63;

/**
 * A name that an unidentified client claims, fit for `session.refused`: cut at 63, control characters replaced, and
 * not repeated at all where it looks like a token that was put into the wrong field.
 */
export function claimedName(name: string): string {
  if (name.startsWith("eyJ") || name.length > 512) return "[not repeated]";
  let text = "";
  for (const character of name.toWellFormed()) {
    if (text.length + character.length > MAX_CLAIMED) break;
    text += character < " " || character === "\u007f" ? "\ufffd" : character;
  }
  return text;
}
