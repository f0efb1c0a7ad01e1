/** Runs table tests of policies: each against a set, with its statement resolved to requests by whoever can. Waits for nothing. */

import type { PolicyRequest } from "../analysis/requests.ts";
import { combine, type Decision } from "./decision.ts";
import { explainDecision } from "./explain.ts";
import type { PolicyContext, PolicySet } from "./policy-set.ts";
import type { PolicyTest } from "./table-tests.ts";

/** What a statement asks for. A statement that no policy may permit has a refusal, and is denied whatever policies say. */
export interface ResolvedStatement {
  readonly requests: readonly PolicyRequest[];
  readonly hasWhere?: boolean;
  readonly matchesAll?: boolean;
  /** Message of the refusal. */
  readonly refusal?: string;
}

export interface PolicyTestResult {
  readonly test: PolicyTest;
  readonly passed: boolean;
  readonly verdict: Decision["verdict"] | "unresolved";
  readonly policies: readonly string[];
  /** Why it failed, a line each; empty where it passed. */
  readonly lines: readonly string[];
}

/** Monday morning, from this machine, with nothing out of the ordinary. */
const ORDINARY: PolicyContext = {
  approvedBy: [],
  hasWhere: true,
  matchesAll: false,
  inTransaction: false,
  via: "wire",
  hour: 10,
  weekday: 1,
  clientAddress: "127.0.0.1",
};

/** @param resolve of statements. @throws nothing of its own; what `resolve` throws is the test's failure. */
export function runPolicyTests(
  tests: readonly PolicyTest[],
  set: PolicySet,
  resolve: (statement: string, test: PolicyTest) => ResolvedStatement,
): readonly PolicyTestResult[] {
  return tests.map((test) => {
    try {
      return runTest(
        test,
        set,
        test.statement === undefined ? { requests: test.requests } : resolve(test.statement, test),
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return {
        test,
        passed: false,
        verdict: "unresolved",
        policies: [],
        lines: [`the statement could not be resolved: ${why}`],
      };
    }
  });
}

function runTest(test: PolicyTest, set: PolicySet, resolved: ResolvedStatement): PolicyTestResult {
  const { requests, refusal, hasWhere = true, matchesAll = false } = resolved;
  const context = { ...ORDINARY, hasWhere, matchesAll, ...test.context };
  const decisions = requests.map((request) => set.decide(test.principal, request, context));
  const { verdict, policies } = refusal === undefined ? combine(decisions) : refused();
  const { expected } = test;
  const passed = verdict === expected.verdict && decidedBy(expected.policies, policies);
  if (passed) return { test, passed, verdict, policies, lines: [] };
  return {
    ...{ test, passed, verdict, policies },
    lines: [
      `expected ${worded(expected.verdict, expected.policies)}, decided ${worded(verdict, policies)}`,
      ...(refusal === undefined ? [] : [`refused whatever policies say: ${refusal}`]),
      ...requests.flatMap((request, index) => {
        const decision = decisions[index];
        return decision === undefined ? [] : explainDecision(request, decision, set.policies);
      }),
    ],
  };
}

/** All that are expected are among them; where none is expected, there is none. */
function decidedBy(expected: readonly string[] | undefined, policies: readonly string[]): boolean {
  if (expected === undefined) return true;
  return expected.length === 0 ? policies.length === 0 : expected.every((id) => policies.includes(id));
}

function refused(): { readonly verdict: "deny"; readonly policies: readonly string[] } {
  return { verdict: "deny", policies: [] };
}

function worded(verdict: string, policies: readonly string[] | undefined): string {
  if (policies === undefined) return verdict;
  return policies.length === 0 ? `${verdict} by no policy` : `${verdict} by ${policies.join(", ")}`;
}
