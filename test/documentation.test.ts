import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { systemClock } from "../src/base/clock.ts";
import { ERRORS } from "../src/base/errors.ts";
import { EXIT } from "../src/cli/exit.ts";
import { buildProgram } from "../src/cli/program.ts";
import { createMetrics } from "../src/telemetry/metrics.ts";
import { commandReferences, commonOptionRows, settingRows, tableRows } from "./support/reference.ts";

function page(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../docs/reference/${name}.md`, import.meta.url)), "utf8");
}

/** A row as it stands in the page, so that a failure shows the line to write. */
function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

describe("docs/reference/settings.md", () => {
  it("has each key of the schema with its type, default, effect of a reload and meaning, and no other key", () => {
    const written = tableRows(page("settings")).filter((cells) => cells.length === 5);

    expect(written.map(line)).toEqual(settingRows().map(line));
  });
});

describe("docs/reference/errors.md", () => {
  it("has each error of the catalogue with its SQLSTATE and severity, and no other", () => {
    const written = tableRows(page("errors")).filter((cells) => cells.length === 5);

    expect(written.map(([code, sqlstate, severity]) => [code, sqlstate, severity])).toEqual(
      Object.entries(ERRORS).map(([code, { sqlstate, severity }]) => [`\`${code}\``, `\`${sqlstate}\``, severity]),
    );
    for (const [code, , , when, next] of written) {
      expect([code, (when ?? "").length > 10, (next ?? "").length > 10]).toEqual([code, true, true]);
    }
  });
});

describe("docs/reference/metrics.md", () => {
  it("has each metric with its type, labels and meaning, and no other", () => {
    const written = tableRows(page("metrics")).filter((cells) => cells.length === 4);
    const metrics = createMetrics()
      .describe()
      .map(({ name, type, labels, help }) => [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(", "),
        help,
      ]);

    expect(written.map(line).sort()).toEqual(metrics.map(line).sort());
  });

  it("names what a scrape gives", async () => {
    const scraped = [...(await createMetrics().render()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const described = createMetrics()
      .describe()
      .map(({ name, type }) => `${name} ${type}`);

    expect(scraped.filter((metric) => !described.includes(metric))).toEqual([]);
  });
});

describe("docs/reference/cli.md", () => {
  const stream = { isTerminal: false, columns: 0, color: false, write: () => undefined };
  const context = {
    out: stream,
    err: stream,
    env: {},
    cwd: "/",
    clock: systemClock,
    signal: new AbortController().signal,
  };
  const program = buildProgram(context, () => undefined);
  const commands = commandReferences(program);
  const sections = new Map(
    page("cli")
      .split(/^### /m)
      .slice(1)
      .map((section) => [
        section.slice(0, section.indexOf("\n")).replaceAll("`", ""),
        section.replace(/^## [\s\S]*/m, ""),
      ]),
  );

  it("has a section for each command, and none for what is no command", () => {
    expect([...sections.keys()].sort()).toEqual(commands.map(({ path }) => `postern ${path}`).sort());
  });

  it.each(commands)("has the usage and the options of $path", ({ path, usage, options, also, structured }) => {
    const section = sections.get(`postern ${path}`) ?? "";

    expect(section).toContain(`\`${usage}\``);
    expect(tableRows(section).map(line)).toEqual(options.map(line));
    expect(/^Also: .*$/m.exec(section)?.[0] ?? "").toBe(also);
    expect(/^Fields: /m.test(section)).toBe(structured);
  });

  it("has the options that many commands share", () => {
    const head = page("cli").split(/^### /m)[0] ?? "";

    expect(
      tableRows(head)
        .filter(([option = ""]) => option.includes("--"))
        .map(line),
    ).toEqual(commonOptionRows(program).map(line));
  });

  it("has each exit status", () => {
    const statuses = [...page("cli").matchAll(/^\| `(\d)` \| (\w+) \|/gm)].map(([, status, name]) => [
      name,
      Number(status),
    ]);

    expect(Object.fromEntries(statuses)).toEqual(EXIT);
  });
});
