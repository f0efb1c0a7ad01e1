/**
 * Loads the catalog of one database as one role sees it: one transaction, one round trip, one snapshot, with the epoch of that
 * snapshot. What the server's own functions add (signatures, definitions) may be newer by a moment: the epoch then moves on too.
 */

import {
  Catalog,
  type CatalogColumn,
  type CatalogFunction,
  type CatalogOperator,
  type CatalogRelation,
  type CatalogSchema,
  type CatalogType,
  type ColumnSource,
  type DomainCheck,
  type IndexExpressions,
  type RelationKind,
} from "../analysis/catalog.ts";
import { GatewayError } from "../base/errors.ts";
import { type DomainCheckRow, domainChecks } from "./catalog-checks.ts";
import type { CatalogConnection, CatalogRow, CatalogStatement } from "./catalog-connection.ts";
import { type Epoch, epochOf } from "./catalog-epoch.ts";
import { bodyHashes } from "./catalog-hashes.ts";
import { expressionColumns, viewSources } from "./catalog-lineage.ts";
import * as sql from "./catalog-queries.ts";
import { RowReader } from "./catalog-rows.ts";
import { inheritTriggers, type Triggers } from "./catalog-triggers.ts";

const RELATION_KINDS: readonly RelationKind[] = ["r", "p", "v", "m", "f", "S", "c", "t", "i", "I"];
/** What came with the server has a lower OID (access/transam.h, FirstNormalObjectId). */
const FIRST_NORMAL_OID = 16_384;

/** A catalog, and where its epoch was read. */
export interface LoadedCatalog {
  readonly catalog: Catalog;
  readonly epoch: Epoch;
}

/** @param database its name in the configuration. @throws {GatewayError} UPSTREAM_UNAVAILABLE, UPSTREAM_UNSUPPORTED */
export async function loadCatalog(connection: CatalogConnection, database: string): Promise<LoadedCatalog> {
  const rows = new CatalogRows(connection.serverVersion);
  await connection.query(rows.statements());
  return rows.finish(database, connection.serverVersion);
}

/** Takes the rows of one load as they come, and puts them together: names for OIDs, children to parents. */
class CatalogRows {
  readonly #serverVersion: number;
  #epoch: Epoch | undefined;
  #role = "";
  readonly #schemas: CatalogSchema[] = [];
  readonly #schemaNames = new Map<number, string>();
  readonly #parents = new Map<number, number[]>();
  readonly #viewOf = new Map<number, number[]>();
  /** By view, then by its columns in their order. */
  readonly #viewSources = new Map<number, readonly (readonly ColumnSource[])[]>();
  readonly #indexExpressions = new Map<number, IndexExpressions>();
  readonly #partOf = new Map<number, number>();
  readonly #ownedBy = new Map<number, number>();
  readonly #ownTriggers = new Map<number, Triggers>();
  /** Of `#ownTriggers` and `#parents`, when both have come. */
  #triggers: ReadonlyMap<number, Triggers> | undefined;
  readonly #rules = new Set<number>();
  readonly #columns = new Map<number, CatalogColumn[]>();
  readonly #relations: CatalogRelation[] = [];
  readonly #functions: CatalogFunction[] = [];
  readonly #aggregates = new Map<number, { readonly definition: string; readonly support: readonly number[] }>();
  readonly #operators: CatalogOperator[] = [];
  readonly #ranges = new Map<number, number>();
  readonly #checks: DomainCheckRow[] = [];
  /** Of `#checks` and `#operators`, when both have come. */
  #domainChecks: ReadonlyMap<number, readonly DomainCheck[]> | undefined;
  readonly #types: CatalogType[] = [];

  /** @param serverVersion as server_version_num: trees are read by the tables of its major. */
  constructor(serverVersion: number) {
    this.#serverVersion = serverVersion;
  }

