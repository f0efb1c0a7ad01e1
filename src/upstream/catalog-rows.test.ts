import { describe, expect, it } from "vitest";
import { domainChecks } from "./catalog-checks.ts";
import { bodyHashes } from "./catalog-hashes.ts";
import { epochQuery } from "./catalog-queries.ts";
import { RowReader } from "./catalog-rows.ts";
import { inheritTriggers } from "./catalog-triggers.ts";

describe("a row of a catalog query", () => {
  it("is read value by value", () => {
    const reader = new RowReader(["23", "", "1 4294967295", "t", "f", null, "v"]);

    expect([reader.number(), reader.text(), reader.numbers(), reader.boolean(), reader.boolean()]).toEqual([
      23,
      "",
      [1, 4_294_967_295],
      true,
      false,
    ]);
    expect([reader.textOrNull(), reader.oneOf(["s", "v"])]).toEqual([null, "v"]);
  });

  it.each<[string, readonly (string | null)[], (reader: RowReader) => unknown]>([
    ["a NULL that must not be", [null], (r) => r.text()],
    ["a value too few", [], (r) => r.textOrNull()],
    ["a number with a sign", ["-1"], (r) => r.number()],
    ["an empty number", [""], (r) => r.number()],
    ["two spaces between numbers", ["1  2"], (r) => r.numbers()],
    ["a boolean in words", ["true"], (r) => r.boolean()],
    ["a kind that no known server has", ["z"], (r) => r.oneOf(["r", "v"])],
  ])("is refused where it holds %s", (_what, row, read) => {
    expect(() => read(new RowReader(row))).toThrow(expect.objectContaining({ code: "UPSTREAM_UNSUPPORTED" }));
  });
});

describe("a domain's check", () => {
  const operators = [
    { oid: 521, schema: "pg_catalog", name: ">", function: 147 },
    { oid: 97, schema: "pg_catalog", name: "<", function: 66 },
  ];

  it("runs what its tree names, wherever it stands, and what is behind its operators", () => {
    const tree =
      "{BOOLEXPR :boolop and :args ({OPEXPR :opno 521 :opfuncid 0 :args ({FUNCEXPR :funcid 777 :funcresulttype 23}" +
      " {COERCEVIAIO :arg {COERCETODOMAINVALUE :typeId 23} :resulttype 600}) :location 8} " +
      "{ROWCOMPAREEXPR :rctype 1 :opnos (o 97 521) :opfamilies (o 1976 1976)} {SCALARARRAYOPEXPR :opno 97 :opfuncid 66 :hashfuncid 5})}";

    const [check] = domainChecks([{ domain: 1, name: "c", definition: "CHECK (…)", tree }], operators).get(1) ?? [];

    expect(check?.functions).toEqual([5, 66, 147, 777]);
    expect(check?.operators).toEqual([97, 521]);
    expect(check?.types).toEqual([600]);
  });

  it("stands beside the others of its domain", () => {
    const row = { definition: "", tree: "{CONST}" };
    const checks = domainChecks(
      [1, 2, 1].map((domain, at) => ({ ...row, domain, name: `c${at}` })),
      operators,
    );

    expect(checks.get(1)?.map(({ name }) => name)).toEqual(["c0", "c2"]);
    expect(checks.get(2)?.map(({ name }) => name)).toEqual(["c1"]);
  });
});

describe("the body hash of an aggregate", () => {
  const each = (oid: number, bodyHash: string) => ({ ...FUNCTION, oid, bodyHash });
  const hashed = (support: string, definition = "(1,2)") =>
    bodyHashes([each(1, "a"), each(2, support)], new Map([[1, { definition, support: [2, 0] }]]));

  it("changes with its definition and with its support functions, whose own stays", () => {
    const [aggregate, support] = hashed("b");

    expect(support?.bodyHash).toBe("b");
    expect(aggregate?.bodyHash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashed("b")[0]?.bodyHash).toBe(aggregate?.bodyHash);
    expect(hashed("c")[0]?.bodyHash).not.toBe(aggregate?.bodyHash);
    expect(hashed("b", "(1,3)")[0]?.bodyHash).not.toBe(aggregate?.bodyHash);
  });
});

describe("triggers of a table", () => {
  it("are fired by writes to all that it inherits from, also where the server claims a circle", () => {
    const own = new Map([
      [3, { any: true, users: false }],
      [4, { any: true, users: true }],
    ]);
    const parents = new Map([
      [3, [2]],
      [2, [1]],
      [4, [2]],
      [1, [3]],
    ]);

    const all = inheritTriggers(own, parents);

    expect([1, 2, 3, 4, 5].map((oid) => all.get(oid)?.users)).toEqual([true, true, true, true, undefined]);
  });
});

describe("the look for changes", () => {
  it("compares with a snapshot as the server prints it, and puts nothing else into its text", () => {
    expect(epochQuery("10:12:10,11")).toContain("s.t = '10:12:10,11'");
    expect(epochQuery("10:12:' OR true --")).toBe(epochQuery(null));
  });
});

const FUNCTION = {
  schema: "public",
  name: "f",
  arguments: "",
  argumentTypes: [],
  returns: "",
  kind: "f",
  volatility: "v",
  language: "sql",
  securityDefiner: false,
  leakProof: false,
  owner: "o",
  hasDefaults: false,
  configured: false,
  builtIn: false,
} as const;
