/**
 * What a tree touches: every node of it is visited, every OID with code or rows behind it collected, and columns as PostgreSQL
 * itself checks permissions for them, with what expressions show besides. Decides nothing: names and rules are others' matter.
 */

import { expressionType } from "./expression-type.ts";
import { columnKey, ENTRY, type Entry, type Level, openLevel, type Permissions } from "./level.ts";
import type { OidKind } from "./node-shape.ts";
import {
  bytesOf,
  childOf,
  forEachChild,
  isTrue,
  itemsOf,
  maybeNumber,
  NumberList,
  namePartsOf,
  nodesOf,
  numberOf,
  QueryNode,
} from "./query-node.ts";
import { COMMAND, type StatementFacts, statementFacts } from "./statement-facts.ts";
import { Touches } from "./touches.ts";
import type { ServerMajor, TreeFacts } from "./tree-facts.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/**
 * @param queries of {@link readQueryTree}, in its order.
 * @throws {TreeUnknown} for what has no place in a rewritten statement.
 */
export function touchedBy(queries: readonly QueryNode[], major: ServerMajor): TreeFacts {
  const visitor = new Visitor(major);
  for (const query of queries) visitor.query(query, null, [], false);
  return visitor.facts(queries);
}

class Visitor {
  readonly #major: ServerMajor;
  readonly #touches = new Touches();
  readonly #oids: Readonly<Record<OidKind, Set<number>>> = {
    function: new Set(),
    operator: new Set(),
    type: new Set(),
    sequence: new Set(),
  };
  readonly #defaultSequences = new Set<number>();
  readonly #createsIn = new Set<string>();
  readonly #levels: Level[] = [];
  #rowSecurity = false;
  #locksRows = false;

  constructor(major: ServerMajor) {
    this.#major = major;
  }

  facts(queries: readonly QueryNode[]): TreeFacts {
    const statement: StatementFacts = statementFacts(queries, this.#levels);
    return {
      ...statement,
      relations: this.#touches.sorted(),
      functions: ascending(this.#oids.function),
      operators: ascending(this.#oids.operator),
      types: ascending(this.#oids.type),
      sequences: ascending(this.#oids.sequence),
      defaultSequences: ascending(this.#defaultSequences),
      createsIn: [...this.#createsIn].sort(),
      rowSecurity: this.#rowSecurity,
      locksRows: this.#locksRows,
    };
  }

  query(query: QueryNode, parent: Level | null, through: readonly number[], isView: boolean): void {
    const utility = childOf(query, "utilityStmt");
    const isUtility = numberOf(query, "commandType") === COMMAND.utility;
    if (isUtility !== (utility !== null)) throw new TreeUnknown("it is the tree of a utility statement");
    if (utility !== null) this.#utility(utility);
    const level = openLevel({ query, parent, through, isView, major: this.#major });
    this.#levels.push(level);
    if (isTrue(query, "hasRowSecurity")) this.#rowSecurity = true;
    if (isTrue(query, "hasForUpdate") || itemsOf(query, "rowMarks").length > 0) this.#locksRows = true;
    for (const { permissions, through: by } of level.checked) this.#permissions(permissions, by, level);
    forEachChild(query, (child) => this.#visit(child, level));
  }

  /** It is printed as it was parsed, not as it runs: only what has one meaning whatever the session is judged. */
  #utility(utility: QueryNode): void {
    if (utility.name === "NOTIFYSTMT") return; // a rule may notify
    const parts = namePartsOf(utility, "typeName");
    const [schema] = parts;
    if (utility.name !== "CREATEENUMSTMT") throw new TreeUnknown("it is the tree of a utility statement");
    if (schema === undefined || parts.length !== 2) throw new TreeUnknown("it makes a type without naming its schema");
    this.#createsIn.add(schema);
  }

  #permissions(permissions: Permissions, through: readonly number[], level: Level): void {
    const { relation, select, insert, update, delete: deletes, selected, inserted, updated } = permissions;
    if (select) this.#touches.add("select", relation, through, selected);
    if (insert) this.#touches.add("insert", relation, through, inserted);
    if (update && (updated.length > 0 || isResult(permissions, level))) {
      this.#touches.add("update", relation, through, updated);
    } else if (update) {
      this.#locksRows = true;
    }
    if (deletes) this.#touches.add("delete", relation, through, []);
  }

  #visit(node: QueryNode, level: Level): void {
    const sequence = sequenceOfDefault(node, level);
    if (sequence !== null) {
      this.#defaultSequences.add(sequence);
      return;
    }
    this.#collect(node);
    switch (node.name) {
      case "QUERY":
        this.query(node, level, level.through, false);
        return;
      case "RANGETBLENTRY":
        this.#entry(node, level);
        return;
      case "VAR":
        this.#column(node, level);
        return;
      case "ALIAS":
      case "RTEPERMISSIONINFO":
        return;
      case "TARGETENTRY":
        if (isTriggerRow(node, level)) return;
        break;
      case "COERCEVIAIO": // its argument's type writes itself as text
      case "XMLEXPR":
      case "JSONCONSTRUCTOREXPR":
        this.#written(node, "arg");
        this.#written(node, "args");
        this.#written(node, "named_args");
        break;
    }
    forEachChild(node, (child) => this.#visit(child, level));
  }

  #entry(node: QueryNode, level: Level): void {
    const entry = level.entries.find((one) => one.node === node);
    if (entry === undefined) throw new TreeUnknown("a range table entry stands outside of a range table");
    const { kind, relation, through } = entry;
    if (kind === ENTRY.subquery) {
      const body = childOf(node, "subquery");
      if (body === null) throw new TreeUnknown("a subquery is missing");
      const isView = relation !== 0;
      this.query(body, level, isView ? [...through, relation] : through, isView);
    }
    forEachChild(node, (child) => {
      if (child.name !== "QUERY") this.#visit(child, level);
    });
  }

  #column(variable: QueryNode, from: Level): void {
    let level: Level | null = from;
    for (let up = numberOf(variable, "varlevelsup"); up > 0; up--) level = level?.parent ?? null;
    const varno = numberOf(variable, "varno");
    const entry = level?.entries[varno - 1];
    if (level === null || entry === undefined) throw new TreeUnknown("a column points outside of its query");
    const column = numberOf(variable, "varattno");
    if (entry.kind === ENTRY.join) this.#joined(entry, varno, column, level);
    else if (entry.relation !== 0) this.#read(entry, column);
  }

  #read({ relation, relationKind, permissions, through }: Entry, column: number): void {
    if (relationKind === "c") return; // EXCLUDED: the row that the statement itself has brought
    // PostgreSQL does not check what its policies and the views under an UPDATE read of the row at hand.
    if (permissions !== null && !permissions.select) return;
    this.#touches.add("select", relation, through, [column]);
  }

  /** A join lists all columns of both sides; the ones that are used are followed. */
  #joined({ node }: Entry, varno: number, column: number, level: Level): void {
    const key = columnKey(varno, column);
    if (level.resolved.has(key)) return;
    level.resolved.add(key);
    const columns = itemsOf(node, "joinaliasvars");
    const used = column === 0 ? columns : [columns[column - 1] ?? null];
    for (const one of used) {
      if (one instanceof QueryNode) this.#visit(one, level);
      else if (column !== 0) throw new TreeUnknown("a column of a join is not there");
    }
  }

  #collect({ shape, values }: QueryNode): void {
    for (const { index, of } of shape.oids) {
      const value = values[index];
      if (typeof value === "number") this.#oid(of, value);
      else if (value instanceof NumberList) for (const oid of value.numbers) this.#oid(of, oid);
    }
  }

  #oid(of: OidKind, oid: number): void {
    if (oid !== 0) this.#oids[of].add(oid);
  }

  #written(node: QueryNode, field: string): void {
    const argument = childOf(node, field);
    const all = argument === null ? nodesOf(node, field) : [argument];
    for (const one of all) this.#oid("type", expressionType(one));
  }
}

