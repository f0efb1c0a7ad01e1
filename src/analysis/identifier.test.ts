import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identifierText } from "./identifier.ts";

const text = (token: string, mark: string | null = null) =>
  identifierText(new TextEncoder().encode(token), mark === null ? null : new TextEncoder().encode(mark));

describe("an identifier's token", () => {
  it.each([
    ["abc", "abc"],
    ["AbC_1$", "abc_1$"],
    ["ÉtÉ", "ÉtÉ"],
    ['"AbC"', "AbC"],
    ['"a""b"', 'a"b'],
    ['""""', '"'],
    ['U&"\\0061\\+000062c"', "abc"],
    ['u&"a""\\005C\\\\"', 'a"\\\\'],
    ['U&"\\D83D\\DE00"', "😀"],
    ['U&"\\+01F600"', "😀"],
  ])("%s is the name %s", (token, name) => {
    expect(text(token)).toBe(name);
  });

  it("has the escape character that UESCAPE gives it", () => {
    expect(text('U&"!0061\\0061!!"', "'!'")).toBe("a\\0061!");
    expect(text('U&"\\0061"', "'!'")).toBe("\\0061");
    expect(text('U&"a"', "''")).toBeNull();
    expect(text('"a"', "'!'")).toBeNull();
    expect(text("a", "'!'")).toBeNull();
  });

  it.each([
    'U&"\\006"',
    'U&"\\00zz"',
    'U&"\\+1100000"',
    'U&"\\x"',
  ])("is none where an escape is cut off: %s", (token) => {
    expect(text(token)).toBeNull();
  });

  it("is cut to 63 bytes, at a character's boundary", () => {
    expect(text("a".repeat(70))).toBe("a".repeat(63));
    expect(text(`"${"é".repeat(40)}"`)).toBe("é".repeat(31));
    expect(text(`"a${"😀".repeat(20)}"`)).toBe(`a${"😀".repeat(15)}`);
  });

  it("is read without an error, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("U", "&", '"', "\\", "0", "f", "+", "é", "A", "!") }), (token) => {
        text(token);
        text(`U&"${token}"`, "'!'");
      }),
    );
  });
});
