import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MASKS, UNITS } from "../masks/mask.ts";
import { compileLabels } from "./compile.ts";
import { labelsJsonSchema } from "./document.ts";

const page = readFileSync(new URL("../../../docs/reference/labels.md", import.meta.url), "utf8");

describe("docs/reference/labels.md", () => {
  it("has every key of the file, every mask and every unit", () => {
    const keys = Object.keys(labelsJsonSchema().properties ?? {});

    expect(keys).toEqual(["masks", "columns", "databases", "quarantine", "notice", "detectors"]);
    for (const key of keys) expect(page).toMatch(new RegExp(`^\\| \`${key}[\`.]`, "m"));
    for (const mask of MASKS) expect(page).toContain(`| \`${mask}\` |`);
    for (const unit of UNITS) expect(page).toContain(`\`${unit}\``);
  });

  it("has an example that can be used as it stands", () => {
    const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? "";

    const { rules } = compileLabels(example, "labels.yaml", ["shop"]);

    expect(rules.map(({ label }) => label)).toEqual(["pii.ssn", "pii.email", "public"]);
  });
});
