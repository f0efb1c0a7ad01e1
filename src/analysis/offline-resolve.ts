/**
 * What a query touches by PostgreSQL's grammar and a saved catalog, without a server: an approximation of what the server would
 * say, for people who write policies. Names are looked up as the server does; views, their tables and overloads by hints. What the
 * server adds on its own (defaults, rules, row security) is not seen. Never used to let a statement run.
 */

import type { Catalog, CatalogFunction, CatalogRelation } from "./catalog.ts";
import { Condition } from "./offline-condition.ts";
import { type OfflineEntry, OfflineScope } from "./offline-scope.ts";
import { OfflineTouches } from "./offline-touches.ts";
import { OfflineUnknown } from "./offline-unknown.ts";
import type { TreeFacts } from "./query-tree/tree-facts.ts";
import { constantText, flag, isNode, list, type Node, text, unwrap } from "./tree.ts";

export { OfflineUnknown } from "./offline-unknown.ts";

export interface OfflineFacts {
  readonly facts: TreeFacts;
  /** What may be otherwise, a sentence each. */
  readonly notes: readonly string[];
}

/** Deeper texts are refused: the walk is recursive. */
const MAX_DEPTH = 1_000;

/**
 * @param tree of one SELECT, INSERT, UPDATE, DELETE or MERGE, as libpg-query prints it. @param searchPath as Catalog.resolveRelation takes it.
 * @throws {OfflineUnknown} for a name that the catalog does not have, or a form that is not known here.
 */
export function resolveOffline(tree: unknown, catalog: Catalog, searchPath: readonly string[]): OfflineFacts {
  const [raw, another] = isNode(tree) ? list(tree, "stmts") : [];
  const statement = isNode(raw) && another === undefined ? unwrap(raw["stmt"]) : undefined;
  if (statement === undefined) throw new OfflineUnknown("the text is not one statement");
  const walk = new OfflineWalk(catalog, searchPath);
  walk.query(statement.name, statement.fields, new OfflineScope(null));
  return walk.result(COMMANDS.get(statement.name) ?? "utility");
}

/** A map: fields of the grammar may be named as members of every object are (`constructor`, of JSON_OBJECTAGG). */
const COMMANDS: ReadonlyMap<string, TreeFacts["command"]> = new Map([
  ["SelectStmt", "select"],
  ["InsertStmt", "insert"],
  ["UpdateStmt", "update"],
  ["DeleteStmt", "delete"],
  ["MergeStmt", "merge"],
]);

class OfflineWalk {
  readonly #catalog: Catalog;
  readonly #searchPath: readonly string[];
  readonly #touches: OfflineTouches;
  readonly #functions = new Set<number>();
  readonly #operators = new Set<number>();
  readonly #types = new Set<number>();
  readonly #notes = new Set<string>();
  readonly #condition = new Condition();
  #locksRows = false;
  #depth = 0;

  constructor(catalog: Catalog, searchPath: readonly string[]) {
    this.#catalog = catalog;
    this.#searchPath = searchPath;
    this.#touches = new OfflineTouches(catalog);
  }

