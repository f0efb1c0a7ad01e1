/**
 * Proves on the server's own tree that a statement sees nothing of the server's catalogs but what is visible: a relation that
 * needs a filter stands nowhere but in a sub-select that is, node for node, the one PostgreSQL makes of our own text; functions,
 * casts and types are about what is visible. Shares no code with what puts the sub-selects there; what is not proven is refused.
 */

import { expressionType } from "../../analysis/query-tree/expression-type.ts";
import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  anyNode,
  childOf,
  forEachChild,
  itemsOf,
  maybeNumber,
  nodesOf,
  numberOf,
  numbersOf,
  QueryNode,
  wordOf,
} from "../../analysis/query-tree/query-node.ts";
import { GatewayError } from "../../base/errors.ts";
import { checkOf, FAMILY, type ObjectKind, objectArgument } from "./catalog-functions.ts";
import { levelUp, type ProofLevel, ProofLevels } from "./proof-level.ts";
import { SYSTEM_COLUMNS, type SystemFilters, systemRelation } from "./system-filters.ts";
import { isSameTree } from "./tree-equality.ts";
import type { Learned } from "./visible-names.ts";
import { FIRST_NORMAL_OID, type VisibleObjects } from "./visible-objects.ts";
import { type ProvenEntries, VisibleValues } from "./visible-values.ts";

/** `missing`: texts whose trees have to be learned first; then it is to be asked again. */
export type CatalogVerdict =
  | { readonly kind: "proven" }
  | { readonly kind: "missing"; readonly texts: readonly string[] }
  | { readonly kind: "refused"; readonly error: GatewayError };

export interface ProofOptions {
  readonly visible: VisibleObjects;
  readonly filters: SystemFilters;
  /** The sub-Query that PostgreSQL made of a replacement's text; undefined: not learned yet. */
  readonly expected: (text: string) => QueryNode | undefined;
  readonly learned: Learned;
  /** Relations of the session's own transaction, which the catalog does not know: policy has judged each by its name. */
  readonly own: ReadonlySet<number>;
}

/**
 * Whether the plan of a query would name something hidden, as EXPLAIN prints it: partitions and children, what views are made of,
 * functions and types in their conditions, and of ANALYZE the triggers that have fired.
 * @param queries of the query inside, rewritten. @param runs EXPLAIN runs them.
 */
export function planShowsHidden(queries: readonly QueryNode[], visible: VisibleObjects, runs: boolean): boolean {
  const isHidden = (node: QueryNode): boolean => {
    const named = (fields: readonly string[], has: (oid: number) => boolean): boolean =>
      fields.some((field) => {
        const oid = maybeNumber(node, field) ?? 0;
        return oid >= FIRST_NORMAL_OID && !has(oid);
      });
    if (named(FUNCTION_FIELDS, (oid) => visible.hasFunction(oid))) return true;
    if (named(TYPE_FIELDS, (oid) => visible.hasType(oid))) return true;
    if (runs && node.name === "QUERY" && WRITES.has(numberOf(node, "commandType"))) {
      const target = nodesOf(node, "rtable")[numberOf(node, "resultRelation") - 1];
      const oid = target === undefined ? 0 : (maybeNumber(target, "relid") ?? 0);
      // Triggers of foreign keys have the name of the constraint, which may be of a hidden table's.
      if (visible.catalog.relation(oid)?.hasTriggers !== false) return true;
    }
    if (node.name !== "RANGETBLENTRY" || numberOf(node, "rtekind") !== ENTRY.relation) return false;
    const oid = numberOf(node, "relid");
    return !visible.hasRelation(oid) || !visible.isFamilyVisible(oid, "children");
  };
  return !visible.everything && queries.some((query) => anyNode(query, isHidden));
}

/** @param queries of one tree, as read. @throws {TreeUnknown} where a column points nowhere. */
export function proveCatalogs(queries: readonly QueryNode[], options: ProofOptions): CatalogVerdict {
  const proof = new Proof(options);
  try {
    for (const query of queries) proof.query(query, null);
  } catch (error) {
    if (error instanceof Refused) return { kind: "refused", error: error.reason };
    throw error;
  }
  return proof.missing.size === 0 ? { kind: "proven" } : { kind: "missing", texts: [...proof.missing] };
}

