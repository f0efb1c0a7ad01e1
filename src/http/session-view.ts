/** A session as the API shows it, from the gateway that has it live and from the store that remembers it; and the two lists as one. */

import type { z } from "zod";
import type { Session as StoredSession } from "../store/sessions.ts";
import type { OPERATIONS, Session } from "./contract.ts";
import type { LiveSession } from "./parts.ts";

export type SessionView = z.input<typeof Session>;
export type SessionQuery = z.output<typeof OPERATIONS.listSessions.query>;

/** @param stored the same session where it is indexed already: tells where in the log it is. */
export function liveView(session: LiveSession, stored?: StoredSession): SessionView {
  const { id, kind, issuer, subject, actor, actors } = session.principal;
  return {
    id: session.id,
    state: "live",
    activity: session.activity,
    principal: { id, kind, issuer, subject, actor, actors: actors.map((hop) => ({ ...hop })) },
    database: session.database,
    role: session.role,
    clientAddress: session.clientAddress,
    via: session.via,
    applicationName: session.applicationName,
    openedAt: stored?.openedAt ?? new Date(session.openedAtMs).toISOString(),
    closedAt: null,
    closeReason: null,
    statements: session.statements,
    rows: session.rows,
    bytes: session.bytes,
    instance: stored?.instance ?? null,
    logIndex: stored?.logIndex ?? null,
  };
}

export function storedView(session: StoredSession): SessionView {
  const { principalId: id, principalKind: kind, issuer, subject, actor, actors } = session;
  return {
    id: session.id,
    state: session.closedAt === null ? "open" : "closed",
    activity: null,
    principal: { id, kind, issuer, subject, actor, actors: [...actors] },
    database: session.database,
    role: session.role,
    clientAddress: session.clientAddress,
    via: session.via,
    applicationName: session.applicationName,
    openedAt: session.openedAt,
    closedAt: session.closedAt,
    closeReason: session.closeReason,
    statements: session.statements,
    rows: session.rows,
    bytes: session.bytes,
    instance: session.instance,
    logIndex: session.logIndex,
  };
}

/** Whether a live session is one that `query` asks for. By verdict the store alone knows. */
export function matches(session: LiveSession, query: SessionQuery): boolean {
  if (query.state === "closed" || query.verdict !== undefined) return false;
  if (query.principal !== undefined && session.principal.id !== query.principal) return false;
  if (query.database !== undefined && session.database !== query.database) return false;
  if (query.since !== undefined && session.openedAtMs < Date.parse(query.since)) return false;
  if (query.until !== undefined && session.openedAtMs >= Date.parse(query.until)) return false;
  if (query.before !== undefined && session.id >= query.before) return false;
  return query.text === undefined || textOf(session).includes(query.text.toLowerCase());
}

function textOf({ id, principal, database, role, clientAddress, applicationName }: LiveSession): string {
  const names = [id, principal.id, principal.subject, principal.actor, database, role, clientAddress, applicationName];
  return names.join(" ").toLowerCase();
}

/** Both lists as one page, newest first, each session once; a session that is live is shown as that. */
export function mergePage(
  live: readonly LiveSession[],
  allLive: ReadonlyMap<string, LiveSession>,
  stored: readonly StoredSession[],
  limit: number,
): { readonly sessions: SessionView[]; readonly next: string | null } {
  const views = new Map(live.map((session) => [session.id, liveView(session)]));
  for (const session of stored) {
    const here = allLive.get(session.id);
    views.set(session.id, here === undefined ? storedView(session) : liveView(here, session));
  }
  const all = [...views.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  const sessions = all.slice(0, limit);
  const last = sessions.at(-1);
  // A full page of the store may have more behind it; what was cut off here certainly is.
  const more = all.length > limit || stored.length === limit;
  return { sessions, next: more && last !== undefined ? last.id : null };
}
