/** The migrations of the control store, in the order in which they run. */

import { index } from "./0001-index.ts";
import { approvals } from "./0002-approvals.ts";
import { approvalRows } from "./0003-approval-rows.ts";
import { approvalPosts } from "./0004-approval-posts.ts";
import type { Migration } from "./migration.ts";

export type { Migration } from "./migration.ts";

export const MIGRATIONS: readonly Migration[] = [index, approvals, approvalRows, approvalPosts];
