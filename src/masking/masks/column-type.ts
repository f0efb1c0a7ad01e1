/** What a column's type is underneath its domains, and how it is written so that no search_path gives it another meaning. */

import type { Catalog, CatalogColumn, CatalogType } from "../../analysis/catalog.ts";
import { GatewayError } from "../../base/errors.ts";

/** pg_type.oid of types whose name or modifier is looked at; the same on all majors. */
export const TYPE = {
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  bit: 1560,
  varbit: 1562,
  numeric: 1700,
  tsvector: 3614,
  jsonb: 3802,
} as const;

export interface ColumnType {
  /** No domain. */
  readonly base: CatalogType;
  /** As SQL: the base, without modifier. */
  readonly baseText: string;
  /** As SQL, with modifier: what a mask is cast to. The domain only where that runs no check: RowDescription names the base anyway. */
  readonly text: string;
}

/** @throws {GatewayError} INTERNAL where the catalog does not know the type. */
export function columnType(column: Pick<CatalogColumn, "type" | "typmod" | "typeText">, catalog: Catalog): ColumnType {
  const declared = typeOf(column.type, catalog);
  const { base, typmod, runsChecks } = underneath(declared, catalog);
  const baseText = typeName(base);
  if (declared.kind === "d" && !runsChecks) return { base, baseText, text: typeName(declared) };
  const modifier = column.typmod ?? typmod;
  if (column.typeText !== undefined) return { base, baseText, text: column.typeText };
  return { base, baseText, text: `${baseText}${modifierText(base, modifier)}` };
}

function typeOf(oid: number, catalog: Catalog): CatalogType {
  const type = catalog.type(oid);
  if (type === undefined) throw new GatewayError("INTERNAL", `the catalog has no type ${oid}`);
  return type;
}

/** As the server does, the lowest domain's modifier counts. */
function underneath(declared: CatalogType, catalog: Catalog) {
  let [base, typmod, runsChecks] = [declared, declared.typmod, false];
  while (base.kind === "d" && base.base !== undefined) {
    typmod = base.typmod;
    runsChecks ||= base.hasChecks || base.notNull === true;
    base = typeOf(base.base, catalog);
  }
  return { base, typmod, runsChecks };
}

/** Quoted throughout: `pg_catalog."varchar"`. As a plain name some types would be words of the grammar with another meaning (`"char"`). */
export function typeName({ schema, name }: Pick<CatalogType, "schema" | "name">): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Of the server's own types, and arrays of them, which take the same. Source: the typmodout functions of PostgreSQL 15 to 18. */
function modifierText({ oid, element, kind }: CatalogType, typmod: number | undefined): string {
  if (typmod === undefined) return "";
  const numbers = modifierNumbers(kind === "b" && element !== undefined ? element : oid, typmod);
  return numbers.length === 0 ? "" : `(${numbers.join(", ")})`;
}

/** Length word of a varlena, which these modifiers count in. */
const VARHDRSZ = 4;
const FULL_PRECISION = 0xffff;

function modifierNumbers(oid: number, typmod: number): readonly number[] {
  switch (oid) {
    case TYPE.varchar:
    case TYPE.bpchar:
      return [typmod - VARHDRSZ];
    case TYPE.numeric: {
      const packed = typmod - VARHDRSZ;
      return [packed >>> 16, ((packed & 0x7ff) ^ 1024) - 1024];
    }
    case TYPE.time:
    case TYPE.timetz:
    case TYPE.timestamp:
    case TYPE.timestamptz:
    case TYPE.bit:
    case TYPE.varbit:
      return [typmod];
    case TYPE.interval: {
      const [range, precision] = [(typmod >>> 16) & 0x7fff, typmod & 0xffff];
      return precision === FULL_PRECISION ? [range] : [range, precision];
    }
    default:
      return [];
  }
}
