/** What a client reads where a limit stopped its statement, or kept it from running: which limit, whose, and what would pass. */

import { GatewayError } from "../base/errors.ts";
import { formatSize } from "../config/duration.ts";
import type { StatementRun } from "../statement/statement.ts";
import type { Limit, PrincipalLimits } from "./limits-principal.ts";

const NARROW = "Ask for less: a condition, an aggregate, or LIMIT.";

/** Of a run that a limit has stopped. @param limits of its principal; a limit on rows that is not theirs is policy's. */
export function stopped({ over, maxRows }: StatementRun, limits: PrincipalLimits): GatewayError {
  if (over === "seconds") return overTime(limits.statementSeconds);
  if (over === "bytes") {
    const most = formatSize(limits.bytes?.most ?? 0);
    return overLimit(`the statement was stopped: its rows are more than ${most}`, limits.bytes, NARROW);
  }
  const rows = limits.rows !== null && limits.rows.most <= maxRows ? limits.rows : null;
  return overLimit(`the statement was stopped after ${counted(maxRows, "row")}`, rows, NARROW);
}

/** @param limit null: none in the configuration says so, a policy does. */
function overLimit(message: string, limit: Limit | null, hint: string): GatewayError {
  const detail =
    limit === null ? "A policy that permits it permits no more rows." : `The limit is ${limit.key} of the gateway.`;
  return new GatewayError("STATEMENT_OVER_LIMIT", message, { detail, hint });
}

export function overTime(limit: Limit | null): GatewayError {
  const message = `the statement was stopped by the gateway after ${counted(limit?.most ?? 0, "second")}`;
  return overLimit(message, limit, "Split it, or have it do less at a time.");
}

/** @param seconds after which to try again. */
export function overRate(limit: Limit, seconds: number): GatewayError {
  return overLimit(
    `the limit of ${counted(limit.most, "statement")} in a minute is reached`,
    limit,
    `Try again in ${counted(seconds, "second")}.`,
  );
}

/** A string of more statements than a minute may have: no waiting helps. */
export function overRateAtOnce(limit: Limit, statements: number): GatewayError {
  return overLimit(
    `${statements} statements at once are more than the ${limit.most} that a minute may have`,
    limit,
    "Send fewer in one string.",
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
