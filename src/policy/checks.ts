/** Warnings about policies that compile and still do not do what they seem to: they can never match, or are always overridden. */

import { nearest } from "../config/nearest.ts";
import type { Databases, EntityId } from "./entities.ts";
import { canonicalEntity } from "./entity-names.ts";
import { literalsOf, stringsOf } from "./literals.ts";
import type { PolicyInfo } from "./policy-info.ts";
import { type PolicyProblem, positionAt } from "./problem.ts";
import { shadowedBy } from "./shadow.ts";

/** @param groups those that the configuration names; undefined: not known, and none is noted. */
export function checkPolicies(
  policies: readonly PolicyInfo[],
  databases: Databases,
  groups: readonly string[] | undefined,
): readonly PolicyProblem[] {
  const found = policies.flatMap((policy) => [
    ...literalsOf(policy.json).flatMap((literal) => checkLiteral(literal, policy, databases, groups)),
    ...checkHold(policy, groups),
    ...checkShadow(policy, policies, databases),
  ]);
  return [...checkEmpty(policies), ...found];
}

type Finding = Pick<PolicyProblem, "severity" | "message" | "hint">;

function checkLiteral(
  literal: EntityId,
  policy: PolicyInfo,
  databases: Databases,
  groups: readonly string[] | undefined,
): readonly PolicyProblem[] {
  const finding = judgeLiteral(literal, databases, groups);
  return finding === null ? [] : [at(policy, JSON.stringify(literal.id), finding)];
}

function judgeLiteral(literal: EntityId, databases: Databases, groups: readonly string[] | undefined): Finding | null {
  const { type, id } = literal;
  switch (type) {
    case "Environment": {
      const environments = [...new Set(Object.values(databases).map(({ environment }) => environment))];
      return environments.includes(id) ? null : unknown("no database has the environment", id, environments);
    }
    case "Group":
      if (groups === undefined || groups.includes(id)) return null;
      return { ...unknown("the configuration names no group", id, groups), severity: "note" };
    case "Agent":
    case "Human":
      if (id.includes("#")) return null;
      return warning(`${type}::"${id}" is nobody's name`, "principals are named issuer#subject, as entries show them");
    case "Database":
    case "Schema":
    case "Table":
    case "Function":
      return judgeResource(literal, databases);
    default:
      return null;
  }
}

const FORMS: Readonly<Record<string, string>> = {
  Schema: 'Schema::"database.schema"',
  Table: 'Table::"database.schema.table"',
  Function: 'Function::"database.schema.name(argument types)"',
};

function judgeResource(literal: EntityId, databases: Databases): Finding | null {
  const canonical = canonicalEntity(literal, databases);
  if (canonical === null) {
    return warning(`${literal.type}::${JSON.stringify(literal.id)} can never match`, `write ${FORMS[literal.type]}`);
  }
  if (!Object.hasOwn(databases, canonical.database)) {
    return unknown("the configuration has no database", canonical.database, Object.keys(databases));
  }
  if (canonical.uid.id === literal.id) return null;
  const written = JSON.stringify(canonical.uid.id);
  return warning(
    `${literal.type}::${JSON.stringify(literal.id)} can never match: names are quoted as SQL has to quote them`,
    `for the names as they stand here, write ${literal.type}::${written}`,
  );
}

/** Approval by a group that the condition does not ask for changes nothing. */
function checkHold(policy: PolicyInfo, groups: readonly string[] | undefined): readonly PolicyProblem[] {
  const asked = stringsOf(policy.json.conditions);
  return policy.approvers.flatMap((group) => {
    if (!asked.includes(group)) {
      const hint = `the condition should ask for context.approvedBy.contains("${group}")`;
      return [at(policy, "@approvers", warning(`approval by ${group} would not lift this hold`, hint))];
    }
    if (groups === undefined || groups.includes(group)) return [];
    return [
      at(policy, "@approvers", { ...unknown("the configuration names no group", group, groups), severity: "note" }),
    ];
  });
}

function checkShadow(
  policy: PolicyInfo,
  policies: readonly PolicyInfo[],
  databases: Databases,
): readonly PolicyProblem[] {
  const by = policy.effect === "permit" ? shadowedBy(policy, policies, databases) : undefined;
  if (by === undefined) return [];
  const hint = `${by.id} at ${by.file}:${by.line} forbids all that this permits, without a condition`;
  return [at(policy, "", warning("this permit has no effect", hint))];
}

function checkEmpty(policies: readonly PolicyInfo[]): readonly PolicyProblem[] {
  if (policies.some(({ effect }) => effect === "permit")) return [];
  const place = { file: policies[0]?.file ?? "", line: 1, column: 1, policy: "" };
  return [
    { ...place, ...warning("no policy permits anything: every statement is denied", "postern init writes a starter") },
  ];
}

function unknown(message: string, name: string, known: readonly string[]): Finding {
  const meant = nearest(name, known);
  const list = known.length === 0 ? "there is none" : `known: ${known.slice(0, 10).join(", ")}`;
  return warning(
    `${message} ${JSON.stringify(name)}`,
    meant === undefined ? list : `did you mean ${JSON.stringify(meant)}?`,
  );
}

function warning(message: string, hint: string): Finding {
  return { severity: "warning", message, hint };
}

/** At the first place in the policy where `quoted` stands; where it is written otherwise, at the policy. */
function at(policy: PolicyInfo, quoted: string, finding: Finding): PolicyProblem {
  const { line, column } = positionAt(policy.text, Math.max(0, policy.text.indexOf(quoted)));
  return {
    ...{ file: policy.file, line: policy.line + line - 1, policy: policy.id },
    column: line === 1 ? policy.column + column - 1 : column,
    ...finding,
  };
}