/** Ends the walk at the first thing that is not proven. */
class Refused extends Error {
  readonly reason: GatewayError;

  constructor(message: string, detail: string, hint: string) {
    super(message);
    this.reason = new GatewayError("STATEMENT_DENIED", message, { detail, hint });
  }
}

/** Fields that name the type of what a node makes, beside those that need no look: a column is of what it is a column of. */
const TYPE_FIELDS = [
  ...["consttype", "resulttype", "paramtype", "array_typeid", "element_typeid", "row_typeid", "typeId", "casetype"],
  ...["coalescetype", "minmaxtype", "refcontainertype", "refrestype", "typid"],
];
const TYPE_LISTS = ["funccoltypes", "coltypes"];
const FUNCTION_FIELDS = ["funcid", "opfuncid", "aggfnoid", "winfnoid"];
/** CMD_UPDATE, CMD_INSERT, CMD_DELETE, CMD_MERGE (nodes/nodes.h). */
const WRITES: ReadonlySet<number> = new Set([2, 3, 4, 5]);
/** They have no type of their own, or what they wrap was looked at. */
const UNTYPED = new Set(["CASETESTEXPR", "NAMEDARGEXPR", "TARGETENTRY", "COLLATEEXPR", "RETURNINGEXPR"]);
const TYPED = new Set(
  `VAR CONST PARAM AGGREF WINDOWFUNC SUBSCRIPTINGREF FUNCEXPR OPEXPR NULLIFEXPR FIELDSELECT RELABELTYPE COERCEVIAIO
  COERCETODOMAIN ARRAYCOERCEEXPR CONVERTROWTYPEEXPR CASEEXPR ARRAYEXPR COALESCEEXPR MINMAXEXPR SUBLINK FIELDSTORE
  JSONCONSTRUCTOREXPR JSONEXPR`.split(/\s+/),
);

/** Value of paramkind: what a sub-select gives to the comparison around it. */
const PARAM_SUBLINK = 2;

class Proof implements ProvenEntries {
  readonly missing = new Set<string>();
  readonly learned: Learned;
  readonly #options: ProofOptions;
  readonly #levels = new ProofLevels();
  readonly #values: VisibleValues;
  readonly #plain = new Set<QueryNode>();
  readonly #standing = new Map<QueryNode, "proven" | "free" | "open">();

  constructor(options: ProofOptions) {
    this.#options = options;
    this.learned = options.learned;
    this.#values = new VisibleValues(options.visible, this.#levels, this);
  }

