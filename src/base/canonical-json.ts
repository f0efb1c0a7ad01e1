/** Canonical JSON (RFC 8785): one byte sequence for one value, so that a hash of it means the value. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The canonical text of `value`: keys sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them.
 * Keys whose value is undefined are left out. @throws {TypeError} for NaN, infinities and lone surrogates (RFC 8785, section 3.2).
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("canonical JSON has no NaN or infinity");
    return JSON.stringify(value);
  }
  if (typeof value === "string") return canonicalString(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members.push(`${canonicalString(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** One JSON string, quoted. JSON.stringify escapes exactly as RFC 8785, section 3.2.2.2, but lets lone surrogates pass escaped. */
export function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError("canonical JSON has no lone surrogate");
  return JSON.stringify(text);
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
