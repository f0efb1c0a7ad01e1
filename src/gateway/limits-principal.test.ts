import { describe, expect, it } from "vitest";
import type { LimitsConfig } from "../config/schema.ts";
import { principalLimits } from "./limits-principal.ts";

const LIMITS: Pick<LimitsConfig, "agents" | "people" | "groups"> = {
  agents: { rows: 1_000, statementSeconds: 30 },
  people: { rows: 50_000 },
  groups: { etl: { rows: 100_000, bytes: 4_096 }, trial: { rows: 10, bytes: 8_192 } },
};

function limits(kind: "agent" | "human", ...groups: string[]) {
  const rest = { session: { idleMs: 1, idleInTransactionMs: 1, lifetimeMs: 1 }, statementBytes: 1, messageBytes: 1 };
  const { rows, bytes, statementsPerMinute, statementSeconds } = principalLimits(
    { ...LIMITS, ...rest, preparedStatements: 1, portals: 1 },
    { kind, groups },
  );
  return [rows, bytes, statementsPerMinute, statementSeconds].map((one) =>
    one === null ? null : `${one.key} ${one.most}`,
  );
}

describe("the limits of a principal", () => {
  it("are those of its kind where no group says otherwise", () => {
    expect(limits("agent", "others")).toEqual([
      "limits.agents.rows 1000",
      null,
      null,
      "limits.agents.statementSeconds 30",
    ]);
    expect(limits("human")).toEqual(["limits.people.rows 50000", null, null, null]);
  });

  it("are its group's where that says something, limit by limit", () => {
    expect(limits("agent", "etl")).toEqual([
      "limits.groups.etl.rows 100000",
      "limits.groups.etl.bytes 4096",
      null,
      "limits.agents.statementSeconds 30",
    ]);
  });

  it("are the strictest of several groups, each by itself", () => {
    expect(limits("agent", "etl", "trial").slice(0, 2)).toEqual([
      "limits.groups.trial.rows 10",
      "limits.groups.etl.bytes 4096",
    ]);
  });
});
