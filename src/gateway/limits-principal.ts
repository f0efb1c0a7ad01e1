/** Which limits of the configuration hold for a principal: those of its groups, the strictest of each, else those of its kind. Pure. */

import type { LimitsConfig, StatementLimitsConfig } from "../config/schema.ts";
import type { Principal } from "../identity/principal.ts";

/** One limit, and the key of postern.yaml that set it. */
export interface Limit {
  readonly most: number;
  readonly key: string;
}

/** Null: no limit. */
export interface PrincipalLimits {
  /** Rows, or messages of copied data, that one statement delivers. */
  readonly rows: Limit | null;
  /** The same in bytes on the wire. */
  readonly bytes: Limit | null;
  readonly statementsPerMinute: Limit | null;
  readonly statementSeconds: Limit | null;
  /** Rows of statements that use columns which policy reveals. */
  readonly revealedRowsPerHour: Limit | null;
}

export const UNLIMITED: PrincipalLimits = {
  rows: null,
  bytes: null,
  statementsPerMinute: null,
  statementSeconds: null,
  revealedRowsPerHour: null,
};

/** Each limit by itself: a group that says nothing of it leaves it to the others, and to the principal's kind. */
export function principalLimits(
  { agents, people, groups }: LimitsConfig,
  principal: Pick<Principal, "kind" | "groups">,
): PrincipalLimits {
  const ofKind = principal.kind === "agent" ? (["agents", agents] as const) : (["people", people] as const);
  const named = principal.groups.map((group) => [`groups.${group}`, groups[group] ?? {}] as const);
  const limit = (member: keyof StatementLimitsConfig): Limit | null =>
    strictest(named, member) ?? strictest([ofKind], member);
  return {
    rows: limit("rows"),
    bytes: limit("bytes"),
    statementsPerMinute: limit("statementsPerMinute"),
    statementSeconds: limit("statementSeconds"),
    revealedRowsPerHour: limit("revealedRowsPerHour"),
  };
}

function strictest(
  sources: readonly (readonly [name: string, limits: StatementLimitsConfig])[],
  member: keyof StatementLimitsConfig,
): Limit | null {
  let least: Limit | null = null;
  for (const [name, limits] of sources) {
    const most = limits[member];
    if (most !== undefined && (least === null || most < least.most)) least = { most, key: `limits.${name}.${member}` };
  }
  return least;
}
