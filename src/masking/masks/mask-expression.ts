/**
 * Masks as SQL: an expression over a column that cannot raise for any value, keeps type, modifier and collation, and means the same
 * under every search_path and setting. What a type cannot do is refused with the mask that would do. Splices nothing.
 */

import type { Catalog, CatalogColumn, CatalogType } from "../../analysis/catalog.ts";
import { tokenFunction } from "../../analysis/mask-function.ts";
import { type ColumnType, columnType, TYPE } from "./column-type.ts";
import { generalise } from "./generalise.ts";
import { DEFAULT_MASK, type MaskSpec, REDACTED } from "./mask.ts";

export type MaskedColumn = Pick<CatalogColumn, "type" | "typmod" | "typeText" | "collation">;

export type MaskResult =
  | { readonly ok: true; readonly sql: string }
  /** `why` completes "the mask … cannot be applied: ". */
  | { readonly ok: false; readonly why: string; readonly instead: MaskSpec };

/**
 * @param hasTokens the function that makes tokens is there, or will be.
 * @param reference the column as SQL, quoted: `"c"` or `t."c"`. Not in the expression where the mask is a constant.
 * @throws {GatewayError} INTERNAL where the catalog does not know the column's type.
 */
export function maskExpression(
  reference: string,
  column: MaskedColumn,
  spec: MaskSpec,
  catalog: Catalog,
  hasTokens = tokenFunction(catalog) !== null,
): MaskResult {
  const type = columnType(column, catalog);
  const made = masked(reference, spec, type, hasTokens);
  if (typeof made !== "string") return { ok: false, ...made };
  return { ok: true, sql: collated(`CAST(${made} AS ${type.text})`, column, spec, type) };
}

/** As {@link maskExpression}; where the type cannot do it, by the mask that would do. Never reveals more than what was asked for. */
export function safeMaskExpression(
  reference: string,
  column: MaskedColumn,
  spec: MaskSpec,
  catalog: Catalog,
  hasTokens = tokenFunction(catalog) !== null,
): string {
  const result = maskExpression(reference, column, spec, catalog, hasTokens);
  if (result.ok) return result.sql;
  // A constant tells less than a token: the function may not be there yet.
  const weaker = spec.mask === "token" ? DEFAULT_MASK : ({ mask: "null" } as const);
  const instead = maskExpression(reference, column, weaker, catalog);
  return instead.ok ? instead.sql : "NULL";
}

/** Why a type cannot do it, and what it can. */
export interface Refused {
  readonly why: string;
  readonly instead: MaskSpec;
}

function masked(reference: string, spec: MaskSpec, type: ColumnType, hasTokens: boolean): string | Refused {
  switch (spec.mask) {
    case "null":
      return "NULL";
    case "default":
      return isText(type.base) ? `'${REDACTED}'` : "NULL";
    case "redact": {
      const constant = redacted(type.base);
      if (constant !== null) return `'${constant}'`;
      return { why: `${nameOf(type.base)} has no constant that says "masked"`, instead: { mask: "null" } };
    }
    case "partial":
      return partial(reference, spec, type);
    case "generalise":
      return generalise(reference, spec, type);
    case "token":
      return token(reference, spec.domain, type, hasTokens);
  }
}

/** Text that a client takes for text. citext is an extension's, known by its name. */
export function isText({ oid, name, kind }: CatalogType): boolean {
  return TEXT_TYPES.has(oid) || (kind === "b" && oid >= 16_384 && name === "citext");
}

const TEXT_TYPES: ReadonlySet<number> = new Set([TYPE.text, TYPE.varchar, TYPE.bpchar, TYPE.name]);

/** As the type's input function takes it, on every major and under every setting; null: there is none. */
function redacted(base: CatalogType): string | null {
  if (isText(base)) return REDACTED;
  if (base.kind === "r") return "empty";
  if (base.kind === "m" || (base.kind === "b" && base.element !== undefined)) return "{}";
  if (base.kind === "b" && base.oid >= 16_384 && base.name === "hstore") return "";
  return CONSTANTS.get(base.oid) ?? null;
}

const CONSTANTS: ReadonlyMap<number, string> = new Map([
  [TYPE.json, "{}"],
  [TYPE.jsonb, "{}"],
  [TYPE.bytea, ""],
  [TYPE.tsvector, ""],
  [TYPE.char, "*"],
]);

/**
 * At least as many characters as it shows are hidden: else a short value would stand there whole. right(right(v, -n), n) is the
 * last n of what is left without the first n.
 */
function partial(
  reference: string,
  { show, from, fill }: Extract<MaskSpec, { readonly mask: "partial" }>,
  { base }: ColumnType,
): string | Refused {
  if (!isText(base)) return { why: `${nameOf(base)} is no text`, instead: insteadOfPartial(base) };
  const value = `CAST(${reference} AS pg_catalog.text)`;
  const side = from === "end" ? "pg_catalog.right" : "pg_catalog.left";
  const shown = `${side}(${side}(${value}, -${show}), ${show})`;
  const rest = `CAST('${fill}' AS pg_catalog.text)`;
  const [first, second] = from === "end" ? [rest, shown] : [shown, rest];
  return `(${first} OPERATOR(pg_catalog.||) ${second})`;
}

/** `tok_` and 32 hexadecimal digits: the first half of an HMAC-SHA-256. A value that is NULL stays so, or joins would find it. */
export const TOKEN_LENGTH = 36;
function token(reference: string, domain: string, type: ColumnType, hasTokens: boolean): string | Refused {
  const { base, baseText, text } = type;
  if (!isText(base) || base.oid === TYPE.bpchar)
    return { why: `${nameOf(base)} is not text of any length`, instead: DEFAULT_MASK };
  const [, length] = /\((\d+)\)$/.exec(text) ?? [];
  // What a domain is cut to its name does not say.
  const isLong = base.oid >= 16_384 || text.startsWith(baseText);
  if (!isLong || (length !== undefined && Number(length) < TOKEN_LENGTH))
    return { why: `a token has ${TOKEN_LENGTH} characters`, instead: DEFAULT_MASK };
  if (!hasTokens)
    return { why: "the database has no postern.token(text, text): postern harden prints it", instead: DEFAULT_MASK };
  return `postern.token(CAST('${domain}' AS pg_catalog.text), CAST(${reference} AS pg_catalog.text))`;
}

function insteadOfPartial(base: CatalogType): MaskSpec {
  return redacted(base) === null ? { mask: "null" } : { mask: "redact" };
}

function nameOf({ schema, name }: CatalogType): string {
  return schema === "pg_catalog" ? name : `${schema}.${name}`;
}

/** An explicit collation inside of a sub-select is an implicit one outside, as a column's own is. */
function collated(sql: string, { collation }: MaskedColumn, spec: MaskSpec, { base }: ColumnType): string {
  if (collation !== undefined) return `(${sql} COLLATE ${collation})`;
  const wasText = base.oid === TYPE.name && spec.mask === "partial";
  return wasText ? `(${sql} COLLATE pg_catalog."C")` : sql;
}
