import { describe, expect, it } from "vitest";
import type { PolicyRequest } from "../analysis/requests.ts";
import type { Decision } from "./decision.ts";
import { combine } from "./decision.ts";
import { explainDecision } from "./explain.ts";
import { refusalOf } from "./refusal.ts";

const request = (action: PolicyRequest["action"], name: string): PolicyRequest => ({
  action,
  resource: { kind: "table", database: "shop", schema: "public", name, relationKind: "r" },
});
const PERMIT: Decision = { verdict: "permit", policies: ["read"], obligations: { maxRows: 100 } };
const DENY: Decision = {
  ...{ verdict: "deny", policies: ["never-without-where"], reason: "name the rows" },
  hint: "It would pass with a WHERE clause.",
};
const NONE: Decision = {
  ...{ verdict: "deny", policies: [], reason: "no policy permits select on table shop.public.salaries" },
  hint: "Leave it out, or ask.",
};
const HOLD: Decision = {
  ...{ verdict: "hold", policies: ["writes-wait"], approvers: ["dba"], quorum: 1, expiresMs: 900_000 },
  ...{ reason: "writes are approved by a DBA", inTransaction: "deny" },
};

describe("the refusal of a statement", () => {
  it("is none where everything is permitted", () => {
    expect(refusalOf([request("select", "orders")], [PERMIT])).toBeNull();
    expect(refusalOf([], [])).toBeNull();
  });

  it("names action, resource, policy, reason and the next step", () => {
    const error = refusalOf([request("select", "a"), request("delete", "orders")], [PERMIT, DENY]);

    expect(error).toMatchObject({
      sqlstate: "42501",
      severity: "ERROR",
      message: "policy does not permit delete on table shop.public.orders",
      detail: "Policy never-without-where: name the rows (delete on table shop.public.orders).",
      hint: "It would pass with a WHERE clause.",
    });
  });

  it("says that no policy permits it, where none does", () => {
    expect(refusalOf([request("select", "salaries")], [NONE])?.detail).toBe(
      "No policy permits select on table shop.public.salaries.",
    );
  });

  it("of several requests tells each, up to a number", () => {
    const requests = Array.from({ length: 6 }, (_, index) => request("delete", `t${index}`));
    const error = refusalOf(
      requests,
      requests.map(() => DENY),
    );

    expect(error?.message).toBe("policy does not permit delete on table shop.public.t0 (and 5 more)");
    expect(error?.detail?.split("\n")).toEqual([
      "Policy never-without-where: name the rows (delete on table shop.public.t0).",
      "Policy never-without-where: name the rows (delete on table shop.public.t1).",
      "Policy never-without-where: name the rows (delete on table shop.public.t2).",
      "Policy never-without-where: name the rows (delete on table shop.public.t3).",
      "And 2 more.",
    ]);
  });

  it("has a hint for each thing that must change, and one where it is the same", () => {
    const requests = [request("delete", "orders"), request("select", "salaries")];

    expect(refusalOf(requests, [DENY, NONE])?.hint?.split("\n")).toEqual([
      "delete on table shop.public.orders: It would pass with a WHERE clause.",
      "select on table shop.public.salaries: Leave it out, or ask.",
    ]);
    expect(refusalOf(requests, [DENY, DENY])?.hint).toBe("It would pass with a WHERE clause.");
  });

  it("tells a denial before a hold", () => {
    const error = refusalOf([request("update", "orders"), request("select", "salaries")], [HOLD, NONE]);

    expect(error?.message).toBe("policy does not permit select on table shop.public.salaries");
  });

  it("of a held statement says by whom it needs approval, and where it could wait for that", () => {
    expect(refusalOf([request("update", "orders")], [HOLD])).toMatchObject({
      sqlstate: "42501",
      message: "update on table shop.public.orders needs approval by dba, which cannot be waited for here",
      detail: "Policy writes-wait: writes are approved by a DBA (update on table shop.public.orders).",
      hint: "Send the statement alone, outside of a transaction and not inside a function: it then waits for approval.",
    });
  });

  it("is a refusal for a request that was not decided", () => {
    expect(refusalOf([request("select", "orders")], [])?.sqlstate).toBe("42501");
  });

  it("lets no name break its lines", () => {
    const error = refusalOf([request("delete", "a\nHINT: none\u202e")], [DENY]);

    expect(error?.message).toBe('policy does not permit delete on table shop.public."a%0AHINT: none%E2%80%AE"');
  });
});

describe("all the requests of a statement", () => {
  it("are permitted where each is, with the strictest obligations", () => {
    const other: Decision = { verdict: "permit", policies: ["other", "read"], obligations: { maxRows: 10 } };

    expect(combine([])).toEqual({ verdict: "permit", policies: [], obligations: {} });
    expect(combine([PERMIT])).toEqual(PERMIT);
    expect(combine([PERMIT, other])).toEqual({
      verdict: "permit",
      policies: ["other", "read"],
      obligations: { maxRows: 10 },
    });
  });

  it("are held where one is, for the union", () => {
    const other: Decision = {
      ...{ verdict: "hold", policies: ["privacy"], approvers: ["legal", "dba"], quorum: 2, expiresMs: 60_000 },
      ...{ reason: "personal data", inTransaction: "hold" },
    };

    expect(combine([PERMIT, HOLD, other])).toEqual({
      ...{ verdict: "hold", policies: ["privacy", "writes-wait"], approvers: ["dba", "legal"], quorum: 2 },
      ...{ expiresMs: 60_000, reason: "writes are approved by a DBA; personal data", inTransaction: "deny" },
    });
  });

  it("are denied where one is, whatever the others are", () => {
    expect(combine([PERMIT, HOLD, DENY])).toEqual(DENY);
    expect(combine([DENY, HOLD, NONE])).toMatchObject({ verdict: "deny", policies: ["never-without-where"] });
    expect(combine([NONE, { ...DENY, errored: true }])).toMatchObject({ errored: true });
  });
});

describe("an explanation", () => {
  it("tells a permit with its bounds and its place", () => {
    const { policies } = { policies: [] };

    expect(
      explainDecision(
        { ...request("select", "orders"), columns: ["id", "total"], through: ["public.v"] },
        PERMIT,
        policies,
      ),
    ).toEqual([
      "select on table shop.public.orders (columns id, total; through public.v)",
      "  permitted by read",
      "  at most 100 rows",
    ]);
  });

  it("tells a denial and a hold", () => {
    expect(explainDecision(request("delete", "orders"), DENY)).toEqual([
      "delete on table shop.public.orders",
      "  denied by never-without-where: name the rows",
      "  It would pass with a WHERE clause.",
    ]);
    expect(explainDecision(request("update", "orders"), HOLD)).toEqual([
      "update on table shop.public.orders",
      "  held by writes-wait: writes are approved by a DBA",
      "  until approved by dba, within 15m",
      "  inside a transaction: denied",
    ]);
  });
});
