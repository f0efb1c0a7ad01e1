/** The entry of a connection that was refused. An attacker chooses how many there are: beyond a rate they are counted, not written one by one. */

import { claimedName } from "../audit/entry.ts";
import type { GatewayError } from "../base/errors.ts";
import { TokenRejected } from "../identity/rejection.ts";
import type { Gateway } from "./gateway.ts";
import type { Claimed } from "./open-session.ts";

/** Entries a second for refused connections; what is over is in the count of the next entry's detail and in the metrics. */
const ENTRIES_PER_SECOND = 200;

export class RefusalRate {
  #secondStartMs = 0;
  #written = 0;
  #left = 0;

  /** @returns how many were left out since the last one written; null: leave this one out too. */
  take(nowMs: number): number | null {
    if (nowMs - this.#secondStartMs >= 1_000 || nowMs < this.#secondStartMs) {
      this.#secondStartMs = nowMs;
      this.#written = 0;
    }
    if (this.#written >= ENTRIES_PER_SECOND) {
      this.#left++;
      return null;
    }
    this.#written++;
    const left = this.#left;
    this.#left = 0;
    return left;
  }
}

/** Resolves when the entry is with the kernel, or when it cannot be: a refusal needs no record to stand. */
export async function recordRefusal(
  gateway: Gateway,
  error: GatewayError,
  clientAddress: string,
  claimed: Claimed,
): Promise<void> {
  const reason = error instanceof TokenRejected ? error.reason : error.code.toLowerCase();
  gateway.refused(reason);
  gateway.logger.warn({ reason, sqlstate: error.sqlstate, clientAddress, err: error.cause }, "session refused");
  const left = gateway.refusalRate.take(gateway.clock.monotonicMs());
  if (left === null) return;
  const detail = left > 0 ? `${error.message}; ${left} more were refused and not written one by one` : error.message;
  try {
    gateway.log.append({
      type: "session.refused",
      reason,
      sqlstate: error.sqlstate,
      clientAddress,
      via: "wire",
      claimed: {
        user: named(claimed.user),
        database: named(claimed.database),
        applicationName: named(claimed.applicationName),
      },
      detail: detail.slice(0, 500).toWellFormed(),
    });
    await new Promise<void>((resolve) => gateway.log.afterHandOver(() => resolve()));
  } catch (cause) {
    gateway.logger.error({ err: cause }, "a refused session is not on record: the audit log cannot be written");
  }
}

function named(name: string | undefined): string | undefined {
  return name === undefined ? undefined : claimedName(name);
}