/** pg_catalog.nextval(regclass), and the type regclass (pg_proc.dat, pg_type.dat). */
const NEXTVAL = 1574;
const REGCLASS = 2205;
const FILLS_IN_DEFAULTS: readonly number[] = [COMMAND.insert, COMMAND.update, COMMAND.merge];

/**
 * `nextval('s')` of a column's default: it has no place in the statement's text, and stands where the columns are written.
 * Null: it is not that, or which sequence it takes is known only when it runs.
 */
function sequenceOfDefault(node: QueryNode, { query }: Level): number | null {
  if (node.name !== "FUNCEXPR" || numberOf(node, "funcid") !== NEXTVAL || numberOf(node, "location") >= 0) return null;
  if (!FILLS_IN_DEFAULTS.includes(numberOf(query, "commandType"))) return null;
  const [sequence] = nodesOf(node, "args");
  if (sequence?.name !== "CONST" || numberOf(sequence, "consttype") !== REGCLASS) return null;
  const bytes = bytesOf(sequence, "constvalue");
  return bytes === null || bytes.length < 4 ? null : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** The row that the rewriter hands to INSTEAD OF triggers: nothing of it comes back. The statement's own have a place in its text. */
function isTriggerRow(entry: QueryNode, { query }: Level): boolean {
  const row = childOf(entry, "expr");
  if (row === null || row.name !== "VAR" || !isTrue(entry, "resjunk") || numberOf(query, "resultRelation") === 0)
    return false;
  return numberOf(row, "varattno") === 0 && numberOf(row, "location") < 0;
}

function isResult(permissions: Permissions, { query, entries }: Level): boolean {
  const results = [numberOf(query, "resultRelation"), maybeNumber(query, "mergeTargetRelation") ?? 0];
  return results.some((result) => result > 0 && entries[result - 1]?.permissions === permissions);
}

function ascending(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}
