/** The policy folder that `postern init` writes: a policy, functions to list, tests. Valid as it stands: a test checks and runs it. */

import { starterPolicy } from "../policy/starter.ts";

/** Files by their names. @param database as the configuration names it. */
export function starterFolder(database: string): readonly (readonly [name: string, text: string])[] {
  return [
    ["agents.cedar", starterPolicy(database)],
    ["functions.yaml", FUNCTIONS],
    ["example.test.yaml", tests(database)],
  ];
}

const FUNCTIONS = `# Functions of the database that agents may be permitted to call. Without a line here policy can permit those alone that run
# no code of their own making: see docs/reference/functions.md. Each is pinned to what it runs: when that changes, calls are
# denied until someone has looked again. postern policy catalog save writes the hashes of all of them.
functions: []
#  - signature: public.order_total(customer integer)
#    bodyHash: 5f2c1d0e9b8a77665544332211009f8e7d6c5b4a39281706f5e4d3c2b1a09f8e
#    reason: reads orders of one customer
`;

function tests(database: string): string {
  return `# What the policy is to decide. Run them with: postern policy test
database: ${JSON.stringify(database)}
principals:
  an-agent: { groups: [agents] }
  a-stranger: { groups: [] }
tests:
  - name: agents read
    as: an-agent
    request: { action: select, table: ${table(database)} }
    expect: permit
    policy: agents-read
  - name: a write waits for a DBA
    as: an-agent
    request: { action: insert, table: ${table(database)} }
    expect: hold
    policy: writes-wait-for-dba
  - name: and may run once one has approved it
    as: an-agent
    request: { action: insert, table: ${table(database)} }
    context: { approvedBy: [dba] }
    expect: permit
  - name: no approval lets a DELETE of everything pass
    as: an-agent
    request: { action: delete, table: ${table(database)} }
    context: { matchesAll: true, approvedBy: [dba] }
    expect: deny
    policy: name-the-rows
  - name: definitions are denied
    as: an-agent
    request: { action: drop, table: ${table(database)} }
    expect: deny
    policy: no-definitions
  - name: who is in no group may not even connect
    as: a-stranger
    request: { action: connect }
    expect: deny
    policy: none
  # A statement is resolved by the server (postern policy test --database ${database}) or by a saved catalog (--catalog FILE):
  # - { as: an-agent, statement: "DROP TABLE orders", expect: deny, policy: no-definitions }
`;
}

function table(database: string): string {
  return JSON.stringify(`${database}.public.orders`);
}
