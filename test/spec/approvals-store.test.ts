/** Requests for approval in the control store, shared by gateways: one attempt is one, people are people, and nothing counts off the record. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bindingHash } from "../../src/approval/card.ts";
import { GatewayError } from "../../src/base/errors.ts";
import { asking, type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const RACES = Number(process.env["POSTERN_RACES"] ?? 1_000);
const DBA = person("dora", "dba");

let postgres: TestPostgres;
let one: Desk;
let other: Desk;
let url: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.psql("CREATE DATABASE desks");
  url = postgres.url("desks");
  one = await openDesk(url);
  other = await openDesk(url);
});
afterAll(async () => {
  await one?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
  await postgres?.stop();
});

let count = 0;
const fresh = (): string => `DELETE FROM orders WHERE id = ${count++}`;

describe("requests for approval", () => {
  it(`are good for one attempt: raced for ${RACES} times by two gateways, each is taken exactly once`, {
    timeout: 240_000,
  }, async () => {
    const taken: number[] = [];
    for (let race = 0; race < RACES; race++) {
      const asked = asking(fresh());
      const { id } = (await one.approvals.ask(asked)).approval;
      const { approval } = await other.decide(id, DBA, "approve");
      const both = await Promise.all(
        [one, other].map(({ approvals }, at) => approvals.consume(approval, asked.sameness, `ses_${at}`)),
      );
      taken.push(both.filter(Boolean).length);
    }
    expect(taken.filter((times) => times !== 1)).toEqual([]);
  });

  it("are one for the same statement of the same principal, at whatever gateway, and another where anything differs", async () => {
    const asked = asking(fresh());
    const { approval } = await one.approvals.ask(asked);
    expect(await other.approvals.ask(asked)).toMatchObject({ isNew: false, approval: { id: approval.id } });
    const { sameness } = asked;
    for (const change of [
      { statement: "0".repeat(64) },
      { parameters: [{ typeOid: 23, format: "text", value: "8" }] },
      { parameters: [{ typeOid: 23, format: "binary", value: "7" }] },
      { parameters: [{ typeOid: 20, format: "text", value: "7" }] },
      { parameters: [{ typeOid: 23, format: "malformed", value: "7" }] },
      { resultFormats: [1] },
      { database: "other" },
      { role: "other" },
      { principal: "other" },
      { tree: "0".repeat(64) },
      { surroundings: "0".repeat(64) },
      { requests: [] },
      { policy: "0".repeat(64) },
      { maxRows: 5 },
    ] as const) {
      const changed = await one.approvals.ask({ ...asked, sameness: { ...sameness, ...change } });
      expect([change, changed.isNew, changed.approval.id === approval.id]).toEqual([change, true, false]);
    }
  });

  it("are taken by what was approved alone, within their time", async () => {
    const asked = asking(fresh());
    const { id } = (await one.approvals.ask(asked)).approval;
    const { approval } = await one.decide(id, DBA, "approve");
    expect(await one.approvals.consume(approval, { ...asked.sameness, role: "owner" }, "ses_x")).toBe(false);
    expect(
      await one.approvals.consume({ ...approval, expiresAt: "2099-01-01T00:00:00Z" }, asked.sameness, "ses_x"),
    ).toBe(false);
    expect(approval.binding).toBe(bindingHash(approval.sameness, id, new Date(approval.expiresAt).toISOString()));
    expect(await one.approvals.consume(approval, asked.sameness, "ses_x")).toBe(true);

    const late = await one.approvals.ask(asking(fresh(), { expiresMs: 300 }));
    await one.decide(late.approval.id, DBA, "approve");
    const expired = await one.ended(late.approval.id, "expired").catch(() => null);
    expect(expired?.endedReason).toBe("nobody decided in time");
  });

  it("are not decided after their end, by the same person twice under whatever issuer, nor by who asked", async () => {
    const { approval } = await one.approvals.ask(asking(fresh(), { quorum: 2 }));
    const twin = { ...DBA, issuer: "https://elsewhere.example.test", id: "https://elsewhere.example.test#dora" };
    expect((await one.decide(approval.id, DBA, "approve")).approval.state).toBe("pending");
    expect((await other.decide(approval.id, twin, "approve")).refused).toMatchObject({ why: "decided" });
    expect((await other.decide(approval.id, person("amy", "dba"), "approve")).refused).toMatchObject({ why: "own" });
    await one.approvals.end(approval.id, "withdrawn", "over");
    expect((await other.decide(approval.id, person("dan", "dba"), "approve")).refused).toMatchObject({ why: "ended" });
  });

  it("of one principal are so many at a time, so that nobody is asked to wave them through", async () => {
    const asked = asking(fresh());
    const flooding = (n: number) => ({
      ...asked,
      principal: { ...asked.principal, id: "flood" },
      sameness: { ...asked.sameness, principal: "flood", statement: String(n) },
    });
    for (let n = 0; n < 50; n++) await one.approvals.ask(flooding(n));
    const refusal = await one.approvals.ask(flooding(50)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(GatewayError);
    expect(refusal).toMatchObject({ code: "APPROVAL_IMPOSSIBLE", sqlstate: "42501" });
    expect((await one.approvals.ask(flooding(7))).isNew).toBe(false);
  });

  it("that a dead gateway held are withdrawn, by itself when it is back and by the others when it is gone for long", async () => {
    const gone = await openDesk(url);
    const { approval } = await gone.approvals.ask(asking(fresh()));
    const { approval: deferred } = await gone.approvals.ask(asking(fresh(), { mode: "defer" }));
    await gone[Symbol.asyncDispose]();
    const watcher = await openDesk(url, 50, 100);
    const found = await watcher.ended(approval.id, "withdrawn");
    expect(found.endedReason).toBe("the gateway that held it is gone");
    expect((await watcher.approvals.read(deferred.id))?.state).toBe("pending");
    await watcher[Symbol.asyncDispose]();
  });
});
