/**
 * What is to be changed in a text so that sub-selects stand for relations: the relations themselves, TABLESAMPLE, and columns named
 * by their schema, which a sub-select does not answer to. Refuses what would otherwise mean something else than the client wrote.
 */

import { Buffer } from "node:buffer";
import type { ColumnReference, RelationReference, Span, StatementReferences } from "../analysis/references.ts";
import { GatewayError } from "../base/errors.ts";
import type { Replace, Replacement } from "./splice.ts";
import { holdsWord, sampleByte } from "./splice-replacement.ts";
import { charactersBefore } from "./splice-text.ts";

export interface Edit extends Span {
  readonly before: string;
  /** A part of the client's text that stands behind the span, and goes between `before` and `after`, with its own edits. */
  readonly moved: Span | null;
  readonly after: string;
  /** What is cut is the beginning of a name that goes on behind it. */
  readonly isPrefix: boolean;
}

/** A relation that is replaced, or not. */
interface Choice {
  readonly reference: RelationReference;
  readonly replacement: Replacement | null;
}

/**
 * @returns in the order of the text; empty where nothing is replaced.
 * @throws {GatewayError} CANNOT_JUDGE, see REASONS.
 */
export function editsOf(text: Uint8Array, references: StatementReferences, replace: Replace): readonly Edit[] {
  const choices = references.relations.map((reference) => choose(reference, replace));
  if (!references.complete && choices.some(({ reference }) => mayBeReplaced(reference))) {
    throw refusal(text, references.relations[0], "many");
  }
  if (choices.every(({ replacement }) => replacement === null)) return [];
  const relations = choices.flatMap((choice) => relationEdits(text, choice, references));
  const columns = references.columns.filter((column) => isCut(text, column, choices));
  const edits = [...relations, ...columns.map((column) => cut(text, column))];
  return edits.sort((one, other) => one.startByte - other.startByte);
}

function choose(reference: RelationReference, replace: Replace): Choice {
  const given = reference.shadowed ? null : replace(reference);
  return { reference, replacement: typeof given === "string" ? { text: given } : given };
}

function mayBeReplaced({ place }: RelationReference): boolean {
  return place === "from" || place === "table";
}

function relationEdits(
  text: Uint8Array,
  { reference, replacement }: Choice,
  references: StatementReferences,
): readonly Edit[] {
  if (replacement === null) return [];
  const reason = whyNot(reference, replacement, references);
  if (reason !== null) throw refusal(text, reference, reason);
  const { startByte, endByte, sampled } = reference;
  const select = reference.place === "table" ? "SELECT * FROM " : "";
  const alias = reference.alias === null ? ` AS ${nameOf(text, reference)}` : "";
  if (sampled === null) {
    return [
      { startByte, endByte, before: `${select}${replacement.text}${alias}`, moved: null, after: "", isPrefix: false },
    ];
  }
  const at = sampleByte(replacement.text);
  if (at === null) throw refusal(text, reference, "sample");
  const before = `${replacement.text.slice(0, at).trimEnd()} `;
  const rest = replacement.text.slice(at);
  const after = rest === ")" ? rest : ` ${rest}`;
  return [
    { startByte, endByte, before, moved: sampled, after: `${after}${alias}`, isPrefix: false },
    { ...sampled, before: "", moved: null, after: "", isPrefix: false },
  ];
}

function whyNot(
  reference: RelationReference,
  replacement: Replacement,
  { wholeRows }: StatementReferences,
): Reason | null {
  if (reference.place === "target" || reference.place === "other") return reference.place;
  if (!reference.proved) return "unproved";
  if (reference.twin) return "twin";
  if (reference.columnsRenamed && wholeRows.includes(reference.alias ?? "")) return "renamedRow";
  return reference.only && !holdsWord(replacement.text, "only") ? "only" : null;
}

/** Without quotes only where the client wrote it so: behind a dot any word may stand, behind AS none that is reserved. */
function nameOf(text: Uint8Array, { name, startByte, endByte }: RelationReference): string {
  const [first = ""] = name;
  if (name.length === 1 && !text.subarray(startByte, endByte).includes(DOUBLE_QUOTE)) return first;
  return `"${(name.at(-1) ?? "").replaceAll('"', '""')}"`;
}

const DOUBLE_QUOTE = 0x22;

/**
 * Whether `schema.table.column` has to become `table.column`. Only where all that answers to the table's name, here and in the
 * queries around, is that very table: else the shorter name could mean another's column, and nobody would be told.
 */
function isCut(text: Uint8Array, column: ColumnReference, choices: readonly Choice[]): boolean {
  const table = column.parts.at(-2);
  const named = choices.filter(({ reference: { name, alias } }) => alias === null && name.at(-1) === table);
  const seen = column.relations?.flatMap((index) => choices[index] ?? []) ?? null;
  const meant = (seen ?? named).filter((choice) => choice.replacement !== null && isOf(choice, column) !== false);
  if (meant.length === 0) return false;
  const certain = seen?.every((choice) => isOf(choice, column) === true) === true;
  if (certain && column.proved) return true;
  throw refusal(text, meant[0]?.reference, "column", column);
}

/** @returns null where that cannot be told. */
function isOf({ reference: { name }, replacement }: Choice, { parts }: ColumnReference): boolean | null {
  const schema = name.at(-2) ?? replacement?.schema;
  if (schema === undefined) return null;
  if (schema !== parts.at(-3)) return false;
  if (parts.length === 3) return true;
  return name.length === 3 ? name[0] === parts[0] : null;
}

function cut(text: Uint8Array, { startByte, endByte }: ColumnReference): Edit {
  // `SELECT"s".t.a` must not become `SELECTt.a`.
  const before = SEPARATES.has(text[startByte - 1] ?? 0) ? "" : " ";
  return { startByte, endByte, before, moved: null, after: "", isPrefix: true };
}

const SEPARATES: ReadonlySet<number> = new Set(Buffer.from(" \t\r\n\f(,[=<>"));

/** A form that is refused: why, and what may be written in its place. */
const REASONS = {
  many: ["The statement names more relations than are looked at.", "Write it as several statements."],
  target: ["It is written to here.", "Write to another relation, or have the permission to read all of it."],
  other: [
    "The statement is about the relation itself, not a query of it.",
    "Write a query: COPY (SELECT …) TO, for COPY.",
  ],
  unproved: [
    "The text at its place was not read as PostgreSQL reads it.",
    "Write its name plainly, without Unicode escapes.",
  ],
  twin: ["The same FROM has another relation of the same name.", "Give both an alias."],
  renamedRow: ["Its alias renames columns, and the row is used as a whole.", "Name the columns that are wanted."],
  only: ["ONLY cannot be kept for it.", "Leave ONLY out."],
  sample: ["TABLESAMPLE cannot be kept for it.", "Leave TABLESAMPLE out."],
  column: [
    "A column is named by its schema, and what that means cannot be told for certain.",
    "Give the relation an alias, and name its columns by that.",
  ],
} as const satisfies Record<string, readonly [detail: string, hint: string]>;

type Reason = keyof typeof REASONS;

function refusal(
  text: Uint8Array,
  reference: RelationReference | undefined,
  reason: Reason,
  place: Span | undefined = reference,
): GatewayError {
  const [detail, hint] = REASONS[reason];
  const name = reference?.name.join(".") ?? "";
  return new GatewayError("CANNOT_JUDGE", `relation "${name}" can be shown in part only, and not in this form`, {
    detail,
    hint,
    ...(place === undefined ? {} : { position: charactersBefore(text, place.startByte) + 1 }),
  });
}