  result(command: TreeFacts["command"]): OfflineFacts {
    const sorted = (numbers: ReadonlySet<number>): readonly number[] => [...numbers].sort((a, b) => a - b);
    const facts = {
      ...{ command, relations: this.#touches.all(), sequences: this.#touches.sequences(), defaultSequences: [] },
      createsIn: [],
      ...{ functions: sorted(this.#functions), operators: sorted(this.#operators), types: sorted(this.#types) },
      ...{ rowSecurity: false, rules: false, counted: false, locksRows: this.#locksRows },
      ...{ hasWhere: this.#condition.hasWhere, matchesAll: this.#condition.matchesAll },
    };
    return { facts, notes: [...this.#notes, ...this.#touches.notes()] };
  }

  /** A statement or subquery. @param outer the level around it, whose columns and CTEs it sees. */
  query(name: string, fields: Node, outer: OfflineScope): void {
    if (!COMMANDS.has(name)) throw new OfflineUnknown(`${name} is not known here`);
    if (++this.#depth > MAX_DEPTH) throw new OfflineUnknown("the statement nests too deeply");
    const scope = new OfflineScope(outer);
    this.#with(fields, scope);
    if (name === "SelectStmt") this.#select(fields, scope);
    else if (name === "InsertStmt") this.#insert(fields, scope);
    else if (name === "MergeStmt") this.#merge(fields, scope);
    else this.#change(name === "UpdateStmt" ? "update" : "delete", fields, scope);
    this.#depth--;
  }

  /** A CTE sees those before it; of WITH RECURSIVE all. */
  #with(fields: Node, scope: OfflineScope): void {
    const clause = fields["withClause"];
    if (!isNode(clause)) return;
    const expressions = list(clause, "ctes").map((one) => unwrap(one)?.fields ?? {});
    const isRecursive = flag(clause, "recursive");
    if (isRecursive) for (const one of expressions) scope.addCte(text(one, "ctename") ?? "");
    for (const one of expressions) {
      const query = unwrap(one["ctequery"]);
      if (query !== undefined) this.query(query.name, query.fields, scope);
      scope.addCte(text(one, "ctename") ?? "");
    }
  }

  #select(fields: Node, scope: OfflineScope): void {
    for (const side of ["larg", "rarg"]) {
      const part = fields[side];
      if (isNode(part)) this.query("SelectStmt", part, scope);
    }
    if (list(fields, "lockingClause").length > 0) this.#locksRows = true;
    if ("intoClause" in fields) throw new OfflineUnknown("SELECT INTO is not known here");
    for (const item of list(fields, "fromClause")) this.#from(item, scope);
    this.#rest(fields, scope, ["larg", "rarg", "fromClause", "withClause", "lockingClause"]);
  }

  #insert(fields: Node, scope: OfflineScope): void {
    const source = unwrap(fields["selectStmt"]);
    // Before the target is there: it does not see that.
    if (source !== undefined) this.query(source.name, source.fields, scope);
    const target = this.#target(fields, scope);
    const named = columnsNamed(fields, "cols");
    const columns = named.length > 0 ? named : firstColumns(target.relation, source?.fields);
    this.#touches.write("insert", target, columns);
    const conflict = fields["onConflictClause"];
    if (isNode(conflict)) {
      arbiterColumns(conflict, target.relation).forEach(target.reads);
      scope.addEntry({ alias: "excluded", relation: target.relation, reads: () => undefined });
      if (text(conflict, "action") === "ONCONFLICT_UPDATE")
        this.#touches.write("update", target, columnsNamed(conflict, "targetList"));
    }
    this.#rest(fields, scope, ["relation", "selectStmt", "withClause"]);
  }

  #change(action: "update" | "delete", fields: Node, scope: OfflineScope): void {
    const target = this.#target(fields, scope);
    this.#touches.write(action, target, action === "update" ? columnsNamed(fields, "targetList") : []);
    const others = [...list(fields, "fromClause"), ...list(fields, "usingClause")];
    for (const item of others) this.#from(item, scope);
    this.#condition.judge(fields["whereClause"], others, target, scope);
    this.#rest(fields, scope, ["relation", "fromClause", "usingClause", "withClause"]);
  }

  #merge(fields: Node, scope: OfflineScope): void {
    const target = this.#target(fields, scope);
    this.#from(fields["sourceRelation"], scope);
    let changes = false;
    for (const clause of list(fields, "mergeWhenClauses").map((one) => unwrap(one)?.fields ?? {})) {
      const action = MERGE_ACTIONS[text(clause, "commandType") ?? ""];
      if (action === undefined) continue; // DO NOTHING
      const named = columnsNamed(clause, "targetList");
      const columns =
        action === "insert" && named.length === 0 ? first(target.relation, list(clause, "values").length) : named;
      this.#touches.write(action, target, action === "delete" ? [] : columns);
      changes ||= action !== "insert";
    }
    if (changes) this.#condition.judge(fields["joinCondition"], [fields["sourceRelation"]], target, scope);
    this.#rest(fields, scope, ["relation", "sourceRelation", "withClause"]);
  }

  #target(fields: Node, scope: OfflineScope): OfflineEntry & { readonly relation: CatalogRelation } {
    const range = fields["relation"];
    if (!isNode(range)) throw new OfflineUnknown("the statement names no table");
    const relation = this.#relation(range);
    // Reading a column of it is asked for as reading it; writing alone is not.
    const entry = { alias: aliasOf(range) ?? relation.name, relation, reads: this.#touches.reader(relation) };
    scope.addEntry(entry);
    return entry;
  }

  /** An item of FROM. */
  #from(item: unknown, scope: OfflineScope): void {
    const node = unwrap(item);
    if (node === undefined) return;
    const { name, fields } = node;
    if (name === "RangeVar") this.#table(fields, scope);
    else if (name === "JoinExpr") this.#join(fields, scope);
    else if (name === "RangeSubselect") {
      const inside = unwrap(fields["subquery"]);
      if (inside !== undefined) this.query(inside.name, inside.fields, scope);
      scope.addEntry({ alias: aliasOf(fields) ?? "", relation: null, reads: () => undefined });
    } else if (name === "RangeTableSample") {
      this.#from(fields["relation"], scope);
      this.#called(names(fields, "method"), list(fields, "args").length);
      this.#expression(fields["args"], scope);
    } else {
      // Functions, XMLTABLE and JSON_TABLE: what they call is in their expressions.
      this.#expression(fields, scope);
      scope.addEntry({ alias: aliasOf(fields) ?? "", relation: null, reads: () => undefined });
    }
  }

  #join(fields: Node, scope: OfflineScope): void {
    this.#from(fields["larg"], scope);
    this.#from(fields["rarg"], scope);
    for (const column of names(fields, "usingClause")) scope.readEverywhere(column);
    if (flag(fields, "isNatural")) this.#notes.add("Columns that NATURAL JOIN compares are not listed.");
    this.#expression(fields["quals"], scope);
    const alias = aliasOf(fields);
    if (alias !== undefined) scope.addEntry({ alias, relation: null, reads: () => undefined });
  }

  #table(range: Node, scope: OfflineScope): void {
    const name = text(range, "relname") ?? "";
    const alias = aliasOf(range) ?? name;
    if (text(range, "schemaname") === undefined && scope.hasCte(name)) {
      scope.addEntry({ alias, relation: null, reads: () => undefined });
      return;
    }
    const relation = this.#relation(range);
    const reads = this.#touches.reader(relation);
    reads(null);
    scope.addEntry({ alias, relation, reads });
  }

