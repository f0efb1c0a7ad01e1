/** Query group: what is to be posted to webhooks. Times are the store's own. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { storable } from "./row.ts";

const Post = z.object({
  id: z.string(),
  url: z.string(),
  body: z.string(),
  /** With this one. */
  attempts: z.number(),
  ageMs: z.number(),
});
export type Post = Readonly<z.infer<typeof Post>>;

export async function insertPost(q: Queryable, { id, url, body }: Pick<Post, "id" | "url" | "body">): Promise<void> {
  await q.query(
    `INSERT INTO postern.approval_posts (id, url, body, created_at, due_at) VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())`,
    [id, storable(url), storable(body)],
  );
}

/** Takes what is due, at most `most`, for `leaseMs`: nobody else has it meanwhile. */
export async function takePosts(q: Queryable, most: number, leaseMs: number): Promise<readonly Post[]> {
  const { rows } = await q.query(
    `UPDATE postern.approval_posts p SET attempts = p.attempts + 1, due_at = clock_timestamp() + $2 * interval '1 millisecond'
     FROM (SELECT id FROM postern.approval_posts WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
     WHERE p.id = due.id
     RETURNING p.id, p.url, p.body, p.attempts, (extract(epoch FROM clock_timestamp() - p.created_at) * 1000)::float8 AS "ageMs"`,
    [most, leaseMs],
  );
  return rows.map((row) => Post.parse(row));
}

/** It has been delivered, or given up. */
export async function removePost(q: Queryable, id: string): Promise<void> {
  await q.query("DELETE FROM postern.approval_posts WHERE id = $1", [id]);
}

export async function postLater(q: Queryable, id: string, afterMs: number): Promise<void> {
  await q.query(
    "UPDATE postern.approval_posts SET due_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1",
    [id, afterMs],
  );
}
