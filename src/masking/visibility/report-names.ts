/**
 * Errors of the server that name what is hidden from the principal: a partition that a row went to, a table that refers to the row, what
 * depends on what is dropped. Judged by fields and codes; what a text says is looked at only where all names in it are the server's choice:
 * where it repeats the client's own words, hiding some would tell which of them are names. EXPLAIN's lines are not looked at here.
 */

import type { Report } from "../../wire/error-response.ts";
import { conditionOf } from "../errors/conditions.ts";
import type { VisibleObjects } from "./visible-objects.ts";

/**
 * dependent_objects_still_exist, invalid_table_definition, invalid_object_definition, object_in_use: their texts mix the client's words
 * with names of the server's choice, so none is shown, whatever it says.
 */
const MIXED: ReadonlySet<string> = new Set(["2BP01", "42P16", "42P17", "55006"]);
/** Its message is for all; its detail and hint name what depends ("rule … on view …", "Table … references …"). */
const FEATURE_NOT_SUPPORTED = "0A000";
const INSUFFICIENT_PRIVILEGE = "42501";
const OBJECT =
  /^(?:permission denied for|must be owner of) (?:materialized view|foreign table|foreign-data wrapper|event trigger|[a-z]+) (.+)$/s;

/** Where the server tells, beside rows, what it comes across: partitions, tables that refer, what is dropped along. By its own files. */
const SURVEYS: ReadonlySet<string> = new Set(["vacuum.c", "analyze.c", "vacuumlazy.c", "cluster.c", "dependency.c"]);

/** A notice about objects that the client did not name. Their number alone would tell. */
export function isSurvey({ file, routine }: Report): boolean {
  return routine === "ExecuteTruncateGuts" || (file !== undefined && SURVEYS.has(file));
}

/** @returns the report itself where it names nothing hidden. */
export function withoutHidden(report: Report, visible: VisibleObjects): Report {
  if (visible.everything) return report;
  const { severity, code, position } = report;
  const place = position === undefined ? {} : { position };
  if (MIXED.has(code) || isFieldHidden(report, visible) || isObjectHidden(report, visible)) {
    return { severity, code, message: conditionOf(code), detail: WITHHELD, ...place };
  }
  if (code !== FEATURE_NOT_SUPPORTED || (report.detail === undefined && report.hint === undefined)) return report;
  return { severity, code, message: report.message, detail: WITHHELD, ...place };
}

const WITHHELD = "The server's own words are not shown: they may name what policy hides.";

function isFieldHidden({ schema, table }: Report, visible: VisibleObjects): boolean {
  if (schema === undefined || table === undefined) return false;
  const relation = visible.catalog.relationByName(schema, table);
  return relation === undefined ? !visible.isSchemaOpen(schema) : !visible.hasRelation(relation.oid);
}

function isObjectHidden({ code, message }: Report, visible: VisibleObjects): boolean {
  const name = code === INSUFFICIENT_PRIVILEGE ? OBJECT.exec(message)?.[1] : undefined;
  return name !== undefined && isHiddenName(name, visible);
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
