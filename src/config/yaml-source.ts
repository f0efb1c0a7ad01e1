/** The text of postern.yaml with its positions: where a key or value stands, and `${VARIABLE}` filled in. Judges no key. */

import type { Document, Node, ParsedNode, YAMLError } from "yaml";
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit } from "yaml";
import { type DocumentPath, isInteger } from "./json-schema.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A problem before the file's name and the key's text are added. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly path: DocumentPath;
  readonly position: Position;
  readonly message: string;
  readonly suggestion?: string;
}

/** One parsed file. */
export class YamlSource {
  readonly #document: Document.Parsed<ParsedNode>;
  readonly #lines: LineCounter;
  readonly #text: string;
  readonly #filled = new Set<string>();

  constructor(text: string) {
    this.#text = text;
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
  }

  /** Keys given twice, and the first thing that is no YAML: what follows it is mostly its echo. */
  syntaxFindings(): readonly Finding[] {
    const errors = [...this.#document.errors, ...this.#document.warnings];
    const [first] = errors.filter(({ code }) => code !== "DUPLICATE_KEY");
    return errors
      .filter((error) => error === first || error.code === "DUPLICATE_KEY")
      .map((error) => this.#finding(error));
  }

  #finding({ code, pos: [offset], message }: YAMLError): Finding {
    const place = { severity: "error", path: [], position: this.#position(offset) } as const;
    if (code === "DUPLICATE_KEY") {
      return { ...place, message: "this key stands here already", suggestion: "keep one of the two" };
    }
    const plain = { ...place, message: `not valid YAML: ${withoutText(message)}` };
    // `{ password: ${PW} }`: inside { } and [ ], YAML reads the brace of a bare ${PW} as its own.
    const bareVariable = this.#text.slice(offset - 1, offset + 1) === "$\u007b";
    return bareVariable ? { ...plain, suggestion: "inside { } and [ ] a variable stands in quotes" } : plain;
  }

  /** Whether a value could be read at all. */
  get readable(): boolean {
    return this.#document.errors.every((error) => error.code === "DUPLICATE_KEY");
  }

  /** The document as plain values. Call after `interpolate`. @throws where aliases lead nowhere, or multiply beyond reason. */
  value(): unknown {
    return this.#document.toJS({ maxAliasCount: 100 });
  }

  /** Puts variables of `env` where values say `${NAME}`; `$${` stands for `${` itself. Keys are left as they are. */
  interpolate(env: NodeJS.ProcessEnv): readonly Finding[] {
    const findings: Finding[] = [];
    visit(this.#document, {
      Scalar: (key, node, ancestors) => {
        if (key === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
        const path = pathOf([...ancestors, node]);
        const filled = fill(node.value, env);
        this.#filled.add(JSON.stringify(path));
        for (const message of filled.problems) {
          findings.push({ severity: "error", path, position: this.#position(node.range?.[0] ?? 0), message });
        }
        // An unquoted ${PORT} is a number where a number belongs; a password of digits stays text.
        const numeric = node.type === Scalar.PLAIN && /^\d{1,15}$/.test(filled.text) && isInteger(path);
        node.value = numeric ? Number(filled.text) : filled.text;
      },
    });
    return [...findings, ...this.#danglingAliases()];
  }

  /** `password: *x7`: an alias of nothing, mostly a value that needs quotes. */
  #danglingAliases(): readonly Finding[] {
    const findings: Finding[] = [];
    visit(this.#document, {
      Alias: (_, node, ancestors) => {
        if (node.resolve(this.#document) !== undefined) return;
        const place = { path: pathOf([...ancestors, node]), position: this.#position(node.range?.[0] ?? 0) };
        const message = "* begins an alias in YAML, and there is no anchor of that name";
        findings.push({ severity: "error", ...place, message, suggestion: "a value that begins with * needs quotes" });
      },
    });
    return findings;
  }

  /** Whether the value at `path` has a variable in it. Call after `interpolate`. */
  hasVariable(path: DocumentPath): boolean {
    return this.#filled.has(JSON.stringify(path));
  }

  /** Where the value at `path` stands; where it is missing, the nearest key above it. */
  valuePosition(path: DocumentPath): Position {
    const node = this.#find(path).value;
    return this.#position(node?.range?.[0] ?? 0);
  }

  /** Where the key at the end of `path` stands. */
  keyPosition(path: DocumentPath): Position {
    const { key, value } = this.#find(path);
    return this.#position((key ?? value)?.range?.[0] ?? 0);
  }

  /** Whether a block or a list stands at `path`, or nothing. */
  isBlock(path: DocumentPath): boolean {
    const { value } = this.#find(path);
    return value === undefined || isMap(value) || isSeq(value);
  }

  #find(path: DocumentPath): { key: Node | undefined; value: Node | undefined } {
    let key: Node | undefined;
    let value: Node | undefined = this.#document.contents ?? undefined;
    for (const step of path) {
      if (isMap<Node, Node | null>(value)) {
        const pair = value.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) return { key, value: key };
        key = pair.key;
        value = pair.value ?? pair.key;
      } else if (isSeq<Node>(value) && typeof step === "number" && value.items[step] !== undefined) {
        key = value.items[step];
        value = value.items[step];
      } else return { key, value: key };
    }
    return { key, value };
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** Keys and list positions that lead to a node, from the nodes above it. */
function pathOf(ancestors: readonly unknown[]): DocumentPath {
  const path: (string | number)[] = [];
  for (const [index, ancestor] of ancestors.entries()) {
    const below = ancestors[index + 1];
    if (isPair(ancestor)) path.push(isScalar(ancestor.key) ? String(ancestor.key.value) : "?");
    if (isSeq(ancestor)) path.push(ancestor.items.indexOf(below));
  }
  return path;
}

interface Filled {
  readonly text: string;
  readonly problems: readonly string[];
}

function fill(text: string, env: NodeJS.ProcessEnv): Filled {
  const problems: string[] = [];
  const filled = text.replace(
    /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}]*\}?/g,
    (whole, variable: string | undefined) => {
      if (whole === "$${") return "${";
      if (variable === undefined) {
        problems.push(
          "a variable is written $\u007bNAME} with letters, digits and _; write $$\u007b for the two characters themselves",
        );
        return "";
      }
      const value = env[variable];
      if (value === undefined || value === "")
        problems.push(`the environment variable ${variable} is ${value === undefined ? "not set" : "empty"}`);
      return value ?? "";
    },
  );
  return { text: filled, problems };
}

/** The parser's message without what it quotes of the file: that may be a piece of a password. */
function withoutText(message: string): string {
  return message
    .replace(/:? *\n[\s\S]*$/, "")
    .replace(/: .*$/s, "")
    .replace(/"[^"]{2,}"/g, "…");
}
