/** The entries that a run begins with: what was recovered of the last one, the ends it had not written, gateway.started. Pure. */

import type { EntryBody } from "./entry.ts";
import type { OpenedFolder } from "./open-folder.ts";
import type { OpenSession } from "./open-sessions.ts";

/** Reason of a session whose gateway was killed. */
export const ENDED_WITHOUT_CLOSING = "gateway ended without closing";

export function* openingEntries(opened: OpenedFolder, version: string, runtime: string): Generator<EntryBody> {
  const { recovered, vkey, origin } = opened;
  if (opened.keyCreated) yield { type: "key.created", purpose: "log", algorithm: "Ed25519", vkey };
  if (!recovered.clean) yield* recoveryEntries(opened);
  yield { type: "gateway.started", origin, version, runtime };
}

function* recoveryEntries({ recovered }: OpenedFolder): Generator<EntryBody> {
  const sessions = [...recovered.sessions.sessions];
  yield {
    type: "journal.recovered",
    replayed: recovered.replayed,
    cutBytes: recovered.cutBytes,
    kept: recovered.kept,
    statementsUnknown: sessions.reduce((sum, session) => sum + session.open.size, 0),
    sessionsClosed: sessions.length,
  };
  for (const session of sessions) yield* closeSession(session);
}

function* closeSession({ id, next, statements, rows, bytes, open }: OpenSession): Generator<EntryBody> {
  let sessionSeq = next;
  for (const statement of [...open].sort((a, b) => a - b)) {
    yield {
      type: "statement.finished",
      session: id,
      sessionSeq: sessionSeq++,
      statement,
      outcome: "unknown",
      rowsReturned: 0,
      rowsAffected: 0,
      bytes: 0,
      durationMs: 0,
    };
  }
  yield { type: "session.closed", session: id, sessionSeq, statements, rows, bytes, reason: ENDED_WITHOUT_CLOSING };
}
