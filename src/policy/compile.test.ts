import { describe, expect, it } from "vitest";
import { compilePolicies } from "./compile.ts";
import type { PolicyContext } from "./policy-set.ts";
import { PolicyError, type PolicyProblem } from "./problem.ts";

const DATABASES = { shop: { environment: "prod" } };

function problemsOf(...texts: readonly string[]): readonly PolicyProblem[] {
  try {
    compilePolicies(
      texts.map((text, index) => ({ name: `p${index + 1}.cedar`, text })),
      DATABASES,
    );
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
  return [];
}

describe("a file of policies", () => {
  it("is read whole: ids, places and what the annotations say", () => {
    const text = `// a comment; with a semicolon and an @id("x")
@id("a") permit (principal, action, resource) when { context.via == "a;b // no comment \\" ;" };
  @approvers("dba, security") @expires("8h")
  forbid (principal, action, resource)
  unless { context.approvedBy.containsAll(["dba", "security"]) };
`;
    const { policies } = compilePolicies([{ name: "shop.cedar", text }], DATABASES);

    expect(policies).toMatchObject([
      { id: "a", effect: "permit", file: "shop.cedar", line: 2, column: 1, approvers: [], quorum: 1 },
      {
        id: "shop.cedar#2",
        effect: "forbid",
        line: 3,
        column: 3,
        approvers: ["dba", "security"],
        expiresMs: 28_800_000,
      },
    ]);
  });

  it("that is empty, or a comment, holds no policy", () => {
    expect(compilePolicies([], DATABASES).policies).toEqual([]);
    expect(compilePolicies([{ name: "a.cedar", text: "// later\n" }], DATABASES).policies).toEqual([]);
  });

  it("may begin with a byte order mark", () => {
    const file = { name: "a.cedar", text: "\uFEFFpermit (principal, action, resource);" };

    expect(compilePolicies([file], DATABASES).policies).toHaveLength(1);
  });
});

describe("the version of a set", () => {
  const a = { name: "a.cedar", text: "permit (principal, action, resource);" };
  const b = { name: "b.cedar", text: "forbid (principal, action, resource);" };
  const version = (...files: readonly { name: string; text: string }[]) => compilePolicies(files, DATABASES).version;

  it("is the same for the same files in another order", () => {
    expect(version(a, b)).toMatch(/^[0-9a-f]{64}$/);
    expect(version(a, b)).toBe(version(b, a));
  });

  it("differs with a text, a name, and where a text is cut", () => {
    const versions = [
      version(a, b),
      version(a),
      version({ ...a, text: `${a.text}\n` }, b),
      version({ ...a, name: "c.cedar" }, b),
      version({ name: "a.cedar", text: a.text + b.text }),
    ];

    expect(new Set(versions).size).toBe(versions.length);
  });

  it("is not shared by sets that hold other policies under it: each decides by its own", () => {
    const principal = { kind: "agent", id: "i#s", issuer: "i", subject: "s", groups: [], claims: {} } as const;
    const request = { action: "connect", resource: { kind: "database", database: "shop" } } as const;
    const context: PolicyContext = {
      ...{ approvedBy: [], hasWhere: true, matchesAll: false, inTransaction: false, via: "wire", hour: 0, weekday: 0 },
      clientAddress: "::1",
    };
    const permitting = compilePolicies([a], DATABASES);
    const forbidding = compilePolicies([a, b], DATABASES);

    expect(permitting.decide(principal, request, context).verdict).toBe("permit");
    expect(forbidding.decide(principal, request, context).verdict).toBe("deny");
    expect(permitting.decide(principal, request, context).verdict).toBe("permit");
  });
});

describe("a problem", () => {
  it("is told with file, line and column, also behind letters of several bytes", () => {
    const text = `// é € 😀
permit (principal, action, resource);
@id("späte") permit (principal, action, resource)
when { "😀" == context.via && context.nope == 1 };`;

    expect(problemsOf("permit (principal, action, resource);", text)).toEqual([
      {
        ...{ severity: "error", file: "p2.cedar", line: 4, column: 31, policy: "späte" },
        message: expect.stringContaining("attribute `nope`"),
        hint: "did you mean `hour`?",
      },
    ]);
  });

  it.each([
    ["permit (principal, action, resource) when { context.hour = 1 };", 1, "'=' is not a valid operator", "=="],
    ['\n  permit (principal, action == Action::"selct", resource);', 2, "selct", 'did you mean `Action::"select"`'],
    [
      'permit (principal in Grup::"agents", action, resource);',
      1,
      "unrecognized entity type `Grup`",
      "did you mean `Group`",
    ],
    ["permit (principal, action, resource)", 1, "unexpected end of input", "expected"],
    ["permit (principal, action, resource);;", 1, "unexpected", ""],
    ["permit (principal == ?principal, action, resource);", 1, "template", "slot"],
    ["permit (principal, action, resource) when { context.hour };", 1, "expected", ""],
    ['permit (principal, action, resource) when { context.purpose == "x" };', 1, "purpose", "context has purpose"],
    ['permit (principal, action, resource) when { principal.getTag("team") == "x" };', 1, "tag", ""],
    ['@id("a") @id("b") permit (principal, action, resource);', 1, "duplicate annotation", ""],
    [
      'permit (principal, action, resource) when { Database::"shop" in Environment::"prod" };',
      1,
      "written out",
      "other way round",
    ],
    ['permit (principal, action, resource) when { Agent::"x".subject == "x" };', 1, "written out", "other way round"],
    ['permit (principal, action, resource) when { context.via == "\n" };\nnonsense', 3, "unexpected", ""],
  ])("in %j is told", (text, line, message, hint) => {
    const [problem] = problemsOf(text);

    expect(problem).toMatchObject({ severity: "error", file: "p1.cedar", line });
    expect(problem?.message).toContain(message);
    expect(problem?.hint ?? "").toContain(hint);
  });

  it("does not hide the others", () => {
    const problems = problemsOf(
      '@id("x") permit (principal, action == Action::"a", resource);\npermit (principal, action, resource) when { 1 = 1 };',
      '@id("x") permit (principal, action, resource);\n@id("y") permit (principal, action, resource) when { context.b };',
    );

    expect(problems.map(({ file, line }) => `${file}:${line}`)).toEqual([
      "p1.cedar:1",
      "p1.cedar:2",
      "p2.cedar:1",
      "p2.cedar:2",
    ]);
    expect(problems[2]?.message).toBe("the id is taken by the policy at p1.cedar:1");
  });
});

describe("an annotation", () => {
  const FORBID = 'forbid (principal, action, resource) unless { context.approvedBy.contains("dba") };';
  const PERMIT = "permit (principal, action, resource);";

  it.each([
    ['@approver("dba")', FORBID, "@approver is no annotation", "did you mean @approvers?"],
    ['@note("x")', PERMIT, "@note is no annotation", "known are @id"],
    ['@id("")', PERMIT, "the id cannot be used", "1 to 128"],
    ['@id("a\\nb")', PERMIT, "the id cannot be used", "1 to 128"],
    ['@id("a\\u{202e}b")', PERMIT, "the id cannot be used", "1 to 128"],
    ['@approvers("")', FORBID, "@approvers names no group", "commas"],
    ["@approvers", FORBID, "@approvers names no group", "commas"],
    ['@approvers("dba,")', FORBID, "@approvers names no group", "commas"],
    ['@approvers("dba")', PERMIT, "@approvers stands on a permit", "a hold is a forbid"],
    ['@approvers("dba")', "forbid (principal, action, resource);", "no approval would lift", 'contains("dba")'],
    ['@approvers("dba") @quorum("0")', FORBID, "@quorum needs a whole number", "from 1 to 20"],
    ['@approvers("dba") @quorum("two")', FORBID, "@quorum needs a whole number", "from 1 to 20"],
    ['@approvers("dba") @quorum("21")', FORBID, "@quorum needs a whole number", "from 1 to 20"],
    ['@quorum("2")', FORBID, "@quorum without @approvers", "@approvers"],
    ['@approvers("dba") @expires("15")', FORBID, "@expires needs a duration", "15m"],
    ['@approvers("dba") @expires("0s")', FORBID, "@expires needs a duration", "15m"],
    ['@approvers("dba") @expires("8d")', FORBID, "@expires needs a duration", "at most 7d"],
    ['@expires("15m")', FORBID, "@expires without @approvers", "@approvers"],
    ['@reason("")', FORBID, "@reason needs one line", "control character"],
    ['@reason("a\\0b")', FORBID, "@reason needs one line", "control character"],
    ['@reason("a\\nb")', FORBID, "@reason needs one line", "control character"],
    ['@maxRows("-1")', PERMIT, "@maxRows needs a whole number", "from 1"],
    ['@maxRows("1e9")', PERMIT, "@maxRows needs a whole number", "from 1"],
    ['@maxRows("10")', FORBID, "@maxRows stands on a forbid", "permit"],
    ['@approvers("dba") @inTransaction("wait")', FORBID, "@inTransaction needs a known value", "deny"],
    ['@inTransaction("deny")', PERMIT, "@inTransaction stands on a permit", "context.inTransaction"],
  ])("%s on %s is a problem at its own place", (annotation, policy, message, hint) => {
    const [problem, ...others] = problemsOf(`\n${annotation}\n${policy}`);

    expect(others).toEqual([]);
    expect(problem).toMatchObject({ line: 2, severity: "error" });
    expect(problem?.message).toContain(message);
    expect(problem?.hint).toContain(hint);
  });

  it("names its own line where there are several", () => {
    const [problem] = problemsOf(`@approvers("dba")\n  @quorum("many")\n@reason("fine")\n${FORBID}`);

    expect(problem).toMatchObject({ line: 2, column: 3 });
  });
});
