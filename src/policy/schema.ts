/**
 * What policies may speak of: the Cedar schema, made from one table of actions so that schema, action groups and calls agree.
 * Design page policy, "Entities", "Actions", "Context". Decides nothing.
 */

import type { PolicyAction } from "../analysis/requests.ts";

export type ActionGroup = "read" | "write" | "define";

interface ActionRule {
  readonly group?: ActionGroup;
  readonly resources: readonly string[];
  /** Context that only requests of this action have. */
  readonly context?: string;
}

/** A statement may ask for these of a whole database or schema too, where it names no table. */
const DATA = ["Table", "Schema", "Database"];
const OBJECTS = ["Table", "Function", "Schema", "Database"];

export const ACTIONS: Readonly<Record<PolicyAction, ActionRule>> = {
  connect: { resources: ["Database"] },
  select: { group: "read", resources: DATA },
  copyOut: { group: "read", resources: DATA },
  insert: { group: "write", resources: DATA },
  update: { group: "write", resources: DATA },
  delete: { group: "write", resources: DATA },
  truncate: { group: "write", resources: DATA },
  copyIn: { group: "write", resources: DATA },
  writeLabelled: { group: "write", resources: [...DATA, "Label"] },
  create: { group: "define", resources: OBJECTS },
  alter: { group: "define", resources: OBJECTS },
  drop: { group: "define", resources: OBJECTS },
  grant: { group: "define", resources: OBJECTS },
  comment: { group: "define", resources: OBJECTS },
  call: { resources: ["Function", "Schema", "Database"] },
  lock: { resources: DATA },
  set: { resources: ["Database"], context: "setting: String" },
  listen: { resources: ["Database"], context: "channel: String" },
  notify: { resources: ["Database"], context: "channel: String" },
  maintain: { resources: DATA },
  reveal: { resources: ["Label"] },
};

/** Context of every request, as Cedar types it. */
const CONTEXT = [
  "approvedBy: Set<String>",
  "hasWhere: Bool",
  "matchesAll: Bool",
  "inTransaction: Bool",
  "via: String",
  "purpose?: String",
  "hour: Long",
  "weekday: Long",
  "onBehalfOf?: String",
  "clientAddress: ipaddr",
];

function actionLine([name, { group, resources, context }]: [string, ActionRule]): string {
  const within = group === undefined ? "" : ` in ["${group}"]`;
  const members = context === undefined ? CONTEXT : [...CONTEXT, context];
  const applies = `principal: [Agent, Human], resource: [${resources.join(", ")}], context: { ${members.join(", ")} }`;
  return `action "${name}"${within} appliesTo { ${applies} };`;
}

/** The schema that policies are validated against, strictly. Claims are tags: which of them there are, the configuration says. */
export const CEDAR_SCHEMA = `entity Group;
entity Agent, Human in [Group] = { issuer: String, subject: String, actor?: String } tags String;
entity Environment;
entity Database in [Environment];
entity Schema in [Database] = { name: String };
entity Table in [Schema] = { schema: String, name: String, kind: String };
entity Function in [Schema] = { schema: String, name: String };
entity Label;
action "read";
action "write";
action "define";
${Object.entries(ACTIONS).map(actionLine).join("\n")}
`;
