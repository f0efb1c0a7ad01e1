import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyAction, PolicyRequest, PolicyResource } from "../analysis/requests.ts";
import { compilePolicies } from "./compile.ts";
import { combine } from "./decision.ts";
import { resourceEntity } from "./entities.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "./policy-set.ts";
import { ACTIONS, CEDAR_SCHEMA } from "./schema.ts";

const DATABASES = { shop: { environment: "prod" }, "shop-test": { environment: "staging" } };

const AGENT: PolicyPrincipal = {
  kind: "agent",
  id: "https://idp.example.com#support-bot",
  issuer: "https://idp.example.com",
  subject: "support-bot",
  groups: ["agents"],
  claims: { team: "support" },
};

const CONTEXT: PolicyContext = {
  approvedBy: [],
  hasWhere: true,
  matchesAll: false,
  inTransaction: false,
  via: "wire",
  hour: 10,
  weekday: 1,
  clientAddress: "10.0.0.7",
};

/** The design page's own example. */
const DESIGN = `
@id("agents-read-shop")
permit (principal in Group::"agents", action in [Action::"connect", Action::"read"], resource in Database::"shop");

@id("agents-write-shop")
permit (principal in Group::"agents", action in Action::"write", resource in Database::"shop");

@id("writes-wait-for-a-dba")
@approvers("dba") @quorum("2") @expires("15m")
@reason("writes on production are approved by a DBA")
forbid (principal in Group::"agents", action in Action::"write", resource in Database::"shop")
unless { context.approvedBy.contains("dba") };

@id("never-without-where")
@reason("name the rows")
forbid (principal, action in [Action::"update", Action::"delete"], resource) when { context.matchesAll };
`;

function compile(...texts: readonly string[]): PolicySet {
  const files = texts.map((text, index) => ({ name: `p${index + 1}.cedar`, text }));
  return compilePolicies(files, DATABASES);
}

function table(name: string, database = "shop", schema = "public"): PolicyResource {
  return { kind: "table", database, schema, name, relationKind: "r" };
}

function request(action: PolicyAction, resource: PolicyResource = table("orders")): PolicyRequest {
  return { action, resource };
}

describe("a request that", () => {
  const set = compile(DESIGN);

  it("a policy permits is permitted, with the policy's id", () => {
    expect(set.decide(AGENT, request("select"), CONTEXT)).toEqual({
      verdict: "permit",
      policies: ["agents-read-shop"],
      obligations: {},
    });
  });

  it("no policy permits is denied, and told what would permit it", () => {
    const decision = set.decide(AGENT, request("drop"), CONTEXT);

    expect(decision).toEqual({
      verdict: "deny",
      policies: [],
      reason: "no policy permits drop on table shop.public.orders",
      hint: "Leave it out, or ask the policy's owner to permit drop on table shop.public.orders.",
    });
  });

  it("one policy permits and another forbids is denied by the second", () => {
    const decision = set.decide(AGENT, request("delete"), { ...CONTEXT, matchesAll: true, approvedBy: ["dba"] });

    expect(decision).toMatchObject({ verdict: "deny", policies: ["never-without-where"], reason: "name the rows" });
  });

  it("asks for another database is denied", () => {
    expect(set.decide(AGENT, request("select", table("orders", "shop-test")), CONTEXT).verdict).toBe("deny");
    expect(set.decide(AGENT, request("select", table("orders", "unknown")), CONTEXT).verdict).toBe("deny");
  });

  it("comes from a principal without the group is denied", () => {
    expect(set.decide({ ...AGENT, groups: [] }, request("select"), CONTEXT).verdict).toBe("deny");
    expect(set.decide({ ...AGENT, groups: ["Agents", "agents "] }, request("select"), CONTEXT).verdict).toBe("deny");
  });

  it("a policy permits for an environment is permitted in each of its databases, and no other", () => {
    const byEnvironment = compile('permit (principal, action == Action::"select", resource in Environment::"prod");');

    expect(byEnvironment.decide(AGENT, request("select"), CONTEXT).verdict).toBe("permit");
    expect(byEnvironment.decide(AGENT, request("select", table("orders", "shop-test")), CONTEXT).verdict).toBe("deny");
  });

  it("makes a policy err is denied, whatever others permit", () => {
    const erring = compile(
      DESIGN,
      '@id("overflows") permit (principal, action, resource) when { context.hour + 9223372036854775807 > 0 };',
    );

    expect(erring.decide(AGENT, request("select"), { ...CONTEXT, hour: 0 }).verdict).toBe("permit");
    expect(erring.decide(AGENT, request("select"), CONTEXT)).toMatchObject({
      verdict: "deny",
      policies: ["overflows"],
      errored: true,
    });
  });

  it("comes from an address that cannot be read is denied where a policy asks for it", () => {
    const local = compile(
      'permit (principal, action, resource) unless { context.clientAddress.isInRange(ip("10.0.0.0/8")) };',
    );

    expect(local.decide(AGENT, request("select"), { ...CONTEXT, clientAddress: "nowhere" })).toMatchObject({
      verdict: "deny",
      errored: true,
    });
    expect(local.decide(AGENT, request("select"), { ...CONTEXT, clientAddress: "::ffff:10.1.1.1" }).verdict).toBe(
      "deny",
    );
    expect(local.decide(AGENT, request("select"), { ...CONTEXT, clientAddress: "fe80::1%eth0" }).verdict).toBe(
      "permit",
    );
  });
});

