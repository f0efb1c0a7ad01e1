/** How many rows a statement was approved for at most, where whoever approved it has said so. */

import type { Migration } from "./migration.ts";

export const approvalRows: Migration = {
  version: 3,
  name: "approval-rows",
  sql: `
ALTER TABLE postern.approval_decisions ADD COLUMN rows bigint CHECK (rows >= 0);
`,
};
