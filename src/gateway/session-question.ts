/**
 * A question of Postern's own on the client's connection, and its answer: one row with one text. The client sees nothing of it.
 * Where it fails in the middle of the client's batch, so does that batch, and the client is told of the server's error; where it stood
 * alone nothing has happened, and who asked tells why the statement does not run. Decides nothing.
 */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { GatewayError } from "../base/errors.ts";
import { Expectation } from "../statement/expectations.ts";
import { Answer } from "../statement/statement.ts";
import { NAMES, OBJECTS, RELATION_NAMES, SURROUNDINGS } from "../upstream/session-queries.ts";
import { encoded } from "../wire/encode.ts";
import { encodeBind, encodeClose, encodeExecute, encodeParse } from "../wire/extended.ts";
import type { WireLink } from "./wire-link.ts";

/** The number in it keeps clients from using it. */
const QUESTION = `postern: question ${randomBytes(10).toString("hex")}`;
/** Type and length of a message, count of columns, length of the one column. */
const ROW_HEAD_BYTES = 5 + 2 + 4;
const ARRAY_OF_TEXT = 1_009;
const ARRAY_OF_OID = 1_028;
const QUERY_CANCELED = "57014";

export interface QuestionText {
  readonly query: Uint8Array;
  readonly parameterTypes: readonly number[];
}

export const ASK_NAMES: QuestionText = { query: Buffer.from(NAMES), parameterTypes: Array(7).fill(ARRAY_OF_TEXT) };
/** Takes the first of ASK_NAMES' parameters. */
export const ASK_RELATION_NAMES: QuestionText = {
  query: Buffer.from(RELATION_NAMES),
  parameterTypes: Array(3).fill(ARRAY_OF_TEXT),
};
/** Of a statement that needs approval. */
export const ASK_SURROUNDINGS: QuestionText = {
  query: Buffer.from(SURROUNDINGS),
  parameterTypes: [ARRAY_OF_OID, ARRAY_OF_OID, ARRAY_OF_TEXT],
};
const PLAN_LIMITS: QuestionText = {
  query: Buffer.from(
    "SELECT pg_catalog.set_config('lock_timeout', '1s', true), pg_catalog.set_config('statement_timeout', '3s', true)",
  ),
  parameterTypes: [],
};
const EXPLAIN = Buffer.from("EXPLAIN (FORMAT JSON) ");
export const ASK_OBJECTS: QuestionText = { query: Buffer.from(OBJECTS), parameterTypes: Array(3).fill(ARRAY_OF_OID) };

/** Puts the question behind what was sent, with what each of its messages is answered by. @param alone nothing else is in its batch. */
export function ask(link: WireLink, text: QuestionText, parameters: readonly string[], alone: boolean): Asked {
  const answer = new Answer(alone);
  expectAnswer(link, answer);
  const values = parameters.slice(0, text.parameterTypes.length);
  return {
    answer,
    bytes: messages(
      text,
      values.map((value) => ({ bytes: Buffer.from(value), binary: false })),
    ),
  };
}

function expectAnswer(link: WireLink, answer: Answer): void {
  // A time-out may end any of them.
  for (const kind of ["close", "parse", "bind", "execute", "close", "close"] as const)
    link.expectations.push(new Expectation(kind, true, null, null, null, 0, null, null, answer));
  link.batchOpen = true;
}

/** A value as the client has bound it; null: NULL. */
export interface AskedValue {
  readonly bytes: Uint8Array | null;
  readonly binary: boolean;
}

/**
 * Asks for the plan of a statement that waits, which runs nothing of it. It is not waited for long: neither for a lock that somebody
 * holds, nor for a planner that is busy.
 */
export function askPlan(link: WireLink, text: QuestionText, values: readonly AskedValue[]): Asked {
  const limits = ask(link, PLAN_LIMITS, [], true);
  const answer = new Answer(true);
  expectAnswer(link, answer);
  const query = Buffer.concat([EXPLAIN, text.query]);
  const bytes = messages({ query, parameterTypes: text.parameterTypes }, values);
  return { answer, bytes: Buffer.concat([limits.bytes, bytes]) };
}

export interface Asked {
  readonly answer: Answer;
  readonly bytes: Uint8Array;
}

function messages({ query, parameterTypes }: QuestionText, values: readonly AskedValue[]): Uint8Array {
  const names = { portal: QUESTION, statement: QUESTION };
  return encoded((writer) => {
    // Closed before too: an earlier one may have failed in between.
    encodeClose(writer, { kind: "statement", name: QUESTION });
    encodeParse(writer, { statement: QUESTION, query, parameterTypes });
    encodeBind(writer, {
      ...names,
      parameterFormats: values.some(({ binary }) => binary) ? values.map(({ binary }) => (binary ? 1 : 0)) : [],
      parameters: values.map(({ bytes }) => bytes),
      resultFormats: [],
    });
    encodeExecute(writer, { portal: QUESTION, maxRows: 0 });
    encodeClose(writer, { kind: "portal", name: QUESTION });
    encodeClose(writer, { kind: "statement", name: QUESTION });
  });
}

/** As the text of an array: every element is quoted, so that none is read as anything but itself. */
export function arrayText(values: readonly (string | number)[]): string {
  return `{${values.map((value) => `"${String(value).replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

/** A name as SQL writes it, whatever is in it. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What has come. Null: nothing, and nothing more will. */
export function textOf({ rows, complete }: Answer): string | null {
  const [row] = rows;
  return !complete || row === undefined ? null : new TextDecoder().decode(row.subarray(ROW_HEAD_BYTES));
}

/** Why the statement that it was asked for does not run. */
export function unanswered({ sqlstate }: Answer): GatewayError {
  if (sqlstate === QUERY_CANCELED)
    return new GatewayError("STATEMENT_CANCELLED", "the statement was cancelled before it was judged");
  return new GatewayError("CANNOT_JUDGE", "the server did not say what names in the statement mean", {
    hint: "Send the statement again.",
  });
}
