import {
  type CedarValueJson,
  type EntityJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/nodejs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyRequest } from "../analysis/requests.ts";
import { compilePolicies } from "./compile.ts";
import type { PolicyContext, PolicyPrincipal } from "./policy-set.ts";
import { CEDAR_SCHEMA } from "./schema.ts";

const DATABASES = { shop: { environment: "prod" }, lab: { environment: "test" } };

/** Conditions that look at every part of a request, and at some in roundabout ways. */
const CONDITIONS = [
  "true",
  "context.hasWhere",
  "context.matchesAll || context.inTransaction",
  'context.via == "mcp"',
  "context.hour < 12 && context.weekday != 0",
  'context has purpose && context.purpose like "refund*"',
  "context has onBehalfOf",
  'context.clientAddress.isInRange(ip("10.0.0.0/8"))',
  'context.approvedBy.contains("dba")',
  "context.approvedBy.isEmpty()",
  "[context].contains(context)",
  'principal in Group::"a"',
  'principal is Human || principal in [Group::"b", Group::"c"]',
  'principal == Agent::"i#bot" || principal == Human::"i#bot"',
  'principal.subject == "bot" && principal.issuer like "i*"',
  'principal has actor && principal.actor == "x"',
  'principal.hasTag("team") && principal.getTag("team") == "core"',
  "principal.hasTag(principal.subject)",
  'resource in Environment::"prod"',
  'resource in Database::"shop" || resource == Table::"lab.s.t"',
  'resource in Schema::"shop.s"',
  'resource is Table && (resource.kind == "view" || resource.name like "t*")',
  'resource is Table in Schema::"lab.s"',
  'action in Action::"write" || action == Action::"select"',
  'if context.hasWhere then resource == Table::"shop.s.t" else principal in Group::"a"',
  '!(resource is Table && ["t", "u"].contains(resource.name))',
];
const SCOPES = [
  "principal, action, resource",
  'principal in Group::"a", action in Action::"read", resource in Database::"shop"',
  'principal is Agent in Group::"b", action in [Action::"update", Action::"select"], resource is Table',
  'principal == Agent::"i#bot", action == Action::"select", resource == Table::"shop.s.t"',
];

const policy = fc
  .record({
    effect: fc.constantFrom("permit", "permit", "forbid"),
    scope: fc.constantFrom(...SCOPES),
    kind: fc.constantFrom("when", "unless"),
    condition: fc.constantFrom(...CONDITIONS),
  })
  .map(({ effect, scope, kind, condition }) => `${effect} (${scope}) ${kind} { ${condition} };`);

const principal: fc.Arbitrary<PolicyPrincipal> = fc
  .record({
    kind: fc.constantFrom("agent" as const, "human" as const),
    subject: fc.constantFrom("bot", "team", "other"),
    groups: fc.subarray(["a", "b", "c", "d"]),
    claims: fc.constantFrom<Readonly<Record<string, string>>>({}, { team: "core" }, { team: "x", bot: "y" }),
    actor: fc.constantFrom("", "x"),
  })
  .map(({ actor, ...rest }) => ({ ...rest, id: `i#${rest.subject}`, issuer: "i", ...(actor === "" ? {} : { actor }) }));

const context: fc.Arbitrary<PolicyContext> = fc
  .record({
    approvedBy: fc.subarray(["dba", "legal"]),
    hasWhere: fc.boolean(),
    matchesAll: fc.boolean(),
    inTransaction: fc.boolean(),
    via: fc.constantFrom("wire" as const, "mcp" as const),
    hour: fc.constantFrom(3, 15),
    weekday: fc.constantFrom(0, 1),
    clientAddress: fc.constantFrom("10.1.1.1", "192.0.2.1", "::1"),
    purpose: fc.constantFrom("", "refund 7", "x"),
    onBehalfOf: fc.constantFrom("", "anna"),
  })
  .map(({ purpose, onBehalfOf, ...rest }) => ({
    ...rest,
    ...(purpose === "" ? {} : { purpose }),
    ...(onBehalfOf === "" ? {} : { onBehalfOf }),
  }));

const table = fc.record({
  kind: fc.constant("table" as const),
  database: fc.constantFrom("shop", "lab"),
  schema: fc.constantFrom("s", "other"),
  name: fc.constantFrom("t", "u"),
  relationKind: fc.constantFrom("r", "v"),
});
const action = fc.constantFrom("select" as const, "update" as const, "lock" as const, "create" as const);

type TableRequest = PolicyRequest & { readonly resource: { readonly kind: "table" } };

/** By Cedar with everything it could be told, checked against the schema: the long way, which shares no code with the short one. */
function theLongWay(
  policies: string,
  who: PolicyPrincipal,
  { action: name, resource }: TableRequest,
  how: PolicyContext,
) {
  const { database, schema, name: table_, relationKind } = resource;
  const uid = (type: string, id: string) => ({ type, id });
  const { issuer, subject, actor, claims, groups } = who;
  const self = uid(who.kind === "agent" ? "Agent" : "Human", who.id);
  const tableUid = uid("Table", `${database}.${schema}.${table_}`);
  const environment = database === "shop" ? "prod" : "test";
  const entities: EntityJson[] = [
    {
      uid: self,
      attrs: { issuer, subject, ...(actor === undefined ? {} : { actor }) },
      parents: groups.map((group) => uid("Group", group)),
      tags: { ...claims },
    },
    {
      uid: tableUid,
      attrs: { schema, name: table_, kind: relationKind === "v" ? "view" : "table" },
      parents: [uid("Schema", `${database}.${schema}`)],
    },
    { uid: uid("Schema", `${database}.${schema}`), attrs: { name: schema }, parents: [uid("Database", database)] },
    { uid: uid("Database", database), attrs: {}, parents: [uid("Environment", environment)] },
  ];
  const { clientAddress, approvedBy, ...rest } = how;
  const members: Record<string, CedarValueJson> = {
    ...rest,
    approvedBy: [...approvedBy],
    clientAddress: { __extn: { fn: "ip", arg: clientAddress } },
  };
  preparseSchema("mentions", CEDAR_SCHEMA);
  expect(preparsePolicySet("mentions", { staticPolicies: policies }).type).toBe("success");
  const answer = statefulIsAuthorized({
    ...{ principal: self, action: uid("Action", name), resource: tableUid, context: members, entities },
    ...{ preparsedSchemaName: "mentions", validateRequest: true, preparsedPolicySetId: "mentions" },
  });
  if (answer.type === "failure") throw new Error(answer.errors[0]?.message);
  expect(answer.response.diagnostics.errors).toEqual([]);
  return answer.response.decision === "allow" ? "permit" : "deny";
}

describe("what is left out of a call because no policy mentions it", () => {
  it("changes no decision, whatever was asked before", () => {
    const requests = fc.array(fc.tuple(principal, action, table, context), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), requests, (policies, asked) => {
        const text = policies.join("\n");
        const set = compilePolicies([{ name: "p", text }], DATABASES);
        for (const [who, name, resource, how] of asked) {
          const request = { action: name, resource };
          expect(set.decide(who, request, how).verdict).toBe(theLongWay(text, who, request, how));
        }
      }),
      { numRuns: 25, seed: 4 },
    );
  }, 120_000);
});
