/** Query group: frozen principals. What the gateways obey: see freeze-registry.ts. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { isoUtc, storable, Timestamp } from "./row.ts";

/** Told to every listening gateway when a freeze is put or lifted; carries nothing, a listener reads the table again. */
export const FREEZE_CHANNEL = "postern_freezes";

export const Freeze = z.object({
  principalId: z.string(),
  reason: z.string(),
  /** Id of the person who froze it. */
  by: z.string(),
  at: Timestamp,
});
export type Freeze = Readonly<z.infer<typeof Freeze>>;

export async function listFreezes(q: Queryable): Promise<Freeze[]> {
  const answer = await q.query(
    `SELECT principal_id AS "principalId", reason, frozen_by AS "by", ${isoUtc("frozen_at")} AS "at"
     FROM postern.frozen_principals ORDER BY principal_id`,
  );
  return answer.rows.map((row) => Freeze.parse(row));
}

/**
 * A principal that is frozen already keeps its first freeze: who and why, as it was decided. Takes any text: a change that the
 * server refused would be told again for ever, and hold up those behind it.
 */
export async function putFreeze(q: Queryable, freeze: Freeze): Promise<void> {
  await q.query(
    `INSERT INTO postern.frozen_principals (principal_id, reason, frozen_by, frozen_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (principal_id) DO NOTHING`,
    [storable(freeze.principalId), storable(freeze.reason), storable(freeze.by), freeze.at],
  );
  await q.query("SELECT pg_notify($1, '')", [FREEZE_CHANNEL]);
}

/** Lifts the freeze that was put at `frozenAt`, and no other: one that someone put meanwhile stands. */
export async function liftFreeze(q: Queryable, principalId: string, frozenAt: string): Promise<void> {
  await q.query("DELETE FROM postern.frozen_principals WHERE principal_id = $1 AND frozen_at = $2", [
    principalId,
    frozenAt,
  ]);
  await q.query("SELECT pg_notify($1, '')", [FREEZE_CHANNEL]);
}
