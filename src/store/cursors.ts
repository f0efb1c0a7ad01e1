/** Query group: how far each instance's log has been read into the index. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";

const Next = z.object({ next_index: z.number().int().nonnegative() });

/** Index of the first entry of this log that is not in the store; 0 for a log never read. */
export async function readCursor(q: Queryable, instance: string): Promise<number> {
  const answer = await q.query("SELECT next_index FROM postern.log_cursors WHERE instance = $1", [instance]);
  return answer.rows.length === 0 ? 0 : Next.parse(answer.rows[0]).next_index;
}

/**
 * Moves the cursor from `from` to `to`, in the transaction that writes the entries between. False, and nothing moved, where
 * it does not stand at `from`: someone else, or we ourselves in a commit whose answer was lost, have written them already.
 */
export async function moveCursor(q: Queryable, instance: string, from: number, to: number): Promise<boolean> {
  await q.query(
    "INSERT INTO postern.log_cursors (instance, next_index) VALUES ($1, 0) ON CONFLICT (instance) DO NOTHING",
    [instance],
  );
  // The row lock that this takes makes a second writer of the same log wait, and then find the cursor elsewhere.
  const moved = await q.query(
    "UPDATE postern.log_cursors SET next_index = $3, moved_at = now() WHERE instance = $1 AND next_index = $2",
    [instance, from, to],
  );
  return moved.rowCount === 1;
}

/** Empties what is made from the log, for a rebuild. Freezes are not made from it and stay. */
export async function clearIndex(q: Queryable): Promise<void> {
  // Locked first, as moveCursor() does: a rebuild beside a running indexer waits, and does not deadlock.
  await q.query("LOCK TABLE postern.log_cursors IN ACCESS EXCLUSIVE MODE");
  await q.query("TRUNCATE postern.gateways, postern.sessions, postern.statements, postern.log_cursors");
}
