/**
 * What stands in FROM for a view that computes with masked columns: its own definition, with a masked sub-select for each relation in it
 * that has masked columns. Made of the server's text of the definition; that it shows masks alone, the tree of what is sent must prove.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { ParsedStatement } from "../../analysis/parsed-statement.ts";
import { expressionType } from "../../analysis/query-tree/expression-type.ts";
import { childOf, isTrue, nodesOf, type QueryNode } from "../../analysis/query-tree/query-node.ts";
import type { MaskedColumns } from "../masked/masked-columns.ts";
import { columnType } from "../masks/column-type.ts";
import { splice } from "../splice.ts";
import { maskNames, type NamedTable } from "./masked-names.ts";

/** How a view is shown to those who see masks. */
export type ViewForm =
  /** It shows labelled columns as they are, or none: masks are put around it. */
  | { readonly kind: "around" }
  /** `text` in brackets, without an alias; `query` is what the server makes of it, and `definition` of the view's name. */
  | { readonly kind: "inside"; readonly text: string; readonly query: QueryNode; readonly definition: QueryNode }
  /** It computes with labelled columns, and stays: the tree will show it. `why` is a sentence. */
  | { readonly kind: "neither"; readonly why: string; readonly hint: string };

/**
 * One row for a view: its definition with every name qualified; whether it is a security barrier; whether the role may read it;
 * the first relation below that the role may read nothing of.
 * @param below OIDs of the relations that it reads.
 */
export function definitionQuery(view: number, below: readonly number[]): string {
  const oids = [0, ...below].join(",");
  // Of one row, targets are computed in their order: the definition is printed under that search_path.
  return `SELECT pg_catalog.set_config('search_path', 'pg_catalog', true), pg_catalog.pg_get_viewdef(v.oid),
    coalesce('security_barrier=true' OPERATOR(pg_catalog.=) ANY (v.reloptions), false)::pg_catalog.text,
    pg_catalog.has_table_privilege(v.oid, 'SELECT')::pg_catalog.text,
    (SELECT t.oid::pg_catalog.text FROM pg_catalog.pg_class AS t
      WHERE t.oid OPERATOR(pg_catalog.=) ANY ('{${oids}}'::pg_catalog.oid[])
        AND NOT pg_catalog.has_any_column_privilege(t.oid, 'SELECT') LIMIT 1)
    FROM pg_catalog.pg_class AS v WHERE v.oid OPERATOR(pg_catalog.=) ${view}`;
}

/** @returns what the view's rows come of, by a row of {@link definitionQuery}; or why its definition may not stand for it. */
export function readDefinition(
  row: readonly (string | null)[] | undefined,
  below: readonly CatalogRelation[],
): string | ViewForm {
  const [, definition, barrier, readable, unreadable] = row ?? [];
  if (definition === undefined || definition === null || readable !== "true")
    return neither("The gateway's role may not read it.", "Let the operator grant SELECT on it.");
  if (barrier === "true") {
    return neither(
      "It is a security barrier: rows that it hides could be asked about if its definition stood in its place.",
      "Query the tables behind it, where they are masked.",
    );
  }
  const guarded = below.find(({ rowSecurity }) => rowSecurity);
  if (guarded !== undefined) {
    return neither(
      "A table behind it has row-level security, which is its owner's through the view, and would be the gateway role's without.",
      "Query the tables behind it, where they are masked.",
    );
  }
  if (unreadable !== null && unreadable !== undefined) {
    return neither(
      "It reads a table that its owner may read, and the gateway's role may not.",
      "Let the operator grant SELECT on the tables behind it, where they are masked, or make a view that shows their columns as they are.",
    );
  }
  return definition.trim().replace(/;$/, "");
}

export function neither(why: string, hint: string): ViewForm {
  return { kind: "neither", why, hint };
}

/**
 * Relations that a definition names. @returns null: one cannot be told, or stands there without its schema, being the server's own: a CTE
 * of the statement around it could have that name.
 */
export function namedIn({ references }: ParsedStatement, catalog: Catalog): readonly CatalogRelation[] | null {
  const found: CatalogRelation[] = [];
  for (const { name, shadowed } of references?.relations ?? []) {
    if (shadowed) continue;
    const relation = meant(name, catalog);
    if (relation === undefined) return null;
    found.push(relation);
  }
  return found;
}

/** Definitions are printed under a search_path of pg_catalog alone. */
function meant(name: readonly string[], catalog: Catalog): CatalogRelation | undefined {
  const schema = name.at(-2);
  return schema === undefined ? undefined : catalog.relationByName(schema, name.at(-1) ?? "");
}

/** Where masks are in a definition: each table's place has a sub-select, or each column's its mask. */
export type MaskedBy = "tables" | "columns";

/**
 * @param forms of the views that the definition names, by OID.
 * @returns what stands in FROM for the view. @throws {GatewayError} where a relation in it stands where no sub-select can.
 */
export function viewText(
  view: CatalogRelation,
  { text, parsed }: Definition,
  forms: ReadonlyMap<number, ViewForm>,
  masked: MaskedColumns,
  catalog: Catalog,
  by: MaskedBy,
): string {
  const tables: NamedTable[] = [];
  const spliced = splice(new TextEncoder().encode(text), parsed, ({ name, only, alias }) => {
    const relation = meant(name, catalog);
    if (relation === undefined) return null;
    const form = forms.get(relation.oid);
    if (form?.kind === "inside") return form.text;
    if (!masked.isLabelled(relation.oid)) return null;
    if (by === "tables" || relation.kind === "v")
      return masked.replacementFor(relation, `${only ? "ONLY " : ""}${qualified(relation)}`);
    tables.push({ name: alias ?? relation.name, columns: masked.returnedOf(relation) ?? [] });
    return null;
  });
  const definition = spliced === null ? text : new TextDecoder().decode(spliced.text);
  const alone = parsed.references?.relations.length === 1;
  return masked.aroundDefinition(view, `(${maskNames(definition, tables, alone)})`);
}

/** As the server prints it, every name qualified, and as that is read. */
export interface Definition {
  readonly text: string;
  readonly parsed: ParsedStatement;
}

/** Whether what a query gives is of the types of the view's columns, in their order. The mask of a domain's column may be of the type below. */
export function givesColumnsOf(view: CatalogRelation, query: QueryNode | undefined, catalog: Catalog): boolean {
  const [only, ...others] =
    query === undefined ? [] : nodesOf(query, "targetList").filter((one) => !isTrue(one, "resjunk"));
  const all = only === undefined ? [] : [only, ...others];
  if (all.length !== view.columns.length) return false;
  return view.columns.every((column, index) => {
    const target = all[index];
    const expression = target === undefined ? null : childOf(target, "expr");
    const type = expression === null ? 0 : expressionType(expression);
    return type === column.type || type === columnType(column, catalog).base.oid;
  });
}

export function qualified({ schema, name }: CatalogRelation): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
