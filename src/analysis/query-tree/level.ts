/**
 * A query inside the tree with what its range table means: which entry is which relation, what PostgreSQL demands permission for
 * there, and through which views it was reached. Visits no expression.
 */

import { childOf, maybeNumber, nodesOf, numberOf, numbersOf, type QueryNode, wordOf } from "./query-node.ts";
import type { ServerMajor } from "./tree-facts.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/** Values of rtekind. 4 (table function), 5 (VALUES) and 6 (CTE) hold what is visited where it stands. */
export const ENTRY = {
  relation: 0,
  subquery: 1,
  join: 2,
  function: 3,
  tableFunction: 4,
  values: 5,
  cte: 6,
  group: 9,
} as const;

/** What the executor checks for one relation. Source: ACL_ bits in src/include/nodes/parsenodes.h. */
export interface Permissions {
  readonly relation: number;
  readonly select: boolean;
  readonly insert: boolean;
  /** Of UPDATE and of FOR UPDATE, which writes no column. */
  readonly update: boolean;
  readonly delete: boolean;
  /** Not the session's role but a view's or rule's owner is checked. */
  readonly byOwner: boolean;
  readonly selected: readonly number[];
  readonly inserted: readonly number[];
  readonly updated: readonly number[];
}

export interface Entry {
  readonly node: QueryNode;
  readonly kind: number;
  /** OID of the relation, or of the view whose body this subquery is; 0: neither. */
  readonly relation: number;
  /** `v` also for the body of a view. */
  readonly relationKind: string;
  readonly permissions: Permissions | null;
  /** The views it was reached through, the outermost first. */
  readonly through: readonly number[];
}

export interface Level {
  readonly query: QueryNode;
  readonly parent: Level | null;
  /** By varno - 1. */
  readonly entries: readonly Entry[];
  /** All that the executor checks here, some of it of no entry that is still used. */
  readonly checked: readonly { readonly permissions: Permissions; readonly through: readonly number[] }[];
  /** Of this query as a whole: it is, or is in, the body of these views. */
  readonly through: readonly number[];
  /** Views that the statement writes through, which PostgreSQL replaces by their table in this same query. */
  readonly writtenViews: readonly number[];
  /** Columns of joins that were resolved already, as {@link columnKey}. */
  readonly resolved: Set<number>;
}

export function columnKey(varno: number, column: number): number {
  return varno * 65_536 + column;
}

export interface LevelOptions {
  readonly query: QueryNode;
  readonly parent: Level | null;
  readonly through: readonly number[];
  /** It is the body of a view. */
  readonly isView: boolean;
  readonly major: ServerMajor;
}

export function openLevel({ query, parent, through, isView, major }: LevelOptions): Level {
  const own = nodesOf(query, "rteperminfos").map(permissionsOf);
  const placeholders = isView && major === 15 ? PLACEHOLDERS : 0;
  const plain = nodesOf(query, "rtable").map((node, index) => ({
    node,
    kind: numberOf(node, "rtekind"),
    ...relationOf(node),
    permissions: index < placeholders ? null : entryPermissions(node, own),
  }));
  const result = numberOf(query, "resultRelation") - 1;
  const written = viewsWritten(plain, result);
  const chain = written.length > 0 ? written : (parent?.writtenViews ?? []);
  const entries = plain.map((entry, index) => {
    const isWritten = index === result || entry.permissions?.byOwner === true;
    return { ...entry, through: throughOf(entry.relation, isWritten, through, chain) };
  });
  const used = new Set(entries.map(({ permissions }) => permissions));
  const unused = own.filter((permissions) => !used.has(permissions));
  const checked = [
    ...entries.flatMap(({ permissions, through: by }) => (permissions === null ? [] : [{ permissions, through: by }])),
    ...unused.map((permissions) => {
      return { permissions, through: throughOf(permissions.relation, permissions.byOwner, through, chain) };
    }),
  ];
  return { query, parent, entries, checked, through, writtenViews: chain, resolved: new Set() };
}

