/** ErrorResponse and NoticeResponse: fields by letter, and the same by name. Scrubs nothing: see masking. */

import { BACKEND } from "./message-types.ts";
import { MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/**
 * ErrorResponse, NoticeResponse (B).
 * Source: PostgreSQL 18 docs, sections 54.7 (protocol-message-formats) and 54.8 (protocol-error-fields).
 */
export interface ReportResponse<Name extends ReportName = ReportName> {
  readonly type: Name;
  /** By the letter on the wire, in the order sent; letters that are not known here are kept, as the docs ask. */
  readonly fields: ReadonlyMap<string, string>;
}

export type ReportName = "ErrorResponse" | "NoticeResponse";
export type ErrorResponse = ReportResponse<"ErrorResponse">;
export type NoticeResponse = ReportResponse<"NoticeResponse">;

/** Letter of each field. Source: PostgreSQL 18 docs, section 54.8 (protocol-error-fields). */
export const REPORT_FIELDS = {
  /** As `severity`, but possibly translated. */
  localizedSeverity: "S",
  severity: "V",
  /** SQLSTATE. */
  code: "C",
  message: "M",
  detail: "D",
  hint: "H",
  /** 1-based, in characters of the statement text, decimal. */
  position: "P",
  internalPosition: "p",
  internalQuery: "q",
  where: "W",
  schema: "s",
  table: "t",
  column: "c",
  dataType: "d",
  constraint: "n",
  file: "F",
  line: "L",
  routine: "R",
} as const;

export type ReportField = keyof typeof REPORT_FIELDS;

/** An error or notice by names. What every server sends is required. */
export type Report = { readonly [Field in ReportField]?: string | undefined } & {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
};

/**
 * @param body the message after type byte and length.
 * @throws {ProtocolViolation} where it is short, long or malformed, or has a field twice.
 */
export function decodeReport<Name extends ReportName>(type: Name, body: Uint8Array): ReportResponse<Name> {
  const reader = new MessageReader(type, body);
  const fields = new Map<string, string>();
  for (let at = reader.offset, letter = reader.uint8(); letter !== 0; at = reader.offset, letter = reader.uint8()) {
    const name = String.fromCharCode(letter);
    if (fields.has(name)) throw reader.violation("a field stands twice", at);
    fields.set(name, reader.cstring());
  }
  reader.end();
  return { type, fields };
}

/** The fields by name; severity, code and message are "" where the server left them out. Unknown letters are dropped. */
export function reportOf(fields: ReadonlyMap<string, string>): Report {
  const report: { -readonly [Field in ReportField]?: string } = {};
  for (const [name, letter] of Object.entries(REPORT_FIELDS) as [ReportField, string][]) {
    const value = fields.get(letter);
    if (value !== undefined) report[name] = value;
  }
  // Servers before 9.6 send no "V".
  const severity = report.severity ?? report.localizedSeverity ?? "";
  return { ...report, severity, code: report.code ?? "", message: report.message ?? "" };
}

/** The fields by letter, in PostgreSQL's order; `localizedSeverity` is `severity` where it is not given. */
export function fieldsOf(report: Report): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const complete: Report = { ...report, localizedSeverity: report.localizedSeverity ?? report.severity };
  for (const [name, letter] of Object.entries(REPORT_FIELDS) as [ReportField, string][]) {
    const value = complete[name];
    if (value !== undefined) fields.set(letter, value);
  }
  return fields;
}

export function encodeReport(writer: MessageWriter, message: ReportResponse): void {
  writer.begin(BACKEND[message.type], message.type);
  for (const [letter, value] of message.fields) writer.uint8(letter.charCodeAt(0)).cstring(value);
  writer.uint8(0).end();
}

export function encodeErrorResponse(writer: MessageWriter, report: Report): void {
  encodeReport(writer, { type: "ErrorResponse", fields: fieldsOf(report) });
}

export function encodeNoticeResponse(writer: MessageWriter, report: Report): void {
  encodeReport(writer, { type: "NoticeResponse", fields: fieldsOf(report) });
}