describe("a hold", () => {
  const set = compile(DESIGN);

  it("names the groups, the quorum, the expiry and the reason", () => {
    expect(set.decide(AGENT, request("update"), CONTEXT)).toEqual({
      verdict: "hold",
      policies: ["writes-wait-for-a-dba"],
      approvers: ["dba"],
      quorum: 2,
      expiresMs: 900_000,
      reason: "writes on production are approved by a DBA",
      inTransaction: "deny",
    });
  });

  it("is lifted by the approval it names, and by no other", () => {
    expect(set.decide(AGENT, request("update"), { ...CONTEXT, approvedBy: ["dba"] }).verdict).toBe("permit");
    expect(set.decide(AGENT, request("update"), { ...CONTEXT, approvedBy: ["audit"] }).verdict).toBe("hold");
  });

  describe("inside an open transaction", () => {
    const inTransaction = { ...CONTEXT, inTransaction: true };
    const waits = (name: string, annotation: string) => `@id("${name}") @approvers("${name}") ${annotation}
      forbid (principal, action == Action::"update", resource) unless { context.approvedBy.contains("${name}") };`;
    const all = "permit (principal, action, resource);";
    const asked = request("update");

    it("is a denial that says so, and how to ask, where its policy does not say otherwise", () => {
      const denied = {
        verdict: "deny",
        policies: ["writes-wait-for-a-dba"],
        reason:
          "writes on production are approved by a DBA; what needs approval cannot wait inside an open transaction",
        hint: "Ask before BEGIN: outside of a transaction it would wait for approval by dba.",
      };

      expect(set.decide(AGENT, asked, inTransaction)).toEqual(denied);
      expect(set.decide(AGENT, asked, CONTEXT).verdict).toBe("hold"); // nor is the one remembered for the other
      expect(set.decide(AGENT, asked, inTransaction)).toEqual(denied);
      expect(compile(all, waits("dba", '@inTransaction("deny")')).decide(AGENT, asked, inTransaction).verdict).toBe(
        "deny",
      );
    });

    it("is held there where all its policies say so", () => {
      const held = compile(all, waits("dba", '@inTransaction("hold")'), waits("legal", '@inTransaction("hold")'));
      const mixed = compile(all, waits("dba", '@inTransaction("hold")'), waits("legal", ""));

      expect(held.decide(AGENT, asked, inTransaction)).toMatchObject({ verdict: "hold", inTransaction: "hold" });
      expect(mixed.decide(AGENT, asked, inTransaction)).toMatchObject({ verdict: "deny", policies: ["dba", "legal"] });
      expect(mixed.decide(AGENT, asked, { ...inTransaction, approvedBy: ["legal"] }).verdict).toBe("hold");
    });

    it("denies the whole statement, whatever its other requests come to", () => {
      const one = compile(all, waits("dba", ""));
      const decisions = [request("select"), asked].map((each) => one.decide(AGENT, each, inTransaction));

      expect(decisions.map(({ verdict }) => verdict)).toEqual(["permit", "deny"]);
      expect(combine(decisions).verdict).toBe("deny");
    });

    it("once approved is permitted as anywhere", () => {
      expect(set.decide(AGENT, asked, { ...inTransaction, approvedBy: ["dba"] }).verdict).toBe("permit");
    });

    it("is not hidden where what may be read is asked for in all contexts", () => {
      const contexts = set.statementContexts(inTransaction);

      expect(contexts.map((context) => context.inTransaction)).toContain(false);
      expect(set.allowsAny(AGENT, [asked], contexts)).toBe(true);
    });
  });

  it("is a denial where a forbid without approvers stands beside it", () => {
    expect(set.decide(AGENT, request("update"), { ...CONTEXT, matchesAll: true })).toMatchObject({
      verdict: "deny",
      policies: ["never-without-where", "writes-wait-for-a-dba"],
      reason: "name the rows",
    });
  });

  it("is a denial where nothing would permit it once approved", () => {
    const nothing = compile(
      '@approvers("dba") forbid (principal, action, resource) unless { context.approvedBy.contains("dba") };',
    );

    expect(nothing.decide(AGENT, request("update"), CONTEXT)).toMatchObject({
      verdict: "deny",
      reason: "no policy permits update on table shop.public.orders",
    });
  });

  it("of several policies is for the union of their groups, the larger quorum and the shorter expiry", () => {
    const both = compile(
      DESIGN,
      `@id("privacy") @approvers("privacy, legal") @quorum("1") @expires("5m") @reason("personal data")
       forbid (principal, action == Action::"update", resource)
       unless { context.approvedBy.containsAll(["privacy", "legal"]) };`,
    );

    expect(both.decide(AGENT, request("update"), CONTEXT)).toEqual({
      verdict: "hold",
      policies: ["privacy", "writes-wait-for-a-dba"],
      approvers: ["dba", "legal", "privacy"],
      quorum: 2,
      expiresMs: 300_000,
      reason: "personal data; writes on production are approved by a DBA",
      inTransaction: "deny",
    });
    expect(both.decide(AGENT, request("update"), { ...CONTEXT, approvedBy: ["dba"] })).toMatchObject({
      verdict: "hold",
      approvers: ["legal", "privacy"],
      policies: ["privacy"],
    });
  });
});

