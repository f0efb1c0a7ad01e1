/**
 * Whether a value in a tree is the OID of something visible, by where it comes from: a column of a proven sub-select, or a constant
 * that names something visible. What is computed otherwise may be any OID, and is not.
 */

import type { Catalog } from "../../analysis/catalog.ts";
import { expressionType } from "../../analysis/query-tree/expression-type.ts";
import { ENTRY } from "../../analysis/query-tree/level.ts";
import { bytesOf, childOf, isTrue, nodesOf, numberOf, type QueryNode } from "../../analysis/query-tree/query-node.ts";
import { checkOf, FAMILY, type ObjectKind, objectArgument, PASSING, SOURCES } from "./catalog-functions.ts";
import { levelUp, type Placed, type ProofLevel, type ProofLevels } from "./proof-level.ts";
import { isNameVisible, isOidVisible, type Learned } from "./visible-names.ts";
import type { VisibleObjects } from "./visible-objects.ts";

/** What a value of such a type shows of itself when it is printed. */
const REG_KINDS: ReadonlyMap<string, ObjectKind> = new Map([
  ["regclass", "relation"],
  ["regproc", "function"],
  ["regprocedure", "function"],
  ["regtype", "type"],
  ["regnamespace", "schema"],
  ["regoper", "other"],
  ["regoperator", "other"],
  ["regcollation", "other"],
  ["regconfig", "pg_ts_config"],
  ["regdictionary", "pg_ts_dict"],
] as const);
/** Tables keep these beside their texts; what they show is the name of a text search object. */
const STORED = new Set(["regconfig", "regdictionary"]);
/** pg_type.oid of what holds plain OIDs: oid, oidvector, oid[]. */
const OID_TYPES = new Set([26, 30, 1028]);
/** text, name, unknown, cstring. */
const NAME_TYPE = 19;
const TEXT_TYPES = new Set([25, NAME_TYPE, 705, 2275, 1043]);

/** What they give names what the session is, or what the statement itself has written. */
const HARMLESS = new Set(["pg_typeof", "pg_my_temp_schema", "get_current_ts_config", "to_regrole"]);

/** Columns of the server's catalogs and views that hold names of schemas, relations and types. */
const NAME_COLUMNS = new Set(
  `nspname relname typname schemaname tablename viewname matviewname sequencename indexname table_catalog table_schema table_name
  schema_name sequence_schema sequence_name udt_schema udt_name view_schema view_name domain_schema domain_name
  event_object_schema event_object_table datname`.split(/\s+/),
);

/** System column: of which relation, or child of it, a row is. */
const TABLE_OID = -6;

export interface ProvenEntries {
  /** Of a proven sub-select; "" where it has no such column. @param qualified with the relation's name before it. */
  columnName(entry: QueryNode, number: number, qualified?: boolean): string;
  /** A sub-select that shows visible rows alone, or the body of a view that tells nothing of schemas. */
  isProven(entry: QueryNode, level: ProofLevel): boolean;
  /** The sub-select leaves out views whose definition names something hidden, or there is none. */
  showsPlainViews(entry: QueryNode): boolean;
  isFreeRelation(oid: number): boolean;
  /** Of the session's own transaction, and judged by its name. */
  isOwn(oid: number): boolean;
  readonly learned: Learned;
}

export class VisibleValues {
  readonly #visible: VisibleObjects;
  readonly #catalog: Catalog;
  readonly #levels: ProofLevels;
  readonly #entries: ProvenEntries;
  readonly #inProgress = new Set<QueryNode>();
  readonly #regKinds = new Map<number, ObjectKind | null>();

  constructor(visible: VisibleObjects, levels: ProofLevels, entries: ProvenEntries) {
    this.#visible = visible;
    this.#catalog = visible.catalog;
    this.#levels = levels;
    this.#entries = entries;
  }

  /** Of a type whose values print names of objects, also as part of them; null: of another. */
  regKind(type: number): ObjectKind | null {
    const known = this.#regKinds.get(type);
    if (known !== undefined) return known;
    this.#regKinds.set(type, null); // a type may hold itself, by way of an array
    const kind = this.#regKindOf(type);
    this.#regKinds.set(type, kind);
    return kind;
  }

