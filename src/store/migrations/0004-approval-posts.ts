/** What is to be posted to webhooks, until it has been: it outlives the gateway that wrote it, and any gateway of the store delivers it. */

import type { Migration } from "./migration.ts";

export const approvalPosts: Migration = {
  version: 4,
  name: "approval-posts",
  sql: `
CREATE TABLE postern.approval_posts (
  id text COLLATE "C" PRIMARY KEY,
  url text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  -- Whoever takes it moves this beyond the time that it needs: should it die, another takes it then.
  due_at timestamptz NOT NULL
);
CREATE INDEX approval_posts_due ON postern.approval_posts (due_at);
`,
};
