/** What a mask looks like: whether a text can be what somebody was shown in place of a value. Looks at one text, and knows no statement. */

import type { Catalog } from "../../analysis/catalog.ts";
import { columnType } from "../masks/column-type.ts";
import { type MaskSpec, REDACTED } from "../masks/mask.ts";
import { isText, type MaskedColumn } from "../masks/mask-expression.ts";

/** Blanks behind it do not count: char(n) adds them. */
export type MaskShape = (text: string) => boolean;

const TOKEN = /^tok_[0-9a-f]{32}$/;
/** No mask is longer, in characters, beside what `partial` shows and fills. */
const LONGEST = 64;

/**
 * @returns null where masks of the column cannot be told from values: NULL, a year's first day, a bucket's end, `{}`, a partial mask
 * without a fill.
 */
export function maskShape(column: MaskedColumn, spec: MaskSpec, catalog: Catalog): MaskShape | null {
  if (!isText(columnType(column, catalog).base)) return null;
  const { typmod } = column;
  // Of varchar(n) and char(n): the length and the four bytes of its own header.
  const cut = typmod !== undefined && typmod >= 4 ? REDACTED.slice(0, typmod - 4) : REDACTED;
  return (text) => {
    if (text.length > LONGEST + 64) return false;
    const shown = text.trimEnd();
    if (shown === REDACTED || shown === cut) return true;
    if (spec.mask === "token" && TOKEN.test(shown)) return true;
    return spec.mask === "partial" && isPartial(shown, spec);
  };
}

function isPartial(text: string, { fill, show, from }: Extract<MaskSpec, { readonly mask: "partial" }>): boolean {
  if (fill.trim() === "") return false;
  const isFilled = from === "end" ? text.startsWith(fill) : text.endsWith(fill);
  return isFilled && [...text].length - fill.length <= show;
}