describe("obligations", () => {
  it("are the strictest of all the policies that permit", () => {
    const set = compile(
      '@maxRows("500") permit (principal, action, resource); permit (principal, action, resource);',
      '@maxRows("100") permit (principal, action == Action::"select", resource);',
    );

    expect(set.decide(AGENT, request("select"), CONTEXT)).toEqual({
      verdict: "permit",
      policies: ["p1.cedar#1", "p1.cedar#2", "p2.cedar#1"],
      obligations: { maxRows: 100 },
    });
    expect(set.decide(AGENT, request("insert"), CONTEXT)).toMatchObject({ obligations: { maxRows: 500 } });
  });
});

describe("an alternative", () => {
  const set = compile(`
    @id("view") permit (principal, action == Action::"select", resource == Table::"shop.public.v");
    @id("a") permit (principal, action == Action::"select", resource == Table::"shop.public.a");
    @id("b") permit (principal, action == Action::"select", resource == Table::"shop.public.b");
    @id("secret") forbid (principal, action, resource == Table::"shop.public.secret");
    @id("open") permit (principal, action, resource == Table::"shop.public.held");
    @id("held") @approvers("dba") forbid (principal, action, resource == Table::"shop.public.held")
    unless { context.approvedBy.contains("dba") };`);
  const decide = (name: string, more: Partial<PolicyRequest>) =>
    set.decide(AGENT, { ...request("select", table(name)), ...more }, CONTEXT);

  it("that is permitted stands for what nothing permits", () => {
    expect(decide("leaf", {}).verdict).toBe("deny");
    expect(decide("leaf", { orElse: [table("other"), table("v")] })).toMatchObject({ policies: ["view"] });
  });

  it("does not stand for what is forbidden", () => {
    expect(decide("secret", { orElse: [table("v")] })).toMatchObject({ verdict: "deny", policies: ["secret"] });
    expect(decide("secret", { orElseAll: [table("a")] })).toMatchObject({ verdict: "deny", policies: ["secret"] });
  });

  it("of several is one only where all of them are permitted", () => {
    expect(decide("w", { orElseAll: [table("a"), table("b")] })).toMatchObject({ policies: ["a", "b"] });
    expect(decide("w", { orElseAll: [table("a"), table("c")] })).toMatchObject({ verdict: "deny", policies: [] });
    expect(decide("w", { orElseAll: [table("a"), table("secret")] })).toMatchObject({ verdict: "deny", policies: [] });
    expect(decide("w", { orElseAll: [] }).verdict).toBe("deny");
  });

  it("that is held holds", () => {
    expect(decide("leaf", { orElse: [table("held")] })).toMatchObject({ verdict: "hold", approvers: ["dba"] });
    expect(decide("w", { orElseAll: [table("a"), table("held")] })).toMatchObject({ verdict: "hold" });
    expect(decide("leaf", { orElse: [table("held"), table("v")] }).verdict).toBe("permit");
  });

  it("that is permitted lets a hold on the thing itself be asked for", () => {
    const leafHeld = compile(`
      permit (principal, action == Action::"select", resource == Table::"shop.public.v");
      @approvers("dba") forbid (principal, action, resource == Table::"shop.public.leaf")
      unless { context.approvedBy.contains("dba") };`);

    const asked = { ...request("select", table("leaf")), orElse: [table("v")] };
    expect(leafHeld.decide(AGENT, asked, CONTEXT).verdict).toBe("hold");
    expect(leafHeld.decide(AGENT, asked, { ...CONTEXT, approvedBy: ["dba"] }).verdict).toBe("permit");
  });
});

