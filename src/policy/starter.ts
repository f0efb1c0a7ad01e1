/** The policy that `postern init` writes for a database: agents read, writes wait for a DBA, definitions are denied, nothing is revealed. */

import { resourceEntity } from "./entities.ts";

/** @param database as the configuration names it. A test holds the text to its own comments. */
export function starterPolicy(database: string): string {
  const name = JSON.stringify(database);
  const schema = resourceEntity({ kind: "schema", database, schema: "payroll" }, {}).uid.id;
  const signature = "close_order(integer)";
  const procedure = { kind: "function", database, schema: "public", name: "close_order", signature } as const;
  const procedureId = resourceEntity(procedure, {}).uid.id;
  return `// Who may do what on ${database}. Check it with: postern policy check
// Nothing is permitted unless a policy permits it, and a forbid always wins. Every word: docs/reference/policy.md
// Names: Database::"db", Schema::"db.schema", Table::"db.schema.table"; groups come from the tokens of agents and people.

// Agents may connect and read every table and view. Columns with labels are masked all the same: no policy here permits "reveal".
@id("agents-read")
permit (
  principal in Group::"agents",
  action in [Action::"connect", Action::"read"],
  resource in Database::${name}
);

// They may change the settings of their own session, of those that Postern lets anybody change: frameworks do at each start.
@id("agents-settings")
permit (
  principal in Group::"agents",
  action == Action::"set",
  resource in Database::${name}
);

// They may write ...
@id("agents-write")
permit (
  principal in Group::"agents",
  action in Action::"write",
  resource in Database::${name}
);

// ... once a person of the group dba has approved the statement, within 15 minutes. Inside an open transaction, where
// locks are held, a write is not kept waiting but refused: ask before BEGIN.
@id("writes-wait-for-dba")
@approvers("dba")
@quorum("1")
@expires("15m")
@inTransaction("deny")
@reason("writes are approved by a DBA")
forbid (
  principal in Group::"agents",
  action in Action::"write",
  resource in Database::${name}
)
unless { context.approvedBy.contains("dba") };

// An UPDATE or DELETE that names no rows is never right. No approval lifts this: it names nobody who could.
@id("name-the-rows")
@reason("UPDATE and DELETE name their rows")
forbid (
  principal,
  action in [Action::"update", Action::"delete"],
  resource
)
when { context.matchesAll };

// Definitions (CREATE, ALTER, DROP, GRANT, COMMENT) and TRUNCATE are not for agents, whatever is permitted elsewhere.
@id("no-definitions")
@reason("agents do not change definitions")
forbid (
  principal is Agent,
  action in [Action::"define", Action::"truncate"],
  resource
);

// To narrow what they read, name a schema or a table instead of the database, or forbid what is not for them:
//
// @id("no-payroll")
// @reason("payroll is not for agents")
// forbid (principal in Group::"agents", action, resource in Schema::${JSON.stringify(schema)});
//
// To let them call a procedure, name it with its argument types:
//
// @id("agents-close-orders")
// permit (principal in Group::"agents", action == Action::"call", resource == Function::${JSON.stringify(procedureId)});
`;
}
