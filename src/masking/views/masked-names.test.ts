/** The server's own text of a definition, with masks in the place of columns: qualified, bare, quoted, and what only looks like one. */

import { describe, expect, it } from "vitest";
import { maskNames } from "./masked-names.ts";

const mask = (reference: string): string => `mask(${reference})`;
const PEOPLE = {
  name: "p",
  columns: [
    { name: "id", masked: null },
    { name: "ssn", masked: mask },
    { name: "Odd name", masked: mask },
  ],
};

describe("masks in the place of a definition's columns", () => {
  const texts: readonly (readonly [definition: string, masked: string])[] = [
    ['SELECT p.id, p.ssn, p."Odd name" FROM s.p', 'SELECT p.id, mask(p.ssn), mask(p."Odd name") FROM s.p'],
    ["SELECT upper(p.ssn) AS ssn, q.ssn FROM p, q", "SELECT upper(mask(p.ssn)) AS ssn, q.ssn FROM p, q"],
    ["SELECT 'p.ssn', p.ssn::ssn, x.p.ssn, p.ssn(1)", "SELECT 'p.ssn', mask(p.ssn)::ssn, x.p.ssn, p.ssn(1)"],
    ["SELECT ssn, P.ssn FROM p", "SELECT ssn, P.ssn FROM p"],
    ["SELECT é, p.ssn, 'ü' FROM p", "SELECT é, mask(p.ssn), 'ü' FROM p"],
  ];
  it.each(texts)("are put in by the table's name: %s", (definition, masked) => {
    expect(maskNames(definition, [PEOPLE], false)).toBe(masked);
  });

  it("are put in without it where nothing else is read", () => {
    expect(maskNames('SELECT id, ssn, "Odd name" AS ssn, p.ssn, ssn() FROM p', [PEOPLE], true)).toBe(
      'SELECT id, mask(ssn), mask("Odd name") AS ssn, mask(p.ssn), ssn() FROM p',
    );
  });
});