describe("the hint of a denial", () => {
  const hintOf = (policy: string, context: Partial<PolicyContext>): string => {
    const decision = compile(policy, "permit (principal, action, resource);").decide(AGENT, request("delete"), {
      ...CONTEXT,
      ...context,
    });
    return decision.verdict === "deny" ? decision.hint : decision.verdict;
  };

  it.each([
    [
      "context.matchesAll",
      { matchesAll: true },
      "It would pass with a WHERE clause that compares a column with a value.",
    ],
    ["!context.hasWhere", { hasWhere: false }, "It would pass with a WHERE clause."],
    ["context.inTransaction", { inTransaction: true }, "It would pass outside a transaction."],
    ["!context.inTransaction", { inTransaction: false }, "It would pass inside a transaction."],
  ])("names the change that helps against %s", (condition, context, hint) => {
    expect(hintOf(`forbid (principal, action, resource) when { ${condition} };`, context)).toBe(hint);
  });

  it("says that it would wait where the change leads to a hold", () => {
    const hold =
      '@approvers("dba") forbid (principal, action, resource) unless { context.approvedBy.contains("dba") };';

    expect(
      hintOf(`${hold} forbid (principal, action, resource) when { !context.hasWhere };`, { hasWhere: false }),
    ).toBe("It would wait for approval by dba with a WHERE clause.");
  });

  it("names no change where none helps, nor a purpose, which nothing takes from an agent", () => {
    const purpose = hintOf("forbid (principal, action, resource) unless { context has purpose };", {});
    expect(purpose).not.toContain("would pass with");
    const hint = hintOf("forbid (principal, action, resource) when { context.matchesAll || context.hour > 8 };", {
      matchesAll: true,
    });

    expect(hint).not.toContain("would pass with");
  });
});

