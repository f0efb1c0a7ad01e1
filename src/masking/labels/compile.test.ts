import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config/problems.ts";
import { compileLabels, NO_LABELS } from "./compile.ts";

const FILE = `masks:
  pii.ssn: redact
  pii.email: { mask: partial, show: 2, from: start }
  pii.born: { mask: generalise, to: decade, strict: true }
  pay: "null"
columns:
  shop.public.customers.ssn: pii.ssn
  "shop.public.*.email": pii.email
  shop.public."Odd.Name".x: public
databases:
  shop:
    columns:
      public.people.born: pii.born
  stock:
    quarantine: off
`;

/** `line:column: key: message (suggestion)` of each problem. */
function problems(text: string, databases?: readonly string[]): readonly string[] {
  try {
    compileLabels(text, "labels.yaml", databases);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n").map((line) => line.replace("labels.yaml:", ""));
  }
}

describe("labels.yaml", () => {
  it("gives labels their masks, with what is not said filled in", () => {
    const { masks } = compileLabels(FILE, "labels.yaml");

    expect([...masks.entries()]).toEqual([
      ["quarantine", { mask: { mask: "default" }, strict: false }],
      ["pii.ssn", { mask: { mask: "redact" }, strict: false }],
      ["pii.email", { mask: { mask: "partial", show: 2, from: "start", fill: "***" }, strict: false }],
      ["pii.born", { mask: { mask: "generalise", to: "decade" }, strict: true }],
      ["pay", { mask: { mask: "null" }, strict: false }],
    ]);
  });

  it("gives columns their labels, in one list or a database's own, each with its line", () => {
    const { rules } = compileLabels(FILE, "labels.yaml");

    expect(rules.map(({ text, label, line, column }) => `${line}:${column} ${text} ${label}`)).toEqual([
      "7:3 shop.public.customers.ssn pii.ssn",
      "8:3 shop.public.*.email pii.email",
      '9:3 shop.public."Odd.Name".x public',
      "13:7 shop: public.people.born pii.born",
    ]);
    expect(rules[2]?.parts[2]).toEqual({ pieces: ["Odd.Name"] });
    expect(rules[3]?.parts[0]).toEqual({ pieces: ["shop"] });
  });

  it("has the SHA-256 of its text as its version, and says where columns are quarantined", () => {
    const set = compileLabels(FILE, "labels.yaml");

    expect(set.version).toBe(createHash("sha256").update(FILE).digest("hex"));
    expect([set.quarantines("shop"), set.quarantines("stock"), set.quarantines("constructor")]).toEqual([
      true,
      false,
      true,
    ]);
    expect([NO_LABELS.rules.length, NO_LABELS.quarantines("shop")]).toEqual([0, false]);
  });

  it("may be empty", () => {
    expect(compileLabels("", "labels.yaml").rules).toEqual([]);
  });

  it.each([
    ["mask: {}", ['1:1: mask: unknown key (did you mean "masks"?)']],
    [
      "masks: { a: redcat }",
      ['1:13: masks.a: expected default or null or redact or partial or generalise or token (did you mean "redact"?)'],
    ],
    ["masks: { a: null }", ['1:13: masks.a: nothing stands here (the mask of that name is written "null")']],
    ["masks: { a: { mask: partial, shwo: 3 } }", ['1:30: masks.a.shwo: unknown key (did you mean "show"?)']],
    ["masks: { a: { mask: redact, show: 3 } }", ["1:29: masks.a.show: unknown key"]],
    [
      "masks: { a: { show: 3 } }",
      ["1:13: masks.a: the key mask is missing (one of default, null, redact, partial, generalise, token)"],
    ],
    [
      'masks: { a: { mask: partial, fill: "it\'s" } }',
      ["1:36: masks.a.fill: quotes and backslashes cannot stand in it"],
    ],
    ["masks: { a: { mask: partial, show: 0 } }", ["1:36: masks.a.show: Too small: expected number to be >=1"]],
    ["masks: { a: 5 }", ["1:13: masks.a: expected another kind of value, found a number"]],
    [
      "masks: { 'a b': redact }",
      ["1:10: masks.a b: a label is written with letters, digits, _ and -, and dots between its parts"],
    ],
    ["masks: { public: redact }", ["1:10: masks.public: what is public has no mask (leave the line out)"]],
    ["masks: { a: redact, a: redact }", ["this key stands here already"]],
    [
      "columns: { d.s.t.c: pii.emial }\nmasks: { pii.email: redact }",
      ['1:21: columns.d.s.t.c: the label "pii.emial" is not among masks (did you mean "pii.email"?)'],
    ],
    [
      "columns: { d.s.t: public }",
      ["1:12: columns.d.s.t: it has 3 parts, not 4 (database.schema.table.column, such as shop.public.*.email)"],
    ],
    [
      "columns: { d.s.T.c: public }",
      ['1:12: columns.d.s.T.c: "T" is no name without quotes (write t, or "T" in quotes if that is its name)'],
    ],
    ["columns: { d.s..c: public }", ["1:12: columns.d.s..c: this is no pattern"]],
    [
      "databases: { d: { columns: { s.t.c: nothing } } }",
      ['1:37: databases.d.columns.s.t.c: the label "nothing" is not among masks (add to masks: nothing: default)'],
    ],
    ["quarantine: maybe", ["1:13: quarantine: expected on or off"]],
    ["detectors: { typse: {} }", ["did you mean"]],
    ["columns: [", ["not valid YAML"]],
    ["columns: [a]", ["1:10: columns: expected something else, found a list"]],
  ])("is refused with the place and what was meant: %s", (text, expected) => {
    const found = problems(text);

    expect(found).toHaveLength(expected.length);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(line);
  });

  it("names no database that the configuration does not have", () => {
    expect(problems(FILE, ["shop", "stock"])).toEqual([]);
    expect(problems(FILE, ["shops"]).filter((line) => line.includes("there is no database"))).toHaveLength(5);
    expect(problems("columns: { '*.s.t.c': public }", ["shop"])).toEqual([]);
    expect(problems("databases: { stcok: {} }", ["stock"])).toEqual([
      '1:14: databases.stcok: there is no database "stcok" in the configuration (did you mean "stock"?)',
    ]);
  });
});
