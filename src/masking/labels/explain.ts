/** What zod says of labels.yaml, as a person needs it: the key, what was expected, what was probably meant. */

import type { z } from "zod";
import { nearest } from "../../config/nearest.ts";
import { type LabelsSchema, labelsJsonSchema } from "./document.ts";

export interface LabelsFinding {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly suggestion?: string;
  /** The key is meant, not its value. */
  readonly atKey?: true;
}

type Issue = z.core.$ZodIssue;

export function explainIssue(issue: Issue, root: unknown): readonly LabelsFinding[] {
  return explain(issue, [], root);
}

function explain(issue: Issue, base: readonly (string | number)[], root: unknown): readonly LabelsFinding[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
  const found = valueAt(root, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key));
    case "invalid_key": {
      const [inner] = issue.issues;
      return [{ path, message: inner?.message ?? issue.message, atKey: true }];
    }
    case "invalid_union":
      return explainUnion(issue.errors, path, found, root);
    case "invalid_value":
      return [{ path, ...wrongWord(issue.values.map(String), found) }];
    default:
      return [{ path, message: wording(issue.message, found) }];
  }
}

/** Of the forms that a value may have, the one that it has. */
function explainUnion(
  errors: readonly (readonly Issue[])[],
  path: readonly (string | number)[],
  found: unknown,
  root: unknown,
): readonly LabelsFinding[] {
  // YAML reads a bare null as nothing: the mask of that name needs quotes.
  if (found === null)
    return [{ path, message: "nothing stands here", suggestion: 'the mask of that name is written "null"' }];
  // The value of `mask` in a block, which decides what else may stand there.
  if (errors.length === 0) {
    if (found !== undefined) return [{ path, ...wrongWord(MASK_NAMES, found) }];
    return [
      { path: path.slice(0, -1), message: "the key mask is missing", suggestion: `one of ${MASK_NAMES.join(", ")}` },
    ];
  }
  const fitting = errors.find(
    (branch) => !branch.some((issue) => issue.path.length === 0 && isWrongKind(issue, found)),
  );
  if (fitting === undefined) return [{ path, message: `expected another kind of value, found ${kindOf(found)}` }];
  return fitting.flatMap((issue) => explain(issue, path, root));
}

const MASK_NAMES: readonly string[] = ["default", "null", "redact", "partial", "generalise", "token"];

function isWrongKind(issue: Issue, found: unknown): boolean {
  return issue.code === "invalid_type" || (issue.code === "invalid_value" && typeof found !== "string");
}

function wrongWord(words: readonly string[], found: unknown): { message: string; suggestion?: string } {
  const near = typeof found === "string" ? nearest(found, words) : undefined;
  const message = `expected ${words.join(" or ")}`;
  return near === undefined ? { message } : { message, suggestion: `did you mean "${near}"?` };
}

function wording(message: string, found: unknown): string {
  return message.startsWith("Invalid input") ? `expected something else, found ${kindOf(found)}` : message;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a block" : typeof value === "string" ? "text" : `a ${typeof value}`;
}

function unknownKey(path: readonly (string | number)[], key: string): LabelsFinding {
  const known = keysAt(path);
  const near = nearest(key, known);
  const suggestion = near === undefined ? `known here: ${known.join(", ")}` : `did you mean "${near}"?`;
  return { path: [...path, key], message: "unknown key", atKey: true, ...(known.length === 0 ? {} : { suggestion }) };
}

function keysAt(path: readonly (string | number)[]): readonly string[] {
  let level = choices(labelsJsonSchema());
  for (const step of path) level = level.flatMap((schema) => below(schema, step)).flatMap(choices);
  return [...new Set(level.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

function choices(schema: LabelsSchema): readonly LabelsSchema[] {
  const all = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return all.length === 0 ? [schema] : all.flatMap(choices);
}

function below(
  { properties = {}, additionalProperties }: LabelsSchema,
  step: string | number,
): readonly LabelsSchema[] {
  const own = Object.hasOwn(properties, step) ? properties[step] : undefined;
  if (own !== undefined) return [own];
  return typeof additionalProperties === "object" ? [additionalProperties] : [];
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}
