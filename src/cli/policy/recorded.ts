/** Statements on record, as far as policies can be asked about them again: read from an audit log's entries. Verifies nothing: see audit verify. */

import { join } from "node:path";
import { z } from "zod";
import type { PolicyAction, PolicyResource } from "../../analysis/requests.ts";
import { readEntries } from "../../audit/read.ts";
import { principalId } from "../../identity/principal.ts";
import { ACTIONS } from "../../policy/schema.ts";
import { listInstances } from "../../store/rebuild.ts";
import { parseResourceText } from "./resource-text.ts";

export interface RecordedRequest {
  readonly action: PolicyAction;
  readonly resource: PolicyResource;
  readonly decision: "permit" | "deny" | "hold";
}

export interface RecordedStatement {
  /** `<instance>/<leaf index>`. */
  readonly entry: string;
  readonly timeMs: number;
  readonly class: string;
  readonly database: string;
  readonly upstreamRole: string;
  readonly kind: "agent" | "human";
  readonly issuer: string;
  /** Who acts: the actor where there is one, else the subject. */
  readonly acts: string;
  readonly id: string;
  readonly subject: string;
  readonly actor: string | undefined;
  readonly via: "wire" | "mcp" | "http";
  /** Without the port. */
  readonly clientAddress: string;
  readonly fingerprint: string;
  readonly verdict: "permitted" | "refused";
  readonly requests: readonly RecordedRequest[];
  /** Why policies cannot be asked about it; null: they can. */
  readonly lacking: string | null;
}

const Actor = z.looseObject({ subject: z.string(), issuer: z.string().optional() });
const Decided = z.looseObject({
  ts: z.string(),
  type: z.literal("statement.decided"),
  class: z.string(),
  database: z.string(),
  upstreamRole: z.string(),
  clientAddress: z.string(),
  via: z.enum(["wire", "mcp", "cli"]),
  verdict: z.enum(["permitted", "refused"]),
  policy: z.string().optional(),
  sql: z.looseObject({ fingerprint: z.string() }),
  principal: z.looseObject({
    kind: z.enum(["agent", "human"]),
    issuer: z.string(),
    subject: z.string(),
    actors: z.array(Actor),
  }),
  requests: z.array(
    z.looseObject({ action: z.string(), resource: z.string(), decision: z.enum(["permit", "deny", "hold"]) }),
  ),
});
type Decided = z.infer<typeof Decided>;

/** Of all instances in `folder`, oldest first in each. @param sinceMs none before. */
export async function* recordedStatements(folder: string, sinceMs: number): AsyncGenerator<RecordedStatement> {
  for (const instance of await listInstances(folder)) {
    for await (const { index, json } of readEntries(join(folder, instance), 0)) {
      if (!json.includes('"statement.decided"')) continue;
      const entry = Decided.safeParse(JSON.parse(json)).data;
      if (entry === undefined) continue;
      const statement = statementOf(`${instance}/${index}`, entry);
      if (statement.timeMs >= sinceMs) yield statement;
    }
  }
}

function statementOf(entry: string, decided: Decided): RecordedStatement {
  const { principal, requests: recorded, via } = decided;
  const { kind, issuer, subject, actors } = principal;
  const requests = recorded.map(requestOf);
  const unreadable = recorded.find((_, index) => requests[index] === null);
  const hops = actors.map(({ subject: name, issuer: by }) => {
    return { subject: name, proof: "verified" as const, ...(by === undefined ? {} : { issuer: by }) };
  });
  const actor = actors[0]?.subject;
  return {
    ...{ entry, timeMs: Date.parse(decided.ts), class: decided.class, database: decided.database },
    ...{ upstreamRole: decided.upstreamRole, kind, issuer, subject, actor, acts: actor ?? subject },
    id: principalId(issuer, subject, hops),
    via: via === "cli" ? "http" : via,
    clientAddress: decided.clientAddress.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""),
    fingerprint: decided.sql.fingerprint,
    verdict: decided.verdict,
    requests: requests.filter((request) => request !== null),
    lacking: unreadable === undefined ? lackingIn(decided) : `its request on ${unreadable.resource} cannot be read`,
  };
}

/** A statement with a policy and no requests asked policies nothing: that needs no second decision. */
function lackingIn({ requests, policy, verdict }: Decided): string | null {
  if (requests.length > 0) return null;
  if (policy === undefined && verdict === "refused") return "refused before policy was asked";
  if (policy === undefined) return "recorded without a policy, so without requests";
  return verdict === "refused" ? "refused whatever policy says" : null;
}

function requestOf(recorded: Decided["requests"][number]): RecordedRequest | null {
  const resource = parseResourceText(recorded.resource);
  const action = ACTION_NAMES.find((name) => name === recorded.action);
  return resource === null || action === undefined ? null : { action, resource, decision: recorded.decision };
}

const ACTION_NAMES = Object.keys(ACTIONS).filter((name): name is PolicyAction => Object.hasOwn(ACTIONS, name));

/** All must be permitted. */
export function verdictOf(
  requests: readonly { readonly decision: "permit" | "deny" | "hold" }[],
): "permit" | "deny" | "hold" {
  if (requests.some(({ decision }) => decision === "deny")) return "deny";
  return requests.some(({ decision }) => decision === "hold") ? "hold" : "permit";
}
