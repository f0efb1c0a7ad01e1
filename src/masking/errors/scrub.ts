/**
 * Errors and notices of statements that touch masked columns: what may be told of them. The server quotes values in its texts (a key that
 * is there twice, a row that fails a check, what a trigger says), and to ask for errors is to ask for values.
 */

import type { Report } from "../../wire/error-response.ts";
import { conditionOf } from "./conditions.ts";

/**
 * Severity, code, words of our own for it, names of objects, and the place in the statement. Never the server's message, DETAIL, HINT,
 * CONTEXT or internal query (design page masking, "DML and what is outside the tree").
 */
export function scrubbed({ severity, code, position, schema, table, column, dataType, constraint }: Report): Report {
  return {
    severity,
    code,
    message: conditionOf(code),
    detail: "The server's own words are not shown: the statement touches masked columns.",
    ...(position === undefined ? {} : { position }),
    ...(schema === undefined ? {} : { schema }),
    ...(table === undefined ? {} : { table }),
    ...(column === undefined ? {} : { column }),
    ...(dataType === undefined ? {} : { dataType }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}
