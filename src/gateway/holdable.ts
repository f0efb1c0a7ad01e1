/** What is known of a statement that needs approval, for people and for the binding. Asks nothing and waits for nothing. */

import { Buffer } from "node:buffer";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { type BoundValue, type Sameness, samenessHash, sha256 } from "../approval/card.ts";
import { GatewayError } from "../base/errors.ts";
import type { Namespace } from "../statement/namespace.ts";
import type { Evidence, PreparedStatement } from "../statement/statement.ts";
import type { Approval } from "../store/approvals.ts";
import type { SurroundingsFound } from "../upstream/session-queries.ts";
import type { Bind } from "../wire/extended.ts";
import type { Ruling } from "./enforcement.ts";
import type { AskedValue } from "./session-question.ts";

/** A statement that is about to be bound, and needs approval. */
export interface Holdable {
  /** The message or statement at hand: asked about again and again until it has an answer. */
  readonly key: object;
  readonly parsed: ParsedStatement;
  readonly fingerprint: string;
  /** As the client sent it. */
  readonly text: Uint8Array;
  readonly parameters: readonly BoundValue[];
  readonly resultFormats: readonly number[];
  /** Nothing else is in its string. */
  readonly alone: boolean;
  /** What the server has shown of what runs; null: it shows nothing of such a statement. */
  readonly evidence: Evidence | null;
  /** Of a string that waits as a whole: what the server has shown of each statement in it that it shows something of. Null: it is one statement. */
  readonly parts: readonly Evidence[] | null;
  /** Its ruling. Asked only where nothing waits, since that may ask the server. Null: not known yet. */
  readonly judge: () => Ruling | null;
}

/** A statement that people have approved: its one attempt is taken. */
export class Lifted {
  /** Id of the request. */
  readonly approval: string;
  readonly groups: readonly string[];
  /** SHA-256 of what the server has shown of it; null: nothing. */
  readonly tree: string | null;
  /** Rows that people have approved it for; null: as many as it comes to. */
  readonly rows: number | null;

  constructor(approval: string, groups: readonly string[], tree: string | null, rows: number | null) {
    this.approval = approval;
    this.groups = groups;
    this.tree = tree;
    this.rows = rows;
  }
}

export function treeOf(evidence: Evidence | null): string | null {
  return evidence === null || evidence.tree === null ? null : sha256(evidence.tree);
}

/** The same of what is to be approved, which may be a whole string. */
export function treeOfAll({ evidence, parts }: Pick<Holdable, "evidence" | "parts">): string | null {
  return parts === null ? treeOf(evidence) : sha256(parts.map(treeOf).join(" "));
}

/** Whether what has come of a statement's Bind is what was approved. */
export function isAsApproved({ tree }: Lifted, evidence: Evidence | null): boolean {
  return tree === treeOf(evidence);
}

/** The first OID of what did not come with the server (access/transam.h, FirstNormalObjectId). */
const FIRST_NORMAL_OID = 16_384;

/**
 * Whether the planner may be asked about it: planning runs immutable and stable functions, which must be the server's own before anybody
 * has approved anything. @param code OIDs of what may run.
 */
export function mayBePlanned(code: readonly number[], parameters: readonly BoundValue[]): boolean {
  return code.every((oid) => oid < FIRST_NORMAL_OID) && parameters.every(({ format }) => format !== "malformed");
}

/** As the client has bound them. */
export function valuesOf(parameters: readonly BoundValue[]): readonly AskedValue[] {
  return parameters.map(({ format, value }) => {
    const binary = format === "binary";
    return { bytes: value === null ? null : Buffer.from(value, binary ? "hex" : "utf8"), binary };
  });
}

/** What the server has shown of what runs: behind EXECUTE, FETCH and MOVE that of what their name stands for. */
export function evidenceBehind(names: Namespace, { parsed, evidence }: PreparedStatement): Evidence | null {
  if (parsed?.prepared?.kind === "execute") return names.statement(parsed.prepared.name ?? "")?.evidence ?? null;
  const { kind, name = "" } = parsed?.cursor ?? {};
  if (kind === "fetch" || kind === "move") return names.portal(name)?.statement.evidence ?? null;
  return evidence;
}

/** The parameters of a Bind, for people and for the binding. @param types as Parse had them. */
export function boundValues(
  { parameters, parameterFormats }: Pick<Bind, "parameters" | "parameterFormats">,
  types: readonly number[],
): readonly BoundValue[] {
  return parameters.map((value, at) => {
    const code = parameterFormats.length === 1 ? parameterFormats[0] : parameterFormats[at];
    const format = code === 1 ? "binary" : "text";
    const typeOid = types[at] ?? 0;
    if (value === null) return { typeOid, format, value: null };
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const text = bytes.toString("utf8");
    if (format === "binary") return { typeOid, format, value: bytes.toString("hex") };
    // Bytes that are no text are told apart from a text that looks like them; the server refuses them.
    return Buffer.from(text).equals(bytes)
      ? { typeOid, format, value: text }
      : { typeOid, format: "malformed", value: bytes.toString("hex") };
  });
}

export function isBound({ sameness }: Approval, now: Sameness): boolean {
  return samenessHash(now) === sameness;
}

export function modeOf({ approval }: SurroundingsFound): "wait" | "defer" | GatewayError {
  if (approval === null || approval === "" || approval === "wait") return "wait";
  if (approval === "defer") return "defer";
  return new GatewayError("APPROVAL_IMPOSSIBLE", "postern.approval has a value that means nothing", {
    hint: "SET postern.approval = 'wait' or 'defer'.",
  });
}

const PURPOSE = /\/\*\s*purpose:/i;
const LONGEST_PURPOSE = 500;

/** In the agent's words: the comment of the statement before the setting of the session. */
export function purposeOf({ purpose }: SurroundingsFound, bytes: Uint8Array): string | null {
  const text = new TextDecoder().decode(bytes);
  const begins = PURPOSE.exec(text);
  // Not by one expression: on a long comment that never ends it would take the square of its length.
  const from = begins === null ? 0 : begins.index + begins[0].length;
  const end = begins === null ? -1 : text.indexOf("*/", from);
  const said = (end === -1 ? (purpose ?? "") : text.slice(from, end)).trim();
  return said === "" ? null : said.slice(0, LONGEST_PURPOSE).toWellFormed();
}

/** Characters of parameters that people may be shown: nobody reads more, and the control store keeps it. */
export const MAX_SHOWN = 64 * 1024;

export function tooLarge(size: number): GatewayError {
  return new GatewayError(
    "APPROVAL_IMPOSSIBLE",
    `parameters of ${size} characters are more than people are asked to read`,
    {
      detail: `The limit is ${MAX_SHOWN}.`,
      hint: "Write large values where they need no approval, or fewer at a time.",
    },
  );
}

export function unknownSurroundings(): GatewayError {
  return new GatewayError("CANNOT_JUDGE", "the server did not say what the statement that needs approval touches", {
    hint: "Send the statement again.",
  });
}

export function unavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError && error.code === "APPROVAL_IMPOSSIBLE") return error;
  const cause = error instanceof GatewayError ? { detail: error.message, cause: error } : { cause: error };
  return new GatewayError("APPROVAL_IMPOSSIBLE", "approval cannot be asked for at the moment", {
    ...cause,
    hint: "Send the statement again in a moment. Nothing has run.",
  });
}
