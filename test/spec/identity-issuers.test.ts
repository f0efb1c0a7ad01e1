/** Several issuers at once, with the tokens that real ones give: GitHub Actions, Kubernetes, a company IdP; delegation; conditions on claims. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IdentityUnderTest, startIdentity } from "../support/identity.ts";
import { HeldClock, startIssuer, type TestIssuer } from "../support/issuer.ts";

const clock = new HeldClock();
let github: TestIssuer;
let kubernetes: TestIssuer;
let company: TestIssuer;
let gateway: IdentityUnderTest;

/** As GitHub's documentation shows them ("OpenID Connect reference", example token). */
const GITHUB_CLAIMS = {
  sub: "repo:acme/shop:ref:refs/heads/main",
  ref: "refs/heads/main",
  sha: "example-sha",
  repository: "acme/shop",
  repository_owner: "acme",
  actor_id: "12",
  repository_visibility: "private",
  repository_id: "74",
  repository_owner_id: "65",
  run_id: "example-run-id",
  run_number: "10",
  run_attempt: "2",
  runner_environment: "github-hosted",
  actor: "octocat",
  workflow: "report",
  head_ref: "",
  base_ref: "",
  event_name: "workflow_dispatch",
  ref_type: "branch",
  job_workflow_ref: "acme/shop/.github/workflows/report.yml@refs/heads/main",
};

