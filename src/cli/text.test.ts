import { describe, expect, it } from "vitest";
import { cut, pad, safeJson, visible, width } from "./text.ts";

describe("text of other people on a terminal", () => {
  it.each([
    ["an escape sequence", "a\u001b[2Jb", "a\\u{1b}[2Jb"],
    ["an 8-bit control", "a\u009b2Jb", "a\\u{9b}2Jb"],
    ["line ends", "a\r\nb", "a\\u{d}\\nb"],
    ["a mark that turns the reading direction", "a\u202eb", "a\\u{202e}b"],
  ])("shows %s instead of obeying it", (_, text, shown) => {
    expect(visible(text)).toBe(shown);
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
