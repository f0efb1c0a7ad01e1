/** What a client reads where a session's statement is refused for more than its policy: words alone. */

import { GatewayError } from "../base/errors.ts";

export function settingInside(): GatewayError {
  return new GatewayError("STATEMENT_DENIED", "a function may not call set_config() through Postern", {
    detail: "Why: the setting's name is known only while it runs.",
    hint: "Use SET before the call.",
  });
}

export function copyMasked(
  { schema, name }: { readonly schema: string; readonly name: string },
  columns: readonly string[],
): GatewayError {
  return new GatewayError(
    "COLUMN_MASKED",
    `"${schema}.${name}" has masked columns, and COPY of a table shows no masks`,
    {
      detail: `Masked: ${columns.join(", ")}.`,
      hint: `Copy a query: COPY (SELECT … FROM ${schema}.${name}) TO STDOUT.`,
    },
  );
}

export function severalMeanings(name: string): GatewayError {
  return new GatewayError(
    "CANNOT_JUDGE",
    `"${name}" without a schema could be one of several, and one has masked columns`,
    {
      hint: "Write the schema: schema.table.",
    },
  );
}

export function tellsHere(name: string): GatewayError {
  return new GatewayError(
    "STATEMENT_DENIED",
    `${name} cannot be used here by those who may not see the whole database`,
    {
      detail: "What it would be asked about cannot be told from a statement of this kind.",
      hint: "SELECT it first, and give the statement the value.",
    },
  );
}

export function planNames(): GatewayError {
  return new GatewayError("STATEMENT_DENIED", "the plan would name what policy hides", {
    detail:
      "A plan names the partitions of a table, the tables and functions behind a view, and with ANALYZE the triggers of a table that is written to.",
    hint: "EXPLAIN a query of tables that you may see, by its text; a write to a table that has triggers or foreign keys without ANALYZE.",
  });
}

/** As the server says it of a plan that holds no more: drivers know it, and prepare the statement again. */
export function planChanged(): GatewayError {
  return new GatewayError("PLAN_CHANGED", "cached plan must not change result type", {
    detail:
      "What you may see of the database has changed since the statement was prepared: by a definition or a policy.",
    hint: "Prepare it again.",
  });
}

export function notShown(): GatewayError {
  return new GatewayError("CANNOT_JUDGE", "the server has not shown what the statement does", {
    hint: "Send the statement again; if that does not help, the gateway's operator should look at the upstream role's settings.",
  });
}
