/** The limits of one session's statements: how many there may be, and what one of them may deliver. Stops nothing itself: see relay.ts and session.ts. */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { Clock } from "../base/clock.ts";
import type { GatewayError } from "../base/errors.ts";
import type { Delivered, StatementRun } from "../statement/statement.ts";
import { overRate, overRateAtOnce } from "./limits-errors.ts";
import type { PrincipalLimits } from "./limits-principal.ts";
import type { Rates } from "./limits-rate.ts";

export interface StatementLimitsOptions {
  readonly limits: PrincipalLimits;
  /** Of all sessions of the gateway. */
  readonly rates: Rates;
  /** The same, of rows with revealed values. */
  readonly reveals: Rates;
  readonly principal: string;
  readonly clock: Clock;
}

/** Classes whose statements answer rows. */
const ANSWERS: ReadonlySet<string> = new Set([
  "read",
  "write",
  "cursor",
  "prepared",
  "call",
  "explain",
  "copyOut",
  "session",
]);

export class StatementLimits {
  readonly limits: PrincipalLimits;
  readonly #options: StatementLimitsOptions;

  constructor(options: StatementLimitsOptions) {
    this.limits = options.limits;
    this.#options = options;
  }

  /** Counts statements that are about to be judged, of one string. @returns why none of them may run; null: there is room. */
  overRate(statements: readonly (ParsedStatement | null)[]): GatewayError | null {
    const limit = this.limits.statementsPerMinute;
    const count = statements.filter((one) => one !== null).length;
    if (limit === null || count === 0) return null;
    const { rates, principal, clock } = this.#options;
    if (statements.every(endsTransaction)) {
      rates.count(principal, count, clock.monotonicMs());
      return null;
    }
    if (count > limit.most) return overRateAtOnce(limit, count);
    const seconds = rates.take(principal, count, limit.most, clock.monotonicMs());
    return seconds === 0 ? null : overRate(limit, seconds);
  }

  /** Counts a row with revealed values. @returns false: there may be no more of them now. */
  mayReveal(): boolean {
    const { reveals, principal, clock } = this.#options;
    const limit = this.limits.revealedRowsPerHour;
    return limit === null || reveals.take(principal, 1, limit.most, clock.monotonicMs()) === 0;
  }

  /** What a run may deliver. @param maxRows by policy; null: as many as there are. */
  ofRun(maxRows: number | null, delivered: Delivered): Pick<StatementRun, "maxRows" | "maxBytes" | "delivered"> {
    const { rows, bytes } = this.limits;
    return {
      maxRows: Math.min(maxRows ?? Number.POSITIVE_INFINITY, rows?.most ?? Number.POSITIVE_INFINITY),
      maxBytes: bytes?.most ?? Number.POSITIVE_INFINITY,
      delivered,
    };
  }

  /** The gateway may cancel the run. */
  mayStop(run: StatementRun): boolean {
    return this.limits.statementSeconds !== null || run.limited;
  }
}

/** Its rows are counted against a limit, so that it may turn out to have been too much when it has ended already. */
export function isMeasured(run: StatementRun): boolean {
  const { parsed } = run.statement;
  return run.limited && parsed?.silent !== true && ANSWERS.has(parsed?.class ?? "");
}

/** A transaction that is open can be ended, whatever the rate: it holds locks. */
function endsTransaction(parsed: ParsedStatement | null): boolean {
  const kind = parsed?.transaction?.kind;
  return kind === "commit" || kind === "rollback" || kind === "rollbackTo";
}
