/** Requests for approval by the HTTP API: who sees them, who decides them, and what they must have been shown. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { AskedFor } from "../../src/approval/approvals.ts";
import { GatewayError } from "../../src/base/errors.ts";
import { Approval, ApprovalPage, ApprovalStats, OPERATIONS } from "../../src/http/contract.ts";
import type { Approval as StoredApproval } from "../../src/store/approvals.ts";
import { asking } from "../support/approvals-desk.ts";
import { type Answer, HttpApi } from "../support/http-api.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
let api: HttpApi;
let count = 0;

beforeAll(async () => {
  server = await startPostgres();
  await server.psql("CREATE DATABASE http");
  api = await HttpApi.start(server.url("http"), { limits: { burst: 10_000, perSecond: 10_000 } });
});
afterAll(async () => {
  await api?.close();
  await server?.stop();
});

async function request(given: Parameters<typeof asking>[1] = {}, text?: string): Promise<StoredApproval> {
  const asked: AskedFor = asking(text ?? `DELETE FROM orders WHERE id = ${count++}`, given);
  return (await api.parts.approvals.ask(asked)).approval;
}

type Verb = "approve" | "deny";
async function decide(
  { id, cardHash }: StoredApproval,
  verb: Verb,
  token: string,
  body: Readonly<Record<string, unknown>> = { reason: "because" },
): Promise<Answer> {
  return api.ask(`/api/v1/approvals/${id}/${verb}`, { method: "POST", token, body: { card: cardHash, ...body } });
}

const code = (answer: Answer): unknown => z.looseObject({ code: z.string().optional() }).parse(answer.json).code;

describe("a request for approval", () => {
  const who = [
    ["a person without a group", [], 404, 404],
    ["a person of its group", ["dba"], 200, 200],
    ["an auditor", ["audit"], 200, 403],
    ["an admin", ["platform"], 200, 403],
  ] as const;
  it.each(who)("is seen and decided by %s as its groups say", async (_, groups, sees, decides) => {
    const approval = await request();
    const token = await api.token(groups);
    const read = await api.ask(`/api/v1/approvals/${approval.id}`, { token });

    expect(read.status).toBe(sees);
    if (sees === 200) expect(Approval.parse(read.json)).toEqual(read.json);
    expect((await decide(approval, "approve", token)).status).toBe(decides);
    expect((await decide(await request(), "deny", token)).status).toBe(decides);
  });

  it("is not told to nobody, nor to an agent, whatever its groups", async () => {
    const approval = await request();
    const agent = await api.parts.agents.mint({ sub: "bot", groups: ["dba", "platform"] });
    const held = await api.parts.people.mint({ sub: "ann", groups: ["dba"], act: { sub: "assistant" } });

    expect((await api.ask(`/api/v1/approvals/${approval.id}`)).status).toBe(401);
    for (const token of [agent, held]) {
      expect(code(await api.ask(`/api/v1/approvals/${approval.id}`, { token }))).toBe("agent-token");
      expect(code(await decide(approval, "approve", token))).toBe("agent-token");
    }
    expect((await api.parts.approvals.read(approval.id))?.state).toBe("pending");
  });

  it.each([
    "amy",
    "AMY",
    "report-agent",
  ])("is not decided by who asked for it, under whatever issuer: %s", async (subject) => {
    const approval = await request();
    const token = await api.token(["dba"], subject);

    expect(await decide(approval, "approve", token)).toMatchObject({ status: 403, json: { code: "approval-refused" } });
    expect(await api.ask(`/api/v1/approvals/${approval.id}`, { token })).toMatchObject({
      json: { mayNotDecide: "You, or an agent of yours, asked for it." },
    });
  });

  it("takes a quorum of distinct people, and no second decision of one of them", async () => {
    const approval = await request({ quorum: 2 });
    const [bea, cid] = [await api.token(["dba"], "bea"), await api.token(["dba"], "cid")];

    expect((await decide(approval, "approve", bea)).json).toMatchObject({ state: "pending", missing: ["dba"] });
    expect(await decide(approval, "approve", bea)).toMatchObject({ status: 409, json: { code: "approval-ended" } });
    expect((await decide(approval, "approve", await api.token(["dba"], "bea"))).status).toBe(409);
    expect((await decide(approval, "approve", cid)).json).toMatchObject({ state: "approved", missing: [] });
    expect((await decide(approval, "deny", await api.token(["dba"], "eve"))).status).toBe(409);
  });

  it("may be for so many rows at most, the fewest of those who approve it, where the server counts them", async () => {
    const approval = await request({ quorum: 3 });
    const [ada, bob, cyd] = [
      await api.token(["dba"], "ada3"),
      await api.token(["dba"], "bob3"),
      await api.token(["dba"], "cyd3"),
    ];
    for (const rows of [-1, 1.5, "3"])
      expect(code(await decide(approval, "approve", ada, { rows }))).toBe("bad-request");
    expect((await decide(approval, "approve", ada, { rows: 7 })).json).toMatchObject({ rows: 7 });
    expect((await decide(approval, "approve", bob, { rows: 3 })).json).toMatchObject({ rows: 3 });
    expect((await decide(approval, "approve", cyd)).json).toMatchObject({ rows: 3, state: "approved" });

    const uncounted = await request({ counted: false });
    const refused = await decide(uncounted, "approve", ada, { rows: 7 });
    expect(refused).toMatchObject({ status: 403, json: { code: "approval-refused" } });
    expect((await decide(uncounted, "approve", ada)).json).toMatchObject({ rows: null, state: "approved" });
  });

  it("is decided by what was shown, and by nothing else", async () => {
    const [one, other] = [await request(), await request()];
    const token = await api.token(["dba"]);

    expect(code(await decide(one, "approve", token, { card: other.cardHash }))).toBe("approval-changed");
    expect(code(await decide(one, "approve", token, { card: "all of it" }))).toBe("bad-request");
    expect(code(await decide(one, "deny", token, { reason: " " }))).toBe("bad-request");
    expect((await api.parts.approvals.read(one.id))?.decisions).toEqual([]);
  });

  it("shows what there is to decide, and of a statement that has ended nothing", async () => {
    const text = "DELETE FROM orders -- \u202Eeht lla\u001B[2J";
    const approval = await request({ purpose: "tidying" }, text);
    const token = await api.token(["dba"]);
    const { json } = await api.ask(`/api/v1/approvals/${approval.id}`, { token });

    expect(json).toMatchObject({
      ...{ mayNotDecide: null, missing: ["dba"], state: "pending", principal: approval.principalId },
      card: { statement: text, purpose: "tidying", parameters: [{ value: "7" }], environment: "prod" },
    });
    await api.parts.approvals.end(approval.id, "withdrawn", "its client is gone");
    expect((await api.ask(`/api/v1/approvals/${approval.id}`, { token })).json).toMatchObject({
      ...{ state: "withdrawn", card: null, endedReason: "its client is gone" },
    });
  });

  it("is on record before it counts: where the log cannot be written nothing is decided", async () => {
    const approval = await request();
    const before = api.parts.events.length;
    await decide(approval, "approve", await api.token(["dba"], "dan"), { reason: "fine" });

    expect(api.parts.events.slice(before)).toMatchObject([
      { type: "approval.decided", verdict: "approved", group: "dba", reason: "fine", binding: approval.binding },
    ]);
  });

  it("is listed page by page, of a state and of a database, for whom it is for", async () => {
    const token = await api.token(["dba"]);
    const list = async (query: string, as = token) =>
      ApprovalPage.parse((await api.ask(`/api/v1/approvals?${query}`, { token: as })).json);
    const first = await list("state=pending&limit=2");
    const second = await list(`state=pending&limit=2&before=${first.next}`);

    expect([...first.approvals, ...second.approvals].map(({ state }) => state)).toEqual(Array(4).fill("pending"));
    expect(new Set([...first.approvals, ...second.approvals].map(({ id }) => id)).size).toBe(4);
    expect((await list("database=elsewhere")).approvals).toEqual([]);
    expect((await list("", await api.token(["sales"]))).approvals).toEqual([]);
    expect((await api.ask("/api/v1/approvals?state=lost", { token })).status).toBe(400);
  });
});

describe("what decisions come to", () => {
  const both = { approvers: ["dba", "security"], mode: "defer" } as const;
  const codeOf = async (asked: Promise<Answer>): Promise<unknown> => {
    const answer = await asked;
    return answer.status === 200 ? "ok" : code(answer);
  };
  const stateOf = async ({ id }: StoredApproval) => (await api.parts.approvals.read(id))?.state;
  const recorded = ({ id }: StoredApproval) =>
    api.parts.events.filter((event) => {
      const { type, approval } = z.looseObject({ type: z.string(), approval: z.string().optional() }).parse(event);
      return type === "approval.decided" && approval === id;
    });

  it("is for one group where the person is in two", async () => {
    const approval = await request(both);
    const [bea, dora, sven] = await Promise.all([
      api.token(["dba", "security"], "bea"),
      api.token(["dba"], "dora"),
      api.token(["security"], "sven"),
    ]);

    expect((await decide(approval, "approve", bea)).json).toMatchObject({ state: "pending", missing: ["security"] });
    expect(await codeOf(decide(approval, "approve", bea))).toBe("approval-ended");
    expect(await codeOf(decide(approval, "approve", dora))).toBe("approval-ended");
    expect(await codeOf(decide(approval, "approve", sven))).toBe("ok");
    expect([await stateOf(approval), recorded(approval).length]).toEqual(["approved", 2]);
  });

  it("is one, of many people at the same moment, where one is needed", async () => {
    const approval = await request({ mode: "defer" });
    const tokens = await Promise.all([0, 1, 2, 3, 4, 5].map((each) => api.token(["dba"], `dba${each}`)));

    const codes = await Promise.all(
      tokens.map((token, each) => codeOf(decide(approval, each % 2 === 0 ? "approve" : "deny", token))),
    );

    expect(codes.sort()).toEqual([...Array(5).fill("approval-ended"), "ok"]);
    expect(recorded(approval)).toHaveLength(1);
  });

  it("is nothing by a reviewer of another group", async () => {
    const approval = await request({ approvers: ["security"], mode: "defer" });
    const dora = await api.token(["dba"], "dora");

    expect(await codeOf(decide(approval, "approve", dora))).toBe("approval-refused");
    expect(await codeOf(decide(approval, "deny", dora))).toBe("approval-refused");
    expect([await stateOf(approval), recorded(approval)]).toEqual(["pending", []]);
  });

  it.each([
    ["was denied", async (one: StoredApproval) => void (await decide(one, "deny", await api.token(["dba"], "dora")))],
    [
      "is approved",
      async (one: StoredApproval) => void (await decide(one, "approve", await api.token(["dba"], "dora"))),
    ],
    ["was withdrawn", (one: StoredApproval) => api.parts.approvals.end(one.id, "withdrawn", "gone")],
    ["is void", (one: StoredApproval) => api.parts.approvals.end(one.id, "void", "changed")],
    ["has expired", (one: StoredApproval) => api.parts.approvals.end(one.id, "expired", "too late")],
  ])("is nothing of what %s", async (_, end) => {
    const approval = await request({ mode: "defer" });
    await end(approval);
    const [before, emil] = [recorded(approval).length, await api.token(["dba"], "emil")];

    expect(await codeOf(decide(approval, "approve", emil))).toBe("approval-ended");
    expect(await codeOf(decide(approval, "deny", emil))).toBe("approval-ended");
    expect(recorded(approval)).toHaveLength(before);
  });

  it("is nothing after the time, though nothing has ended it yet", async () => {
    const approval = await request({ mode: "defer", expiresMs: -1 });

    expect(await codeOf(decide(approval, "approve", await api.token(["dba"], "dora")))).toBe("approval-ended");
    expect(recorded(approval)).toEqual([]);
  });

  it.each([
    ["without a card", "approve", { card: undefined }],
    ["with a denial's reason left out", "deny", {}],
    ["with a NUL in its reason", "approve", { reason: "a\0b" }],
    ["with a reason that is too long", "deny", { reason: "x".repeat(501) }],
    ["with a group of one's choice", "approve", { group: "security" }],
  ] as const)("is nothing of a decision %s", async (_, verb, body) => {
    const approval = await request({ mode: "defer" });

    expect(await codeOf(decide(approval, verb, await api.token(["dba"], "dora"), body))).toBe("bad-request");
    expect(recorded(approval)).toEqual([]);
  });

  it("is nothing where the log cannot be written, which is said", async () => {
    const approval = await request({ mode: "defer" });
    const { approvals } = api.parts;
    const failing = await HttpApi.start(server.url("http"), {
      approvals: {
        list: (...args) => approvals.list(...args),
        read: (id) => approvals.read(id),
        figures: (...args) => approvals.figures(...args),
        decide: () => Promise.reject(new GatewayError("AUDIT_UNAVAILABLE", "the audit log cannot be written")),
      },
    });

    const answer = await failing.ask(`/api/v1/approvals/${approval.id}/approve`, {
      method: "POST",
      token: await failing.token(["dba"], "dora"),
      body: { card: approval.cardHash },
    });
    await failing.close();

    expect(answer).toMatchObject({ status: 503, json: { code: "audit-unavailable" } });
    expect(await stateOf(approval)).toBe("pending");
  });
});

describe("a statement of any text", () => {
  it.each([
    ["escape sequences and marks", "DELETE FROM a -- \u001b[2J\u009b31m\u202e\u200b\u2066\u3164"],
    ["64 KiB", `DELETE FROM a -- ${"é\u{1f600}".repeat(10_900)}`],
  ])("is told as it is: %s", async (_, text) => {
    const approval = await request({ mode: "defer" }, text);
    const token = await api.token(["audit"]);

    const { json } = await api.ask(`/api/v1/approvals/${approval.id}`, { token });

    expect(Approval.parse(json).card?.statement).toBe(text);
  });
});

describe("the list of requests for approval", () => {
  it.each([1, 2, 3, 200])("comes newest first in pages of %i that leave out and repeat nothing", async (limit) => {
    const made: string[] = [];
    for (let each = 0; each < 4; each += 1) made.push((await request({ mode: "defer" })).id);
    const token = await api.token(["audit"]);
    const seen: string[] = [];

    let before = "";
    for (let next: string | null = ""; next !== null; before = `&before=${next}`) {
      const { json } = await api.ask(`/api/v1/approvals?limit=${limit}${before}`, { token });
      const page = ApprovalPage.parse(json);
      seen.push(...page.approvals.map(({ id }) => id));
      next = page.next;
    }

    expect(seen.slice(0, 4)).toEqual(made.sort().reverse());
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
  });
});

describe("the figures of decisions", () => {
  it("count requests by what became of them, and show who decides fast and always alike", async () => {
    const auditor = await api.token(["audit"]);
    const stats = async () => {
      const { json } = await api.ask("/api/v1/approvals/stats?days=1&database=shop", { token: auditor });
      return ApprovalStats.parse(json);
    };
    const before = await stats();
    const tired = await api.token(["dba"], "tired");
    for (let each = 0; each < 3; each += 1) await decide(await request({ mode: "defer" }), "approve", tired);
    await decide(await request({ mode: "defer" }), "deny", tired);
    await request({ mode: "defer" });
    const after = await stats();

    const grown = (state: "approved" | "denied" | "pending") =>
      (after.requests[state] ?? 0) - (before.requests[state] ?? 0);
    expect([grown("approved"), grown("denied"), grown("pending")]).toEqual([3, 1, 1]);
    expect(after.decisions.count - before.decisions.count).toBe(4);
    expect(after.oldestOpenSeconds).toBeGreaterThan(0);
    const row = after.reviewers.find(({ by }) => by.endsWith("#tired"));
    expect(row).toMatchObject({ count: 4, perDay: 4, underFiveSeconds: 1, approved: 0.75 });
    expect(row?.medianSeconds).toBeLessThan(5);
  });

  it("are of one database where that is asked for, and empty where nothing was", async () => {
    const token = await api.token(["audit"]);
    const { json } = await api.ask("/api/v1/approvals/stats?database=nowhere", { token });
    expect(json).toMatchObject({
      ...{ days: 30, oldestOpenSeconds: null, reviewers: [], requests: { pending: 0, consumed: 0 } },
      decisions: { count: 0, perDay: 0, medianSeconds: null, underFiveSeconds: null, approved: null },
    });
  });

  it.each(["days=0", "days=x", "days=4000", "who=me"])("are not given for %s", async (query) => {
    const token = await api.token(["audit"]);
    expect(code(await api.ask(`/api/v1/approvals/stats?${query}`, { token }))).toBe("bad-request");
  });
});

describe("while the control store is away", () => {
  it("every answer about approvals is 503, and a request is there to be decided when it is back", async () => {
    const approval = await request({ mode: "defer" });
    const token = await api.token(["dba"], "dora");
    await server.pause();

    const answers = [
      await api.ask("/api/v1/approvals", { token }),
      await api.ask(`/api/v1/approvals/${approval.id}`, { token }),
      await decide(approval, "approve", token),
      await decide(approval, "deny", token),
    ];
    await server.start();
    await api.parts.store.whenUp(AbortSignal.timeout(20_000));

    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
    expect(answers.map(code)).toEqual(Array(4).fill("store-unavailable"));
    expect((await decide(approval, "approve", token)).json).toMatchObject({ state: "approved" });
  });
});

describe("the operations on requests for approval", () => {
  it("answer as the contract has it", () => {
    expect(OPERATIONS.approveStatement.answer).toBe(Approval);
  });
});
