/**
 * The first schema: the search index of the audit log (gateways, sessions, statements, cursors) and the frozen principals.
 * No column holds SQL text, a parameter, a row or a token: the log has commitments only, and the store is made from the log.
 */

import type { Migration } from "./migration.ts";

export const index: Migration = {
  version: 1,
  name: "index",
  sql: `
CREATE TABLE postern.gateways (
  instance text PRIMARY KEY,
  name text NOT NULL,
  origin text NOT NULL,
  version text,
  started_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  stopped_at timestamptz,
  stop_reason text
);

CREATE TABLE postern.sessions (
  id text COLLATE "C" PRIMARY KEY,
  instance text NOT NULL,
  log_index bigint NOT NULL,
  opened_at timestamptz NOT NULL,
  principal_id text NOT NULL,
  principal_kind text NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  actor text NOT NULL,
  actors jsonb NOT NULL,
  credential_kind text NOT NULL,
  credential_id text NOT NULL,
  database text NOT NULL,
  role text NOT NULL,
  client_address text NOT NULL,
  via text NOT NULL,
  application_name text,
  closed_at timestamptz,
  close_reason text,
  statements bigint,
  rows bigint,
  bytes bigint
);
-- Pages of sessions go by id, newest first, with or without one of the filters that people use most.
CREATE INDEX sessions_by_time ON postern.sessions (opened_at);
CREATE INDEX sessions_by_principal ON postern.sessions (principal_id, id);
CREATE INDEX sessions_by_database ON postern.sessions (database, id);
CREATE INDEX sessions_open ON postern.sessions (instance) WHERE closed_at IS NULL;

CREATE TABLE postern.statements (
  session_id text NOT NULL,
  seq bigint NOT NULL,
  instance text NOT NULL,
  log_index bigint NOT NULL,
  decided_at timestamptz NOT NULL,
  class text NOT NULL,
  verdict text NOT NULL,
  fingerprint text,
  finished_at timestamptz,
  outcome text,
  sqlstate text,
  rows_returned bigint,
  rows_affected bigint,
  bytes bigint,
  duration_ms double precision,
  transaction_fate text,
  PRIMARY KEY (session_id, seq)
);
CREATE INDEX statements_not_permitted ON postern.statements (session_id) WHERE verdict <> 'permitted';

-- How far each log has been read. Moved in the transaction that writes what was read: that is what makes it exactly once.
CREATE TABLE postern.log_cursors (
  instance text PRIMARY KEY,
  next_index bigint NOT NULL CHECK (next_index >= 0),
  moved_at timestamptz NOT NULL DEFAULT now()
);

-- Not made from the log by rebuild: it is what the gateways obey, and losing it would let a frozen principal in.
CREATE TABLE postern.frozen_principals (
  principal_id text PRIMARY KEY,
  reason text NOT NULL,
  frozen_by text NOT NULL,
  frozen_at timestamptz NOT NULL
);
`,
};