describe("a remembered decision", () => {
  it("asks Cedar no more", () => {
    const set = compile(DESIGN);
    const select = request("select");
    const first = set.decide(AGENT, select, CONTEXT);
    const { evaluations } = set;

    expect(set.decide(AGENT, select, CONTEXT)).toBe(first);
    expect(set.decide({ ...AGENT }, request("select"), { ...CONTEXT })).toBe(first);
    expect(evaluations).toBe(1);
    expect(set.evaluations).toBe(1);
  });

  it("is shared by principals that no policy can tell apart", () => {
    const set = compile(DESIGN);
    const first = set.decide(AGENT, request("select"), CONTEXT);

    expect(
      set.decide({ ...AGENT, id: "other", subject: "other", groups: ["x", "agents"] }, request("select"), CONTEXT),
    ).toBe(first);
    expect(set.decide(AGENT, request("select"), { ...CONTEXT, hour: 11, weekday: 5, purpose: "x", via: "mcp" })).toBe(
      first,
    );
    expect(set.evaluations).toBe(1);
  });

  it("is shared by tables that no policy can tell apart", () => {
    const set = compile(DESIGN, 'forbid (principal, action, resource == Table::"shop.public.secret");');
    const verdicts = ["a", "b", "secret", "?", "c"].map(
      (name) => set.decide(AGENT, request("select", table(name)), CONTEXT).verdict,
    );

    expect(verdicts).toEqual(["permit", "permit", "deny", "permit", "permit"]);
    expect(set.evaluations).toBe(2);
  });

  it("is not shared with an entity that a policy gives the name of those that none names", () => {
    const set = compile(
      'permit (principal, action == Action::"reveal", resource) when { resource in [Label::"?", Label::"???"] };',
    );
    const reveal = (name: string) =>
      set.decide(AGENT, { action: "reveal", resource: { kind: "label", name } }, CONTEXT).verdict;

    expect(["pii", "?", "??", "???", "????"].map(reveal)).toEqual(["deny", "permit", "deny", "permit", "deny"]);
  });

  const differences: readonly [string, string, Partial<PolicyPrincipal>, Partial<PolicyContext>][] = [
    ["the principal", `principal == Agent::"${AGENT.id}"`, { id: "other" }, {}],
    ["the kind", "principal is Agent", { kind: "human" }, {}],
    ["the group", 'principal in Group::"agents"', { groups: ["readers"] }, {}],
    ["the issuer", 'principal.issuer == "https://idp.example.com"', { issuer: "https://other.example.com" }, {}],
    ["the subject", 'principal.subject == "support-bot"', { subject: "other" }, {}],
    ["the actor", "!(principal has actor)", { actor: "x" }, {}],
    ["a claim", 'principal.hasTag("team") && principal.getTag("team") == "support"', { claims: { team: "x" } }, {}],
    ["a claim named by another", "principal.hasTag(principal.subject)", { claims: {} }, {}],
    ["the hour", "context.hour < 12", {}, { hour: 13 }],
    ["the weekday", "context.weekday == 1", {}, { weekday: 0 }],
    ["the way", 'context.via == "wire"', {}, { via: "mcp" }],
    ["the purpose", "!(context has purpose)", {}, { purpose: "x" }],
    ["the person behind it", "!(context has onBehalfOf)", {}, { onBehalfOf: "x" }],
    ["the address", 'context.clientAddress == ip("10.0.0.7")', {}, { clientAddress: "10.0.0.8" }],
    ["the WHERE", "context.hasWhere", {}, { hasWhere: false }],
    ["the rows", "!context.matchesAll", {}, { matchesAll: true }],
    ["the transaction", "!context.inTransaction", {}, { inTransaction: true }],
    ["the approvals", "context.approvedBy.isEmpty()", {}, { approvedBy: ["dba"] }],
  ];
  it.each(differences)("is not given where %s differs and a policy asks for it", (_, condition, principal, context) => {
    const claims = { team: "support", "support-bot": "yes" };
    const set = compile(`permit (principal, action, resource) when { ${condition} };`);

    for (let round = 0; round < 2; round++) {
      expect(set.decide({ ...AGENT, claims }, request("select"), CONTEXT).verdict).toBe("permit");
      expect(
        set.decide({ ...AGENT, claims, ...principal }, request("select"), { ...CONTEXT, ...context }).verdict,
      ).toBe("deny");
    }
  });

  it("is not given for another setting, channel, kind of relation or alternative", () => {
    const set = compile(`
      permit (principal, action == Action::"set", resource) when { context.setting == "timezone" };
      permit (principal, action == Action::"listen", resource) when { context.channel like "jobs_*" };
      permit (principal, action == Action::"select", resource is Table) when { resource.kind == "view" };`);
    const database = { kind: "database", database: "shop" } as const;
    const verdict = (one: PolicyRequest) => set.decide(AGENT, one, CONTEXT).verdict;

    expect(verdict({ action: "set", resource: database, setting: "timezone" })).toBe("permit");
    expect(verdict({ action: "set", resource: database, setting: "work_mem" })).toBe("deny");
    expect(verdict({ action: "listen", resource: database, channel: "jobs_new" })).toBe("permit");
    expect(verdict({ action: "listen", resource: database, channel: "secrets" })).toBe("deny");
    expect(verdict(request("select"))).toBe("deny");
    expect(
      verdict(
        request("select", {
          ...table("orders"),
          kind: "table",
          relationKind: "v",
          database: "shop",
          schema: "public",
          name: "orders",
        }),
      ),
    ).toBe("permit");
    expect(
      verdict({
        ...request("select"),
        orElse: [{ kind: "table", database: "shop", schema: "public", name: "v", relationKind: "v" }],
      }),
    ).toBe("permit");
  });
});

