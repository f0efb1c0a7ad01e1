import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNarrower, matchesPart, PatternProblem, parsePattern, patternName } from "./pattern.ts";

const parse = (text: string) => parsePattern(text, 3, false);
const matches = (text: string, name: string): boolean => {
  const [part] = parsePattern(text, 1, false);
  return part !== undefined && matchesPart(part, name);
};

describe("a pattern of columns", () => {
  it.each([
    ["email", "email", true],
    ["email", "emails", false],
    ["*", "", true],
    ["*_email", "work_email", true],
    ["*_email", "email", false],
    ["e*l", "email", true],
    ["e*l", "el", true],
    ["ab*ba", "aba", false],
    ["*a*b*", "xxaxxbxx", true],
    ["*a*b*", "xxbxxaxx", false],
    ['"a*b"', "a*b", true],
    ['"a*b"', "axb", false],
    ['"a""b"', 'a"b', true],
    ["größe", "größe", true],
  ])("%s and the name %s: %s", (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it("matches as a regular expression of the same meaning does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
    fc.assert(
      fc.property(letters, name, (pattern, text) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(text);
        expect(matches(pattern, text)).toBe(expected);
      }),
      { seed: 4 },
    );
  });

  it("stands before one that says less in a part and no more in any", () => {
    expect(isNarrower(parse("s.t.c"), parse("s.*.c"))).toBe(true);
    expect(isNarrower(parse("s.t*.c"), parse("s.*.c"))).toBe(true);
    expect(isNarrower(parse("s.*.c"), parse("s.t.*"))).toBe(false);
    expect(isNarrower(parse("s.t.*"), parse("s.*.c"))).toBe(false);
    expect(isNarrower(parse("s.t.c"), parse("s.t.c"))).toBe(false);
    expect(isNarrower(parse("s.t.a*"), parse("s.t.*b"))).toBe(false);
  });

  it("is refused where it is none", () => {
    for (const text of ["", "a.b", "a.b.c.d", "a..c", 'a."b.c', "a.b.c.", "A.b.c", "a b.c.d", 'a."".c', '"a"b.c.d']) {
      expect(() => parse(text), text).toThrow(PatternProblem);
    }
  });

  it("can be written for any name, and then means that name alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
        const text = `s.t.${patternName(name)}`;
        expect(parse(text)[2]).toEqual({ pieces: [name] });
      }),
      { seed: 4 },
    );
  });
});