  #regKindOf(oid: number): ObjectKind | null {
    const type = this.#catalog.type(oid);
    if (type === undefined) return null;
    if (type.schema === "pg_catalog" && REG_KINDS.has(type.name)) return REG_KINDS.get(type.name) ?? null;
    const parts = [type.element, type.base].filter((part) => part !== undefined);
    const row = type.relation === undefined ? undefined : this.#catalog.relation(type.relation);
    const inRow = (row?.columns ?? []).some((column) => this.regKind(column.type) !== null);
    if (inRow) return "other";
    return parts.map((part) => this.regKind(part)).find((kind) => kind !== null) ?? null;
  }

  /** Whether the value can only be of something visible. @param kind as what it will be taken, where it does not say so itself. */
  isShown(expression: QueryNode, kind: ObjectKind, level: ProofLevel): boolean {
    if (this.#inProgress.has(expression)) return true; // a recursive CTE: its other branch decides
    this.#inProgress.add(expression);
    try {
      return this.#isShown(expression, kind, level);
    } finally {
      this.#inProgress.delete(expression);
    }
  }

  #isShown(node: QueryNode, kind: ObjectKind, level: ProofLevel): boolean {
    if (this.#isText(expressionType(node)) && this.constantText(node) === null) {
      return (kind !== "plainView" || this.#visible.opaqueViews.length === 0) && this.#isName(node, level);
    }
    const all = (field: string): boolean =>
      nodesOf(node, field).every((argument) => this.isShown(argument, kind, level));
    const one = (field: string, as = kind): boolean => {
      const child = childOf(node, field);
      return child !== null && this.isShown(child, as, level);
    };
    switch (node.name) {
      case "CONST":
        return this.#constant(node, kind);
      case "VAR":
        return this.#column(node, kind, level);
      case "RELABELTYPE":
      case "COERCEVIAIO":
      case "COERCETODOMAIN":
      case "ARRAYCOERCEEXPR":
        return one("arg", this.#narrower(kind, numberOf(node, "resulttype")));
      case "NAMEDARGEXPR":
      case "COLLATEEXPR":
      case "FIELDSELECT":
        return (node.name !== "FIELDSELECT" || childOf(node, "arg")?.name === "FUNCEXPR") && one("arg");
      case "TARGETENTRY":
        return one("expr");
      case "COALESCEEXPR":
      case "MINMAXEXPR":
      case "NULLIFEXPR":
        return all("args");
      case "ARRAYEXPR":
        return all("elements");
      case "CASEEXPR":
        return nodesOf(node, "args").every((when) => this.#isResultShown(when, kind, level)) && one("defresult");
      case "SUBSCRIPTINGREF":
        return childOf(node, "refassgnexpr") === null && one("refexpr");
      case "SUBLINK":
        return this.#sublink(node, kind, level);
      case "AGGREF":
        return PASSING.has(this.#name(numberOf(node, "aggfnoid"))) && all("args");
      case "FUNCEXPR":
        return this.#call(node, kind, level);
      default:
        return false;
    }
  }

  #isResultShown(when: QueryNode, kind: ObjectKind, level: ProofLevel): boolean {
    const result = childOf(when, "result");
    return result !== null && this.isShown(result, kind, level);
  }

  #call(node: QueryNode, kind: ObjectKind, level: ProofLevel): boolean {
    const name = this.#name(numberOf(node, "funcid"));
    const args = nodesOf(node, "args");
    if (PASSING.has(name)) return args.every((argument) => this.isShown(argument, kind, level));
    const side = FAMILY.get(name);
    if (side !== undefined) return this.isFamilyShown(side, args, level);
    const check = checkOf(name);
    const object = args[objectArgument(name, args.length)];
    if (HARMLESS.has(name)) return true;
    if (check !== "relation" && check !== "function" && check !== "type" && check !== "schema") return false;
    return object !== undefined && this.isShown(object, check, level);
  }

  /** What a type says of its values, but for a relation that is asked for in particular. */
  #narrower(kind: ObjectKind, type: number): ObjectKind {
    const own = this.regKind(type);
    return own === null || (own === "relation" && (kind === "plainView" || kind === "pg_index")) ? kind : own;
  }

  /** Parents and children of a relation come with it. */
  isFamilyShown(side: "parents" | "children", [relation]: readonly QueryNode[], level: ProofLevel): boolean {
    if (relation === undefined || !this.isShown(relation, "relation", level)) return false;
    const oid = this.constantOid(relation);
    return oid === null ? this.#visible.areFamiliesVisible(side) : this.#visible.isFamilyVisible(oid, side);
  }

  /** Of a constant that is an OID or a number, whatever it was cast to; null: it is none. */
  constantOid(node: QueryNode): number | null {
    if (node.name === "RELABELTYPE") {
      const inner = childOf(node, "arg");
      return inner === null ? null : this.constantOid(inner);
    }
    if (node.name !== "CONST" || !isTrue(node, "constbyval")) return null;
    const bytes = bytesOf(node, "constvalue");
    return bytes === null ? null : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  /** Of a constant text or name; null: it is none. */
  constantText(node: QueryNode): string | null {
    if (node.name === "RELABELTYPE") {
      const inner = childOf(node, "arg");
      return inner === null ? null : this.constantText(inner);
    }
    if (node.name !== "CONST") return null;
    const type = numberOf(node, "consttype");
    const bytes = bytesOf(node, "constvalue");
    if (bytes === null || !TEXT_TYPES.has(type)) return null;
    const hasLength = numberOf(node, "constlen") === -1;
    return new TextDecoder().decode(hasLength ? bytes.subarray(4) : bytes).replace(/\0.*$/s, "");
  }

  #constant(node: QueryNode, kind: ObjectKind): boolean {
    if (isTrue(node, "constisnull")) return true;
    const type = numberOf(node, "consttype");
    const text = this.constantText(node);
    if (text !== null) {
      if (kind === "plainView" && this.#visible.opaqueViews.length > 0) return false;
      return isNameVisible(this.#visible, kind === "plainView" ? "relation" : kind, text);
    }
    const isScalar = isTrue(node, "constbyval") && numberOf(node, "constlen") === 4;
    const oid = isScalar ? this.constantOid(node) : null;
    if (oid !== null && kind === "relation" && this.#entries.isOwn(oid)) return true;
    return oid !== null && isOidVisible(this.#visible, this.#narrower(kind, type), oid, this.#entries.learned);
  }

  #column(node: QueryNode, kind: ObjectKind, from: ProofLevel): boolean {
    const level = levelUp(from, numberOf(node, "varlevelsup"));
    const entry = level.entries[numberOf(node, "varno") - 1];
    if (entry === undefined) return false;
    const number = numberOf(node, "varattno");
    const type = numberOf(node, "vartype");
    if (numberOf(entry, "rtekind") === ENTRY.relation) {
      const relation = numberOf(entry, "relid");
      if (this.#entries.isFreeRelation(relation)) return true;
      if (number === TABLE_OID) {
        return this.#visible.hasRelation(relation) && this.#visible.isFamilyVisible(relation, "children");
      }
      return STORED.has(this.#catalog.type(type)?.name ?? "");
    }
    if (this.#entries.isProven(entry, level)) {
      if (kind === "plainView" && !this.#entries.showsPlainViews(entry)) return false;
      const sources = SOURCES.get(kind);
      if (sources !== undefined && !sources.has(this.#entries.columnName(entry, number, true))) return false;
      return OID_TYPES.has(type) || this.regKind(type) !== null;
    }
    const sources = this.#levels.sources(entry, level, number);
    return sources?.every((placed: Placed) => this.isShown(placed.expression, kind, placed.level)) ?? false;
  }

  #isText(oid: number): boolean {
    const type = this.#catalog.type(oid);
    return TEXT_TYPES.has(oid) || (type?.base !== undefined && this.#isText(type.base));
  }

  /** A text made of names of visible things, quotes and dots, such as `quote_ident(nspname) || '.' || quote_ident(relname)`. */
  #isName(node: QueryNode, level: ProofLevel): boolean {
    const all = (args: readonly QueryNode[]): boolean => args.every((one) => this.#isName(one, level));
    const text = this.constantText(node);
    if (text !== null) return /^["'.]*$/.test(text);
    const arg = childOf(node, "arg");
    switch (node.name) {
      case "RELABELTYPE":
      case "COERCEVIAIO":
      case "COERCETODOMAIN":
      case "COLLATEEXPR":
        if (arg !== null && this.regKind(expressionType(arg)) !== null) return this.isShown(arg, "other", level);
        return arg !== null && this.#isText(expressionType(arg)) && this.#isName(arg, level);
      case "VAR":
        return this.#isNameColumn(node, level);
      case "OPEXPR":
        return this.#name(numberOf(node, "opfuncid")) === "textcat" && all(nodesOf(node, "args"));
      case "FUNCEXPR": {
        const name = this.#name(numberOf(node, "funcid"));
        const args = nodesOf(node, "args");
        if (name === "quote_ident" || name === "text" || name === "concat" || name === "name") return all(args);
        const [pattern, ...names] = args;
        if (name === "pg_get_serial_sequence") return pattern !== undefined && this.isShown(pattern, "relation", level);
        const isPlain = pattern !== undefined && /^(?:%I|%s|[".])*$/.test(this.constantText(pattern) ?? "-");
        return name === "current_database" || (name === "format" && isPlain && all(names));
      }
      default:
        return false;
    }
  }

  #isNameColumn(node: QueryNode, from: ProofLevel): boolean {
    const level = levelUp(from, numberOf(node, "varlevelsup"));
    const entry = level.entries[numberOf(node, "varno") - 1];
    if (entry === undefined || numberOf(entry, "rtekind") === ENTRY.relation) return false;
    const number = numberOf(node, "varattno");
    if (this.#entries.isProven(entry, level)) {
      return this.#visible.hasPlainNames && NAME_COLUMNS.has(this.#entries.columnName(entry, number));
    }
    const sources = this.#levels.sources(entry, level, number);
    return sources?.every((placed) => this.#isName(placed.expression, placed.level)) ?? false;
  }

  #sublink(node: QueryNode, kind: ObjectKind, level: ProofLevel): boolean {
    const select = childOf(node, "subselect");
    const outputs = select === null ? null : this.#levels.outputs(this.#levels.of(select, level), 1);
    return outputs?.every((placed) => this.isShown(placed.expression, kind, placed.level)) ?? false;
  }

  /** Of a function that came with the server; "" for all others. */
  #name(oid: number): string {
    const found = this.#catalog.function(oid);
    return found?.builtIn === true ? found.name : "";
  }
}