  query(query: QueryNode, parent: ProofLevel | null): void {
    const level = this.#levels.of(query, parent);
    forEachChild(query, (child) => this.#visit(child, level));
  }

  isFreeRelation(oid: number): boolean {
    const relation = this.#options.visible.catalog.relation(oid);
    return (
      relation !== undefined &&
      isSystem(relation.schema) &&
      systemRelation(relation.schema, relation.name).kind === "free"
    );
  }

  isOwn(oid: number): boolean {
    return this.#options.own.has(oid);
  }

  isProven(entry: QueryNode, level: ProofLevel): boolean {
    return numberOf(entry, "rtekind") === ENTRY.subquery && this.#standingOf(entry, level) !== "open";
  }

  columnName(entry: QueryNode, number: number, qualified = false): string {
    const body = childOf(entry, "subquery");
    const [inner] = body === null ? [] : nodesOf(body, "rtable");
    const innerBody = inner === undefined ? null : childOf(inner, "subquery");
    if (inner === undefined || this.#standing.get(entry) !== "proven") return "";
    const oid = maybeNumber(inner, "relid") ?? (innerBody === null ? 0 : placeholderView(innerBody));
    const relation = this.#options.visible.catalog.relation(oid);
    const name = relation?.columns[number - 1]?.name ?? "";
    return qualified ? `${relation?.name ?? ""}.${name}` : name;
  }

  #visit(node: QueryNode, level: ProofLevel): void {
    switch (node.name) {
      case "QUERY":
        this.query(node, level);
        return;
      case "RANGETBLENTRY":
        this.#entry(node, level);
        return;
      case "ALIAS":
      case "RTEPERMISSIONINFO":
        return;
      case "ARRAYCOERCEEXPR": // what it does with each element is the cast itself
        this.#value(node, level);
        this.#types(node);
        forEachChild(node, (child) => {
          if (child !== childOf(node, "elemexpr")) this.#visit(child, level);
        });
        return;
      case "FUNCEXPR":
        this.#call(node, level);
        break;
    }
    this.#types(node);
    if (TYPED.has(node.name) && !UNTYPED.has(node.name)) this.#value(node, level);
    forEachChild(node, (child) => this.#visit(child, level));
  }

  #entry(entry: QueryNode, level: ProofLevel): void {
    const kind = numberOf(entry, "rtekind");
    if (kind === ENTRY.relation) this.#relation(entry);
    if (kind === ENTRY.subquery && this.#standingOf(entry, level) !== "open") return;
    for (const list of TYPE_LISTS) for (const oid of numbersOf(entry, list)) this.#type(oid);
    if (kind === ENTRY.function || kind === ENTRY.tableFunction) this.#madeColumns(entry);
    if (kind === ENTRY.join) this.#joined(entry, level);
    forEachChild(entry, (child) => this.#visit(child, level));
  }

  /** Columns that json_to_record() or XMLTABLE is told to make: as part of a whole row they would print as names of anything. */
  #madeColumns(entry: QueryNode): void {
    const made = [
      entry,
      ...nodesOf(entry, "functions"),
      ...[childOf(entry, "tablefunc")].filter((one) => one !== null),
    ];
    for (const node of made) {
      for (const list of TYPE_LISTS) {
        for (const oid of numbersOf(node, list)) if (this.#values.regKind(oid) !== null) throw hiddenValue();
      }
    }
  }

  /** Merged columns of a join are expressions, and stand nowhere else. */
  #joined(entry: QueryNode, level: ProofLevel): void {
    for (const item of itemsOf(entry, "joinaliasvars")) {
      if (item instanceof QueryNode && item.name !== "VAR") this.#visit(item, level);
    }
  }

  #relation(entry: QueryNode): void {
    const { catalog } = this.#options.visible;
    const oid = numberOf(entry, "relid");
    const relation = catalog.relation(oid);
    if (relation === undefined && this.isOwn(oid)) return;
    if (relation === undefined) {
      throw new Refused("a relation is not in the catalog", "It may be new.", "Send the statement again in a moment.");
    }
    const { schema, name } = relation;
    if (!isSystem(schema) && schema !== "pg_toast") return; // policy judges it by its name
    if (wordOf(entry, "relkind") === "c") return;
    const rule = systemRelation(schema, name);
    if (rule.kind === "free") return;
    throw rule.kind === "denied" ? deniedRelation(`${schema}.${name}`, rule.why) : bareRelation(`${schema}.${name}`);
  }

  /** Of a sub-select: proven, a view of the server's that tells nothing, or to be looked into. @throws Refused for other such views. */
  #standingOf(entry: QueryNode, level: ProofLevel): "proven" | "free" | "open" {
    const known = this.#standing.get(entry);
    if (known !== undefined) return known;
    const body = childOf(entry, "subquery");
    const standing = body === null ? "open" : this.#isOurs(body) ? "proven" : this.#viewStanding(entry, body);
    this.#standing.set(entry, standing);
    if (body !== null) this.#levels.of(body, level);
    return standing;
  }

