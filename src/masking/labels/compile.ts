/** Reads labels.yaml, or says everything that is wrong with it at once, with its place. What a catalog must tell is judged in check.ts. */

import { createHash } from "node:crypto";
import type { z } from "zod";
import { nearest } from "../../config/nearest.ts";
import { ConfigError, type ConfigProblem, formatPath } from "../../config/problems.ts";
import { YamlSource } from "../../config/yaml-source.ts";
import { DEFAULT_MASK, type MaskSpec } from "../masks/mask.ts";
import { LabelsDocument, type LabelsFile, MaskOptions, PUBLIC, QUARANTINE } from "./document.ts";
import { explainIssue, type LabelsFinding } from "./explain.ts";
import type { ColumnRule, LabelMask, LabelSet } from "./label-set.ts";
import { PatternProblem, parsePattern } from "./pattern.ts";

/**
 * @param file its name, for problems. @param databases of the configuration; undefined: not known, and not checked.
 * @throws {ConfigError} naming each mistake with file, line and column.
 */
export function compileLabels(text: string, file: string, databases?: readonly string[]): LabelSet {
  const source = new YamlSource(text);
  const problems: ConfigProblem[] = [];
  const say = ({ path, message, suggestion, atKey }: LabelsFinding): void => {
    const { line, column } = atKey === true ? source.keyPosition(path) : source.valuePosition(path);
    const problem = { severity: "error", file, line, column, path: formatPath(path), message } as const;
    problems.push(suggestion === undefined ? problem : { ...problem, suggestion });
  };
  for (const { position, message, suggestion } of source.syntaxFindings()) {
    const problem = { severity: "error", file, ...position, path: "", message } as const;
    problems.push(suggestion === undefined ? problem : { ...problem, suggestion });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const value = plainValue(source, file);
  const parsed = LabelsDocument.safeParse(value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) for (const finding of explainIssue(issue, value)) say(finding);
    throw new ConfigError(inOrder(problems));
  }
  const masks = masksOf(parsed.data, say);
  const rules = rulesOf(parsed.data, source, say);
  checkNames(parsed.data, masks, databases, say);
  if (problems.length > 0) throw new ConfigError(inOrder(problems));
  const { quarantine, databases: sections, notice, detectors } = parsed.data;
  return {
    file,
    version: createHash("sha256").update(text).digest("hex"),
    masks,
    rules,
    tells: notice === "on",
    quarantines: (database) => (own(sections, database)?.quarantine ?? quarantine) === "on",
    detectors,
  };
}

/** No file: nothing is labelled, nothing quarantined. */
export const NO_LABELS: LabelSet = compileLabels("quarantine: off\n", "");

type Say = (finding: LabelsFinding) => void;

function plainValue(source: YamlSource, file: string): unknown {
  try {
    return source.value() ?? {};
  } catch {
    const place = { severity: "error", file, line: 1, column: 1, path: "" } as const;
    throw new ConfigError([{ ...place, message: "the aliases in this file lead nowhere, or multiply beyond reason" }]);
  }
}

function masksOf({ masks }: LabelsFile, say: Say): ReadonlyMap<string, LabelMask> {
  const found = new Map<string, LabelMask>([[QUARANTINE, { mask: DEFAULT_MASK, strict: false }]]);
  for (const [label, written] of Object.entries(masks)) {
    if (label === PUBLIC) {
      say({
        path: ["masks", label],
        message: "what is public has no mask",
        suggestion: "leave the line out",
        atKey: true,
      });
    } else found.set(label, maskOf(label, written));
  }
  return found;
}

function maskOf(label: string, written: LabelsFile["masks"][string]): LabelMask {
  const options = typeof written === "string" ? MaskOptions.parse({ mask: written }) : written;
  return { mask: specOf(label, options), strict: options.strict };
}

function specOf(label: string, options: z.infer<typeof MaskOptions>): MaskSpec {
  switch (options.mask) {
    case "partial":
      return { mask: "partial", show: options.show, from: options.from, fill: options.fill };
    case "generalise":
      return { mask: "generalise", to: options.to, ...(options.width === undefined ? {} : { width: options.width }) };
    case "token":
      return { mask: "token", domain: label };
    default:
      return { mask: options.mask };
  }
}

function rulesOf({ columns, databases }: LabelsFile, source: YamlSource, say: Say): readonly ColumnRule[] {
  const rules: ColumnRule[] = [];
  const add = (path: readonly string[], pattern: string, label: string, database: string | undefined): void => {
    try {
      const parts = parsePattern(pattern, database === undefined ? 4 : 3, database === undefined);
      const all = database === undefined ? parts : [{ pieces: [database] }, ...parts];
      const text = database === undefined ? pattern : `${database}: ${pattern}`;
      rules.push({ text, parts: all, label, ...source.keyPosition(path) });
    } catch (error) {
      if (!(error instanceof PatternProblem)) throw error;
      const { message, hint } = error;
      say({ path, message, ...(hint === undefined ? {} : { suggestion: hint }), atKey: true });
    }
  };
  for (const [pattern, label] of Object.entries(columns)) add(["columns", pattern], pattern, label, undefined);
  for (const [name, section] of Object.entries(databases)) {
    for (const [pattern, label] of Object.entries(section.columns)) {
      add(["databases", name, "columns", pattern], pattern, label, name);
    }
  }
  return rules;
}

/** A label that is misspelt would be another one, with another mask: each is declared. */
function checkNames(
  { columns, databases: sections }: LabelsFile,
  masks: ReadonlyMap<string, LabelMask>,
  databases: readonly string[] | undefined,
  say: Say,
): void {
  const labels = [...masks.keys(), PUBLIC];
  const checkLabel = (path: readonly string[], label: string): void => {
    if (labels.includes(label)) return;
    const near = nearest(label, labels);
    const suggestion = near === undefined ? `add to masks: ${label}: default` : `did you mean "${near}"?`;
    say({ path, message: `the label "${label}" is not among masks`, suggestion });
  };
  const checkDatabase = (path: readonly string[], name: string): void => {
    if (databases === undefined || databases.includes(name) || name.includes("*")) return;
    const near = nearest(name, databases);
    const suggestion = near === undefined ? `one of ${databases.join(", ")}` : `did you mean "${near}"?`;
    say({ path, message: `there is no database "${name}" in the configuration`, suggestion, atKey: true });
  };
  for (const [pattern, label] of Object.entries(columns)) {
    checkLabel(["columns", pattern], label);
    const [, quoted, bare] = /^(?:"((?:[^"]|"")+)"|([^".]+))\./.exec(pattern) ?? [];
    const database = quoted?.replaceAll('""', '"') ?? bare;
    if (database !== undefined) checkDatabase(["columns", pattern], database);
  }
  for (const [name, section] of Object.entries(sections)) {
    checkDatabase(["databases", name], name);
    for (const [pattern, label] of Object.entries(section.columns)) {
      checkLabel(["databases", name, "columns", pattern], label);
    }
  }
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
