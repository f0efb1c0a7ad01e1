/**
 * What goes upstream of a statement: the client's own text, or that with sub-selects put in the place of what the principal may see
 * in part only. What analysis says of the statement follows the bytes; what is recorded is what the client sent.
 */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { GatewayError } from "../base/errors.ts";
import type { Splice } from "../masking/splice.ts";
import { type MeaningText, type Origin, pieceAt } from "../statement/statement.ts";
import type { WireLink } from "./wire-link.ts";

export interface SentText {
  /** Its byte positions are those of `bytes`. */
  readonly parsed: ParsedStatement | null;
  /** The whole text; the very object that the client sent where nothing was put into it. */
  readonly bytes: Uint8Array;
  readonly origin: Origin | null;
  /** Null: no definition of a view was put in. */
  readonly meaning: MeaningText | null;
}

/** @param text whole. @returns null: the server is being asked what may be seen, ask again. */
export function sentFor(
  { enforcer, inTransaction }: WireLink,
  parsed: ParsedStatement | null,
  text: Uint8Array,
  parameterTypes: readonly number[] = [],
): SentText | GatewayError | null {
  if (enforcer === null || parsed === null) return sentAsItCame(parsed, text);
  const spliced = enforcer.splice(parsed, text, inTransaction);
  if (spliced === null || spliced instanceof GatewayError) return spliced;
  if (spliced === "asSent") return sentAsItCame(parsed, text);
  const { viewsPutIn } = enforcer;
  const meaning = viewsPutIn === null ? null : meaningOf(parsed, text, viewsPutIn, parameterTypes);
  return { parsed: follow(parsed, spliced), bytes: spliced.text, origin: spliced, meaning };
}

/** The query that has a tree: the statement, or what it carries inside. */
function meaningOf(
  parsed: ParsedStatement,
  text: Uint8Array,
  views: object,
  parameterTypes: readonly number[],
): MeaningText {
  const { startByte, endByte } = parsed.inner ?? parsed;
  const before = [...new TextDecoder().decode(text.subarray(0, startByte))].length;
  return { query: text.slice(startByte, endByte), origin: pieceAt(before), views, parameterTypes };
}

export function sentAsItCame(parsed: ParsedStatement | null, text: Uint8Array): SentText {
  return { parsed, bytes: text, origin: null, meaning: null };
}

/** What analysis says of a statement, with its places as they are in the spliced text. */
export function follow(parsed: ParsedStatement, splice: Splice): ParsedStatement {
  const { endByte } = splice;
  const { inner } = parsed;
  if (inner === undefined) return { ...parsed, endByte };
  const moved = { ...inner, startByte: splice.toSpliced(inner.startByte), endByte: splice.toSpliced(inner.endByte) };
  return { ...parsed, endByte, inner: moved };
}
