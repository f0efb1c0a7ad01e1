/** Completion scripts, made from the tree of commands: they know no more than `--help` does, and ask no gateway. */

import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Level {
  /** "" for postern itself, "sessions ls" for a command of a group. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly flag: string; readonly summary: string; readonly values: readonly string[] }[];
}

/** The script for `shell`; where it goes is in docs/reference/cli.md. */
export function completionScript(shell: Shell, program: Command): string {
  const levels = levelsOf(program, "");
  if (shell === "fish") return fishScript(levels);
  return shell === "bash" ? bashScript(levels) : zshScript(levels);
}

function levelsOf(command: Command, path: string): readonly Level[] {
  const visible = command.commands.filter((one) => one.name() !== "help");
  const own: Level = {
    path,
    commands: visible.map((one) => ({ name: one.name(), summary: one.summary() || one.description() })),
    options: command.options.filter((option) => !option.hidden).map(optionOf),
  };
  return [own, ...visible.flatMap((one) => levelsOf(one, path === "" ? one.name() : `${path} ${one.name()}`))];
}

function optionOf(option: Option): Level["options"][number] {
  return { flag: option.long ?? option.short ?? "", summary: option.description, values: option.argChoices ?? [] };
}

/** Words that may follow, at each level, and the values of options that have a list. */
function bashScript(levels: readonly Level[]): string {
  const words = levels.map(({ path, commands, options }) => {
    const all = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag), "--help"];
    return `    "${path}") words="${all.join(" ")}" ;;`;
  });
  return `# Completion of postern for bash: source it, or put it in ~/.local/share/bash-completion/completions/postern
_postern() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word
  case "$previous" in
    --config|-c|--ca) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${groupPaths(levels).join(" ")} " in *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;; esac
  done
  case "\${path//\\// } $previous" in
${valueCases(levels)}
  esac
  case "\${path//\\// }" in
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _postern postern
`;
}

/** By command and option: what `--state` may be depends on whose it is. */
function valueCases(levels: readonly Level[]): string {
  const patterns = new Map<string, string[]>();
  for (const { path, options } of levels) {
    for (const { flag, values } of options) {
      if (values.length === 0) continue;
      const names = flag === "--output" ? [flag, "-o"] : [flag];
      const words = values.join(" ");
      patterns.set(words, [...(patterns.get(words) ?? []), ...names.map((name) => `"${path} ${name}"`)]);
    }
  }
  const cases = [...patterns].map(
    ([words, where]) => `    ${where.join("|")}) COMPREPLY=($(compgen -W "${words}" -- "$current")); return ;;`,
  );
  return cases.join("\n");
}

function groupPaths(levels: readonly Level[]): readonly string[] {
  return levels.flatMap(({ path }) => (path === "" ? [] : [path.replaceAll(" ", "/")]));
}

/** zsh runs bash's script: one table to keep right. */
function zshScript(levels: readonly Level[]): string {
  return `#compdef postern
# Completion of postern for zsh: source it after compinit.
autoload -U +X bashcompinit && bashcompinit
${bashScript(levels)}`;
}

function fishScript(levels: readonly Level[]): string {
  const lines = [
    "# Completion of postern for fish: put it in ~/.config/fish/completions/postern.fish",
    "complete -c postern -f",
  ];
  for (const { path, commands, options } of levels) {
    const steps = path === "" ? [] : path.split(" ");
    const seen = steps.map((step) => `__fish_seen_subcommand_from ${step}`);
    const notYet =
      commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`];
    const condition = [...seen, ...notYet].join("; and ") || "true";
    for (const { name, summary } of commands)
      lines.push(`complete -c postern -n '${condition}' -a ${name} -d ${quoted(summary)}`);
    for (const { flag, summary, values } of options) {
      const choices = values.length === 0 ? "" : ` -xa '${values.join(" ")}'`;
      lines.push(
        `complete -c postern -n '${seen.join("; and ") || "true"}' -l ${flag.replace(/^--?/, "")}${choices} -d ${quoted(summary)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}
