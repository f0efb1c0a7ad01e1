import { describe, expect, it } from "vitest";
import { compilePolicies } from "./compile.ts";
import { PolicyError } from "./problem.ts";
import { runPolicyTests } from "./run-table-tests.ts";
import { starterPolicy } from "./starter.ts";
import { parsePolicyTests } from "./table-tests.ts";

const TESTS = `# What the shop's policy promises
database: shop
principals:
  support-bot: { groups: [agents] }
  clerk: { kind: human, groups: [clerks], claims: { team: support } }
tests:
  - as: support-bot
    statement: SELECT * FROM orders
    expect: permit
    policy: agents-read
  - name: writes wait
    as: support-bot
    request: { action: update, table: shop.public.orders }
    expect: hold
    policy: [writes-wait-for-dba]
  - as: support-bot
    request: { action: delete, table: 'shop.public."Old Orders"' }
    context: { matchesAll: true, approvedBy: [dba] }
    expect: deny
    policy: name-the-rows
  - as: clerk
    requests: [{ action: connect }, { action: reveal, label: pii }]
    expect: deny
    policy: none
`;
const set = compilePolicies([{ name: "starter.cedar", text: starterPolicy("shop") }], {
  shop: { environment: "prod" },
});
const table = { kind: "table", database: "shop", schema: "public", name: "orders", relationKind: "r" } as const;

function problemsOf(text: string): readonly string[] {
  try {
    parsePolicyTests("shop.test.yaml", text);
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("table tests of a policy", () => {
  it("are read with their places", () => {
    const tests = parsePolicyTests("shop.test.yaml", TESTS);

    expect(tests.map(({ line, name }) => `${line} ${name}`)).toEqual([
      "7 SELECT * FROM orders",
      "11 writes wait",
      "16 delete as support-bot",
      "21 connect as clerk",
    ]);
    expect(tests[0]?.principal).toMatchObject({ kind: "agent", id: "https://idp.example.com#support-bot" });
    expect(tests[2]?.requests).toEqual([{ action: "delete", resource: { ...table, name: "Old Orders" } }]);
  });

  it("pass where the policy keeps them", () => {
    const asked: string[] = [];
    const results = runPolicyTests(parsePolicyTests("shop.test.yaml", TESTS), set, (statement) => {
      asked.push(statement);
      return { requests: [{ action: "select", resource: table }] };
    });

    expect(results.map(({ passed, verdict }) => [passed, verdict])).toEqual([
      [true, "permit"],
      [true, "hold"],
      [true, "deny"],
      [true, "deny"],
    ]);
    expect(asked).toEqual(["SELECT * FROM orders"]);
  });

  it("fail with what was decided instead, and why", () => {
    const [result] = runPolicyTests(parsePolicyTests("shop.test.yaml", TESTS), set, () => ({
      requests: [{ action: "drop", resource: table }],
    }));

    expect(result).toMatchObject({ passed: false, verdict: "deny", policies: ["no-definitions"] });
    expect(result?.lines.slice(0, 3)).toEqual([
      "expected permit by agents-read, decided deny by no-definitions",
      "drop on table shop.public.orders",
      expect.stringMatching(/^ {2}denied by no-definitions \(starter\.cedar:\d+\): agents do not change definitions$/),
    ]);
  });

  it("fail where the right verdict has another policy's name, or another than none", () => {
    const tests = parsePolicyTests(
      "t.yaml",
      TESTS.replace("policy: name-the-rows", "policy: no-definitions").replace("[writes-wait-for-dba]", "none"),
    );
    const results = runPolicyTests(tests, set, () => ({ requests: [] }));

    expect(results.map(({ passed }) => passed)).toEqual([false, false, false, true]);
  });

  it("fail where a statement cannot be resolved, and take a refusal for a denial", () => {
    const tests = parsePolicyTests("t.yaml", TESTS);
    const [thrown] = runPolicyTests(tests, set, () => {
      throw new Error("no such table");
    });
    const [refused] = runPolicyTests(tests, set, () => ({ requests: [], refusal: "DO cannot be judged" }));

    expect(thrown).toMatchObject({
      passed: false,
      verdict: "unresolved",
      lines: [expect.stringContaining("no such table")],
    });
    expect(refused).toMatchObject({ passed: false, verdict: "deny" });
  });

  it.each([
    ["tests: [", "not valid YAML"],
    [TESTS.replace("as: clerk", "as: clark"), '21:5: tests.3.as: no principal is named "clark" (did you mean clerk?)'],
    [TESTS.replace("expect: hold", "expects: hold"), '"expects" is no key here (did you mean expect?)'],
    [TESTS.replace("expect: hold", "expect: held"), "shop.test.yaml:14:"],
    [TESTS.replace("action: update", "action: updat"), "shop.test.yaml:13:"],
    [TESTS.replace("shop.public.orders", "public.orders"), "the resource is written as policies write it"],
    [TESTS.replace("database: shop\n", ""), "no database is named"],
    [TESTS.replace("    statement: SELECT * FROM orders\n", ""), "a test has a statement, or requests, and not both"],
    [TESTS.replace("matchesAll: true", "matchesAl: true"), "did you mean matchesAll?"],
    ["principals: {}\ntests: []", "tests"],
  ])("with a mistake are refused, with its place", (text, message) => {
    expect(problemsOf(text).join("\n")).toContain(message);
  });
});
