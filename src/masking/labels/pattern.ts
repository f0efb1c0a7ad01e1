/** Patterns of labels.yaml: `schema.table.column`, each part a name or with `*` in it. Knows no label and no catalog. */

/** One part of a pattern. */
export interface PatternPart {
  /** Pieces that stand between stars; one piece: exactly that name. */
  readonly pieces: readonly string[];
}

/** Thrown for what is no pattern; its message says why. */
export class PatternProblem extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = "PatternProblem";
    this.hint = hint;
  }
}

/** The text between the dots: in quotes, or bare. */
const PART = /"((?:[^"]|"")+)"|([^".]+)/y;
/** As SQL reads a name without quotes, with stars. A database is named in the configuration, which folds nothing. */
const BARE = /^[a-z_*\u0080-\uffff][a-z0-9_$*\u0080-\uffff]*$/u;

/**
 * @param count of parts that it must have. @param fromDatabase the first is a database's name, which need not be lower case.
 * @throws {PatternProblem}
 */
export function parsePattern(text: string, count: number, fromDatabase: boolean): readonly PatternPart[] {
  const parts: PatternPart[] = [];
  for (let at = 0; ; at++) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) throw new PatternProblem("this is no pattern", shape(count));
    const [whole, quoted, bare] = match;
    at += whole.length;
    if (quoted !== undefined) parts.push({ pieces: [quoted.replaceAll('""', '"')] });
    else parts.push(barePart(bare ?? "", fromDatabase && parts.length === 0));
    if (at === text.length) break;
    if (text[at] !== ".") throw new PatternProblem("a dot is missing behind a quoted name", shape(count));
  }
  if (parts.length !== count) throw new PatternProblem(`it has ${parts.length} parts, not ${count}`, shape(count));
  return parts;
}

function barePart(text: string, isDatabase: boolean): PatternPart {
  if (!isDatabase && !BARE.test(text)) {
    const meant = text.toLowerCase();
    const hint =
      meant !== text && BARE.test(meant) ? `write ${meant}, or "${text}" in quotes if that is its name` : undefined;
    throw new PatternProblem(
      `"${text}" is no name without quotes`,
      hint ?? `write "${text}" in double quotes inside of the key`,
    );
  }
  return { pieces: text.split("*") };
}

function shape(count: number): string {
  return count === 4
    ? "database.schema.table.column, such as shop.public.*.email"
    : "schema.table.column, such as public.*.email";
}

/** Names of no more than 63 bytes: the worst pattern costs little. */
export function matchesPart({ pieces }: PatternPart, name: string): boolean {
  const [first = "", ...rest] = pieces;
  if (rest.length === 0) return name === first;
  if (!name.startsWith(first)) return false;
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** 2: exactly one name, 1: some of it, 0: any. */
function narrowness({ pieces }: PatternPart): number {
  if (pieces.length === 1) return 2;
  return pieces.some((piece) => piece !== "") ? 1 : 0;
}

/** Whether it says at least as much as the other in every part, and more in one: then it stands, where both match. */
export function isNarrower(one: readonly PatternPart[], other: readonly PatternPart[]): boolean {
  const differences = one.map((part, index) => {
    const against = other[index];
    return against === undefined ? 0 : narrowness(part) - narrowness(against);
  });
  return differences.every((difference) => difference >= 0) && differences.some((difference) => difference > 0);
}

/** A name as it stands in a pattern. */
export function patternName(name: string): string {
  return BARE.test(name) && !name.includes("*") ? name : `"${name.replaceAll('"', '""')}"`;
}
