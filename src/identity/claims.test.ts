import { describe, expect, it } from "vitest";
import { checkConditions, claimAt } from "./claims.ts";

const CLAIMS = {
  repository: "acme/shop",
  "kubernetes.io": { namespace: "reports", "a.b": { c: "deep" } },
  "https://example.com/roles": ["dba"],
  act: { sub: "agent" },
  list: [{ sub: "hidden" }],
  nothing: null,
};

describe("a claim path", () => {
  it.each([
    ["repository", "acme/shop"],
    ["act.sub", "agent"],
    ["kubernetes.io.namespace", "reports"],
    ["kubernetes.io.a.b.c", "deep"],
    ["https://example.com/roles", ["dba"]],
    ["nothing", null],
  ])("%s leads to %j", (path, value) => {
    expect(claimAt(CLAIMS, path)).toEqual(value);
  });

  it.each([
    ...["", ".", "act.", ".act", "act.sub.x", "repository.length", "list.0", "list.0.sub", "list.length", "nothing.x"],
    ...["__proto__", "constructor", "act.__proto__", "act.constructor.name", "toString"],
  ])("%j leads nowhere", (path) => {
    expect(claimAt(CLAIMS, path)).toBeUndefined();
  });

  it("that leads to two values is refused", () => {
    expect(() => claimAt({ "a.b": 1, a: { b: 2 } }, "a.b")).toThrow(expect.objectContaining({ reason: "malformed" }));
  });

  it("that a claim of the issuer calls __proto__ is a claim like any other", () => {
    expect(claimAt(JSON.parse('{"__proto__":{"admin":"yes"}}'), "admin")).toBeUndefined();
    expect(claimAt(JSON.parse('{"__proto__":{"admin":"yes"}}'), "__proto__.admin")).toBe("yes");
  });
});

describe("a condition on claims", () => {
  it.each([
    ["a", "a"],
    ["a", ["b", "a"]],
    [["x", "a"], "a"],
    [true, "true"],
    [42, "42"],
    [[7, "7"], "7"],
  ])("holds where the claim is %j and it asks for %j", (claim, wanted) => {
    expect(checkConditions({ claim }, { claim: wanted })).toEqual({ claim: expect.any(String) });
  });

  it.each([
    ["a", "A"],
    ["ab", "a"],
    ["", "a"],
    ["a", []],
    [[], "a"],
    [["a,b"], "a"],
    [[["a"]], "a"],
    [null, "null"],
    [1.5, "1.5"],
    [{ a: "a" }, "a"],
    [undefined, "undefined"],
    ["acme/shop", "acme/.*"],
    ["acme/shop", "acme/*"],
  ])("does not hold where the claim is %j and it asks for %j", (claim, wanted) => {
    expect(() => checkConditions({ claim }, { claim: wanted })).toThrow(
      expect.objectContaining({ reason: "claim_condition" }),
    );
  });

  it("must hold with every other one", () => {
    expect(() => checkConditions({ a: "1", b: "2" }, { a: "1", b: "3" })).toThrow(
      expect.objectContaining({ reason: "claim_condition" }),
    );
  });
});
