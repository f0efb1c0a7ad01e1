/** The demo's policy: agents read the shop, write orders and payments, and delete them once a person has approved that. Written anew at each start, as postern.yaml is. */

/** Text of policy/shop.cedar. A test holds it to its own comments. */
export const DEMO_POLICY = `// Written by the demo at each start: changes here are lost. For a policy of your own: postern init
// Nothing is permitted unless a policy permits it, and a forbid always wins.

// Agents connect, read every table and view, and change the settings of their session.
@id("agents-read")
permit (
  principal in Group::"agents",
  action in [Action::"connect", Action::"read", Action::"set"],
  resource in Database::"shop"
);

// They place orders and note payments.
@id("agents-take-orders")
permit (
  principal in Group::"agents",
  action in [Action::"insert", Action::"update"],
  resource
)
when {
  resource in
    [
      Table::"shop.public.orders",
      Table::"shop.public.order_items",
      Table::"shop.public.payments"
    ]
};

// An UPDATE that names no rows is never right.
@id("name-the-rows")
@reason("UPDATE and DELETE name their rows")
forbid (
  principal,
  action in [Action::"update", Action::"delete"],
  resource
)
when { context.matchesAll };

// They delete what they may write, once a DBA has approved the statement.
@id("agents-delete")
permit (
  principal in Group::"agents",
  action == Action::"delete",
  resource
)
when {
  resource in
    [
      Table::"shop.public.orders",
      Table::"shop.public.order_items",
      Table::"shop.public.payments"
    ]
};

@id("deletes-wait-for-a-dba")
@approvers("dba")
@expires("15m")
@reason("deletes are approved by a DBA")
forbid (
  principal is Agent,
  action == Action::"delete",
  resource
)
unless { context.approvedBy.contains("dba") };

@id("no-truncates")
@reason("agents do not empty tables")
forbid (
  principal is Agent,
  action == Action::"truncate",
  resource
);

@id("no-definitions")
@reason("agents do not change definitions")
forbid (
  principal is Agent,
  action in Action::"define",
  resource
);
`;
