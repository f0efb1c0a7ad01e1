/**
 * The requests of a statement as its entry carries them: what was decided, and what `policy simulate` needs to decide it again.
 * Names and bits only: no text of the statement, no parameter.
 */

import { type PolicyRequest, resourceText } from "../analysis/requests.ts";
import type { RequestRecord } from "../audit/entry.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import type { Decision } from "../policy/decision.ts";
import type { PolicyContext } from "../policy/policy-set.ts";

/** An entry holds at most 65,535 bytes, of which requests may take so many. */
const MAX_REQUESTS_BYTES = 32_768;

/** Canonical JSON; null: more than an entry can name. @param decisions one for each of `requests`. */
export function requestsText(
  requests: readonly PolicyRequest[],
  decisions: readonly Decision[],
  context: PolicyContext,
): string | null {
  const words = contextWords(context);
  const text = canonicalJson(requests.map((request, at) => recordOf(request, decisions[at], words)));
  if (text.length <= MAX_REQUESTS_BYTES) return text;
  const cut = [...words, "shortened" as const];
  const shortened = canonicalJson(
    requests.map(({ orElse: _, orElseAll: __, ...request }, at) => recordOf(request, decisions[at], cut)),
  );
  return shortened.length <= MAX_REQUESTS_BYTES ? shortened : null;
}

type Words = NonNullable<RequestRecord["context"]>;

function contextWords({ inTransaction, matchesAll, hasWhere }: PolicyContext): Words {
  return [
    ...(inTransaction ? ["inTransaction" as const] : []),
    ...(matchesAll ? ["matchesAll" as const] : []),
    ...(hasWhere ? [] : ["noWhere" as const]),
  ];
}

function recordOf(request: PolicyRequest, decision: Decision | undefined, context: Words): RequestRecord {
  const { action, resource, setting, channel, orElse = [], orElseAll = [] } = request;
  return {
    action,
    resource: resourceText(resource),
    decision: decision?.verdict ?? "deny",
    policies: decision?.policies ?? [],
    ...(context.length === 0 ? {} : { context }),
    ...(resource.kind === "table" && resource.relationKind !== "r" ? { kind: resource.relationKind } : {}),
    ...(setting === undefined ? {} : { setting }),
    ...(channel === undefined ? {} : { channel }),
    ...(orElse.length === 0 ? {} : { orElse: orElse.map(resourceText) }),
    ...(orElseAll.length === 0 ? {} : { orElseAll: orElseAll.map(resourceText) }),
  };
}
