/** What is wrong with a configuration, where, and what was probably meant. */

import type { DocumentPath } from "./json-schema.ts";

/** One thing wrong. Never holds a value that came from a secret or the environment. */
export interface ConfigProblem {
  /** A warning does not keep the gateway from starting; `postern doctor` and `config check` show it. */
  readonly severity: "error" | "warning";
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  /** Key as written in the file: `databases.shop.port`, `issuers[0].url`; "" for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What to do: a key that was probably meant, a value that would do. */
  readonly suggestion?: string;
}

/** Thrown where a configuration cannot be used. Its message has a line for each problem, `file:line:column: key: message`. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `file:line:column: key: message (suggestion)`, as compilers print it, so that editors can jump there. */
export function formatProblem(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}: `;
  const severity = problem.severity === "warning" ? "warning: " : "";
  const key = problem.path === "" ? "" : `${problem.path}: `;
  return (
    place + severity + key + problem.message + (problem.suggestion === undefined ? "" : ` (${problem.suggestion})`)
  );
}

/** `["issuers", 0, "url"]` as `issuers[0].url`. */
export function formatPath(path: DocumentPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}