/** @param isWritten it is the result, or checked as a view's owner: it came by the views of `chain` up to itself, if by any. */
function throughOf(
  relation: number,
  isWritten: boolean,
  through: readonly number[],
  chain: readonly number[],
): readonly number[] {
  if (through.length > 0 || !isWritten) return through;
  const at = chain.indexOf(relation);
  return at === -1 ? chain : chain.slice(0, at);
}

/** 15 keeps OLD and NEW of a view's rule at the head of its body; the view's own permissions have moved to OLD. */
const PLACEHOLDERS = 2;

function relationOf(node: QueryNode): Pick<Entry, "relation" | "relationKind"> {
  const kind = numberOf(node, "rtekind");
  if (kind === ENTRY.relation) return { relation: numberOf(node, "relid"), relationKind: wordOf(node, "relkind") };
  if (kind !== ENTRY.subquery) return { relation: 0, relationKind: "" };
  const relation = maybeNumber(node, "relid") ?? placeholderView(childOf(node, "subquery"));
  return { relation, relationKind: relation === 0 ? "" : "v" };
}

/** 15 does not name the view whose body a subquery is: its placeholders do. */
function placeholderView(query: QueryNode | null): number {
  const [old, fresh] = query === null ? [] : nodesOf(query, "rtable");
  if (old === undefined || fresh === undefined || !isViewEntry(old) || !isViewEntry(fresh)) return 0;
  const view = numberOf(old, "relid");
  return view === numberOf(fresh, "relid") ? view : 0;
}

function isViewEntry(entry: QueryNode): boolean {
  return numberOf(entry, "rtekind") === ENTRY.relation && wordOf(entry, "relkind") === "v";
}

function entryPermissions(node: QueryNode, own: readonly Permissions[]): Permissions | null {
  const index = maybeNumber(node, "perminfoindex");
  if (index !== undefined) {
    if (index === 0) return null;
    const permissions = own[index - 1];
    // An entry checked by another relation's permissions would be judged as that one.
    if (permissions === undefined || permissions.relation !== numberOf(node, "relid")) {
      throw new TreeUnknown("a range table entry points to the permissions of another");
    }
    return permissions;
  }
  if (maybeNumber(node, "requiredPerms") === undefined) return null;
  const kind = numberOf(node, "rtekind");
  if (kind === ENTRY.relation) return permissionsOf(node);
  const body = kind === ENTRY.subquery ? childOf(node, "subquery") : null;
  const [old] = body === null || placeholderView(body) === 0 ? [] : nodesOf(body, "rtable");
  return old === undefined ? null : permissionsOf(old);
}

const BITS = { insert: 1, select: 2, update: 4, delete: 8 } as const;
/** Of a bitmap's members: 7 is the whole row, 8 column 1, 6 ctid. */
const FIRST_LOW_INVALID = 7;

/** @param node RTEPERMISSIONINFO, or on 15 the entry itself. */
function permissionsOf(node: QueryNode): Permissions {
  const required = numberOf(node, "requiredPerms");
  const columns = (field: string): number[] => numbersOf(node, field).map((member) => member - FIRST_LOW_INVALID);
  return {
    relation: numberOf(node, "relid"),
    select: (required & BITS.select) !== 0,
    insert: (required & BITS.insert) !== 0,
    update: (required & BITS.update) !== 0,
    delete: (required & BITS.delete) !== 0,
    byOwner: numberOf(node, "checkAsUser") !== 0,
    selected: columns("selectedCols"),
    inserted: columns("insertedCols"),
    updated: columns("updatedCols"),
  };
}

/** FOR UPDATE demands the permission to update, and updates no column. */
export function writes({ insert, update, updated, delete: deletes }: Permissions): boolean {
  return insert || deletes || (update && updated.length > 0);
}

/** In the order of their replacement: the statement's own first. A view with INSTEAD OF triggers stays the result. */
function viewsWritten(entries: readonly Omit<Entry, "through">[], result: number): readonly number[] {
  const found = entries.filter(({ relationKind, permissions }, index) => {
    return index !== result && relationKind === "v" && permissions !== null && writes(permissions);
  });
  return found.map(({ relation }) => relation);
}
