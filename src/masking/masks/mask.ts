/** What masks there are and what can be said of each. Makes no SQL: see mask-expression.ts. */

/** `default`: `redact` for text, `null` for everything else. */
export const MASKS = ["default", "null", "redact", "partial", "generalise", "token"] as const;
export type MaskName = (typeof MASKS)[number];

/** What `generalise` cuts dates and times to, the coarsest first. */
export const UNITS = ["decade", "year", "quarter", "month", "day"] as const;
export type Unit = (typeof UNITS)[number];

/** The mask of a label. A token's `domain` is the label: the same value has another token under another. */
export type MaskSpec =
  | { readonly mask: "default" | "null" | "redact" }
  | { readonly mask: "token"; readonly domain: string }
  | {
      readonly mask: "partial";
      /** Characters that stay; of a value with fewer than twice as many, no more than what is beyond the first that are hidden. */
      readonly show: number;
      readonly from: "start" | "end";
      /** Stands for the rest, however long that is. Printable ASCII without quotes and backslashes. */
      readonly fill: string;
    }
  | {
      readonly mask: "generalise";
      readonly to: Unit;
      /** Of the buckets of numbers; absent: numbers cannot be generalised. */
      readonly width?: number;
    };

export const DEFAULT_MASK: MaskSpec = { mask: "default" };

/** Text in place of text. A constant: not even whether there was a value is told. */
export const REDACTED = "[masked]";

/** Characters that no session setting gives another meaning to (standard_conforming_strings), and that every encoding has. */
export const FILL = /^[\x20-\x7e]{0,32}$/;
export const NOT_IN_FILL = /['"\\]/;

/** How much is told of a value: of two masks over one column the one that tells less stands. */
const STRENGTH: Readonly<Record<MaskName, number>> = {
  partial: 0,
  generalise: 1,
  token: 2,
  default: 3,
  redact: 4,
  null: 5,
};

/** Of two that tell alike, such as two partial ones, neither: `default`. */
export function stricter(a: MaskSpec, b: MaskSpec): MaskSpec {
  if (STRENGTH[a.mask] !== STRENGTH[b.mask]) return STRENGTH[a.mask] > STRENGTH[b.mask] ? a : b;
  return JSON.stringify(a) === JSON.stringify(b) ? a : DEFAULT_MASK;
}

/** As `labels check` and `coverage` show it: `partial (4 from end)`. */
export function maskText(spec: MaskSpec): string {
  if (spec.mask === "partial") return `partial (${spec.show} from ${spec.from})`;
  if (spec.mask !== "generalise") return spec.mask;
  return `generalise (${spec.to}${spec.width === undefined ? "" : `, ${spec.width}`})`;
}
