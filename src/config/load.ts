/** Reads postern.yaml into a Config, or says everything that is wrong with it at once. The only reader of the file. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { crossCheck } from "./cross-checks.ts";
import { ConfigDocument } from "./document.ts";
import { explainIssues } from "./explain.ts";
import type { Report } from "./files.ts";
import type { DocumentPath } from "./json-schema.ts";
import { ConfigError, type ConfigProblem, formatPath } from "./problems.ts";
import { resolveConfig } from "./resolve.ts";
import type { Config } from "./schema.ts";
import { checkFile } from "./secrets.ts";
import { type Finding, YamlSource } from "./yaml-source.ts";

/** What a look at a configuration found. */
export interface ConfigCheck {
  /** Absent where a problem is an error. */
  readonly config?: Config;
  /** By place in the file. Warnings too. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * The configuration in the file at `path`, frozen.
 * @param env where `${VARIABLE}` is looked up. @throws {ConfigError} with every problem that keeps it from being used.
 */
export function loadConfig(path: string, env: NodeJS.ProcessEnv): Config {
  const { config, problems } = checkConfig(path, env);
  if (config === undefined) throw new ConfigError(problems.filter(({ severity }) => severity === "error"));
  return config;
}

/** As `loadConfig`, with warnings and without throwing. Places name `path` as it was given. */
export function checkConfig(path: string, env: NodeJS.ProcessEnv): ConfigCheck {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    return { problems: [unreadable(path, error)] };
  }
  const source = new YamlSource(text);
  const findings = [...source.syntaxFindings()];
  const config = source.readable ? judge(source, resolve(path), env, findings) : undefined;
  const problems = findings.map((finding) => toProblem(path, finding));
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  const usable = config !== undefined && problems.every(({ severity }) => severity === "warning");
  return usable ? { config, problems } : { problems };
}

function judge(source: YamlSource, path: string, env: NodeJS.ProcessEnv, findings: Finding[]): Config | undefined {
  const missingVariables = source.interpolate(env);
  findings.push(...missingVariables);
  const value = plainValue(source, findings);
  if (value === unreadableValue) return undefined;
  const parsed = ConfigDocument.safeParse(value);
  if (!parsed.success) {
    // A value whose variable is missing is wrong for that reason alone.
    const excused = new Set(missingVariables.map((finding) => formatPath(finding.path)));
    const explained = explainIssues(parsed.error.issues, value, source);
    findings.push(...explained.filter((finding) => !excused.has(formatPath(finding.path))));
    return undefined;
  }
  const report: Report = (severity, at, message, suggestion) => {
    findings.push({
      severity,
      path: at,
      position: positionOf(source, at),
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  };
  crossCheck(parsed.data, report);
  return resolveConfig(parsed.data, path, report, (at, text) => {
    const why = source.hasVariable(at) || !holdsPassword(text) ? undefined : openToOthers(path);
    if (why !== undefined) report("warning", at, `this secret stands in the file itself, and ${why}`);
  });
}

/** A connection URL without a password is no secret. */
function holdsPassword(text: string): boolean {
  return !/^postgres(ql)?:\/\//.test(text) || /^\w+:\/\/[^/@]*:[^/]*@|[?&]password=/.test(text);
}

function openToOthers(path: string): string | undefined {
  return checkFile(path, { private: true }).warning;
}

const unreadableValue = Symbol("unreadable");

function plainValue(source: YamlSource, findings: Finding[]): unknown {
  try {
    return source.value() ?? {};
  } catch {
    // Its message quotes the file. Where no alias is dangling, aliases of aliases are: a few lines that stand for gigabytes.
    const position = { line: 1, column: 1 };
    const message = "the aliases in this file multiply beyond reason";
    if (findings.length === 0) findings.push({ severity: "error", path: [], position, message });
    return unreadableValue;
  }
}

/** A block is pointed at by its key, a value by itself. */
function positionOf(source: YamlSource, path: DocumentPath): Finding["position"] {
  return source.isBlock(path) ? source.keyPosition(path) : source.valuePosition(path);
}

function toProblem(file: string, { severity, path, position, message, suggestion }: Finding): ConfigProblem {
  const { line, column } = position;
  const problem = { severity, file, line, column, path: formatPath(path), message };
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

function unreadable(file: string, error: unknown): ConfigProblem {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const place = { severity: "error", file, line: 1, column: 1, path: "" } as const;
  if (code === "ENOENT")
    return { ...place, message: "there is no such file", suggestion: "postern init writes one to start from" };
  if (code === "EACCES") return { ...place, message: "this file may not be read by this account" };
  if (code === "EISDIR") return { ...place, message: "this is a folder", suggestion: "name the postern.yaml in it" };
  if (error instanceof TypeError) return { ...place, message: "this file is not UTF-8 text" };
  return { ...place, message: `this file cannot be read: ${error instanceof Error ? error.message : String(error)}` };
}
