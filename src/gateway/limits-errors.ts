/** What a client reads where a limit stopped its statement, or kept it from running: which limit, whose, and what would pass. */

import { GatewayError } from "../base/errors.ts";
import { formatSize } from "../config/duration.ts";
import type { StatementRun } from "../statement/statement.ts";
import type { Limit, PrincipalLimits } from "./limits-principal.ts";
import { notice } from "./refuse.ts";

const NARROW = "Ask for less: a condition, an aggregate, or LIMIT.";

/** Of a run that a limit has stopped. @param limits of its principal; a limit on rows that is not theirs is policy's. */
export function stopped({ over, maxRows }: Stopped, limits: PrincipalLimits): GatewayError {
  if (over === "seconds") return overTime(limits.statementSeconds);
  if (over === "bytes") return overBytes(limits.bytes);
  if (over === "revealed") return overRevealed(limits.revealedRowsPerHour);
  const rows = limits.rows !== null && limits.rows.most <= maxRows ? limits.rows : null;
  return overLimit(`the statement was stopped after ${counted(maxRows, "row")}`, rows, NARROW);
}

/** What a limit has stopped: a run, or what the server did before one could run. */
export type Stopped = Pick<StatementRun, "over" | "maxRows">;

/** Rows, or what was told beside them. */
export function overBytes(limit: Limit | null): GatewayError {
  const most = formatSize(limit?.most ?? 0);
  return overLimit(`the statement was stopped: what it answers is more than ${most}`, limit, NARROW);
}

/** In place of the first notice, setting or notification that is held back. @param what of them. */
export function withheld(what: "asides" | "notifications", limit: Limit | null): Uint8Array {
  const most = formatSize(limit?.most ?? 0);
  const text =
    what === "asides"
      ? `what the statement tells beside rows is more than ${most}: the rest of it is withheld`
      : `the notifications of a minute are more than ${most}: what comes beyond that is withheld`;
  return notice("WARNING", "01000", text, `The limit is ${limit?.key ?? ""} of the gateway.`);
}

/** @param limit null: none in the configuration says so, a policy does. */
function overLimit(message: string, limit: Limit | null, hint: string): GatewayError {
  const detail =
    limit === null ? "A policy that permits it permits no more rows." : `The limit is ${limit.key} of the gateway.`;
  return new GatewayError("STATEMENT_OVER_LIMIT", message, { detail, hint });
}

function overRevealed(limit: Limit | null): GatewayError {
  const most = counted(limit?.most ?? 0, "row");
  return overLimit(
    `the statement was stopped: ${most} with revealed values in an hour are all that you may have`,
    limit,
    "Try again later, or leave out the columns whose values policy reveals.",
  );
}

function overTime(limit: Limit | null): GatewayError {
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
