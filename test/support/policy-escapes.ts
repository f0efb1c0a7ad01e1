/** Ways around a policy, as an attacker with an agent's token would send them. Data and messages only: policy-escapes.test.ts says what must not have happened. */

import { encodeFlush, encodeSync } from "../../src/wire/extended.ts";
import { bind, type Escape, exchange, execute, parse, RAW, WIRE } from "./policy-escape-messages.ts";
import { HARMLESS, PAIRS, STRINGS } from "./policy-escape-texts.ts";

const READ = "SELECT * FROM notes";
const SHADOW = `CREATE SCHEMA shop_app; CREATE TABLE shop_app.notes AS SELECT person AS id, team AS body FROM hr.salaries;
  GRANT ALL ON SCHEMA shop_app TO shop_app; GRANT ALL ON ALL TABLES IN SCHEMA shop_app TO shop_app`;
const DROP_SHADOW = "DROP SCHEMA shop_app CASCADE";

/** Prepares and runs a statement, lets the owner change what it means, and runs it again. */
function changed(name: string, query: string, change: string, undo: string): Escape {
  return {
    name,
    undo,
    attack: async (client, asOwner) => {
      const before = await exchange(client, [parse("s", query), bind("", "s"), execute(""), encodeSync], 1);
      await asOwner(change);
      const after = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
      const again = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
      return [...before, ...after, ...again];
    },
  };
}

/** The same by simple Query: the text is the same, and what was found for it is not. */
function changedText(name: string, query: string, change: string, undo: string): Escape {
  return {
    name: `${name}, by simple Query`,
    undo,
    attack: async (client, asOwner) => {
      const before = [...(await client.query(query)), ...(await client.query(query))];
      await asOwner(change);
      return [...before, ...(await client.query(query)), ...(await client.query(query))];
    },
  };
}

const CHANGES: readonly (readonly [name: string, query: string, change: string, undo: string])[] = [
  ["a table hidden by a new one on the search_path", READ, SHADOW, DROP_SHADOW],
  [
    "a view replaced by one that calls what is not listed",
    "SELECT * FROM swapped",
    "CREATE OR REPLACE VIEW swapped AS SELECT id, peek_pay(1)::text AS body FROM notes",
    "CREATE OR REPLACE VIEW swapped AS SELECT id, body FROM notes",
  ],
  [
    "a listed function replaced",
    "SELECT order_total(1)",
    "CREATE OR REPLACE FUNCTION order_total(wanted int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT pay FROM hr.salaries WHERE person = wanted'",
    "CREATE OR REPLACE FUNCTION order_total(wanted int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT total FROM public.orders WHERE id = wanted'",
  ],
  [
    "a listed function replaced by one that returns rows of another table",
    "SELECT memo FROM orders_of(2)",
    "CREATE OR REPLACE FUNCTION orders_of(who int) RETURNS SETOF orders LANGUAGE sql STABLE AS 'SELECT o.id, o.customer_id, o.state, o.total, o.gross, o.placed_on, s.team FROM public.orders o, hr.salaries s'",
    "CREATE OR REPLACE FUNCTION orders_of(who int) RETURNS SETOF orders LANGUAGE sql STABLE AS 'SELECT * FROM public.orders WHERE customer_id = who'",
  ],
  [
    "a table replaced by a view of another",
    "UPDATE orders SET memo = 'x' WHERE id = 1",
    "ALTER TABLE orders RENAME TO orders_before; CREATE VIEW orders AS SELECT id, body AS memo FROM notes; GRANT ALL ON orders TO shop_app",
    "DROP VIEW orders; ALTER TABLE orders_before RENAME TO orders",
  ],
  [
    "a rule put on a table",
    "UPDATE orders SET memo = 'x' WHERE id = 1",
    "CREATE RULE sly AS ON UPDATE TO orders DO ALSO DELETE FROM notes",
    "DROP RULE sly ON orders",
  ],
  [
    "a policy of row security that reads another table",
    "SELECT * FROM messages",
    "CREATE POLICY sly ON messages FOR SELECT USING (body IN (SELECT s.team FROM hr.salaries s) OR true)",
    "DROP POLICY sly ON messages",
  ],
  [
    "an operator hidden by a new one that fits better",
    "SELECT id FROM customers WHERE code = 'C1'::varchar",
    "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = sly_equal)",
    "DROP OPERATOR public.= (varchar, varchar)",
  ],
];

const BETWEEN: readonly Escape[] = [
  {
    name: "a table hidden by a new one between Parse and Bind of one batch",
    mayRun: true,
    undo: DROP_SHADOW,
    attack: async (client, asOwner) => {
      client.send(parse("", READ), encodeFlush);
      const before = await client.until("ParseComplete");
      await asOwner(SHADOW);
      return [...before, ...(await exchange(client, [bind("", ""), execute(""), encodeSync], 1))];
    },
  },
  {
    name: "a table hidden by a new one between Parse and Bind of one batch, for a write",
    mayRun: true,
    undo: DROP_SHADOW,
    attack: async (client, asOwner) => {
      client.send(parse("", "UPDATE orders SET memo = 'sly' WHERE id = 1 RETURNING memo"), encodeFlush);
      const before = await client.until("ParseComplete");
      await asOwner(
        `${SHADOW}; CREATE VIEW shop_app.orders AS SELECT id, body AS memo FROM public.notes; GRANT ALL ON shop_app.orders TO shop_app`,
      );
      return [...before, ...(await exchange(client, [bind("", ""), execute(""), encodeSync], 1))];
    },
  },
  {
    name: "a table hidden by a new one inside a transaction block",
    undo: DROP_SHADOW,
    attack: async (client, asOwner) => {
      const before = [...(await client.query("BEGIN")), ...(await client.query(READ))];
      await asOwner(SHADOW);
      return [...before, ...(await client.query(READ)), ...(await client.query("COMMIT"))];
    },
  },
];

export const ESCAPES: readonly Escape[] = [
  ...STRINGS.map((sql): Escape => ({ name: sql, attack: (client) => client.query(sql) })),
  ...PAIRS.map(
    ([first, second]): Escape => ({
      name: `${first} ... ${second}`,
      attack: async (client) => [...(await client.query(first)), ...(await client.query(second))],
    }),
  ),
  ...HARMLESS.map((sql): Escape => ({ name: sql, harmless: true, attack: (client) => client.query(sql) })),
  ...RAW.map(([name, parts]): Escape => ({ name, attack: (client) => exchange(client, [...parts, encodeSync], 1) })),
  ...WIRE,
  ...CHANGES.flatMap((each) => [changed(...each), changedText(...each)]),
  ...BETWEEN,
];
