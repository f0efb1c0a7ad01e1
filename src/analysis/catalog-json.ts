/**
 * A catalog as a file, for `postern policy explain --catalog FILE` and for tests without a server. Read as strictly as the
 * configuration: a catalog that is misread explains another database.
 */

import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import { Catalog, type CatalogData } from "./catalog.ts";

/** A file that is no catalog. `path` names the place: `relations[3].columns[0].name`; "" for the whole file. */
export class CatalogFileError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(path === "" ? problem : `${path}: ${problem}`);
    this.name = "CatalogFileError";
    this.path = path;
  }
}

const FORMAT = "postern-catalog/1";

const Oid = z.int().min(0).max(0xffff_ffff);
const Oids = z.array(Oid);

const Source = z.strictObject({ relation: Oid, column: z.int().min(0).max(1_600), copied: z.boolean() });

const Column = z.strictObject({
  number: z.int().min(1).max(1_600),
  name: z.string(),
  type: Oid,
  notNull: z.boolean(),
  generated: z.enum(["", "s", "v"]),
  identity: z.enum(["", "a", "d"]),
  hasDefault: z.boolean(),
  typmod: z.int().min(0).exactOptional(),
  typeText: z.string().exactOptional(),
  collation: z.string().exactOptional(),
  from: z.array(Source).exactOptional(),
});

const Attributes = z.array(z.int().min(0).max(1_600));

const Relation = z.strictObject({
  oid: Oid,
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["r", "p", "v", "m", "f", "S", "c", "t", "i", "I"]),
  owner: z.string(),
  rowSecurity: z.boolean(),
  hasTriggers: z.boolean(),
  hasUserTriggers: z.boolean(),
  hasRules: z.boolean(),
  parents: Oids,
  columns: z.array(Column),
  partOf: Oid.exactOptional(),
  ownedBy: Oid.exactOptional(),
  viewOf: Oids.exactOptional(),
  expressions: z.strictObject({ attributes: Attributes, columns: Attributes }).exactOptional(),
});

const CatalogFunctionShape = z.strictObject({
  oid: Oid,
  schema: z.string(),
  name: z.string(),
  arguments: z.string(),
  argumentTypes: Oids,
  returns: z.string(),
  kind: z.enum(["f", "p", "a", "w"]),
  volatility: z.enum(["i", "s", "v"]),
  language: z.string(),
  securityDefiner: z.boolean(),
  leakProof: z.boolean(),
  owner: z.string(),
  bodyHash: z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
  hasDefaults: z.boolean(),
  configured: z.boolean(),
  builtIn: z.boolean(),
});

const Operator = z.strictObject({ oid: Oid, schema: z.string(), name: z.string(), function: Oid });

const Check = z.strictObject({
  name: z.string(),
  definition: z.string(),
  functions: Oids,
  operators: Oids,
  types: Oids,
});

const Type = z.strictObject({
  oid: Oid,
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["b", "c", "d", "e", "p", "r", "m"]),
  base: Oid.exactOptional(),
  typmod: z.int().min(0).exactOptional(),
  notNull: z.literal(true).exactOptional(),
  element: Oid.exactOptional(),
  relation: Oid.exactOptional(),
  hasChecks: z.boolean(),
  checks: z.array(Check),
  input: Oid,
  output: Oid,
  receive: Oid,
  send: Oid,
});

const Schema = z.strictObject({ oid: Oid, name: z.string(), owner: z.string(), usable: z.boolean() });

const File = z.strictObject({
  format: z.literal(FORMAT),
  database: z.string().min(1),
  serverVersion: z.int().min(150_000).max(199_999),
  role: z.string(),
  epoch: z.string(),
  schemas: z.array(Schema),
  relations: z.array(Relation),
  functions: z.array(CatalogFunctionShape),
  operators: z.array(Operator),
  types: z.array(Type),
});

/** One line for each relation, function, operator and type, so that two catalogs can be compared as text. */
export function catalogToJson(catalog: Catalog): string {
  const { schemas, relations, functions, operators, types, ...rest } = catalog.data;
  const head = Object.entries({ format: FORMAT, ...rest }).map(([name, value]) => `"${name}":${JSON.stringify(value)}`);
  const lists = Object.entries({ schemas, relations, functions, operators, types }).map(
    ([name, items]) => `"${name}":[\n${items.map((item) => JSON.stringify(item)).join(",\n")}\n]`,
  );
  return `{${[...head, ...lists].join(",\n")}}\n`;
}

/** @param text of {@link catalogToJson}. @throws {CatalogFileError} naming the first place that is wrong. */
export function catalogFromJson(text: string): Catalog {
  const parsed = File.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CatalogFileError(pathText(issue?.path ?? []), issue?.message ?? "not a catalog");
  }
  const { format: _, ...data } = parsed.data;
  return catalogOf(data);
}

function catalogOf(data: CatalogData): Catalog {
  try {
    return new Catalog(data);
  } catch (error) {
    throw error instanceof GatewayError ? new CatalogFileError("", error.message) : error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CatalogFileError("", "the file is not JSON");
  }
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => text + (typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${String(step)}`),
    "",
  );
}
