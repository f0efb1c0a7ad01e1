/**
 * Reading PostgreSQL's raw parse tree as libpg-query prints it: typed access to fields of a JSON that nobody has typed, and one
 * walk that collects what the classes need. Iterative: `1+1+1…` nests as deep as it is long. Knows no statement class.
 */

/** A node's fields, or a node wrapped in its name: `{"SelectStmt": {…}}`. Keys are names of PostgreSQL's structs, never a client's. */
export type Node = { readonly [field: string]: unknown };

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The only member of a wrapped node: its name and its fields. */
export function unwrap(value: unknown): { readonly name: string; readonly fields: Node } | undefined {
  if (!isNode(value)) return undefined;
  for (const name in value) {
    const fields = value[name];
    return isNode(fields) ? { name, fields } : undefined;
  }
  return undefined;
}

export function text(node: Node, field: string): string | undefined {
  const value = node[field];
  return typeof value === "string" ? value : undefined;
}

/** Protobuf leaves out what is zero, so an absent number is 0. */
export function number(node: Node, field: string): number {
  const value = node[field];
  return typeof value === "number" ? value : 0;
}

export function flag(node: Node, field: string): boolean {
  return node[field] === true;
}

export function list(node: Node, field: string): readonly unknown[] {
  const value = node[field];
  return Array.isArray(value) ? value : [];
}

/** The text of a constant, a string or a cast of one: `'x'`, 1, -2.5, true, INTERVAL '1'. Undefined for anything else. */
export function constantText(value: unknown): string | undefined {
  const node = unwrap(value);
  if (node === undefined) return undefined;
  const { name, fields } = node;
  if (name === "TypeCast") return constantText(fields["arg"]);
  if (name === "String") return text(fields, "sval") ?? "";
  if (name === "Float") return text(fields, "fval") ?? "";
  if (name === "Integer") return String(number(fields, "ival"));
  if (name === "Boolean") return String(flag(fields, "boolval"));
  return name === "A_Const" ? plainConstant(fields) : undefined;
}

function plainConstant(fields: Node): string | undefined {
  const { ival, fval, sval, boolval } = fields;
  if (isNode(sval)) return text(sval, "sval") ?? "";
  if (isNode(ival)) return String(number(ival, "ival"));
  if (isNode(fval)) return text(fval, "fval") ?? "";
  if (isNode(boolval)) return String(flag(boolval, "boolval"));
  return undefined;
}

/** A TypeName as SQL writes it, without modifiers: `"pg_catalog"."int4"`, `"My type"[]`. */
export function typeText(value: unknown): string {
  const fields = unwrap(value)?.fields ?? {};
  const names = list(fields, "names").map((part) => `"${(constantText(part) ?? "").replaceAll('"', '""')}"`);
  return names.join(".") + "[]".repeat(list(fields, "arrayBounds").length);
}

/** `name = value` of a list of DefElem: options of BEGIN, COPY, EXPLAIN. The last one of a name stands; without a value: "". */
export function definitions(elements: readonly unknown[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const element of elements) {
    const node = unwrap(element);
    const name = node?.name === "DefElem" ? text(node.fields, "defname") : undefined;
    // The last one wins, as in the server's own loops over options.
    if (node !== undefined && name !== undefined) found.set(name, constantText(node.fields["arg"]) ?? "");
  }
  return found;
}

/** What a walk over a whole statement has seen. */
export interface TreeFacts {
  /** INSERT, UPDATE, DELETE or MERGE at any depth. */
  readonly modifies: boolean;
  /** FOR UPDATE, SHARE and the like at any depth: writes row locks into the table. */
  readonly locks: boolean;
  /** SELECT INTO. */
  readonly into: boolean;
  /** Names of called functions as written, without pg_catalog before them; with any other schema, joined by a dot. */
  readonly functions: ReadonlySet<string>;
  /** Highest $n, 0 for none. */
  readonly highestParameter: number;
  /** Relations, sub-selects and functions in FROM, at any depth. */
  readonly rangeItems: number;
}

const RANGE_ITEMS: ReadonlySet<string> = new Set(["RangeVar", "RangeSubselect", "RangeFunction", "RangeTableFunc"]);
const MODIFYING: ReadonlySet<string> = new Set(["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

/** @param root a wrapped node, or the fields of one: then that one itself is not seen, what is below it is. */
export function walk(root: unknown): TreeFacts {
  const functions = new Set<string>();
  let modifies = false;
  let locks = false;
  let into = false;
  let highestParameter = 0;
  let rangeItems = 0;
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) {
      for (const element of value) stack.push(element);
      continue;
    }
    if (!isNode(value)) continue;
    for (const key in value) {
      const child = value[key];
      if (typeof child !== "object" || child === null) continue;
      stack.push(child);
      if (key === "FuncCall" && isNode(child)) functions.add(functionName(child));
      else if (key === "ParamRef" && isNode(child))
        highestParameter = Math.max(highestParameter, number(child, "number"));
      else if (key === "lockingClause") locks = true;
      else if (key === "intoClause") into = true;
      else if (MODIFYING.has(key)) modifies = true;
      else if (RANGE_ITEMS.has(key)) rangeItems++;
    }
  }
  return { modifies, locks, into, functions, highestParameter, rangeItems };
}

/** @param call the fields of a FuncCall. */
export function functionName(call: Node): string {
  const parts = list(call, "funcname").map((part) => constantText(part) ?? "");
  if (parts.length === 2 && parts[0] === "pg_catalog") return parts[1] ?? "";
  return parts.join(".");
}