  #viewStanding(entry: QueryNode, body: QueryNode): "free" | "open" {
    const view = this.#options.visible.catalog.relation(maybeNumber(entry, "relid") ?? placeholderView(body));
    if (view === undefined || !isSystem(view.schema)) return "open"; // a user's view shows what it reads to whoever reads it
    const rule = systemRelation(view.schema, view.name);
    const name = `${view.schema}.${view.name}`;
    if (rule.kind === "free") return "free";
    throw rule.kind === "denied" ? deniedRelation(name, rule.why) : bareRelation(name);
  }

  /** The sub-Query is what PostgreSQL makes of our text for the one relation in it. */
  #isOurs(body: QueryNode): boolean {
    const { visible, filters, expected } = this.#options;
    const [entry, ...others] = nodesOf(body, "rtable");
    if (entry === undefined || others.length > 0) return false;
    const isBody = numberOf(entry, "rtekind") === ENTRY.subquery;
    const inner = isBody ? childOf(entry, "subquery") : null;
    const oid = maybeNumber(entry, "relid") ?? (inner === null ? 0 : placeholderView(inner));
    const relation = visible.catalog.relation(oid);
    if (relation === undefined || !isSystem(relation.schema)) return false;
    const systemColumns = systemColumnsOf(body);
    const variants = relation.name === "pg_class" ? [false, true] : [false];
    return variants.some((plainViews) => {
      const text = filters.replacementFor(relation.schema, relation.name, { systemColumns, plainViews });
      if (text === null) return false;
      const tree = expected(text);
      if (tree === undefined) this.missing.add(text);
      if (tree !== undefined && !isSameTree(body, tree)) return false;
      if (plainViews) this.#plain.add(body);
      return true;
    });
  }

  showsPlainViews(entry: QueryNode): boolean {
    const body = childOf(entry, "subquery");
    return this.#options.visible.opaqueViews.length === 0 || (body !== null && this.#plain.has(body));
  }

  #call(node: QueryNode, level: ProofLevel): void {
    const found = this.#options.visible.catalog.function(numberOf(node, "funcid"));
    if (found?.builtIn !== true) return; // policy judges it by its name
    const { name } = found;
    const args = nodesOf(node, "args");
    const side = FAMILY.get(name);
    if (side !== undefined && !this.#values.isFamilyShown(side, args, level)) throw hiddenArgument(name);
    const check = checkOf(name);
    if (check === undefined || check === "free") return;
    if (check === "denied") throw deniedFunction(name);
    if (check === "object") this.#object(name, args, level);
    else if (check === "described") this.#described(name, args, level);
    else this.#argument(name, check === "expression" ? "relation" : check, args, level);
  }

  #argument(name: string, kind: ObjectKind, args: readonly QueryNode[], level: ProofLevel): void {
    const object = args[objectArgument(name, args.length)];
    if (object === undefined || !this.#values.isShown(object, kind, level)) throw hiddenArgument(name);
  }

  /** An OID of one catalog beside the OID of that catalog. */
  #object(name: string, [of, oid]: readonly QueryNode[], level: ProofLevel): void {
    if (of === undefined || oid === undefined) throw hiddenArgument(name);
    if (!this.#values.isShown(of, "relation", level)) throw hiddenArgument(name);
    const kind = OBJECT_KINDS.get(this.#values.constantOid(of) ?? 0) ?? "other";
    if (!this.#values.isShown(oid, kind, level)) throw hiddenArgument(name);
  }

  /** An OID beside the name of its catalog. */
  #described(name: string, [oid, of]: readonly QueryNode[], level: ProofLevel): void {
    const catalogName = of === undefined ? null : this.#values.constantText(of);
    const kind = OBJECT_NAMES.get(catalogName ?? "") ?? "other";
    if (oid === undefined || !this.#values.isShown(oid, kind, level)) throw hiddenArgument(name);
  }

  /** A value that prints as a name must be of something visible. */
  #value(node: QueryNode, level: ProofLevel): void {
    if (node.name === "VAR" && this.#isOuterUse(node, level)) return;
    if (node.name === "PARAM" && numberOf(node, "paramkind") === PARAM_SUBLINK) return; // its sub-select's column is looked at
    const kind = this.#values.regKind(expressionType(node));
    if (kind === null || this.#values.isShown(node, kind, level)) return;
    throw hiddenValue();
  }

  /** Columns of what is proven, and those that only hand on, are most of a tree: their types need no look-up. */
  #isOuterUse(node: QueryNode, from: ProofLevel): boolean {
    const level = levelUp(from, numberOf(node, "varlevelsup"));
    const entry = level.entries[numberOf(node, "varno") - 1];
    return entry !== undefined && this.isProven(entry, level);
  }

  #types(node: QueryNode): void {
    for (const field of TYPE_FIELDS) {
      const oid = maybeNumber(node, field);
      if (oid !== undefined) this.#type(oid);
    }
    for (const list of TYPE_LISTS) for (const oid of numbersOf(node, list)) this.#type(oid);
  }

  /** A type shows its columns or its labels to whoever may name it. */
  #type(oid: number): void {
    if (oid !== 0 && !this.#options.visible.hasType(oid)) throw hiddenType();
  }
}

