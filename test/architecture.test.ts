import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SRC = join(ROOT, "src");

/** The way of a statement, then what stands on it: a folder imports only from itself and from folders before it. */
const ORDER = [
  ...["version", "base", "config", "telemetry", "wire", "audit", "recording", "store", "identity", "listener"],
  ...[
    "statement",
    "analysis",
    "policy",
    "approval",
    "upstream",
    "masking",
    "gateway",
    "evidence",
    "http",
    "mcp",
    "cli",
    "demo",
    "main",
  ],
];

/** Imports against the order, each with its reason. `type`: of types only, which leave nothing in the compiled code. */
const AGAINST_THE_ORDER = [
  // A prepared statement is kept with what analysis found of it; the value is made by analysis and only carried here.
  { from: "statement/statement.ts", to: "analysis/parsed-statement.ts", only: "type" },
  // The commands that run what stands behind them, loaded when they are asked for.
  { from: "cli/commands/start.ts", to: "main.ts", only: "type or on demand" },
  { from: "cli/commands/demo.ts", to: "demo/main.ts", only: "on demand" },
  // The demo runs the gateway as an installation does.
  { from: "demo/start-demo.ts", to: "main.ts", only: undefined },
] as const;

/** Folders that never wait and touch no socket, clock or file. */
const PURE = ["wire", "analysis", "policy", "masking"];
const PURE_MODULES = ["node:buffer", "node:crypto"];
/** The hand-over of long texts to threads stands beside the parser that it serves. */
const IMPURE_FILES = ["analysis/worker-pool.ts", "analysis/parse-worker.ts"];

interface Import {
  /** As written. */
  readonly specifier: string;
  readonly kind: "static" | "type" | "on demand";
}

interface Source {
  /** Below src, with `/`. */
  readonly name: string;
  readonly folder: string;
  /** Without comments. */
  readonly code: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

function sourcesIn(folder: string): readonly Source[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return names
    .filter((name) => !/\.(test|d)\.ts$/.test(name))
    .map((name) => readSource(folder, name.replaceAll("\\", "/")));
}

function readSource(folder: string, name: string): Source {
  const text = readFileSync(join(folder, name), "utf8");
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1");
  const [first = ""] = name.split("/");
  return { name, folder: first.replace(/\.ts$/, ""), code, text, imports: importsOf(code) };
}

function importsOf(code: string): readonly Import[] {
  const statements = code.matchAll(
    /^\s*(?:import|export)\s+(type\s)?[^;"'`]*?\bfrom\s+"([^"]+)"|^\s*import\s+"([^"]+)"/gm,
  );
  const fixed = [...statements].map(([, type, from, bare]) => ({
    specifier: from ?? bare ?? "",
    kind: type === undefined ? ("static" as const) : ("type" as const),
  }));
  const calls = [...code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)];
  const found = [...fixed, ...calls.map(([, specifier = ""]) => ({ specifier, kind: "on demand" as const }))];
  // Code inside a template, for a child process: its specifiers are put together at run time.
  return found.filter(({ specifier }) => !specifier.includes("$" + "{"));
}

const sources = sourcesIn(SRC);
const byName = new Map(sources.map((source) => [source.name, source]));

/** The file below src that `specifier` means in `source`; undefined for a package. */
function target(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return relative(SRC, resolve(SRC, dirname(source.name), specifier)).replaceAll("\\", "/");
}

function isExcused(source: Source, to: string, { kind }: Import): boolean {
  return AGAINST_THE_ORDER.some(
    (one) => one.from === source.name && one.to === to && (one.only === undefined || one.only.includes(kind)),
  );
}

describe("the reading of imports, on which this file stands", () => {
  it("finds every form", () => {
    const code = [
      'import { a,\n  b } from "./a.ts";',
      'import type { C } from "../c.ts";',
      'import "./side-effect.ts";',
      'export { d } from "./d.ts";',
      'const { e } = await import("../e.ts");',
      "const text = 'nothing from \"here\"';",
    ].join("\n");

    expect(importsOf(code).map(({ specifier, kind }) => `${kind} ${specifier}`)).toEqual([
      "static ./a.ts",
      "type ../c.ts",
      "static ./side-effect.ts",
      "static ./d.ts",
      "on demand ../e.ts",
    ]);
  });

  it("finds the sources and their imports", () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(byName.get("main.ts")?.imports.length).toBeGreaterThan(10);
  });
});

