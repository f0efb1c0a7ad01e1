import { describe, expect, it } from "vitest";
import { compilePolicies } from "./compile.ts";
import { formatPolicyProblem } from "./problem.ts";

const DATABASES = { shop: { environment: "prod" }, "shop.old": { environment: "archive" } };

function check(text: string, groups?: readonly string[]): readonly string[] {
  return compilePolicies([{ name: "p.cedar", text }], DATABASES)
    .checks(groups)
    .map(formatPolicyProblem);
}

const scope = (resource: string): string => `permit (principal, action == Action::"select", ${resource});`;

describe("a policy that names what there is not", () => {
  it.each([
    ['resource in Database::"shpo"', 'no database "shpo" (did you mean "shop"?)'],
    ['resource in Environment::"production"', 'no database has the environment "production"'],
    ['resource in Schema::"shpo.public"', 'no database "shpo"'],
    ['resource in Schema::"public"', 'can never match (write Schema::"database.schema")'],
    ['resource == Table::"public.orders"', 'can never match (write Table::"database.schema.table")'],
    ['resource == Table::"shop.public.Orders"', 'write Table::"shop.public.\\"Orders\\""'],
    ['resource == Table::"shop.\\"public\\".orders"', 'write Table::"shop.public.orders"'],
    ['resource == Table::"shop.public.orders "', "can never match: names are quoted"],
    ['resource == Table::"shop.old.public.orders"', "can never match"],
    ['resource == Table::""', "can never match"],
  ])("is warned about: %s", (resource, message) => {
    const [warning] = check(scope(resource));

    expect(warning).toContain("p.cedar:1:");
    expect(warning).toContain("warning: ");
    expect(warning).toContain(message);
  });

  it.each([
    'resource in Database::"shop"',
    'resource in Environment::"archive"',
    'resource in Schema::"shop.public"',
    'resource in Schema::"\\"shop.old\\".public"',
    'resource == Table::"shop.public.\\"Orders\\""',
    'resource == Table::"shop.\\"a\\"\\"b\\".\\"c.d\\""',
  ])("is not warned about where there is such a thing: %s", (resource) => {
    expect(check(scope(resource))).toEqual([]);
  });

  it("is warned about in a condition too, at the place", () => {
    const text = 'permit (principal, action, resource)\nwhen { context.hour > 8 && resource in Database::"other" };';

    expect(check(text)[0]).toContain("p.cedar:2:");
  });

  it("is warned about where it names a principal as entries do not", () => {
    expect(check('permit (principal == Agent::"bot", action, resource);')[0]).toContain("issuer#subject");
    expect(check('permit (principal == Agent::"https://idp.example.com#bot", action, resource);')).toEqual([]);
  });

  it("is noted where the configuration names no such group, and only where it is known", () => {
    const text = 'permit (principal in Group::"agnets", action, resource);';

    expect(check(text)).toEqual([]);
    expect(check(text, ["agents"])[0]).toContain(
      'note: p.cedar#1: the configuration names no group "agnets" (did you mean',
    );
  });
});

describe("a policy without effect", () => {
  const permit = (resource: string): string =>
    `permit (principal in Group::"agents", action in [Action::"select", Action::"copyOut"], ${resource});`;

  it.each([
    "forbid (principal, action, resource);",
    'forbid (principal in Group::"agents", action in Action::"read", resource in Database::"shop");',
    'forbid (principal, action, resource in Environment::"prod");',
    'forbid (principal, action in [Action::"copyOut", Action::"select"], resource in Schema::"shop.public");',
    "forbid (principal, action, resource is Table);",
  ])("is warned about: a permit under %s", (forbid) => {
    const found = check(`${permit('resource == Table::"shop.public.orders"')}\n${forbid}`);

    expect(found).toHaveLength(1);
    expect(found[0]).toContain("this permit has no effect (p.cedar#2 at p.cedar:2 forbids all");
  });

  it.each([
    'forbid (principal in Group::"others", action, resource);',
    'forbid (principal, action == Action::"select", resource);',
    'forbid (principal, action, resource in Schema::"shop.private");',
    'forbid (principal, action, resource == Schema::"shop.public");',
    "forbid (principal, action, resource) when { context.matchesAll };",
    "forbid (principal is Agent, action, resource);",
    "forbid (principal, action, resource is Schema);",
  ])("is not claimed: a permit beside %s", (forbid) => {
    expect(check(`${permit('resource == Table::"shop.public.orders"')}\n${forbid}`)).toEqual([]);
  });

  it("is warned about where Cedar sees that it never matches", () => {
    const [found] = check('permit (principal, action == Action::"reveal", resource in Database::"shop");');

    expect(found).toContain("warning: ");
  });

  it("is warned about where a group could approve in vain", () => {
    const [found] = check(
      `permit (principal, action, resource);
       @approvers("dba, legal") forbid (principal, action, resource) unless { context.approvedBy.contains("dba") };`,
    );

    expect(found).toContain("p.cedar:2:8: warning: p.cedar#2: approval by legal would not lift this hold");
  });

  it("is warned about where no policy permits anything", () => {
    expect(check("forbid (principal, action, resource);")[0]).toContain("every statement is denied");
    expect(check("")[0]).toContain("every statement is denied");
  });
});
