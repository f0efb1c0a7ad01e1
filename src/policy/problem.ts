/** What is wrong with a policy, where, and what would do instead. */

export interface PolicyProblem {
  /** An error keeps the set from being used; a warning is a policy that does not do what it seems to; a note may well be meant. */
  readonly severity: "error" | "warning" | "note";
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  /** Id of the policy; "" where it is not of one. */
  readonly policy: string;
  readonly message: string;
  readonly hint?: string;
}

/** Thrown where policies cannot be used. Its message has a line for each problem, as compilers print them. */
export class PolicyError extends Error {
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(formatPolicyProblem).join("\n"));
    this.name = "PolicyError";
    this.problems = problems;
  }
}

/** `file:line:column: message (hint)`, so that editors can jump there. */
export function formatPolicyProblem({ file, line, column, severity, policy, message, hint }: PolicyProblem): string {
  const label = severity === "error" ? "" : `${severity}: `;
  const of = policy === "" ? "" : `${policy}: `;
  return `${file}:${line}:${column}: ${label}${of}${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** 1-based line and column of the character at `offset` (UTF-16 code units) of `text`. */
export function positionAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: before.length - lineStart + 1 };
}
