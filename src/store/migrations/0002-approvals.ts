/**
 * Held statements, and what people decided of them. The card holds the statement's text and its parameters, which a reviewer has to
 * read: it is the one place of the store that does, and it is emptied when the request has ended.
 */

import type { Migration } from "./migration.ts";

export const approvals: Migration = {
  version: 2,
  name: "approvals",
  sql: `
CREATE TABLE postern.approvals (
  id text COLLATE "C" PRIMARY KEY,
  -- What a retry must be equal in; see src/approval/binding.ts. The binding has the id and the expiry too.
  sameness text NOT NULL,
  binding text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'consumed', 'withdrawn', 'expired', 'void')),
  -- wait: a socket is held for it at the instance. defer: its client was told to come back.
  mode text NOT NULL CHECK (mode IN ('wait', 'defer')),
  instance text NOT NULL,
  session_id text NOT NULL,
  database text NOT NULL,
  principal_id text NOT NULL,
  requesters jsonb NOT NULL,
  approvers jsonb NOT NULL,
  quorum integer NOT NULL,
  reason text NOT NULL,
  fingerprint text NOT NULL,
  class text NOT NULL,
  requested_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  card text,
  card_hash text NOT NULL,
  ended_at timestamptz,
  ended_by text,
  ended_reason text,
  -- A denial was given to the agent: the next attempt asks anew.
  told boolean NOT NULL DEFAULT false
);
CREATE INDEX approvals_open ON postern.approvals (sameness) WHERE state IN ('pending', 'approved', 'denied');
CREATE INDEX approvals_by_state ON postern.approvals (state, id);
CREATE INDEX approvals_of_principal ON postern.approvals (principal_id) WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_by_instance ON postern.approvals (instance) WHERE state IN ('pending', 'approved');

CREATE TABLE postern.approval_decisions (
  approval_id text COLLATE "C" NOT NULL REFERENCES postern.approvals (id),
  -- Distinct people: [issuer, subject] as JSON.
  person text NOT NULL,
  principal_id text NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('approve', 'deny')),
  -- The group that the approval counts for: one.
  for_group text,
  reason text,
  decided_at timestamptz NOT NULL,
  card_hash text NOT NULL,
  seconds double precision NOT NULL,
  -- The entry of it: log and leaf.
  instance text NOT NULL,
  log_index bigint NOT NULL,
  PRIMARY KEY (approval_id, person)
);

-- Gateways that hold sockets say so every few seconds: what one that is dead held is withdrawn.
CREATE TABLE postern.approval_holders (
  instance text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
`,
};
