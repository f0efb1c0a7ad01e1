/** Small pieces that the query groups share: times as ISO text, many rows as one parameter, text that PostgreSQL can hold. */

import { z } from "zod";

/** SQL that gives a timestamptz as RFC 3339 in UTC with microseconds, as the log writes it. */
export function isoUtc(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** RFC 3339 in UTC with microseconds. */
export const Timestamp = z.string();

/** Rows as the one parameter of `json_to_recordset($1::json)`. JSON.stringify is native; a literal for each column is not. */
export function asRecordset(rows: readonly object[]): string {
  return JSON.stringify(rows);
}

/** PostgreSQL's text has no NUL, JSON's has: shown as U+FFFD, so that one odd name cannot stop the index. */
export function storable(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "�") : text;
}
