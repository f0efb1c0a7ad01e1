/** The reference pages as the code would write them: rows of tables, to be compared with what stands in docs/reference. */

import type { Command, Option } from "commander";
import { reloadEffect } from "../../src/config/diff.ts";
import { configJsonSchema, type JsonSchema } from "../../src/config/json-schema.ts";

/** Rows of the tables in `markdown`, cells trimmed, head and rule left out. */
export function tableRows(markdown: string): readonly (readonly string[])[] {
  const rows: (readonly string[])[] = [];
  const lines = markdown.split("\n");
  for (const [index, line] of lines.entries()) {
    const isHead = /^\|[-| ]+\|$/.test(lines[index + 1] ?? "");
    if (!line.startsWith("|") || isHead || /^\|[-| ]+\|$/.test(line)) continue;
    rows.push(
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

/** `| key | type | default | reload | meaning |` of each key of postern.yaml, in the order of the schema. */
export function settingRows(): readonly (readonly string[])[] {
  const rows: (readonly string[])[] = [];
  const walk = (schema: JsonSchema, path: string): void => {
    for (const [key, below] of Object.entries(schema.properties ?? {})) {
      const own = path === "" ? key : `${path}.${key}`;
      const required = (schema.required ?? []).includes(key);
      const effect = { now: "at once", sessions: "new sessions", restart: "restart" }[
        reloadEffect(own.replace("[]", "[0]"))
      ];
      rows.push([`\`${own}\``, typeWords(below), defaultWords(below, required), effect, below.description ?? ""]);
      if (!isSecret(below)) inside(below, own);
    }
  };
  const inside = (schema: JsonSchema, path: string): void => {
    for (const one of [schema, ...(schema.anyOf ?? [])]) {
      walk(one, path);
      if (one.items !== undefined) walk(one.items, `${path}[]`);
      if (typeof one.additionalProperties === "object") walk(one.additionalProperties, `${path}.*`);
    }
  };
  walk(configJsonSchema(), "");
  return rows;
}

function isSecret(schema: JsonSchema): boolean {
  return (schema.anyOf ?? []).some(({ properties }) => Object.keys(properties ?? {}).join() === "file");
}

function defaultWords(schema: JsonSchema, required: boolean): string {
  if (required) return "required";
  if (schema.default === undefined) return "";
  const text = JSON.stringify(schema.default);
  return text === "{}" ? "" : `\`${typeof schema.default === "string" ? schema.default : text}\``; // {}: the defaults of its keys
}

function typeWords(schema: JsonSchema): string {
  if (isSecret(schema)) return "secret";
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeWords).join(" or ");
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.type === "array")
    return `list of ${schema.items?.properties === undefined ? typeWords(schema.items ?? {}) : "blocks"}`;
  if (schema.type === "integer") return "number";
  if (schema.type === "object") return objectWords(schema);
  if (schema.pattern?.includes("ms|s") === true) return "duration";
  return schema.pattern?.includes("KiB") === true ? "size" : "text";
}

function objectWords({ properties, additionalProperties }: JsonSchema): string {
  if (properties !== undefined) return "block";
  const blocks = typeof additionalProperties === "object" && additionalProperties.properties !== undefined;
  return blocks ? "blocks by name" : "texts by name";
}

/** Options that mean the same in every command: told once, at the head of the page. */
const COMMON = ["--gateway", "--config", "--output"];

/** A command of the CLI that does something, as its section must have it. */
export interface CommandReference {
  /** `sessions ls`. */
  readonly path: string;
  /** `postern sessions ls [options]`. */
  readonly usage: string;
  /** `| option | meaning |` of its own options. */
  readonly options: readonly (readonly string[])[];
  /** The line that names those of COMMON that it takes; "" where it takes none. */
  readonly also: string;
  /** Whether it has -o. */
  readonly structured: boolean;
}

/** Every command of `program`, groups left out. */
export function commandReferences(program: Command, prefix = ""): readonly CommandReference[] {
  return program.commands.flatMap((command) => {
    const path = `${prefix}${command.name()}`;
    if (command.name() === "help") return [];
    if (command.commands.length > 0) return commandReferences(command, `${path} `);
    const isCommon = ({ long }: Option): boolean => COMMON.includes(long ?? "");
    const common = command.options.filter(isCommon);
    return [
      {
        path,
        usage: `postern ${path} ${command.usage()}`,
        options: optionRows(command.options.filter((option) => !isCommon(option))),
        also: common.length === 0 ? "" : `Also: ${common.map(({ long }) => `\`${long}\``).join(", ")}.`,
        structured: common.some(({ long }) => long === "--output"),
      },
    ];
  });
}

/** `| option | meaning |` of the options that many commands share. */
export function commonOptionRows(program: Command): readonly (readonly string[])[] {
  const all = program.commands.flatMap((command) => [command, ...command.commands]).flatMap(({ options }) => options);
  const found = COMMON.flatMap((long) => all.filter((option) => option.long === long).slice(0, 1));
  return optionRows(found);
}

function optionRows(options: readonly Option[]): readonly (readonly string[])[] {
  return options.map((option) => [`\`${option.flags}\``, optionWords(option)]);
}

function optionWords({ description, argChoices, defaultValue, defaultValueDescription, mandatory }: Option): string {
  const fallback = defaultValueDescription ?? (defaultValue === undefined ? undefined : String(defaultValue));
  const parts = [
    argChoices === undefined ? undefined : argChoices.join(", "),
    fallback === undefined ? undefined : `default ${fallback}`,
    mandatory ? "required" : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? description : `${description} (${parts.join("; ")})`;
}
