/** Statements on record, as far as policies can be asked about them again: read from an audit log's entries. Verifies nothing: see audit verify. */

import { join } from "node:path";
import { z } from "zod";
import type { PolicyAction, PolicyRequest, PolicyResource } from "../../analysis/requests.ts";
import { readEntries } from "../../audit/read.ts";
import { principalId } from "../../identity/principal.ts";
import { ACTIONS } from "../../policy/schema.ts";
import { listInstances } from "../../store/rebuild.ts";
import { parseResourceText } from "./resource-text.ts";

/** Its kind of relation, setting, channel and views are those on record: see RecordedStatement.groups. */
export interface RecordedRequest extends Omit<PolicyRequest, "columns" | "through"> {
  readonly decision: "permit" | "deny" | "hold";
  readonly context: RecordedContext;
}

/** What of the context the entry says; the time and the address are the statement's. */
export interface RecordedContext {
  readonly inTransaction: boolean;
  readonly matchesAll: boolean;
  readonly hasWhere: boolean;
}

export interface RecordedStatement {
  /** `<instance>/<leaf index>`. */
  readonly entry: string;
  readonly session: string;
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
  /** Null: written by a gateway that recorded no groups, nor the contexts and the views of requests. */
  readonly groups: readonly string[] | null;
  readonly verdict: "permitted" | "refused";
  readonly requests: readonly RecordedRequest[];
  /** Why policies cannot be asked about it; null: they can. */
  readonly lacking: string | null;
}

const Opened = z.looseObject({
  type: z.literal("session.opened"),
  session: z.string(),
  groups: z.array(z.string()).optional(),
});
const Closed = z.looseObject({ type: z.literal("session.closed"), session: z.string() });
const Asked = z.looseObject({
  action: z.string(),
  resource: z.string(),
  decision: z.enum(["permit", "deny", "hold"]),
  context: z.array(z.string()).optional(),
  kind: z.string().optional(),
  setting: z.string().optional(),
  channel: z.string().optional(),
  orElse: z.array(z.string()).optional(),
  orElseAll: z.array(z.string()).optional(),
});
type Asked = z.infer<typeof Asked>;
const Actor = z.looseObject({ subject: z.string(), issuer: z.string().optional() });
const Decided = z.looseObject({
  ts: z.string(),
  type: z.literal("statement.decided"),
  session: z.string(),
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
  requests: z.array(Asked),
});
type Decided = z.infer<typeof Decided>;

/** Of all instances in `folder`, oldest first in each. @param sinceMs none before. */
export async function* recordedStatements(folder: string, sinceMs: number): AsyncGenerator<RecordedStatement> {
  for (const instance of await listInstances(folder)) {
    const groups = new SessionGroups();
    for await (const { index, json } of readEntries(join(folder, instance), 0)) {
      if (json.includes('"session.')) groups.note(JSON.parse(json));
      if (!json.includes('"statement.decided"')) continue;
      const entry = Decided.safeParse(JSON.parse(json)).data;
      if (entry === undefined) continue;
      const statement = statementOf(`${instance}/${index}`, entry, groups.of(entry.session));
      if (statement.timeMs >= sinceMs) yield statement;
    }
  }
}

/** Of the sessions that are open, as their first entries say. */
class SessionGroups {
  readonly #open = new Map<string, readonly string[]>();

  note(entry: unknown): void {
    const opened = Opened.safeParse(entry).data;
    if (opened?.groups !== undefined) this.#open.set(opened.session, opened.groups);
    const closed = Closed.safeParse(entry).data;
    if (closed !== undefined) this.#open.delete(closed.session);
  }

  of(session: string): readonly string[] | null {
    return this.#open.get(session) ?? null;
  }
}

function statementOf(entry: string, decided: Decided, groups: readonly string[] | null): RecordedStatement {
  const { principal, requests: recorded, via } = decided;
  const { kind, issuer, subject, actors } = principal;
  const requests = recorded.map(requestOf);
  const unreadable = recorded.find((_, index) => requests[index] === null);
  const hops = actors.map(({ subject: name, issuer: by }) => {
    return { subject: name, proof: "verified" as const, ...(by === undefined ? {} : { issuer: by }) };
  });
  const actor = actors[0]?.subject;
  return {
    ...{
      entry,
      session: decided.session,
      timeMs: Date.parse(decided.ts),
      class: decided.class,
      database: decided.database,
    },
    ...{ upstreamRole: decided.upstreamRole, kind, issuer, subject, actor, acts: actor ?? subject },
    id: principalId(issuer, subject, hops),
    via: via === "cli" ? "http" : via,
    clientAddress: decided.clientAddress.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""),
    fingerprint: decided.sql.fingerprint,
    groups,
    verdict: decided.verdict,
    requests: requests.filter((request) => request !== null),
    lacking: unreadable === undefined ? lackingIn(decided) : `its request on ${unreadable.resource} cannot be read`,
  };
}

/** A statement with a policy and no requests asked policies nothing: that needs no second decision. */
function lackingIn({ requests, policy, verdict }: Decided): string | null {
  if (requests.some(({ context = [] }) => context.includes("shortened"))) return "it touches more than its entry says";
  if (requests.length > 0) {
    const permitted = requests.every(({ decision }) => decision === "permit");
    return verdict === "refused" && permitted ? "refused whatever policy says" : null;
  }
  if (policy === undefined && verdict === "refused") return "refused before policy was asked";
  if (policy === undefined) return "recorded without a policy, so without requests";
  return verdict === "refused" ? "refused whatever policy says" : null;
}

function requestOf(recorded: Asked, _: number, all: readonly Asked[]): RecordedRequest | null {
  const { decision, kind, setting, channel, context: words = [] } = recorded;
  const resource = parseResourceText(recorded.resource, kind);
  const action = ACTION_NAMES.find((name) => name === recorded.action);
  const [orElse, orElseAll] = [othersOf(recorded.orElse, all), othersOf(recorded.orElseAll, all)];
  if (resource === null || action === undefined || orElse === null || orElseAll === null) return null;
  const context = {
    inTransaction: words.includes("inTransaction"),
    matchesAll: words.includes("matchesAll"),
    hasWhere: !words.includes("noWhere"),
  };
  return {
    ...{ action, resource, decision, context },
    ...(setting === undefined ? {} : { setting }),
    ...(channel === undefined ? {} : { channel }),
    ...(orElse.length === 0 ? {} : { orElse }),
    ...(orElseAll.length === 0 ? {} : { orElseAll }),
  };
}

/** They are requests of the same statement, which say what kind of relation they are. Null: one cannot be read. */
function othersOf(texts: readonly string[] = [], all: readonly Asked[]): readonly PolicyResource[] | null {
  const others = texts.map((text) => parseResourceText(text, all.find(({ resource }) => resource === text)?.kind));
  const read = others.filter((other) => other !== null);
  return read.length === others.length ? read : null;
}

const ACTION_NAMES = Object.keys(ACTIONS).filter((name): name is PolicyAction => Object.hasOwn(ACTIONS, name));

/** All must be permitted. */
export function verdictOf(
  requests: readonly { readonly decision: "permit" | "deny" | "hold" }[],
): "permit" | "deny" | "hold" {
  if (requests.some(({ decision }) => decision === "deny")) return "deny";
  return requests.some(({ decision }) => decision === "hold") ? "hold" : "permit";
}
