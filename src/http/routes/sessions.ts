/** Sessions: list, one, its statements, kill. What is live is asked of the gateway, the past of the store. */

import { isUnavailable } from "../../store/connection.ts";
import { readSession, type Session, searchSessions } from "../../store/sessions.ts";
import { listStatements } from "../../store/statements.ts";
import { OPERATIONS } from "../contract.ts";
import type { HttpServerOptions, LiveSession } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import type { Router } from "../router.ts";
import { liveView, matches, mergePage, type SessionQuery, storedView } from "../session-view.ts";

type Parts = Pick<HttpServerOptions, "gateway" | "store" | "record" | "logger">;

export function addSessions(router: Router, parts: Parts): void {
  const { store } = parts;
  router.add(OPERATIONS.listSessions, async ({ query }) => {
    const here = liveById(parts);
    const live = [...here.values()].filter((session) => matches(session, query));
    const past = await search(parts, query, here);
    const complete = past !== null || (query.state === "live" && query.verdict === undefined);
    return { ...mergePage(live, here, past ?? [], query.limit), complete };
  });

  router.add(OPERATIONS.readSession, async ({ params: { id } }) => {
    const live = liveById(parts).get(id);
    const stored = await orNull(
      store.run((q) => readSession(q, id)),
      live !== undefined,
    );
    if (live !== undefined) return liveView(live, stored ?? undefined);
    if (stored === null) throw unknown();
    return storedView(stored);
  });

  router.add(OPERATIONS.listStatements, async ({ params: { id }, query: { limit, after, ...filter } }) => {
    const session = await store.run((q) => readSession(q, id));
    if (session === null && !liveById(parts).has(id)) throw unknown();
    const statements = await store.run((q) => listStatements(q, id, filter, limit, after));
    const next = statements.length === limit ? (statements.at(-1)?.seq ?? null) : null;
    return { statements: statements.map(({ sessionId: _, ...statement }) => statement), next };
  });

  addKill(router, parts);
}

function addKill(router: Router, parts: Parts): void {
  const { gateway, record, logger } = parts;
  router.add(OPERATIONS.killSession, async ({ params: { id }, body: { reason }, caller }) => {
    const by = caller.principal.id;
    if (!liveById(parts).has(id)) throw await whyNotLive(parts, id);
    // On disk first: a session never ends by a hand that is not on record.
    await record({ type: "admin.killed", actor: by, target: id, reason });
    if (!gateway.kill(id, reason)) throw new HttpProblem("session-closed", { detail: "It ended while you asked." });
    logger.warn({ session: id, by }, "session killed");
    return { id, killed: true as const };
  });
}

async function whyNotLive({ gateway, store }: Parts, id: string): Promise<HttpProblem> {
  const stored = await orNull(
    store.run((q) => readSession(q, id)),
    true,
  );
  if (stored === null) return unknown();
  if (stored.closedAt !== null || stored.instance === gateway.instance) return new HttpProblem("session-closed");
  return new HttpProblem("session-elsewhere", {
    detail: `It is at gateway instance ${stored.instance}.`,
    hint: "Ask that gateway; or freeze the principal, which reaches all of them.",
  });
}

function unknown(): HttpProblem {
  return new HttpProblem("not-found", { detail: "There is no session with that id." });
}

function liveById({ gateway }: Parts): ReadonlyMap<string, LiveSession> {
  return new Map(gateway.liveSessions().map((session) => [session.id, session]));
}

/** Null where the store is away. */
async function search(
  { store }: Parts,
  query: SessionQuery,
  here: ReadonlyMap<string, LiveSession>,
): Promise<Session[] | null> {
  const { limit, before, state, ...filter } = query;
  const which = state === "live" ? { ids: [...here.keys()] } : { state };
  return orNull(
    store.run((q) => searchSessions(q, { ...filter, ...which }, limit, before)),
    true,
  );
}

/** Null in place of the error of a store that is away, where `mayBeAway`. */
async function orNull<T>(asked: Promise<T>, mayBeAway: boolean): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (mayBeAway && isUnavailable(error)) return null;
    throw error;
  }
}
