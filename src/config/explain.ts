/** Turns what zod says into what a person needs: the key, the place in the file, what was expected and what was probably meant. */

import type { z } from "zod";
import { type DocumentPath, type JsonSchema, keysAt, schemasAt } from "./json-schema.ts";
import { nearest } from "./nearest.ts";
import { formatPath } from "./problems.ts";
import type { Finding, YamlSource } from "./yaml-source.ts";

type Issue = z.core.$ZodIssue;

/** Findings for `issues` of the document `value`. Never repeats a value of the file, which may be a secret. */
export function explainIssues(issues: readonly Issue[], value: unknown, source: YamlSource): readonly Finding[] {
  return issues.flatMap((issue) => explain(issue, [], value, source));
}

function explain(issue: Issue, base: DocumentPath, root: unknown, source: YamlSource): readonly Finding[] {
  const path = [...base, ...documentPath(issue.path)];
  const found = valueAt(root, path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], source));
  if (issue.code === "invalid_union") return explainUnion(issue.errors, path, root, source);
  if (issue.code === "invalid_key") {
    const [inner] = issue.issues;
    return [keyFinding(path, source, `this name will not do: ${inner === undefined ? issue.message : inner.message}`)];
  }
  if (found === undefined && path.length > 0) return [missing(path, source)];
  return [{ severity: "error", path, position: source.valuePosition(path), ...wording(issue, path, found) }];
}

/** Of the kinds that a value may have, the one that was meant: the kind it has, else none and all are named. */
function explainUnion(
  errors: readonly (readonly Issue[])[],
  path: DocumentPath,
  root: unknown,
  source: YamlSource,
): readonly Finding[] {
  const found = valueAt(root, path);
  if (found === undefined) return [missing(path, source)];
  const ofItsKind = errors.filter((branch) => !branch.some(isWrongKind)).sort((a, b) => a.length - b.length);
  const [meant] = ofItsKind;
  if (meant !== undefined) return meant.flatMap((issue) => explain(issue, path, root, source));
  const expected = schemasAt(path).map(describeSchema).join(" or ");
  const words = schemasAt(path).flatMap((schema) => (typeof schema.const === "string" ? [schema.const] : []));
  const message = `expected ${expected}, found ${describeValue(found)}`;
  return [{ severity: "error", path, position: source.valuePosition(path), message, ...didYouMean(found, words) }];
}

function isWrongKind(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

function unknownKey(path: DocumentPath, source: YamlSource): Finding {
  const key = String(path.at(-1));
  const siblings = keysAt(path.slice(0, -1));
  const near = nearest(key, siblings);
  const elsewhere = near === undefined ? placesOf(key) : [];
  let suggestion = siblings.length === 0 ? undefined : `known here: ${siblings.join(", ")}`;
  if (near !== undefined) suggestion = `did you mean "${near}"?`;
  else if (elsewhere.length > 0) suggestion = `it belongs under ${elsewhere.join(" or ")}`;
  return { ...keyFinding(path, source, "unknown key"), ...(suggestion === undefined ? {} : { suggestion }) };
}

function keyFinding(path: DocumentPath, source: YamlSource, message: string): Finding {
  return { severity: "error", path, position: source.keyPosition(path), message };
}

function missing(path: DocumentPath, source: YamlSource): Finding {
  const [schema] = schemasAt(path);
  const suggestion = schema?.description;
  const base = { severity: "error", path, position: source.keyPosition(path), message: "this key is missing" } as const;
  return suggestion === undefined ? base : { ...base, suggestion };
}

/** Blocks of the document in which `key` is known, `*` for a name of the operator's. */
function placesOf(key: string): readonly string[] {
  const places: string[] = [];
  const walk = (schemas: readonly JsonSchema[], path: readonly string[]): void => {
    for (const schema of schemas.flatMap((one) => [one, ...(one.anyOf ?? [])])) {
      for (const [name, below] of Object.entries(schema.properties ?? {})) {
        if (name === key && path.length > 0) places.push(formatPath(path));
        walk([below], [...path, name]);
      }
      if (schema.items !== undefined) walk([schema.items], path);
      if (typeof schema.additionalProperties === "object") walk([schema.additionalProperties], [...path, "*"]);
    }
  };
  walk(schemasAt([]), []);
  return places.length > 3 ? [] : places;
}

function wording(issue: Issue, path: DocumentPath, found: unknown): { message: string; suggestion?: string } {
  switch (issue.code) {
    case "invalid_type": {
      if (!issue.message.startsWith("Invalid input"))
        return { message: `${issue.message}, found ${describeValue(found)}` };
      const expected = schemasAt(path).map(describeSchema).join(" or ");
      return { message: `expected ${expected}, found ${describeValue(found)}` };
    }
    case "invalid_value": {
      const words = issue.values.map(String);
      return { message: `expected ${words.join(" or ")}`, ...didYouMean(found, words) };
    }
    case "too_small":
      return { message: issue.origin === "number" ? `expected at least ${issue.minimum}` : "expected at least one" };
    case "too_big":
      return { message: `expected at most ${issue.maximum}` };
    default:
      return { message: issue.message };
  }
}

function didYouMean(found: unknown, words: readonly string[]): { suggestion?: string } {
  const near = typeof found === "string" ? nearest(found, words) : undefined;
  // YAML 1.1 readers took no and off for false; ours does not, but people still write false for off.
  const meant = near ?? (found === false && words.includes("off") ? "off" : undefined);
  return meant === undefined ? {} : { suggestion: `did you mean "${meant}"?` };
}

function describeSchema(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return schema.enum.join(" or ");
  if (schema.properties !== undefined) return `a block with ${Object.keys(schema.properties).join(", ")}`;
  const words: Readonly<Record<string, string>> = {
    string: "text",
    integer: "a whole number",
    array: "a list",
    object: "a block of names",
  };
  return words[schema.type ?? ""] ?? "something else";
}

function describeValue(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a block";
  if (typeof value === "boolean") return String(value);
  return typeof value === "number" ? "a number" : "text";
}

function valueAt(root: unknown, path: DocumentPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

function documentPath(path: readonly PropertyKey[]): DocumentPath {
  return path.map((step) => (typeof step === "number" ? step : String(step)));
}