const OBJECT_KINDS: ReadonlyMap<number, ObjectKind> = new Map([
  [1259, "relation"],
  [1255, "function"],
  [1247, "type"],
  [2615, "schema"],
] as const);
const OBJECT_NAMES: ReadonlyMap<string, ObjectKind> = new Map([
  ["pg_class", "relation"],
  ["pg_proc", "function"],
  ["pg_type", "type"],
  ["pg_namespace", "schema"],
] as const);

function isSystem(schema: string): boolean {
  return schema === "pg_catalog" || schema === "information_schema";
}

/** 15 does not name the view whose body a sub-select is: the two entries at its head do, which no text can put there. */
function placeholderView(body: QueryNode): number {
  const [old, fresh] = nodesOf(body, "rtable");
  if (old === undefined || fresh === undefined) return 0;
  const isView = (entry: QueryNode) =>
    numberOf(entry, "rtekind") === ENTRY.relation && wordOf(entry, "relkind") === "v";
  if (!isView(old) || !isView(fresh)) return 0;
  const view = numberOf(old, "relid");
  return view === numberOf(fresh, "relid") ? view : 0;
}

/** Names of the system columns among the outputs. */
function systemColumnsOf(body: QueryNode): readonly string[] {
  const numbers = nodesOf(body, "targetList").map((entry) => {
    const expression = childOf(entry, "expr");
    return expression?.name === "VAR" ? numberOf(expression, "varattno") : 0;
  });
  return [...SYSTEM_COLUMNS].filter(([, number]) => numbers.includes(number)).map(([name]) => name);
}

const POLICY = "Policy hides a part of this database from you.";

function bareRelation(name: string): Refused {
  return new Refused(
    `${name} shows more than policy lets you see`,
    `${POLICY} The relation can be read where it stands by itself in FROM, and its rows are then filtered.`,
    "Write it as a plain item of FROM, with its schema before its name, without FOR UPDATE and not through a view.",
  );
}

function deniedRelation(name: string, why: string): Refused {
  return new Refused(
    `${name} cannot be read by those who may not see the whole database`,
    `Why: ${why}.`,
    "Leave it out.",
  );
}

function deniedFunction(name: string): Refused {
  return new Refused(
    `pg_catalog.${name} cannot be called by those who may not see the whole database`,
    `${POLICY} What the function tells cannot be filtered.`,
    "Leave it out.",
  );
}

function hiddenArgument(name: string): Refused {
  return new Refused(
    `${name} may only be asked about what you can see`,
    `${POLICY} Its argument is not a column of a catalog in FROM, nor a constant that names something visible.`,
    "Give it an OID column of pg_catalog, such as pg_class.oid, or the qualified name of something visible as a literal.",
  );
}

function hiddenValue(): Refused {
  return new Refused(
    "a value that prints as an object's name may be of something that you cannot see",
    `${POLICY} The value is not a column of a catalog in FROM, nor a constant that names something visible.`,
    "Cast an OID column of pg_catalog, or the qualified name of something visible as a literal.",
  );
}

function hiddenType(): Refused {
  return new Refused("a type is not one that you can see", POLICY, "Use a type of a schema that you can see.");
}
