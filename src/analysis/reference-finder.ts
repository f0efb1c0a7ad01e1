/**
 * The walk behind references.ts: one pass over a statement's raw tree that finds each name of a relation, the query that it stands
 * in, and whether a CTE hides it. Iterative, and it stops at a number of findings: trees nest as deep as texts are long.
 *
 * Source of the scopes: PostgreSQL 18, parse_cte.c (transformWithClause), parse_clause.c (transformFromClauseItem).
 */

import type { ReferencePlace } from "./references.ts";
import { constantText, flag, isNode, list, type Node, number, text, unwrap } from "./tree.ts";

export interface FoundRelation {
  /** Of a RangeVar. */
  readonly fields: Node;
  readonly name: readonly string[];
  readonly location: number;
  readonly alias: { readonly name: string; readonly renames: boolean } | null;
  readonly place: Exclude<ReferencePlace, "table">;
  /** Of a RangeTableSample. */
  readonly sample: Node | null;
  readonly shadowed: boolean;
  /** Null in a utility statement. */
  readonly level: Level | null;
}

export interface FoundColumn {
  /** Of a ColumnRef, three or more. */
  readonly fields: readonly unknown[];
  readonly location: number;
  readonly level: Level | null;
}

/** In RETURNING, outside of queries in it. */
export interface FoundReturned {
  /** Of a ColumnRef. */
  readonly fields: readonly unknown[];
  readonly location: number;
  readonly target: FoundRelation;
  /** It is all of an item, which has its name by it. */
  readonly naming: boolean;
  /** What the statement calls OLD and NEW, where it says (18). */
  readonly oldAndNew: readonly string[];
}

/** One query, and what its FROM gives names to. */
export interface Level {
  readonly parent: Level | null;
  readonly entries: Entry[];
}

export interface Entry {
  /** Null: it has one that is not known here. */
  readonly name: string | null;
  /** Null: a CTE, a sub-select, a function, a join. */
  readonly relation: FoundRelation | null;
}

export interface Found {
  readonly relations: FoundRelation[];
  readonly columns: FoundColumn[];
  readonly returned: FoundReturned[];
  readonly entryNames: ReadonlySet<string>;
  /** Of columns without a qualifier, and of `t.*` where it is a row. */
  readonly rowNames: ReadonlySet<string>;
  readonly systemColumns: ReadonlySet<string>;
  readonly star: boolean;
  readonly natural: boolean;
  readonly complete: boolean;
}

/** Names of CTEs that a query sees, the inner ones first. */
interface Names {
  readonly name: string;
  readonly outer: Names | null;
}

interface Scope {
  readonly names: Names | null;
  readonly level: Level | null;
  readonly returning?: Pick<FoundReturned, "target" | "oldAndNew">;
}

interface Frame {
  readonly value: unknown;
  /** An entry of FROM: a RangeVar in it is one. */
  readonly from: boolean;
  readonly scope: Scope;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(["ctid", "tableoid", "xmin", "cmin", "xmax", "cmax"]);
const OUTERMOST: Scope = { names: null, level: null };
/** An expression of which the server takes the name of a column in it for its own (parse_target.c, FigureColnameInternal). */
const NAMED_BY_COLUMN: ReadonlySet<string> = new Set(["A_Indirection", "TypeCast", "CollateClause", "CaseExpr"]);

/** @param limit of relations, of columns by their schema, of CTEs, and of entries of FROM. */
export function findReferences(statement: unknown, limit: number): Found {
  const finder = new Finder(limit);
  finder.run(statement);
  return finder;
}

class Finder implements Found {
  readonly relations: FoundRelation[] = [];
  readonly columns: FoundColumn[] = [];
  readonly returned: FoundReturned[] = [];
  readonly entryNames = new Set<string>();
  readonly rowNames = new Set<string>();
  readonly systemColumns = new Set<string>();
  star = false;
  natural = false;
  complete = true;
  readonly #limit: number;
  readonly #stack: Frame[] = [];
  #names = 0;
  #entries = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  run(statement: unknown): void {
    this.#push(statement, OUTERMOST);
    for (let frame = this.#stack.pop(); frame !== undefined && this.complete; frame = this.#stack.pop()) {
      this.#visit(frame);
    }
  }

