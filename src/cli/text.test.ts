import { describe, expect, it } from "vitest";
import { cut, pad, pieces, revealed, safeJson, visible, width } from "./text.ts";

describe("text of other people on a terminal", () => {
  it.each([
    ["an escape sequence", "a\u001b[2Jb", "a\\u{1b}[2Jb"],
    ["an 8-bit control", "a\u009b2Jb", "a\\u{9b}2Jb"],
    ["line ends", "a\r\nb", "a\\u{d}\\nb"],
    ["a mark that turns the reading direction", "a\u202eb", "a\\u{202e}b"],
  ])("shows %s instead of obeying it", (_, text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it.each([
    ["a filler", "orders\u3164", "orders\\u{3164}"],
    ["a joiner", "or\u200dders", "or\\u{200d}ders"],
    ["a variation selector", "orders\ufe0f", "orders\\u{fe0f}"],
    ["a tag", "orders\u{e0041}", "orders\\u{e0041}"],
    ["a space that is none", "orders\u00a0\u2003x", "orders\\u{a0}\\u{2003}x"],
    ["a lone surrogate", "orders\ud800", "orders\\u{d800}"],
    ["nothing of that", "é 漢 e\u0301 \u{1f600} \\u{200b}", "é 漢 e\u0301 \u{1f600} \\u{200b}"],
  ])("reveals %s where somebody decides by it", (_, text, shown) => {
    expect(revealed(text)).toBe(shown);
  });

  it("is the same JSON, with nothing in it that a terminal obeys", () => {
    const value = { a: "x\u009b\u202e\n", b: "é 漢" };

    expect(safeJson(value)).not.toMatch(/[\u0080-\u009f\u202e]/);
    expect(JSON.parse(safeJson(value))).toEqual(value);
    expect(JSON.parse(safeJson(value, 2))).toEqual(value);
  });
});

describe("text in columns", () => {
  it.each([
    ["abcdef", 4, ["abcd", "ef"]],
    ["漢字漢", 5, ["漢字", "漢"]],
    ["漢", 1, ["漢"]],
    ["a   b", 2, ["a ", "  ", "b"]],
    ["", 4, [""]],
    ["abc漢", Number.POSITIVE_INFINITY, ["abc漢"]],
    ["\u{1f600}\u{1f600}a", 4, ["\u{1f600}\u{1f600}", "a"]],
  ])("%j in pieces of %d is all there", (text, columns, all) => {
    expect(pieces(text, columns)).toEqual(all);
  });

  it.each([
    "x",
    "é",
    "漢",
    "e\u0301",
    `a${"\u0301".repeat(999)}`,
    "\u{1f600}x",
  ])("loses nothing of a long text in pieces: %j", (unit) => {
    const text = unit.repeat(65_536 / unit.length);

    const all = pieces(text, 80);

    expect(all.join("") === text && all.every((piece) => piece.isWellFormed())).toBe(true);
    expect(all.filter((piece) => width(piece) > 80)).toEqual([]);
  });

  it.each([
    ["abc", 3],
    ["漢字", 4],
    ["é", 1],
    ["e\u0301", 1],
    ["👩‍💻", 2],
    ["", 0],
  ])("%s takes %d", (text, columns) => {
    expect(width(text)).toBe(columns);
    expect(width(pad(text, 6))).toBe(6);
  });

  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 4, "abc…"],
    ["漢字漢字", 5, "漢字…"],
    ["漢字漢字", 4, "漢…"],
  ])("%s is cut to %d", (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
  });
});
