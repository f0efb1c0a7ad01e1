/**
 * Cuts a file of policies into its policies and notes where their annotations stand, so that problems can name line and column.
 * Understands only what it must: strings, comments and the `;` that ends each policy. Cedar itself parses each piece as exactly
 * one policy, so a wrong cut is an error, never another policy.
 * Source: Cedar documentation, "Cedar policy grammar" (COMMENT, STR, Policy).
 */

export interface PolicyPiece {
  /** The policy, from its first annotation or effect to its `;`. */
  readonly text: string;
  /** Where `text` begins in the file, in UTF-16 code units. */
  readonly offset: number;
  /** Offsets in the file of each annotation's `@`, by name. */
  readonly annotations: ReadonlyMap<string, number>;
}

/** String (ended or not), comment, annotation's name, the end of a policy, or any other character that is not white space. */
const TOKEN = /"(?:[^"\\]|\\[\s\S])*"?|\/\/[^\r\n]*|@[ \t\r\n]*([A-Za-z_]\w*)|;|\S/g;

export function splitPolicies(text: string): readonly PolicyPiece[] {
  const pieces: PolicyPiece[] = [];
  let start = -1;
  let annotations = new Map<string, number>();
  const end = (offset: number): void => {
    pieces.push({ text: text.slice(start, offset), offset: start, annotations });
    start = -1;
    annotations = new Map();
  };
  for (const match of text.matchAll(TOKEN)) {
    const [token, annotation] = match;
    if (token.startsWith("//")) continue;
    if (start === -1) start = match.index;
    if (annotation !== undefined) annotations.set(annotation, match.index);
    if (token === ";") end(match.index + 1);
  }
  if (start !== -1) end(text.length); // not ended: Cedar says so
  return pieces;
}