  #push(value: unknown, scope: Scope, from = false): void {
    if (typeof value === "object" && value !== null) this.#stack.push({ value, from, scope });
  }

  #visit({ value, from, scope }: Frame): void {
    if (Array.isArray(value)) {
      for (const element of value) this.#push(element, scope, from);
      return;
    }
    if (!isNode(value)) return;
    // Typed fields hold a RangeVar without its node's name: COPY's, a view's own, SELECT INTO's.
    if (typeof value["relname"] === "string") {
      this.#relation(value, "other", OUTERMOST, null);
      return;
    }
    for (const key in value) {
      const child = value[key];
      if (isNode(child)) this.#node(key, child, from, scope);
      else this.#push(child, scope);
    }
  }

  /** @param name of the node, or of the field that holds it or its fields. */
  #node(name: string, fields: Node, from: boolean, scope: Scope): void {
    switch (name) {
      case "ColumnRef":
        this.#column(fields, scope, false);
        break;
      case "ResTarget":
        this.#target(fields, scope);
        break;
      case "RangeVar":
        this.#relation(fields, from ? "from" : "other", from ? scope : OUTERMOST, null);
        break;
      case "RangeTableSample":
        this.#sample(fields, scope);
        break;
      case "JoinExpr":
        this.#join(fields, scope);
        break;
      case "RangeSubselect":
      case "RangeFunction":
      case "RangeTableFunc":
      case "JsonTable":
        this.#item(name, fields, scope);
        break;
      case "SelectStmt":
        this.#select(fields, scope);
        break;
      case "InsertStmt":
      case "UpdateStmt":
      case "DeleteStmt":
      case "MergeStmt":
        this.#modify(fields, scope);
        break;
      case "LockingClause":
        break; // FOR UPDATE OF names aliases
      default:
        this.#push(fields, scope);
    }
  }

  #select(fields: Node, outer: Scope): void {
    const scope = this.#query(fields, outer);
    for (const key in fields) {
      if (key === "withClause") continue;
      // The sides of a UNION are queries of their own, held without their node's name.
      const side = key === "larg" || key === "rarg";
      this.#push(side ? { SelectStmt: fields[key] } : fields[key], scope, key === "fromClause");
    }
  }

  #modify(fields: Node, outer: Scope): void {
    const scope = this.#query(fields, outer);
    const { relation } = fields;
    const target = isNode(relation) ? this.#relation(relation, "target", scope, null) : null;
    if (fields["onConflictClause"] !== undefined) this.#entry(scope.level, "excluded", null);
    for (const key in fields) {
      if (key === "withClause" || key === "relation") continue;
      if (target !== null && (key === "returningList" || key === "returningClause")) {
        this.#push(fields[key], { ...scope, returning: { target, oldAndNew: oldAndNew(fields[key]) } });
        continue;
      }
      const from = key === "fromClause" || key === "usingClause" || key === "sourceRelation";
      // The query that gives INSERT its rows sees its WITH, but not its target.
      const within = key === "selectStmt" ? { names: scope.names, level: outer.level } : scope;
      this.#push(fields[key], within, from);
    }
  }

  /** A level of its own, behind the query's WITH: whose queries see what is around this one, but not its FROM. */
  #query(fields: Node, outer: Scope): Scope {
    const clause = fields["withClause"];
    let { names } = outer;
    if (isNode(clause)) {
      const queries = list(clause, "ctes").map((cte) => unwrap(cte)?.fields ?? {});
      const recursive = flag(clause, "recursive");
      if (recursive) for (const query of queries) names = this.#named(query, names);
      for (const query of queries) {
        this.#push(query, { names, level: outer.level });
        if (!recursive) names = this.#named(query, names);
      }
    }
    return { names, level: { parent: outer.level, entries: [] } };
  }

  #named(query: Node, outer: Names | null): Names {
    if (++this.#names > this.#limit) this.complete = false;
    return { name: text(query, "ctename") ?? "", outer };
  }

  #join(fields: Node, scope: Scope): void {
    if (flag(fields, "isNatural")) this.natural = true;
    for (const key of ["alias", "join_using_alias"]) {
      const alias = aliasIn(fields, key);
      if (alias !== null) this.#entry(scope.level, alias.name, null);
    }
    for (const key in fields) this.#push(fields[key], scope, key === "larg" || key === "rarg");
  }

  #item(node: string, fields: Node, scope: Scope): void {
    const name = aliasIn(fields, "alias")?.name ?? defaultName(node, fields);
    // A sub-select may go without a name since 16.
    if (name !== undefined) this.#entry(scope.level, name, null);
    const apart = node === "RangeSubselect" && !flag(fields, "lateral");
    this.#push(fields, apart ? { names: scope.names, level: scope.level?.parent ?? null } : scope);
  }

  #sample(fields: Node, scope: Scope): void {
    const relation = unwrap(fields["relation"]);
    if (relation?.name === "RangeVar") this.#relation(relation.fields, "from", scope, fields);
    this.#push(fields["args"], scope);
    this.#push(fields["repeatable"], scope);
  }

  #relation(fields: Node, place: FoundRelation["place"], { names, level }: Scope, sample: Node | null): FoundRelation {
    const name = ["catalogname", "schemaname", "relname"].flatMap((part) => text(fields, part) ?? []);
    const relation: FoundRelation = {
      fields,
      name,
      location: number(fields, "location"),
      alias: aliasIn(fields, "alias"),
      place,
      sample,
      // INSERT, UPDATE, DELETE and MERGE write to the table, whatever WITH says.
      shadowed: place === "from" && name.length === 1 && sees(names, name[0]),
      level,
    };
    if (this.relations.push(relation) > this.#limit) this.complete = false;
    this.#entry(level, relation.alias?.name ?? name.at(-1) ?? "", relation.shadowed ? null : relation);
    return relation;
  }

  #entry(level: Level | null, name: string | null, relation: FoundRelation | null): void {
    if (level === null) return;
    if (++this.#entries > this.#limit) this.complete = false;
    level.entries.push({ name, relation });
    if (name !== null) this.entryNames.add(name);
  }

  /** Of SELECT or RETURNING: a star in it is columns, and anywhere else a row. */
  #target(fields: Node, scope: Scope): void {
    const value = unwrap(fields["val"]);
    const isNamed = text(fields, "name") !== undefined;
    if (value?.name === "ColumnRef") this.#column(value.fields, scope, true, !isNamed);
    else if (isNamed || !NAMED_BY_COLUMN.has(value?.name ?? "")) this.#push(fields["val"], scope);
    else this.#push(fields["val"], { names: scope.names, level: scope.level }); // another value would have another name
    this.#push(fields["indirection"], scope);
  }

  #column(column: Node, { level, returning }: Scope, isTarget: boolean, naming = false): void {
    const fields = list(column, "fields");
    const last = fields.at(-1);
    const name = constantText(last);
    const star = name === undefined;
    if (star) this.star = true;
    else if (SYSTEM_COLUMNS.has(name)) this.systemColumns.add(name);
    if (fields.length === 1 && !star) this.rowNames.add(name);
    else if (star && !isTarget) this.rowNames.add(constantText(fields.at(-2)) ?? "");
    const location = number(column, "location");
    const isReturned = returning !== undefined && (!star || naming);
    if (isReturned && this.returned.push({ ...returning, fields, location, naming }) > this.#limit)
      this.complete = false;
    if (fields.length < 3 || level === null) return;
    if (this.columns.push({ fields, location, level }) > this.#limit) this.complete = false;
  }
}