  #relation(range: Node): CatalogRelation {
    const schema = text(range, "schemaname");
    const name = text(range, "relname") ?? "";
    const parts = schema === undefined ? [name] : [schema, name];
    const found = this.#catalog.resolveRelation(parts, this.#searchPath);
    if (found === undefined) throw new OfflineUnknown(`relation "${parts.join(".")}" is not in it`);
    return found;
  }

  /** Every expression of a statement but the named parts, which have been looked at. */
  #rest(fields: Node, scope: OfflineScope, without: readonly string[]): void {
    for (const field in fields) if (!without.includes(field)) this.#expression(fields[field], scope);
  }

  #expression(value: unknown, scope: OfflineScope): void {
    if (typeof value !== "object" || value === null) return;
    if (++this.#depth > MAX_DEPTH) throw new OfflineUnknown("the statement nests too deeply");
    if (Array.isArray(value)) for (const element of value) this.#expression(element, scope);
    else if (isNode(value)) for (const field in value) this.#node(field, value[field], scope);
    this.#depth--;
  }

  #node(name: string, value: unknown, scope: OfflineScope): void {
    if (COMMANDS.has(name) && isNode(value)) {
      this.query(name, value, scope);
      return;
    }
    if (isNode(value)) {
      if (name === "ColumnRef") scope.read(value);
      else if (name === "FuncCall") this.#called(names(value, "funcname"), list(value, "args").length);
      else if (name === "A_Expr" || name === "SubLink")
        this.#operator(names(value, name === "A_Expr" ? "name" : "operName"));
      else if (name === "typeName" || name === "TypeName") this.#type(value);
    }
    this.#expression(value, scope);
  }

  #called(parts: readonly string[], count: number): void {
    const found = this.#catalog.resolveFunctions(parts, this.#searchPath);
    const [first] = found;
    if (first === undefined) {
      if (this.#isType(parts)) return;
      throw new OfflineUnknown(`function "${parts.join(".")}" is not in it`);
    }
    const fitting = found.filter((one) => one.argumentTypes.length === count);
    const meant = fitting.length === 0 ? found : fitting;
    for (const { oid } of meant) this.#functions.add(oid);
    if (meant.filter(({ builtIn }) => !builtIn).length > 1) this.#notes.add(overloads(first));
  }

  /** Built-in operators need no permit; of others, all of that name are asked for. */
  #operator(parts: readonly string[]): void {
    const name = parts.at(-1);
    const schema = parts.length > 1 ? parts[0] : undefined;
    if (name === undefined) return;
    for (const operator of this.#catalog.data.operators) {
      if (operator.name !== name || this.#catalog.isBuiltIn(operator.schema)) continue;
      if (schema !== undefined && schema !== operator.schema) continue;
      this.#operators.add(operator.oid);
      this.#notes.add(`Operator ${operator.schema}.${name} may not be the one that the server takes.`);
    }
  }

  #type(type: Node): void {
    const parts = names(type, "names");
    const found = this.#typeOf(parts);
    if (found !== undefined && !this.#catalog.isBuiltIn(found.schema)) this.#types.add(found.oid);
  }

  #isType(parts: readonly string[]): boolean {
    const found = this.#typeOf(parts);
    if (found === undefined) return false;
    this.#types.add(found.oid);
    return true;
  }

  #typeOf(parts: readonly string[]): ReturnType<Catalog["typeByName"]> {
    const [first = "", second] = parts;
    if (second !== undefined) return this.#catalog.typeByName(first, second);
    for (const schema of this.#catalog.effectivePath(this.#searchPath)) {
      const found = this.#catalog.typeByName(schema, first);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

const MERGE_ACTIONS: Readonly<Record<string, "insert" | "update" | "delete">> = {
  CMD_INSERT: "insert",
  CMD_UPDATE: "update",
  CMD_DELETE: "delete",
};

function overloads({ schema, name }: CatalogFunction): string {
  return `Which function ${schema}.${name} is meant depends on the types of its arguments: all that take as many are asked for.`;
}

function aliasOf(fields: Node): string | undefined {
  const alias = fields["alias"];
  return isNode(alias) ? text(alias, "aliasname") : undefined;
}

/** A list of strings. */
function names(fields: Node, field: string): readonly string[] {
  return list(fields, field).map((part) => constantText(part) ?? "");
}

function columnsNamed(fields: Node, field: string): readonly string[] {
  return list(fields, field).map((item) => text(unwrap(item)?.fields ?? {}, "name") ?? "");
}

/** Those that an INSERT without a list writes: as many as it has values. Of SELECT that many are not counted: all. */
function firstColumns(relation: CatalogRelation, source: Node | undefined): readonly string[] {
  if (source === undefined) return []; // DEFAULT VALUES
  const row = unwrap(list(source, "valuesLists")[0])?.fields;
  return first(relation, row === undefined ? relation.columns.length : list(row, "items").length);
}

function first(relation: CatalogRelation, count: number): readonly string[] {
  return relation.columns.slice(0, count).map(({ name }) => name);
}

/** What ON CONFLICT compares is read; null: by a constraint, whose columns are not known. */
function arbiterColumns(conflict: Node, relation: CatalogRelation): readonly (number | null)[] {
  const infer = conflict["infer"];
  if (!isNode(infer)) return [];
  const named = columnsNamed(infer, "indexElems");
  return [null, ...relation.columns.filter(({ name }) => named.includes(name)).map(({ number }) => number)];
}
