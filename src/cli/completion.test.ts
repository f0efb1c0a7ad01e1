import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { completionScript } from "./completion.ts";
import { buildProgram } from "./program.ts";

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

/** What bash offers after `words`, the last of which is being typed. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `${completionScript("bash", program)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postern; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script, "bash", ...words], { encoding: "utf8" })
    .trim()
    .split("\n");
}

describe("the completion for bash", () => {
  it("offers commands, commands of a group, options, and the values of options that have a list", () => {
    expect(offered("postern", "sess")).toEqual(["sessions"]);
    expect(offered("postern", "sessions", "")).toEqual(expect.arrayContaining(["ls", "show", "kill"]));
    expect(offered("postern", "sessions", "ls", "--st")).toEqual(["--state"]);
    expect(offered("postern", "sessions", "ls", "--state", "")).toEqual(["live", "open", "closed"]);
    expect(offered("postern", "approvals", "ls", "--state", "p")).toEqual(["pending"]);
    expect(offered("postern", "sessions", "ls", "-o", "j")).toEqual(["json", "jsonl"]);
    expect(offered("postern", "audit", "tail", "--fo")).toEqual(["--follow"]);
    expect(offered("postern", "policy", "catalog", "")).toEqual(expect.arrayContaining(["save"]));
    expect(offered("postern", "policy", "catalog", "save", "--da")).toEqual(["--database"]);
  });

  it("is not led astray by an argument that is named as a command", () => {
    expect(offered("postern", "connect", "url", "--r")).toEqual(["--role"]);
  });
});

describe("the completion for other shells", () => {
  it("for zsh is bash's, loaded by bashcompinit", () => {
    expect(completionScript("zsh", program)).toMatch(/^#compdef postern\n[\s\S]*bashcompinit[\s\S]*_postern\(\)/);
  });

  it("for fish names each command once, with its summary", () => {
    const lines = completionScript("fish", program).split("\n");

    expect(lines.filter((line) => / -a doctor /.test(line))).toHaveLength(1);
    expect(lines.find((line) => / -a kill /.test(line))).toContain("__fish_seen_subcommand_from sessions");
    expect(lines.every((line) => (line.match(/(?<!\\)'/g) ?? []).length % 2 === 0)).toBe(true);
  });
});
