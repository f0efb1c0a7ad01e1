/** A decision in plain words, for people who ask why: which request, what decided, where that stands. Decides nothing. */

import { type PolicyRequest, resourceName } from "../analysis/requests.ts";
import { formatDuration } from "../config/duration.ts";
import { printable } from "../identity/principal.ts";
import type { Decision, Obligations } from "./decision.ts";
import type { PolicyInfo } from "./policy-info.ts";
import { actionOn } from "./policy-set.ts";

/**
 * The request on the first line, what decided it on those below, indented by two spaces. Nothing in it can break a line.
 * @param policies of the set that decided: then each id is followed by its file and line.
 */
export function explainDecision(
  request: PolicyRequest,
  decision: Decision,
  policies: readonly PolicyInfo[] = [],
): readonly string[] {
  const by = decision.policies.map((id) => placed(id, policies));
  const below = reasonLines(decision, by);
  return [requestLine(request), ...below.map((line) => `  ${line}`)].map(printable);
}

function requestLine(request: PolicyRequest): string {
  const { columns = [], through = [], setting, channel } = request;
  const more = [
    columns.length === 0 ? "" : `columns ${columns.join(", ")}`,
    through.length === 0 ? "" : `through ${through.join(", ")}`,
    setting === undefined ? "" : `setting ${setting}`,
    channel === undefined ? "" : `channel ${channel}`,
  ].filter((part) => part !== "");
  return `${actionOn(request)}${more.length === 0 ? "" : ` (${more.join("; ")})`}${alternatives(request)}`;
}

function alternatives({ orElse = [], orElseAll = [] }: PolicyRequest): string {
  const one = orElse.length === 0 ? "" : `, or on ${orElse.map(resourceName).join(" or ")}`;
  const all = orElseAll.length === 0 ? "" : `, or on ${orElseAll.map(resourceName).join(" and ")}`;
  return one + all;
}

function reasonLines(decision: Decision, by: readonly string[]): readonly string[] {
  const names = by.join(", ");
  switch (decision.verdict) {
    case "permit":
      return [
        by.length === 0 ? "permitted: policy is asked nothing" : `permitted by ${names}`,
        ...bounds(decision.obligations),
      ];
    case "deny": {
      const how = decision.errored === true ? "denied, since policy erred" : "denied";
      return [`${how}${by.length === 0 ? "" : ` by ${names}`}: ${decision.reason}`, decision.hint].filter(
        (line) => line !== "",
      );
    }
    case "hold": {
      const { approvers, quorum, expiresMs, reason, inTransaction } = decision;
      const people = quorum === 1 ? "" : `, ${quorum} people of each`;
      return [
        `held by ${names}: ${reason}`,
        `until approved by ${approvers.join(" and ")}${people}, within ${formatDuration(expiresMs)}`,
        ...(inTransaction === "hold" ? [] : ["inside a transaction: denied"]),
      ];
    }
  }
}

function bounds({ maxRows }: Obligations): readonly string[] {
  return maxRows === undefined ? [] : [`at most ${maxRows} rows`];
}

function placed(id: string, policies: readonly PolicyInfo[]): string {
  const policy = policies.find((one) => one.id === id);
  return policy === undefined ? id : `${id} (${policy.file}:${policy.line})`;
}
