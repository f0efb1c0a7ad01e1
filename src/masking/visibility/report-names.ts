/**
 * Errors of the server that name what is hidden from the principal: a partition that a row went to, a table that refers to the row, what
 * depends on what is dropped. Judged by fields and codes whose texts hold names of the server's choice alone: of a text that repeats the
 * client's own words, hiding some words would tell which of them are names.
 */

import type { Report } from "../../wire/error-response.ts";
import { conditionOf } from "../errors/conditions.ts";
import type { VisibleObjects } from "./visible-objects.ts";

/** dependent_objects_still_exist, insufficient_privilege, invalid_table_definition, invalid_object_definition, object_in_use. */
const NAMING: ReadonlySet<string> = new Set(["2BP01", "42501", "42P16", "42P17", "55006"]);
const WORD = /"((?:[^"]|"")+)"|[\p{L}_][\p{L}\p{N}_$]*/gu;

/** @returns the report itself where it names nothing hidden. */
export function withoutHidden(report: Report, visible: VisibleObjects): Report {
  if (visible.everything || !(isFieldHidden(report, visible) || isTextHidden(report, visible))) return report;
  const { severity, code, position } = report;
  return {
    severity,
    code,
    message: conditionOf(code),
    detail: "The server's own words are not shown: they name what policy hides.",
    ...(position === undefined ? {} : { position }),
  };
}

function isFieldHidden({ schema, table }: Report, visible: VisibleObjects): boolean {
  if (schema === undefined || table === undefined) return false;
  const relation = visible.catalog.relationByName(schema, table);
  return relation === undefined ? !visible.isSchemaOpen(schema) : !visible.hasRelation(relation.oid);
}

function isTextHidden({ code, message, detail = "", hint = "", where = "" }: Report, visible: VisibleObjects): boolean {
  if (!NAMING.has(code)) return false;
  const text = `${message}\n${detail}\n${hint}\n${where}`;
  for (const [word, quoted] of text.matchAll(WORD)) {
    if (isHiddenName(quoted?.replaceAll('""', '"') ?? word, visible)) return true;
  }
  return false;
}

/** Something hidden has that name, and nothing visible. */
function isHiddenName(name: string, visible: VisibleObjects): boolean {
  const { catalog } = visible;
  if (catalog.schema(name) !== undefined) return !visible.isSchemaShown(name);
  const kinds = ["relation", "function", "type"] as const;
  if (kinds.some((kind) => visible.isNamed(kind, [name]))) return false;
  return catalog.data.schemas.some(
    ({ name: schema }) =>
      catalog.relationByName(schema, name) !== undefined ||
      catalog.functionsByName(schema, name).length > 0 ||
      catalog.typeByName(schema, name) !== undefined,
  );
}
