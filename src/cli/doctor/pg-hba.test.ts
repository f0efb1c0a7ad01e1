import { describe, expect, it } from "vitest";
import { waysAround } from "./pg-hba.ts";
import type { HbaRule } from "./upstream-facts.ts";

const WHO = { user: "agent", database: "shop" };

function rule(
  type: string,
  database: string,
  user: string,
  address: string | null,
  netmask: string | null,
  method: string,
): HbaRule {
  return { type, database: [database], user: [user], address, netmask, method };
}

const ONE = "255.255.255.255";

describe("the ways around the gateway, from pg_hba.conf", () => {
  it.each([
    ["a single address is none", [rule("hostssl", "shop", "agent", "10.0.0.7", ONE, "scram-sha-256")], []],
    [
      "a network is one",
      [rule("host", "all", "all", "10.0.0.0", "255.0.0.0", "scram-sha-256")],
      ["host 10.0.0.0/255.0.0.0 (scram-sha-256)"],
    ],
    ["everywhere is one", [rule("host", "all", "all", "all", null, "md5")], ["host all (md5)"]],
    ["another role's rule is none", [rule("host", "all", "dba", "all", null, "md5")], []],
    ["another database's rule is none", [rule("host", "payroll", "all", "all", null, "md5")], []],
    ["a group may hold the role", [rule("host", "all", "+staff", "all", null, "md5")], ["host all (md5)"]],
    ["local trust is one", [rule("local", "all", "all", null, null, "trust")], ["local (trust)"]],
    ["local peer is none", [rule("local", "all", "all", null, null, "peer")], []],
    [
      "a refusal of everything ends the search",
      [rule("host", "all", "agent", "all", null, "reject"), rule("host", "all", "all", "all", null, "md5")],
      [],
    ],
    [
      "a refusal of a part does not",
      [rule("host", "all", "agent", "10.0.0.0", "255.0.0.0", "reject"), rule("host", "all", "all", "all", null, "md5")],
      ["host all (md5)"],
    ],
  ])("%s", (_, rules, expected) => {
    expect(waysAround(rules, WHO)).toEqual(expected);
  });

  it("are unknown where the rules cannot be read", () => {
    expect(waysAround(undefined, WHO)).toBeUndefined();
  });
});