describe("names of the database", () => {
  /** Made of what could make two names look like one. */
  const hostile = fc.string({
    unit: fc.constantFrom(".", '"', "\\", "a", "A", "\n", "(", ")", ",", " ", "\u202e", "é", "é", ":", "😀", "\t"),
    minLength: 1,
    maxLength: 5,
  });
  const resource: fc.Arbitrary<PolicyResource> = fc.oneof(
    fc.record({ kind: fc.constant("schema" as const), database: hostile, schema: hostile }),
    fc.record({
      ...{ kind: fc.constant("table" as const), database: hostile, schema: hostile },
      ...{ name: hostile, relationKind: fc.constant("r") },
    }),
  );

  it("never collide as entities, whatever is in them", () => {
    fc.assert(
      fc.property(resource, resource, (a, b) => {
        const [one, other] = [resourceEntity(a, {}), resourceEntity(b, {})];
        expect(one.uid.type === other.uid.type && one.uid.id === other.uid.id).toBe(
          JSON.stringify(a) === JSON.stringify(b),
        );
      }),
      { numRuns: 5_000, seed: 1 },
    );
  });

  it("never collide as functions", () => {
    const call = fc.record({
      database: hostile,
      schema: hostile,
      name: hostile,
      args: fc.constantFrom("", "integer", 'a."b".c'),
    });
    const idOf = ({ args, ...rest }: { database: string; schema: string; name: string; args: string }): string =>
      resourceEntity({ kind: "function", ...rest, signature: `${rest.name}(${args})` }, {}).uid.id;
    fc.assert(
      fc.property(call, call, (a, b) => {
        expect(idOf(a) === idOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 5_000, seed: 2 },
    );
  });

  it("are permitted where a policy names exactly them", () => {
    fc.assert(
      fc.property(hostile, hostile, (schema, name) => {
        const { uid } = resourceEntity(table(name, "shop", schema), {});
        const set = compile(
          `permit (principal, action, resource == Table::${JSON.stringify(uid.id).replaceAll("\\u202e", "\u202e")});`,
        );

        expect(set.decide(AGENT, request("select", table(name, "shop", schema)), CONTEXT).verdict).toBe("permit");
        expect(set.decide(AGENT, request("select", table(`${name}x`, "shop", schema)), CONTEXT).verdict).toBe("deny");
      }),
      { numRuns: 30, seed: 3 },
    );
  });

  it("do not lift a table out of its schema and database", () => {
    const set = compile('permit (principal, action, resource in Schema::"shop.public");');

    expect(set.decide(AGENT, request("select", table("x", "shop", 'public"."y')), CONTEXT).verdict).toBe("deny");
    expect(set.decide(AGENT, request("select", table('public"."y', "shop", "x")), CONTEXT).verdict).toBe("deny");
    expect(set.decide(AGENT, request("select", table("x", 'shop.public"', "z")), CONTEXT).verdict).toBe("deny");
    expect(set.decide(AGENT, request("select", table('"x.y"')), CONTEXT).verdict).toBe("permit");
  });
});

describe("what Cedar is given", () => {
  /** Asks for everything, so that nothing is left out of the call. */
  const CURIOUS = `permit (principal, action, resource) when {
    context.approvedBy.isEmpty() && context.hasWhere && !context.matchesAll && !context.inTransaction && context.via == "wire"
    && context.hour < 24 && context.weekday < 7 && context.clientAddress.isIpv4() && principal.issuer != "" && principal.subject != "" };`;

  it("fits the schema, for every action and resource that the schema has", () => {
    expect(preparseSchema("test", CEDAR_SCHEMA).type).toBe("success");
    expect(preparsePolicySet("test", { staticPolicies: CURIOUS }).type).toBe("success");
    for (const [action, { resources, context }] of Object.entries(ACTIONS)) {
      for (const type of resources) {
        const answer = statefulIsAuthorized({
          principal: { type: "Agent", id: "x" },
          action: { type: "Action", id: action },
          resource: { type, id: "x" },
          context: {
            ...{
              approvedBy: [],
              hasWhere: true,
              matchesAll: false,
              inTransaction: false,
              via: "wire",
              hour: 1,
              weekday: 1,
            },
            clientAddress: { __extn: { fn: "ip", arg: "10.0.0.1" } },
            ...(context === undefined ? {} : { [context.split(":")[0] ?? ""]: "x" }),
          },
          preparsedSchemaName: "test",
          validateRequest: true,
          preparsedPolicySetId: "test",
          entities: [{ uid: { type: "Agent", id: "x" }, attrs: { issuer: "i", subject: "s" }, parents: [] }],
        });

        expect(answer).toMatchObject({ type: "success", response: { decision: "allow", diagnostics: { errors: [] } } });
      }
    }
  });

  it.each(Object.entries(ACTIONS))("lets a policy that asks for everything judge %s", (name, { resources }) => {
    const set = compile(CURIOUS);
    const samples: Readonly<Record<string, PolicyResource>> = {
      Table: table("t"),
      Schema: { kind: "schema", database: "shop", schema: "public" },
      Database: { kind: "database", database: "shop" },
      Function: { kind: "function", database: "shop", schema: "public", name: "f", signature: "f(integer)" },
      Label: { kind: "label", name: "pii" },
    };
    const actions = Object.keys(ACTIONS).filter((one): one is PolicyAction => one === name);

    for (const action of actions) {
      for (const type of resources) {
        const resource = samples[type];
        expect(resource).toBeDefined();
        if (resource !== undefined) expect(set.decide(AGENT, { action, resource }, CONTEXT).verdict).toBe("permit");
      }
    }
  });
});
