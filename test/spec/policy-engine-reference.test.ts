import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { KNOWN_ANNOTATIONS } from "../../src/policy/annotations.ts";
import { compilePolicies } from "../../src/policy/compile.ts";
import { runPolicyTests } from "../../src/policy/run-table-tests.ts";
import { ACTIONS, CEDAR_SCHEMA } from "../../src/policy/schema.ts";
import { starterPolicy } from "../../src/policy/starter.ts";
import { parsePolicyTests } from "../../src/policy/table-tests.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/reference/policy.md", import.meta.url)), "utf8");
const DATABASES = { shop: { environment: "prod" } };

/** First cells of the table under a heading, each `name` of them. */
function namesUnder(heading: string, cell = 0): readonly string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => /^\| `/.test(line));
  return rows.flatMap((row) =>
    [...(row.split("|")[cell + 1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
}

function block(language: string, part: string): string {
  const blocks = [...page.matchAll(/```(\w*)\n([\s\S]*?)```/g)].filter(([, found]) => found === language);
  return blocks.find(([, , text = ""]) => text.includes(part))?.[2] ?? "";
}

describe("docs/reference/policy.md", () => {
  it("lists exactly the actions, with their groups", () => {
    expect([...namesUnder("Actions")].sort()).toEqual(Object.keys(ACTIONS).sort());
    for (const [name, { group }] of Object.entries(ACTIONS)) {
      const row = page
        .split("\n")
        .find((line) => line.startsWith("| `") && line.split("|")[1]?.includes(`\`${name}\``));
      expect(row?.split("|")[2]?.trim()).toBe(group === undefined ? "" : `\`${group}\``);
    }
  });

  it("lists exactly the members of the context", () => {
    const contexts = [...CEDAR_SCHEMA.matchAll(/context: \{ (.*?) \}/g)].map(([, members = ""]) => members);
    const members = contexts.flatMap((text) => [...text.matchAll(/(\w+)\??: /g)].map(([, name = ""]) => name));

    expect([...namesUnder("Context")].filter((name) => /^\w+$/.test(name)).sort()).toEqual(
      [...new Set(members)].sort(),
    );
  });

  it("lists exactly the annotations", () => {
    expect(namesUnder("Annotations")).toEqual(expect.arrayContaining(KNOWN_ANNOTATIONS.map((name) => `@${name}`)));
    expect(namesUnder("Annotations")).toHaveLength(KNOWN_ANNOTATIONS.length);
  });

  it("shows a hold that compiles, and tests that the starter policy passes", () => {
    expect(compilePolicies([{ name: "page", text: block("cedar", "@approvers") }], DATABASES).policies).toHaveLength(1);

    const tests = parsePolicyTests("page", block("yaml", "principals:"));
    const set = compilePolicies([{ name: "starter", text: starterPolicy("shop") }], DATABASES);
    const orders = { kind: "table", database: "shop", schema: "public", name: "orders", relationKind: "r" } as const;
    const results = runPolicyTests(tests, set, () => ({ requests: [{ action: "select", resource: orders }] }));

    expect(results.map(({ passed }) => passed)).toEqual([true, true]);
  });
});
