/**
 * Dates cut to a unit, numbers to the lower end of their bucket (towards zero). Values at the ends of a type, where cutting would
 * raise, become NULL. Times with a zone are cut in UTC: a session's own TimeZone, moved in small steps, would tell them exactly.
 */

import { type ColumnType, TYPE } from "./column-type.ts";
import type { MaskSpec } from "./mask.ts";
import type { Refused } from "./mask-expression.ts";

type Generalise = Extract<MaskSpec, { readonly mask: "generalise" }>;

/** Widest bucket, and the largest float that is put into one: whole numbers below are exact. */
export const MAX_WIDTH = 1_000_000_000_000_000;

/** @returns an expression of the column's base type, or of one that is cast to it without loss. */
export function generalise(reference: string, spec: Generalise, { base, baseText }: ColumnType): string | Refused {
  const value = `CAST(${reference} AS ${baseText})`;
  switch (base.oid) {
    case TYPE.date:
      return spec.to === "day" ? tooFine() : within(value, DATES, cutDate(value, spec));
    case TYPE.timestamp:
      return within(value, TIMESTAMPS, `pg_catalog.date_trunc('${spec.to}', ${value})`);
    case TYPE.timestamptz:
      return within(value, ZONED, `pg_catalog.date_trunc('${spec.to}', ${value}, 'UTC')`);
    case TYPE.int2:
    case TYPE.int4:
    case TYPE.int8:
    case TYPE.numeric:
    case TYPE.float4:
    case TYPE.float8:
      return spec.width === undefined ? noWidth() : bucket(value, base.oid, spec.width);
    default:
      return { why: `${base.name} is no date and no number`, instead: { mask: "default" } };
  }
}

interface Bounds {
  readonly type: string;
  readonly least: string;
  readonly most: string;
}

/** Inside of what every unit can be cut to; infinity is outside. Written as ISO 8601, which DateStyle does not change. */
const DATES: Bounds = { type: "pg_catalog.date", least: "0001-01-01", most: "9999-12-31" };
const TIMESTAMPS: Bounds = {
  type: 'pg_catalog."timestamp"',
  least: "0001-01-01 00:00:00",
  most: "9999-12-31 23:59:59",
};
const ZONED: Bounds = {
  type: "pg_catalog.timestamptz",
  least: "0001-01-01 00:00:00+00",
  most: "9999-12-31 23:59:59+00",
};

function within(value: string, { type, least, most }: Bounds, cut: string): string {
  const [from, to] = [`CAST('${least}' AS ${type})`, `CAST('${most}' AS ${type})`];
  const inside = `${value} OPERATOR(pg_catalog.>=) ${from} AND ${value} OPERATOR(pg_catalog.<=) ${to}`;
  return `CASE WHEN ${inside} THEN ${cut} END`;
}

function cutDate(value: string, { to }: Generalise): string {
  return `CAST(pg_catalog.date_trunc('${to}', CAST(${value} AS pg_catalog."timestamp")) AS pg_catalog.date)`;
}

function bucket(value: string, oid: number, width: number): string {
  switch (oid) {
    case TYPE.numeric: {
      const by = `CAST(${width} AS pg_catalog."numeric")`;
      // Not `/`, which rounds: 9.9999999999999999999 would come out as 10, and raise in a numeric(20,19).
      return `(pg_catalog.div(${value}, ${by}) OPERATOR(pg_catalog.*) ${by})`;
    }
    case TYPE.float4:
    case TYPE.float8: {
      const [float, by, most] = [`CAST(${value} AS pg_catalog.float8)`, asFloat(width), asFloat(MAX_WIDTH)];
      const size = `pg_catalog.abs(${float})`;
      const low = `(pg_catalog.trunc(${float} OPERATOR(pg_catalog./) ${by}) OPERATOR(pg_catalog.*) ${by})`;
      // Dividing what is smaller than the bucket could underflow, which raises; NaN is larger than every number.
      return `CASE WHEN ${size} OPERATOR(pg_catalog.<) ${by} THEN ${asFloat(0)} WHEN ${size} OPERATOR(pg_catalog.<=) ${most} THEN ${low} END`;
    }
    default: {
      const by = `CAST(${width} AS pg_catalog.int8)`;
      return `((CAST(${value} AS pg_catalog.int8) OPERATOR(pg_catalog./) ${by}) OPERATOR(pg_catalog.*) ${by})`;
    }
  }
}

function asFloat(value: number): string {
  return `CAST(${value} AS pg_catalog.float8)`;
}

function tooFine(): Refused {
  return { why: "a date cut to the day is the date itself", instead: { mask: "generalise", to: "month" } };
}

function noWidth(): Refused {
  return { why: "it says no width for the buckets of numbers", instead: { mask: "null" } };
}