describe("a folder of src", () => {
  it("is in the order", () => {
    expect([...new Set(sources.map(({ folder }) => folder))].filter((folder) => !ORDER.includes(folder))).toEqual([]);
  });

  it("imports only from itself and from folders before it", () => {
    const against = sources.flatMap((source) =>
      source.imports.flatMap((one) => {
        const to = target(source, one.specifier);
        if (to === undefined || isExcused(source, to, one)) return [];
        const [folder = ""] = to.split("/");
        const above = ORDER.indexOf(folder.replace(/\.ts$/, "")) > ORDER.indexOf(source.folder);
        return above || !byName.has(to) ? [`${source.name} imports ${to}`] : [];
      }),
    );

    expect(against).toEqual([]);
  });

  it("has no exception that is not needed any more", () => {
    const unused = AGAINST_THE_ORDER.filter(({ from, to }) => {
      const source = byName.get(from);
      return source === undefined || !source.imports.some(({ specifier }) => target(source, specifier) === to);
    });

    expect(unused).toEqual([]);
  });

  it("is imported by file: there is no barrel", () => {
    const barrels = sources.filter(
      ({ name, code }) => /(^|\/)index\.ts$/.test(name) || /^\s*export\s+\*\s+from/m.test(code),
    );

    expect(barrels.map(({ name }) => name)).toEqual([]);
  });
});

describe("wire, analysis, policy and masking", () => {
  const pure = sources.filter(({ folder, name }) => PURE.includes(folder) && !IMPURE_FILES.includes(name));

  it("import no socket, file, timer, process or thread", () => {
    const impure = pure.flatMap(({ name, imports }) =>
      imports
        .filter(({ specifier }) => specifier.startsWith("node:") && !PURE_MODULES.includes(specifier))
        .map(({ specifier }) => `${name} imports ${specifier}`),
    );

    expect(pure.length).toBeGreaterThan(20);
    expect(impure).toEqual([]);
  });

  it("ask no clock, environment or network, and set no timer", () => {
    const asks =
      /\b(process\.(?!versions)|Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(|setImmediate\(|fetch\()/;

    expect(pure.filter(({ code }) => asks.test(code)).map(({ name }) => name)).toEqual([]);
  });
});

describe("a stage", () => {
  /** Where time, chance and environment come in; from there on they are arguments. */
  const EDGES = ["base/clock.ts", "cli/context.ts", "cli/main.ts"];
  const stages = sources.filter(({ folder, name }) => folder !== "demo" && !EDGES.includes(name));

  it.each([
    ["the time", /\bDate\.now\(|\bnew Date\(\)/],
    ["chance", /\bMath\.random\(/],
    ["the environment", /\bprocess\.env\b/],
    ["the console", /\bconsole\./],
  ])("does not ask for %s itself", (_, pattern) => {
    expect(stages.filter(({ code }) => pattern.test(code)).map(({ name }) => name)).toEqual([]);
  });

  it("opens with what it is and what it deliberately does not do", () => {
    const silent = sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text));

    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

describe("audit/verify", () => {
  it("runs with src/audit and src/base alone", () => {
    const reached = new Set(["audit/verify.ts"]);
    const packages = new Set<string>();
    for (const name of reached) {
      const source = byName.get(name);
      if (source === undefined) throw new Error(`${name} is not there`);
      for (const { specifier } of source.imports) {
        const to = target(source, specifier);
        if (to === undefined) packages.add(specifier);
        else reached.add(to);
      }
    }

    expect(reached.size).toBeGreaterThan(3);
    expect([...reached].filter((name) => !/^(audit|base)\//.test(name))).toEqual([]);
    expect([...packages].filter((name) => !name.startsWith("node:"))).toEqual([]);
  });
});

describe("the contract of the HTTP API", () => {
  it("imports nothing of the gateway, so that the console can use it", () => {
    const specifiers = byName.get("http/contract.ts")?.imports.map(({ specifier }) => specifier);

    expect(specifiers).toEqual(["zod"]);
  });
});

describe("a package that is imported", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const installed = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const packageOf = (specifier: string) =>
    specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
  const missing = (from: readonly Source[], known: readonly string[]) =>
    from.flatMap(({ name, imports }) =>
      imports
        .map(({ specifier }) => specifier)
        .filter(
          (specifier) =>
            !specifier.startsWith(".") && !specifier.startsWith("node:") && !known.includes(packageOf(specifier)),
        )
        .map((specifier) => `${name} imports ${specifier}`),
    );

  it("by src is a dependency of an installation", () => {
    expect(missing(sources, installed)).toEqual([]);
  });

  it("by tests and benchmarks is in package.json at all", () => {
    const known = [...installed, ...Object.keys(manifest.devDependencies)];
    const others = ["test", "bench"].flatMap((folder) => {
      const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).filter((name) =>
        name.endsWith(".ts"),
      );
      return names.map((name) => readSource(join(ROOT, folder), name));
    });

    expect(missing(others, known)).toEqual([]);
  });

  it("has an exact version", () => {
    const versions = Object.entries<string>({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.devDependencies,
    });

    expect(versions.filter(([, version]) => !/^(npm:(@?[\w./-]+)@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual(
      [],
    );
  });
});

describe("the settings that this repository's own files rely on", () => {
  it("keep TypeScript strict and erasable", () => {
    const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8"));

    expect(compilerOptions).toMatchObject({
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noImplicitOverride: true,
      noPropertyAccessFromIndexSignature: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
    });
  });
});
