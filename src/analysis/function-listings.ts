/** Reads <policy folder>/functions.yaml: the functions that an operator has looked at. What a listing opens is judged in functions.ts. */

import { isMap, isNode, isScalar, LineCounter, type ParsedNode, parseDocument } from "yaml";
import { z } from "zod";
import type { CatalogFunction } from "./catalog.ts";
import { signatureOf } from "./function-names.ts";
import type { FunctionListing } from "./functions.ts";

export interface ListingsProblem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

/** Thrown where the file cannot be used. Its message has a line for each problem, `file:line:column: message (hint)`. */
export class ListingsError extends Error {
  readonly problems: readonly ListingsProblem[];

  constructor(problems: readonly ListingsProblem[]) {
    super(
      problems
        .map(({ file, line, column, message, hint }) => {
          return `${file}:${line}:${column}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
        })
        .join("\n"),
    );
    this.name = "ListingsError";
    this.problems = problems;
  }
}

const Listing = z.strictObject({
  signature: z.string().regex(/^("(?:[^"]|"")+"|[^".()]+)\.("(?:[^"]|"")+"|[^".()]+)\(.*\)$/s, {
    error: "expected schema.name(arguments), such as public.total(customer integer)",
  }),
  bodyHash: z.string().regex(/^[0-9a-f]{64}$/, { error: "expected 64 hexadecimal digits, lower case" }),
  reason: z.string().min(1).optional(),
});
const Listings = z.strictObject({ functions: z.array(Listing) });

/**
 * An empty file lists nothing.
 * @param file its name, for problems. @throws {ListingsError} naming each mistake with its place.
 */
export function parseFunctionListings(file: string, text: string): readonly FunctionListing[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number): Pick<ListingsProblem, "file" | "line" | "column"> => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0)
    throw new ListingsError(broken.map((error) => ({ ...place(error.pos[0]), message: error.message })));
  const value: unknown = document.toJS({ maxAliasCount: 10 });
  if (value === null) return [];
  const parsed = Listings.safeParse(value);
  if (!parsed.success) {
    throw new ListingsError(
      parsed.error.issues.map(({ path, message }) => {
        return { ...place(offsetOf(document.contents, path)), message: `${keyOf(path)}${message}` };
      }),
    );
  }
  refuseTwice(parsed.data.functions, (index) => place(offsetOf(document.contents, ["functions", index])));
  return parsed.data.functions.map(({ signature, bodyHash, reason }) => {
    return { signature, bodyHash, ...(reason === undefined ? {} : { reason }) };
  });
}

/** The line to add under `functions:`, as the function is now. */
export function listingLine(fn: CatalogFunction): string {
  return `  - { signature: ${JSON.stringify(signatureOf(fn))}, bodyHash: "${fn.bodyHash}" }`;
}

/** Of two lines for one function an operator would look at the first, and the second would hold. */
function refuseTwice(
  listings: readonly { readonly signature: string }[],
  place: (index: number) => Pick<ListingsProblem, "file" | "line" | "column">,
): void {
  const seen = new Set<string>();
  const problems: ListingsProblem[] = [];
  for (const [index, { signature }] of listings.entries()) {
    if (seen.has(signature)) {
      problems.push({ ...place(index), message: `${signature} is listed already`, hint: "keep one of the two" });
    }
    seen.add(signature);
  }
  if (problems.length > 0) throw new ListingsError(problems);
}

function keyOf(path: readonly PropertyKey[]): string {
  const key = path.reduce<string>((text, step) => {
    return typeof step === "number" ? `${text}[${step}]` : text === "" ? String(step) : `${text}.${String(step)}`;
  }, "");
  return key === "" ? "" : `${key}: `;
}

/** Where the value at `path` begins; of what is missing, the nearest above it. */
function offsetOf(contents: ParsedNode | null, path: readonly PropertyKey[]): number {
  let node: ParsedNode | null = contents;
  let offset = node?.range[0] ?? 0;
  for (const step of path) {
    if (node === null || isScalar(node) || !("items" in node)) break;
    const next: unknown = isMap(node)
      ? node.get(String(step), true)
      : typeof step === "number"
        ? node.get(step, true)
        : undefined;
    if (!isNode(next) || next.range === null || next.range === undefined) break;
    offset = next.range[0];
    node = isParsed(next) ? next : null;
  }
  return offset;
}

function isParsed(node: unknown): node is ParsedNode {
  return isNode(node) && node.range !== null && node.range !== undefined;
}
