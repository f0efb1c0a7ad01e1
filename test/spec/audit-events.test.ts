/** docs/reference/events.md is what verifiers and auditors read: it has each type and member that the code has, and no other. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ENTRY_SHAPES, SESSION_TYPES } from "../../src/audit/entry-shape.ts";

const page = readFileSync(new URL("../../docs/reference/events.md", import.meta.url), "utf8");

/** Rows of the first table in `text`: cells, without the header. */
function tableOf(text: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^\|-/.test(line)) + 1;
  if (start === 0) return [];
  const end = lines.findIndex((line, i) => i >= start && !line.startsWith("|"));
  return lines.slice(start, end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|").replaceAll("`", "")),
  );
}

/** The sections under "## Types", by heading. */
function typeSections(): Map<string, string> {
  const types = page.slice(page.indexOf("## Types"), page.indexOf("## The folder"));
  return new Map(
    types
      .split("\n### ")
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf("\n")), text]),
  );
}

describe("the reference of events", () => {
  it("has a section for each type, and none for what is not one", () => {
    expect([...typeSections().keys()].sort()).toEqual(Object.keys(ENTRY_SHAPES).sort());
  });

  it.each(Object.entries(ENTRY_SHAPES))("has the members of %s with their shapes", (type, members) => {
    const rows = tableOf(typeSections().get(type) ?? "");

    expect(Object.fromEntries(rows.map(([name, shape]) => [name, shape]))).toEqual(members);
    for (const [, , meaning] of rows) expect(meaning).not.toBe("");
  });

  it("names each shape, and the types that belong to a session", () => {
    const named = new Set(tableOf(page.slice(page.indexOf("## Shapes"))).map(([name]) => name));
    const shapes = Object.values(ENTRY_SHAPES).flatMap((members) => Object.values<string>(members));

    for (const shape of shapes.map((one) => one.replace("?", "")))
      expect(named).toContain(shape.includes("|") ? "a|b" : shape);
    const sentence = /Entries of a session are those of the types ([^.]*(?:\.[a-z_][^.]*)*)\. No/.exec(page)?.[1] ?? "";
    expect(sentence.match(/[a-z]+\.[a-z_]+/g)).toEqual([...SESSION_TYPES]);
  });
});
