/**
 * Reads a NoticeResponse as far as Postern must: is it one of the server's own trees, which never goes to a client, and how
 * severe is it. Fields are taken by their bytes; what a function raises can imitate the text of a tree, not where it comes from.
 * Source: PostgreSQL 18 docs, section 54.8 (protocol-error-fields); design page tree, section 2.
 */

import { Buffer } from "node:buffer";

export interface Notice {
  /** Not localised (field V): LOG, NOTICE, WARNING, INFO, DEBUG. */
  readonly severity: string;
  /** Text of a rewritten tree (field D), copied; null: it is none. */
  readonly tree: Uint8Array | null;
  /** It comes from inside a function, a trigger or a check (field W is there). */
  readonly nested: boolean;
}

const FIELD = { severity: 0x56, message: 0x4d, detail: 0x44, context: 0x57, file: 0x46, routine: 0x52 } as const;
const TREE = {
  severity: "LOG",
  message: "rewritten parse tree:",
  file: "print.c",
  routine: "elog_node_display",
} as const;

/** @param bytes body of the message, `bytes[start, end)`. */
export function readNotice(bytes: Uint8Array, start: number, end: number): Notice {
  const fields = new Map<number, Uint8Array>();
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const stop = bytes.indexOf(0, at + 1);
    if (stop === -1 || stop >= end) break;
    fields.set(bytes[at] ?? 0, bytes.subarray(at + 1, stop));
    at = stop + 1;
  }
  const text = (field: number): string => {
    const value = fields.get(field);
    return value === undefined ? "" : Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
  };
  const severity = text(FIELD.severity);
  const detail = fields.get(FIELD.detail);
  const isTree =
    severity === TREE.severity &&
    text(FIELD.routine) === TREE.routine &&
    text(FIELD.file) === TREE.file &&
    text(FIELD.message) === TREE.message &&
    detail !== undefined;
  return { severity, tree: isTree ? detail.slice() : null, nested: fields.has(FIELD.context) };
}

/** From the least severe up. INFO always goes to the client (PostgreSQL 18 docs, runtime-config-logging, table 19.2). */
const ORDER: readonly string[] = [
  "debug5",
  "debug4",
  "debug3",
  "debug2",
  "debug1",
  "log",
  "notice",
  "warning",
  "error",
];

/**
 * Whether a client whose client_min_messages is `level` gets a notice. What the server logs (LOG) never: the server sends it
 * because Postern asks for its trees.
 */
export function isForClient(severity: string, level: string): boolean {
  if (severity === "LOG") return false;
  if (severity === "INFO") return true;
  return ORDER.indexOf(severity.toLowerCase()) >= ORDER.indexOf(level);
}
