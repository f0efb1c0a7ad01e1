/**
 * Definitions that are refused to those who see columns of a relation masked. Labels are found by names and by the catalog as it was
 * last read: what renames, retypes, inherits, checks or indexes a masked column would show its values, or test them, past every mask,
 * in the same transaction at that. Looks at names alone: one that may mean such a relation is taken to mean it.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { ParsedStatement } from "../../analysis/parsed-statement.ts";
import type { PolicyRequest } from "../../analysis/requests.ts";
import { GatewayError } from "../../base/errors.ts";
import type { MaskedColumns } from "./masked-columns.ts";

/** Whose names of relations beside the one that is defined matter: LIKE, INHERITS, REFERENCES, ATTACH PARTITION. */
const NAMING: ReadonlySet<string> = new Set(
  `AlterTableStmt RenameStmt AlterObjectSchemaStmt CreateStmt CreateForeignTableStmt IndexStmt CreateStatsStmt CreateTrigStmt
   CreatePolicyStmt AlterPolicyStmt RuleStmt`.split(/\s+/),
);

/** @param requests of the statement. @returns why it may not run; null: it defines nothing of what is masked. */
export function definesMasked(
  parsed: ParsedStatement,
  requests: readonly PolicyRequest[],
  masked: MaskedColumns,
  catalog: Catalog,
): GatewayError | null {
  if (masked.none || parsed.class !== "define") return null;
  const asked = requests.filter(({ action }) => action === "alter" || action === "create");
  for (const { action, resource } of asked) {
    if (resource.kind === "table") {
      const relation = catalog.relationByName(resource.schema, resource.name);
      if (relation !== undefined && masked.isLabelled(relation.oid)) return refused(relation, masked);
    }
    if (resource.kind === "schema" && action === "alter") {
      const inside = catalog.data.relations.find(
        ({ schema, oid }) => schema === resource.schema && masked.isLabelled(oid),
      );
      if (inside !== undefined) return refused(inside, masked);
    }
  }
  const type = parsed.targets?.find(({ action, object }) => action === "alter" && object === "type");
  if (type !== undefined) return typeRefused(type.name);
  const named = NAMING.has(parsed.node) ? namedIn(parsed, masked, catalog) : undefined;
  return named === undefined ? null : refused(named, masked);
}

function namedIn(
  { references }: ParsedStatement,
  masked: MaskedColumns,
  catalog: Catalog,
): CatalogRelation | undefined {
  const others = references?.relations.filter(({ place }) => place === "other") ?? [];
  for (const { name } of others) {
    const [relation = "", schema] = [name.at(-1), name.at(-2)];
    const schemas = schema === undefined ? catalog.data.schemas.map((each) => each.name) : [schema];
    const found = schemas.flatMap((each) => catalog.relationByName(each, relation) ?? []);
    const meant = found.find(({ oid }) => masked.isLabelled(oid));
    if (meant !== undefined) return meant;
  }
  return undefined;
}

function refused(relation: CatalogRelation, masked: MaskedColumns): GatewayError {
  const { schema, name } = relation;
  return new GatewayError(
    "COLUMN_MASKED",
    `"${schema}.${name}" has masked columns, and cannot be defined otherwise by those who see masks`,
    {
      detail: `Masked: ${masked.columnsOf(relation).join(", ")}. A definition reads and tests their own values, and may give them other names.`,
      hint: "Let someone change it to whom policy reveals the labels. A copy of what you see: CREATE TABLE … AS SELECT …",
    },
  );
}

function typeRefused(name: readonly string[]): GatewayError {
  return new GatewayError(
    "COLUMN_MASKED",
    `type "${name.join(".")}" cannot be altered by those who see columns masked`,
    {
      detail: "What is sensitive is found by the names of types too.",
      hint: "Let someone change it to whom policy reveals the labels.",
    },
  );
}
