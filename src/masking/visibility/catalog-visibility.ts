/**
 * What the gateway asks about the server's catalogs, for one set of visible objects: what stands in a reference's place, and
 * whether the tree that came of it is proven. Waits for nothing: who asks has the trees of our own texts parsed, and teaches them.
 */

import type { QueryNode } from "../../analysis/query-tree/query-node.ts";
import { childOf, nodesOf } from "../../analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../analysis/query-tree/reader.ts";
import type { ServerMajor } from "../../analysis/query-tree/tree-facts.ts";
import { GatewayError } from "../../base/errors.ts";
import { LEARNED, type LearnedKind } from "./catalog-functions.ts";
import { type CatalogVerdict, planShowsHidden, proveCatalogs } from "./catalog-proof.ts";
import { type Asked, SYSTEM_COLUMNS, SystemFilters } from "./system-filters.ts";
import type { VisibleObjects } from "./visible-objects.ts";

/** As masking/splice.ts takes it. */
export interface CatalogReplacement {
  readonly text: string;
  /** Where the relation is. */
  readonly schema: string;
}

export class CatalogVisibility {
  readonly visible: VisibleObjects;
  readonly #major: ServerMajor;
  readonly #filters: SystemFilters;
  readonly #expected = new Map<string, QueryNode>();
  readonly #learned = new Map<LearnedKind, ReadonlySet<number>>();

  constructor(visible: VisibleObjects, major: ServerMajor) {
    this.visible = visible;
    this.#major = major;
    this.#filters = new SystemFilters(visible);
  }

  /**
   * What stands in FROM in place of a reference, in brackets, without an alias; null: the reference stays.
   * @param name one to three parts, folded. @param searchPath as far as it is known: a wrong one ends in a refusal, not a leak.
   * @param asked of {@link askedIn}.
   */
  replace(name: readonly string[], searchPath: readonly string[], asked: Asked): CatalogReplacement | null {
    if (this.visible.everything) return null;
    const parts = name.length === 3 ? name.slice(1) : name; // the server refuses another database's name
    const relation = this.visible.catalog.resolveRelation(parts, searchPath);
    if (relation === undefined) return null;
    const text = this.#filters.replacementFor(relation.schema, relation.name, asked);
    return text === null ? null : { text, schema: relation.schema };
  }

  /**
   * Whether a tree shows nothing hidden. Pure: the same tree has the same verdict for as long as this object is in use.
   * @param queries all of one tree. @throws {TreeUnknown}
   */
  prove(queries: readonly QueryNode[], own: ReadonlySet<number> = NONE): CatalogVerdict {
    if (this.visible.everything) return { kind: "proven" };
    const { visible } = this;
    const expected = (text: string): QueryNode | undefined => this.#expected.get(text);
    return proveCatalogs(queries, { visible, filters: this.#filters, expected, learned: this.#learned, own });
  }

  /** Whether EXPLAIN of a query would name something hidden. @param queries of the query inside, rewritten. @param runs ANALYZE. */
  planShowsHidden(queries: readonly QueryNode[], runs: boolean): boolean {
    return planShowsHidden(queries, this.visible, runs);
  }

  /**
   * What to run once, on a connection of our own, so that constraints, triggers, rules, statistics and indexes may be named by a
   * constant, as pg_dump does: rows of a catalog's name and an OID. Until it is learned, constants of these kinds are refused.
   */
  objectsQuery(): string {
    const parts = LEARNED_KINDS.map((kind) => {
      const text = this.#filters.replacementFor("pg_catalog", kind, { systemColumns: [], plainViews: false });
      return `SELECT '${kind}', x.${LEARNED[kind]} FROM ${text ?? `pg_catalog.${kind}`} AS x WHERE x.${LEARNED[kind]} OPERATOR(pg_catalog.>=) 16384`;
    });
    return parts.join(" UNION ALL ");
  }

  /** @param rows of {@link objectsQuery}, in place of those learned before. */
  learnObjects(rows: readonly (readonly [catalog: string, oid: number])[]): void {
    for (const kind of LEARNED_KINDS) {
      this.#learned.set(kind, new Set(rows.filter(([catalog]) => catalog === kind).map(([, oid]) => oid)));
    }
  }

  /** What to have parsed, on a connection of our own, as the same role, to learn the tree of a text that `prove` misses. */
  static statementFor(text: string): string {
    return `SELECT FROM ${text} AS expected`;
  }

  /** @param tree of {@link statementFor}. @throws {TreeUnknown} @throws {GatewayError} INTERNAL where it is not of such a statement. */
  learn(text: string, tree: Uint8Array): void {
    const [query] = readQueryTree(tree, this.#major);
    const [entry] = query === undefined ? [] : nodesOf(query, "rtable");
    const body = entry === undefined ? null : childOf(entry, "subquery");
    if (body === null) throw new GatewayError("INTERNAL", "the tree of a replacement is not what was asked for");
    this.#expected.set(text, body);
  }
}

const LEARNED_KINDS = [
  "pg_constraint",
  "pg_trigger",
  "pg_rewrite",
  "pg_statistic_ext",
  "pg_index",
  "pg_ts_config",
  "pg_ts_dict",
] as const;
const SYSTEM_COLUMN = new RegExp(`\\b(?:${[...SYSTEM_COLUMNS.keys()].join("|")})\\b`, "gi");

/**
 * What a statement asks for, by its words. One system column too many shows in a `*`; one too few is the server's error; a
 * view's definition that is not expected is refused by the proof.
 */
export function askedIn(text: string): Asked {
  const systemColumns = [...new Set([...text.matchAll(SYSTEM_COLUMN)].map(([name]) => name.toLowerCase()))];
  return { systemColumns, plainViews: /pg_get_viewdef/i.test(text) };
}

const NONE: ReadonlySet<number> = new Set();