/** A projected service account token, as the kubelet mounts it. */
const KUBERNETES_CLAIMS = {
  aud: ["postern", "https://kubernetes.default.svc"],
  sub: "system:serviceaccount:reports:nightly",
  "kubernetes.io": {
    namespace: "reports",
    node: { name: "node-1", uid: "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1" },
    pod: { name: "nightly-0", uid: "5e0bd49b-f040-43b0-99b7-22765a53f7f3" },
    serviceaccount: { name: "nightly", uid: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798" },
    warnafter: 1_893_459_607,
  },
};

/** A user's access token of a company IdP (realm roles and the acting client, as Keycloak gives them). */
const COMPANY_CLAIMS = {
  sub: "f:71d2:ada",
  preferred_username: "ada",
  email: "ada@example.com",
  email_verified: true,
  azp: "support-agent",
  scope: "openid email",
  realm_access: { roles: ["dba", "offline_access"] },
  "https://example.com/tenant": "acme",
};

beforeAll(async () => {
  github = await startIssuer({ clock, algorithm: "RS256", path: "/github" });
  kubernetes = await startIssuer({ clock, algorithm: "RS256" });
  company = await startIssuer({ clock, path: "/realms/acme" });
  gateway = startIdentity(
    [
      github.config({
        where: { repository: "acme/shop", ref: ["refs/heads/main", "refs/heads/release"] },
        groups: "repository",
      }),
      kubernetes.config({
        where: { "kubernetes.io.namespace": "reports", "kubernetes.io.serviceaccount.name": "nightly" },
      }),
      company.config({
        kind: "human",
        subject: "preferred_username",
        actor: "azp",
        groups: "realm_access.roles",
        where: { email_verified: "true" },
      }),
    ],
    { clock },
  );
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  for (const issuer of [github, kubernetes, company]) await issuer.close();
});

describe("several issuers at once, each with tokens of its own shape", () => {
  it("give a principal for a GitHub Actions job", async () => {
    expect(await gateway.verify(await github.mint(GITHUB_CLAIMS))).toMatchObject({
      id: `${github.url}#repo:acme/shop:ref:refs/heads/main`,
      kind: "agent",
      subject: "repo:acme/shop:ref:refs/heads/main",
      actors: [], // its claim `actor` is a text of its own and no delegation
      groups: ["acme/shop"],
      claims: { repository: "acme/shop", ref: "refs/heads/main" },
    });
  });

  it("give a principal for a Kubernetes service account", async () => {
    expect(
      await gateway.verify(await kubernetes.mint(KUBERNETES_CLAIMS, { header: { typ: undefined } })),
    ).toMatchObject({
      id: `${kubernetes.url}#system:serviceaccount:reports:nightly`,
      subject: "system:serviceaccount:reports:nightly",
      claims: { "kubernetes.io.namespace": "reports", "kubernetes.io.serviceaccount.name": "nightly" },
    });
  });

  it("give a principal for a person of the company, with the client that acts as actor", async () => {
    expect(await gateway.verify(await company.mint(COMPANY_CLAIMS, { header: { typ: "JWT" } }))).toMatchObject({
      id: `${company.url}#ada|act:support-agent`,
      kind: "human",
      subject: "ada",
      actors: [{ subject: "support-agent", proof: "verified" }],
      actor: "support-agent",
      groups: ["dba", "offline_access"],
      claims: { email_verified: "true", azp: "support-agent" },
    });
  });

  it("do not stand in for one another", async () => {
    const { privateKey, kid } = github.key;

    const rejection = await gateway.rejection(
      await kubernetes.mint(KUBERNETES_CLAIMS, { key: privateKey, kid, alg: "RS256" }),
    );

    expect(rejection.reason).toBe("signature"); // under a key id that both have
  });

  it.each([
    ["another repository", { repository: "acme/shop2" }],
    ["a repository that begins alike", { repository: "acme/shop/../evil" }],
    ["another case", { repository: "Acme/shop" }],
    ["no repository", { repository: undefined }],
    ["a list without it", { repository: ["acme/other"] }],
    ["an object", { repository: { name: "acme/shop" } }],
    ["another branch", { ref: "refs/heads/feature" }],
    ["a pull request's ref", { ref: "refs/pull/1/merge" }],
  ])("refuse a token with %s where the configuration names one", async (_what, claims) => {
    const rejection = await gateway.rejection(await github.mint({ ...GITHUB_CLAIMS, ...claims }));

    expect(rejection.reason).toBe("claim_condition");
    expect(rejection.detail).toContain(`"${Object.keys(claims)[0]}"`);
  });

  it("refuse a service account of another namespace, whatever it calls its own claims", async () => {
    const elsewhere = { ...KUBERNETES_CLAIMS["kubernetes.io"], namespace: "default" };
    const other = await kubernetes.mint({ ...KUBERNETES_CLAIMS, "kubernetes.io": elsewhere });
    const shadowed = await kubernetes.mint({
      ...KUBERNETES_CLAIMS,
      "kubernetes.io": elsewhere,
      "kubernetes.io.namespace": "reports",
    });

    expect((await gateway.rejection(other)).reason).toBe("claim_condition");
    expect((await gateway.rejection(shadowed)).reason).toBe("malformed");
  });

  it("refuse a person whose address is not verified", async () => {
    for (const email_verified of [false, "false", 1, undefined]) {
      expect((await gateway.rejection(await company.mint({ ...COMPANY_CLAIMS, email_verified }))).reason).toBe(
        "claim_condition",
      );
    }
  });
});

describe("one issuer with several entries", () => {
  it("gives what the first entry says that the token meets", async () => {
    await using shared = startIdentity(
      [
        company.config({ kind: "agent", where: { client_id: ["report-agent", "support-agent"] } }),
        company.config({ kind: "human", where: { client_id: "postern-cli" } }),
        company.config({ kind: "human", audience: ["console"] }),
      ],
      { clock },
    );

    expect(await shared.verify(await company.mint({ client_id: "support-agent" }))).toMatchObject({ kind: "agent" });
    expect(await shared.verify(await company.mint({ client_id: "postern-cli" }))).toMatchObject({ kind: "human" });
    expect(await shared.verify(await company.mint({ aud: "console" }))).toMatchObject({ kind: "human" });
    expect((await shared.rejection(await company.mint({ client_id: "unknown" }))).reason).toBe("claim_condition");
    expect((await shared.rejection(await company.mint({ aud: "elsewhere" }))).reason).toBe("audience");
  });

  it("is asked for its keys once for all of them", async () => {
    await using idp = await startIssuer({ clock });
    await using shared = startIdentity([idp.config(), idp.config({ audience: ["console"] })], { clock });

    await shared.verify(await idp.mint({ aud: "console" }));

    expect([...idp.hits.values()]).toEqual([1, 1]);
  });
});

describe("a token of an agent that acts for someone", () => {
  const agents = () => startIdentity([company.config({ kind: "agent" })], { clock });

  it("names the whole chain, the one acting now first (RFC 8693, section 4.1)", async () => {
    await using gateway = agents();
    const act = {
      sub: "support-agent",
      act: { sub: "https://service77.example.com", iss: "https://as.example.com", act: { sub: "router" } },
    };

    const principal = await gateway.verify(await company.mint({ sub: "ada", act }));

    expect(principal.subject).toBe("ada");
    expect(principal.actor).toBe("support-agent");
    expect(principal.actors).toEqual([
      { subject: "support-agent", proof: "verified" },
      { subject: "https://service77.example.com", issuer: "https://as.example.com", proof: "verified" },
      { subject: "router", proof: "verified" },
    ]);
    expect(principal.id).toBe(
      `${company.url}#ada|act:support-agent|act:https://as.example.com#https://service77.example.com|act:router`,
    );
  });

  it("may have eight actors and no more", async () => {
    await using gateway = agents();
    const chain = (depth: number): object =>
      depth === 1 ? { sub: "a1" } : { sub: `a${depth}`, act: chain(depth - 1) };

    expect((await gateway.verify(await company.mint({ act: chain(8) }))).actors).toHaveLength(8);
    expect((await gateway.rejection(await company.mint({ act: chain(9) }))).reason).toBe("malformed");
    expect((await gateway.rejection(await company.mint({ act: chain(300) }))).reason).toBe("malformed");
  });

  it.each([
    ["a text", "support-agent"],
    ["a list", [{ sub: "support-agent" }]],
    ["null", null],
    ["without a name", {}],
    ["with an empty name", { sub: "" }],
    ["with a number for a name", { sub: 7 }],
    ["with an issuer that is no text", { sub: "support-agent", iss: 7 }],
    ["with a nested actor that names no one", { sub: "support-agent", act: { client_id: "x" } }],
    ["with a nested null", { sub: "support-agent", act: null }],
    ["with a name that is no Unicode", { sub: "a\ud800" }],
    ["with a name longer than any", { sub: "x".repeat(513) }],
  ])("is refused where its actor is %s: it must not pass for the person's own", async (_what, act) => {
    await using gateway = agents();

    expect((await gateway.rejection(await company.mint({ sub: "ada", act }))).reason).toBe("malformed");
  });

  it("never shares its name with another chain", async () => {
    await using gateway = agents();
    const claims = [
      { sub: "ada" },
      { sub: "ada|act:support" },
      { sub: "ada%7Cact:support" },
      { sub: "ada", act: { sub: "support" } },
      { sub: "ada", act: { sub: "support|act:router" } },
      { sub: "ada", act: { sub: "support", act: { sub: "router" } } },
      { sub: "ada", act: { sub: "x#y" } },
      { sub: "ada", act: { sub: "y", iss: "x" } },
      { sub: "ada\n" },
      { sub: "ada " },
    ];
    const ids = await Promise.all(claims.map(async (claim) => (await gateway.verify(await company.mint(claim))).id));

    expect(new Set(ids).size).toBe(claims.length);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]+$/);
  });

  it("has a printable actor whatever the token calls it", async () => {
    await using gateway = agents();

    const principal = await gateway.verify(await company.mint({ act: { sub: "night\u0000ly\u202e\nreport é" } }));

    expect(principal.actor).toBe("night%00ly%E2%80%AE%0Areport é");
  });
});

describe("a token with more groups than anyone has", () => {
  it("is refused rather than cut, so that a rule that forbids by group holds", async () => {
    await using gateway = startIdentity([company.config()], { clock });
    const groups = (count: number) => Array.from({ length: count }, (_, n) => `g${n}`);

    expect((await gateway.verify(await company.mint({ groups: groups(500) }))).groups).toHaveLength(500);
    expect((await gateway.rejection(await company.mint({ groups: groups(501) }))).reason).toBe("malformed");
    expect((await gateway.rejection(await company.mint({ groups: ["x".repeat(513)] }))).reason).toBe("malformed");
  });

  it("has one group where the claim is a text", async () => {
    await using gateway = startIdentity([company.config()], { clock });

    expect((await gateway.verify(await company.mint({ groups: "agents and more" }))).groups).toEqual([
      "agents and more",
    ]);
  });
});