  /** What names other rows comes behind them: each row is done with when it has come, and no load ends in one long step. */
  statements(): CatalogStatement[] {
    const take = (text: string, row: (r: RowReader) => void): CatalogStatement => ({
      sql: text,
      row: (values: CatalogRow) => row(new RowReader(values)),
    });
    return [
      ...sql.BEGIN.map((text) => ({ sql: text })),
      take(sql.epochQuery(null), (r) => {
        this.#epoch = epochOf(r.text(), r.text());
      }),
      take(sql.SESSION, (r) => {
        this.#role = r.text();
      }),
      take(sql.SCHEMAS, (r) => this.#schema(r)),
      take(sql.INHERITS, (r) => push(this.#parents, r.number(), r.number())),
      take(sql.TRIGGERS, (r) => this.#ownTriggers.set(r.number(), { any: true, users: r.boolean() })),
      take(sql.RULES, (r) => this.#rules.add(r.number())),
      take(sql.VIEWS, (r) => push(this.#viewOf, r.number(), r.number())),
      take(sql.VIEW_TREES, (r) => this.#view(r.number(), r.textOrNull())),
      take(sql.INDEX_EXPRESSIONS, (r) => this.#index(r)),
      take(sql.INDEXES, (r) => this.#partOf.set(r.number(), r.number())),
      take(sql.TOAST, (r) => this.#partOf.set(r.number(), r.number())),
      take(sql.OWNED_SEQUENCES, (r) => this.#ownedBy.set(r.number(), r.number())),
      take(sql.COLUMNS, (r) => this.#column(r)),
      take(sql.RELATIONS, (r) => this.#relation(r)),
      take(sql.FUNCTIONS, (r) => this.#function(r)),
      take(sql.AGGREGATES, (r) => this.#aggregates.set(r.number(), { definition: r.text(), support: r.numbers() })),
      take(sql.OPERATORS, (r) => this.#operator(r)),
      take(sql.RANGES, (r) => this.#range(r)),
      take(sql.CHECKS, (r) => {
        this.#checks.push({ domain: r.number(), name: r.text(), definition: r.text(), tree: r.text() });
      }),
      take(sql.TYPES, (r) => this.#type(r)),
      { sql: sql.COMMIT },
    ];
  }

  finish(database: string, serverVersion: number): LoadedCatalog {
    const epoch = this.#epoch;
    if (epoch === undefined) throw new GatewayError("INTERNAL", "a catalog came without its epoch");
    const catalog = new Catalog({
      database,
      serverVersion,
      role: this.#role,
      epoch: epoch.value,
      schemas: this.#schemas,
      relations: this.#relations,
      functions: bodyHashes(this.#functions, this.#aggregates),
      operators: this.#operators,
      types: this.#types,
    });
    return { catalog, epoch };
  }

  #schema(r: RowReader): void {
    const schema = { oid: r.number(), name: r.text(), owner: r.text(), usable: r.boolean() };
    this.#schemas.push(schema);
    this.#schemaNames.set(schema.oid, schema.name);
  }

  #schemaName(oid: number): string {
    const name = this.#schemaNames.get(oid);
    if (name === undefined)
      throw new GatewayError("INTERNAL", `the catalog names a schema ${oid} that it does not have`);
    return name;
  }

  #relation(r: RowReader): void {
    this.#triggers ??= inheritTriggers(this.#ownTriggers, this.#parents);
    const oid = r.number();
    const [partOf, viewOf, triggers] = [this.#partOf.get(oid), this.#viewOf.get(oid), this.#triggers.get(oid)];
    const [ownedBy, expressions] = [this.#ownedBy.get(oid), this.#indexExpressions.get(oid)];
    this.#relations.push({
      oid,
      schema: this.#schemaName(r.number()),
      name: r.text(),
      kind: r.oneOf(RELATION_KINDS),
      owner: r.text(),
      rowSecurity: r.boolean(),
      hasTriggers: triggers?.any ?? false,
      hasUserTriggers: triggers?.users ?? false,
      hasRules: this.#rules.has(oid),
      parents: this.#parents.get(oid) ?? [],
      columns: this.#columns.get(oid) ?? [],
      ...(partOf === undefined ? {} : { partOf }),
      ...(ownedBy === undefined ? {} : { ownedBy }),
      ...(viewOf === undefined ? {} : { viewOf }),
      ...(expressions === undefined ? {} : { expressions }),
    });
  }

  #view(oid: number, tree: string | null): void {
    this.#viewSources.set(oid, viewSources(tree, this.#serverVersion, this.#viewOf.get(oid) ?? []));
  }

  #index(r: RowReader): void {
    const [oid, keys, trees] = [r.number(), r.numbers(), r.text()];
    const attributes = keys.flatMap((key, index) => (key === 0 ? [index + 1] : []));
    this.#indexExpressions.set(oid, { attributes, columns: expressionColumns(trees) });
  }

  #column(r: RowReader): void {
    const relation = r.number();
    const sources = this.#viewSources.get(relation);
    const columns = this.#columns.get(relation);
    const column = columnOf(r, relation, sources?.[columns?.length ?? 0] ?? sources?.at(-1));
    if (columns === undefined) this.#columns.set(relation, [column]);
    else columns.push(column);
  }

  #function(r: RowReader): void {
    const oid = r.number();
    const schema = this.#schemaName(r.number());
    this.#functions.push({
      oid,
      schema,
      name: r.text(),
      arguments: r.textOrNull() ?? "", // dropped since the snapshot: the next load is without it
      argumentTypes: r.numbers(),
      returns: r.textOrNull() ?? "",
      kind: r.oneOf(["f", "p", "a", "w"]),
      volatility: r.oneOf(["i", "s", "v"]),
      language: r.text(),
      securityDefiner: r.boolean(),
      leakProof: r.boolean(),
      owner: r.text(),
      hasDefaults: r.boolean(),
      configured: r.boolean(),
      bodyHash: r.text(),
      builtIn: oid < FIRST_NORMAL_OID && (schema === "pg_catalog" || schema === "information_schema"),
    });
  }

  #operator(r: RowReader): void {
    const operator = { oid: r.number(), schema: this.#schemaName(r.number()), name: r.text(), function: r.number() };
    this.#operators.push(operator);
  }

  #range(r: RowReader): void {
    const [range, multirange, bound] = [r.number(), r.number(), r.number()];
    this.#ranges.set(range, bound).set(multirange, bound);
  }

  #type(r: RowReader): void {
    this.#domainChecks ??= domainChecks(this.#checks, this.#operators);
    const [oid, schema, name] = [r.number(), this.#schemaName(r.number()), r.text()];
    const kind = r.oneOf(["b", "c", "d", "e", "p", "r", "m"]);
    const [base, relation, elementOfArray] = [r.number(), r.number(), r.number()];
    const element = elementOfArray === 0 ? this.#ranges.get(oid) : elementOfArray;
    const checks = this.#domainChecks.get(oid) ?? [];
    const functions = { input: r.number(), output: r.number(), receive: r.number(), send: r.number() };
    const [notNull, typmod] = [r.boolean(), r.numberOrNone()];
    this.#types.push({
      oid,
      schema,
      name,
      kind,
      ...(base === 0 ? {} : { base }),
      ...(element === undefined ? {} : { element }),
      ...(relation === 0 ? {} : { relation }),
      hasChecks: checks.length > 0,
      checks,
      ...functions,
      ...(notNull ? { notNull } : {}),
      ...(typmod === undefined ? {} : { typmod }),
    });
  }
}

/** @param sources of a view's column. */
function columnOf(r: RowReader, relation: number, sources: readonly ColumnSource[] | undefined): CatalogColumn {
  const [number, name, type, notNull] = [r.number(), r.text(), r.number(), r.boolean()];
  const [generated, identity] = [r.oneOf(["", "s", "v"]), r.oneOf(["", "a", "d"])];
  const plain = { number, name, type, notNull, generated, identity, hasDefault: r.boolean() && generated === "" };
  const [typmod, typeText, collation] = [r.numberOrNone(), r.textOrNone(), r.textOrNone()];
  const expression = r.textOrNull();
  const own = expression === null ? undefined : expressionColumns(expression);
  const from = own?.map((column) => ({ relation, column, copied: false })) ?? sources;
  return {
    ...plain,
    ...(typmod === undefined ? {} : { typmod }),
    ...(typeText === undefined ? {} : { typeText }),
    ...(collation === undefined ? {} : { collation }),
    ...(from === undefined ? {} : { from }),
  };
}

function push<T>(map: Map<number, T[]>, oid: number, value: T): void {
  const values = map.get(oid);
  if (values === undefined) map.set(oid, [value]);
  else values.push(value);
}
