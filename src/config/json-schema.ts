/** postern.yaml as JSON Schema (draft 2020-12), for editors and for did-you-mean. Made from document.ts: never written by hand. */

import { z } from "zod";
import { ConfigDocument } from "./document.ts";

/** The part of JSON Schema that zod writes for our document. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

let made: JsonSchema | undefined;

/** The schema of postern.yaml: what `postern config schema` prints. */
export function configJsonSchema(): JsonSchema {
  made ??= JSON.parse(JSON.stringify(z.toJSONSchema(ConfigDocument, { io: "input" })));
  return made ?? {};
}

/** A place in the document: keys, and positions in lists. */
export type DocumentPath = readonly (string | number)[];

/** Schemas that may apply at `path`; several where the document leaves a choice, none where the path leads nowhere. */
export function schemasAt(path: DocumentPath): readonly JsonSchema[] {
  let level = choices(configJsonSchema());
  for (const step of path) level = level.flatMap((schema) => stepInto(schema, step)).flatMap(choices);
  return level;
}

/** Keys that may stand at `path`, in the order of the document. */
export function keysAt(path: DocumentPath): readonly string[] {
  return schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {}));
}

/** Whether only a whole number may stand at `path`. */
export function isInteger(path: DocumentPath): boolean {
  const schemas = schemasAt(path);
  return schemas.length > 0 && schemas.every((schema) => schema.type === "integer");
}

function choices(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(choices);
}

function stepInto(schema: JsonSchema, step: string | number): readonly JsonSchema[] {
  if (typeof step === "number") return schema.items === undefined ? [] : [schema.items];
  const properties = schema.properties ?? {};
  const own = Object.hasOwn(properties, step) ? properties[step] : undefined;
  if (own !== undefined) return [own];
  return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
}
