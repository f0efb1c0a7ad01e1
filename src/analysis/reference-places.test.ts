import { describe, expect, it } from "vitest";
import type { FoundRelation } from "./reference-finder.ts";
import { placeColumn, placeRelation, Tokens } from "./reference-places.ts";

const tokensOf = (text: string) => new Tokens(new TextEncoder().encode(text), { startByte: 0, endByte: text.length });

const FOUND: FoundRelation = {
  fields: { inh: true },
  name: ["s", "t"],
  location: 14,
  alias: { name: "x", renames: true },
  place: "from",
  sample: { location: 39 },
  shadowed: false,
  level: null,
};
const TEXT = "SELECT 1 FROM s.t AS x (a) TABLESAMPLE f (1)";

describe("the place of a relation", () => {
  it("is what the tokens from its first on are", () => {
    expect(placeRelation(FOUND, tokensOf(TEXT))).toEqual({
      startByte: 14,
      endByte: 17,
      aliasEndByte: 26,
      sampled: { startByte: 27, endByte: 44 },
      isTable: false,
      only: false,
    });
  });

  it.each<readonly [string, Partial<FoundRelation>, string]>([
    ["no token begins there", { location: 13 }, TEXT],
    ["it is none at all", { location: -1 }, TEXT],
    ["another name stands there", { name: ["s", "u"] }, TEXT],
    ["a longer one does", { name: ["d", "s", "t"] }, TEXT],
    ["another alias does", { alias: { name: "y", renames: true } }, TEXT],
    ["the alias has no columns", {}, TEXT.replace("(a)", "   ")],
    ["parentheses do not close", {}, TEXT.replace("(1)", "(1 ")],
    ["it is not ONLY", { fields: {} }, TEXT],
    ["it is ONLY", {}, TEXT.replace("FROM", "ONLY")],
    ["ONLY does not close", { fields: {}, location: 15 }, "SELECT 1 ONLY (s.t AS x (a) TABLESAMPLE f (1)"],
    ["another method samples it", { sample: { location: 40 } }, TEXT],
    ["nothing samples it", {}, TEXT.replace("TABLESAMPLE", "TABLESIMPLE")],
    ["the seed is missing", { sample: { location: 39, repeatable: {} } }, TEXT],
  ])("is not known where %s", (_, difference, text) => {
    expect(placeRelation({ ...FOUND, ...difference }, tokensOf(text))).toBeNull();
  });
});

describe("the place of a column's schema", () => {
  it("ends where the table's name begins", () => {
    const tokens = tokensOf('SELECT d."s" . t.* FROM t');

    expect(placeColumn(7, ["d", "s", "t", "*"], tokens)).toEqual({ startByte: 7, endByte: 15 });
    expect(placeColumn(7, ["d", "S", "t", "*"], tokens)).toBeNull();
    expect(placeColumn(7, ["d", "s", "t", "a"], tokens)).toBeNull();
    expect(placeColumn(8, ["d", "s", "t", "*"], tokens)).toBeNull();
  });
});