/** RETURNING WITH (OLD AS o, NEW AS n). */
function oldAndNew(clause: unknown): readonly string[] {
  const options = isNode(clause) ? list(clause, "options") : [];
  return options.flatMap((option) => text(unwrap(option)?.fields ?? {}, "value") ?? []);
}

function sees(names: Names | null, name: string | undefined): boolean {
  for (let at = names; at !== null; at = at.outer) if (at.name === name) return true;
  return false;
}

function aliasIn(fields: Node, key: string): FoundRelation["alias"] {
  const alias = fields[key];
  if (!isNode(alias)) return null;
  return { name: text(alias, "aliasname") ?? "", renames: list(alias, "colnames").length > 0 };
}

/** What an entry of FROM answers to without an alias: undefined for nothing, null where that is not worked out here. */
function defaultName(node: string, fields: Node): string | null | undefined {
  if (node === "RangeSubselect") return undefined;
  if (node === "RangeTableFunc") return "xmltable";
  if (node === "JsonTable") return "json_table";
  const [first, second] = list(fields, "functions");
  const call = second === undefined ? unwrap(list(unwrap(first)?.fields ?? {}, "items")[0]) : undefined;
  return call?.name === "FuncCall" ? (constantText(list(call.fields, "funcname").at(-1)) ?? null) : null;
}
