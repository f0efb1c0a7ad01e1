/** Requests for approval by the HTTP API: who sees them, who decides them, and what they must have been shown. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { AskedFor } from "../../src/approval/approvals.ts";
import { Approval, ApprovalPage, OPERATIONS } from "../../src/http/contract.ts";
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

describe("the operations on requests for approval", () => {
  it("answer as the contract has it", () => {
    expect(OPERATIONS.approveStatement.answer).toBe(Approval);
  });
});
