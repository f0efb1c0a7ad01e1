/** What a check of `postern doctor` found. A check never throws: what it cannot tell is a finding too. */

import type { Clock } from "../../base/clock.ts";
import type { Config } from "../../config/schema.ts";

/** `skip`: it could not be looked at; the message says why. */
export type FindingState = "ok" | "warn" | "fail" | "skip";

export interface DoctorFinding {
  /** Stable name of the check: `issuer.keys`, `upstream.privileges`. */
  readonly check: string;
  /** What was looked at: a URL, `shop/agent`, a file. */
  readonly target: string;
  readonly state: FindingState;
  readonly message: string;
  /** What mends it; null where nothing needs mending. */
  readonly mend: string | null;
}

/** What a check is given. */
export interface DoctorInput {
  readonly config: Config;
  readonly configPath: string;
  readonly clock: Clock;
  /** Ends a check that waits. */
  readonly signal: AbortSignal;
}

export type Check = (input: DoctorInput) => Promise<readonly DoctorFinding[]>;

export function ok(check: string, target: string, message: string): DoctorFinding {
  return { check, target, state: "ok", message, mend: null };
}

export function warn(check: string, target: string, message: string, mend: string): DoctorFinding {
  return { check, target, state: "warn", message, mend };
}

export function fail(check: string, target: string, message: string, mend: string): DoctorFinding {
  return { check, target, state: "fail", message, mend };
}

export function skip(check: string, target: string, message: string): DoctorFinding {
  return { check, target, state: "skip", message, mend: null };
}

/** An error in words, with the causes behind it: doctor speaks to the operator. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = "detail" in error && typeof error.detail === "string" ? `: ${error.detail}` : "";
  const own = `${error.message}${detail}`;
  if (error.cause === undefined || error.cause === error) return own;
  const below = reasonOf(error.cause);
  return own.includes(below) ? own : `${own}: ${below}`;
}
