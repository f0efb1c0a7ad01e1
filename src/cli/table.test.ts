import { describe, expect, it } from "vitest";
import type { CliStream } from "./context.ts";
import { formatFacts, formatTable, wrap } from "./table.ts";
import { width } from "./text.ts";

function terminal(columns: number): CliStream {
  return { isTerminal: columns > 0, columns, color: false, write: () => undefined };
}

const HEADERS = ["NAME", "WHAT", "N"];
const ROWS = [
  ["a", "a rather long text that does not fit everywhere", "1"],
  ["a-name-of-its-own", "short", "22"],
];

describe("a table", () => {
  it("is as wide as its cells off a terminal, and cuts nothing", () => {
    expect(formatTable(HEADERS, ROWS, terminal(0))).toBe(
      [
        "NAME               WHAT                                             N",
        "a                  a rather long text that does not fit everywhere  1",
        "a-name-of-its-own  short                                            22",
        "",
      ].join("\n"),
    );
  });

  it.each([80, 60, 40, 24])("fits a terminal of %d columns, the widest column giving way first", (columns) => {
    const lines = formatTable(HEADERS, ROWS, terminal(columns)).split("\n");

    expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(columns);
    expect(lines[2]).toMatch(/22$/);
  });
});

describe("facts", () => {
  it("go on below their value on a narrow terminal", () => {
    expect(formatFacts([["principal", "one two three four five six seven"]], terminal(31))).toBe(
      "principal  one two three four\n           five six seven\n",
    );
  });
});

describe("wrapped text", () => {
  it("breaks a word that fits no line, and loses nothing", () => {
    const lines = wrap("a 0123456789abcdef z", 8);

    expect(lines.every((line) => width(line) <= 8)).toBe(true);
    expect(lines.join("").replaceAll(" ", "")).toBe("a0123456789abcdefz");
  });
});
