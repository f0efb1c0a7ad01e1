/** RETURNING through a gateway for those who see masks: each masked column of what is written to is its mask, or the statement is refused. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card varchar(19), "Odd name" text COLLATE "C", tags text[], pay int);
  INSERT INTO people VALUES (1, 'Ada', '123-45-6789', '4111111111111111', 'canary', '{canary}', 77001), (2, 'Bob', '987-65-4321', '5500005555555559', 'canary', '{canary}', 77002);
  CREATE TABLE orders (id int PRIMARY KEY, person int, ssn text);
  INSERT INTO orders VALUES (1, 1, 'open'), (2, 2, 'open');
  CREATE VIEW names AS SELECT id, ssn AS number, card FROM people;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks: { pii: redact, card: { mask: partial, show: 4 }, pay: default }
columns:
  shop.public.people.ssn: pii
  'shop.public.people."Odd name"': pii
  shop.public.people.tags: pii
  shop.public.people.card: card
  shop.public.people.pay: pay
quarantine: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("reveal") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;

describe.each([15, 18] as const)("RETURNING of masked columns of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-returning-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const config = { policy: folder, labels: join(folder, "labels.yaml") };
    gateway = await startGateway({ postgres, database: "shop", role: APP, config });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(...groups: readonly string[]): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token({ groups: ["agents", ...groups] }));
    return client;
  }

  /** In a transaction that is undone. */
  async function ask(sql: string, ...groups: readonly string[]) {
    const client = await connect(...groups);
    await client.query("BEGIN");
    const answer = await client.query(sql);
    await client.query("ROLLBACK");
    client.destroy();
    const names = answer.flatMap((message) =>
      message.type === "RowDescription" ? message.columns.map(({ name }) => name) : [],
    );
    return errorOf(answer) ?? { names, rows: rows(answer) };
  }

  const whole = ["1", "Ada", "[masked]", "***1111", "[masked]", "{}", null];
  const columns = ["id", "name", "ssn", "card", "Odd name", "tags", "pay"];
  const returned: readonly (readonly [sql: string, names: readonly string[], row: readonly (string | null)[]])[] = [
    ["UPDATE people SET name = 'Ada' WHERE id = 1 RETURNING ssn", ["ssn"], ["[masked]"]],
    ["UPDATE people SET name = 'Ada' WHERE id = 1 RETURNING *", columns, whole],
    ["UPDATE people p SET name = 'Ada' WHERE id = 1 RETURNING p.*, id", [...columns, "id"], [...whole, "1"]],
    ["UPDATE people p SET name = 'Ada' WHERE id = 1 RETURNING p . /* . */ *", columns, whole],
    ["DELETE FROM people WHERE id = 1 RETURNING card AS last, people.ssn", ["last", "ssn"], ["***1111", "[masked]"]],
    ["DELETE FROM people WHERE id = 1 RETURNING public.people.card", ["card"], ["***1111"]],
    [
      "INSERT INTO people (id, card) VALUES (9, '4242424242424242') RETURNING card, pay",
      ["card", "pay"],
      ["***4242", null],
    ],
    ["INSERT INTO people AS p (id) VALUES (9) RETURNING p.ssn x, p.card", ["x", "card"], ["[masked]", null]],
    [
      "INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x' RETURNING *",
      columns,
      ["1", "x", ...whole.slice(2)],
    ],
    ['DELETE FROM people WHERE id = 1 RETURNING"Odd name",U&"\\0073sn"', ["Odd name", "ssn"], ["[masked]", "[masked]"]],
    [
      "DELETE FROM people WHERE id = 1 RETURNING upper(ssn), card || '!', coalesce(pay, 0)",
      ["upper", "?column?", "coalesce"],
      ["[MASKED]", "***1111!", "0"],
    ],
    ["DELETE FROM people WHERE id = 1 RETURNING tags[1] AS tag, ssn::varchar(3) AS s", ["tag", "s"], [null, "[ma"]],
    [
      "WITH gone AS (DELETE FROM people WHERE id = 1 RETURNING *) SELECT ssn, card, name FROM gone",
      ["ssn", "card", "name"],
      ["[masked]", "***1111", "Ada"],
    ],
    ["UPDATE people ssn SET name = 'x' WHERE id = 1 RETURNING ssn", ["ssn"], ["[masked]"]],
    [
      "UPDATE people SET name = 'x' FROM orders o WHERE o.person = people.id AND o.id = 1 RETURNING people.ssn, o.ssn",
      ["ssn", "ssn"],
      ["[masked]", "open"],
    ],
    [
      "DELETE FROM people USING people o WHERE o.id = people.id AND o.id = 1 RETURNING o.ssn, people.card",
      ["ssn", "card"],
      ["[masked]", "***1111"],
    ],
    ["UPDATE names SET card = '4111111111111111' WHERE id = 1 RETURNING number", ["number"], ["[masked]"]],
    ["UPDATE orders SET ssn = 'x' WHERE id = 1 RETURNING *", ["id", "person", "ssn"], ["1", "1", "x"]],
    [
      "UPDATE people SET name = (WITH x AS (SELECT 1) SELECT 'y') WHERE id = 1 RETURNING (SELECT max(ssn) FROM people) AS most, name",
      ["most", "name"],
      ["[masked]", "y"],
    ],
  ];
  it.each(returned)("is of masks: %s", async (sql, names, row) => {
    expect(await ask(sql)).toEqual({ names, rows: [row] });
  });

  const modern: readonly (readonly [sql: string, row: readonly (string | null)[]])[] = [
    [
      "UPDATE people SET card = '4242424242424242' WHERE id = 1 RETURNING old.card, new.card, old.ssn",
      ["***1111", "***4242", "[masked]"],
    ],
    [
      "UPDATE people SET card = '4242424242424242' WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o.card, n.card",
      ["***1111", "***4242"],
    ],
    ["UPDATE people SET name = 'x' WHERE id = 1 RETURNING old.*", whole],
    [
      "MERGE INTO people p USING orders o ON o.person = p.id AND o.id = 1 WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING merge_action(), p.*",
      ["UPDATE", "1", "x", ...whole.slice(2)],
    ],
  ];
  it.runIf(version === 18).each(modern)("is of masks, of old and new rows too: %s", async (sql, row) => {
    expect(await ask(sql)).toMatchObject({ rows: [row] });
  });

  const refused: readonly string[] = [
    "UPDATE people p SET name = 'x' WHERE id = 1 RETURNING p",
    "UPDATE people p SET name = 'x' WHERE id = 1 RETURNING p::text",
    "UPDATE people p SET name = 'x' WHERE id = 1 RETURNING row_to_json(p.*)",
    "DELETE FROM people WHERE id = 1 RETURNING (SELECT ssn)",
    "DELETE FROM people WHERE id = 1 RETURNING (SELECT o.ssn || people.ssn FROM orders o LIMIT 1)",
    "DELETE FROM people WHERE id = 1 RETURNING card::text", // it would have another name
    "DELETE FROM people WHERE id = 1 RETURNING CASE WHEN true THEN '' ELSE card END",
    "UPDATE people SET name = 'x' FROM orders o WHERE o.person = people.id RETURNING *",
    "UPDATE names SET card = '4111111111111111' WHERE id = 1 RETURNING card",
    "WITH gone AS (DELETE FROM people p WHERE id = 1 RETURNING p) SELECT (p).ssn FROM gone",
  ];
  it.each(refused)("is refused where it cannot be: %s", async (sql) => {
    expect(await ask(sql)).toBe("42501");
  });

  it("is masked in a prepared statement with parameters, in binary too", async () => {
    const client = await connect();
    await client.query("BEGIN");
    const query = new TextEncoder().encode("UPDATE people SET name = $1 WHERE id = 1 RETURNING ssn, card");
    const parameters = [new TextEncoder().encode("x")];
    client.send(
      (writer) => encodeParse(writer, { statement: "s", query, parameterTypes: [] }),
      (writer) =>
        encodeBind(writer, { portal: "", statement: "s", parameterFormats: [], parameters, resultFormats: [1] }),
      (writer) => encodeExecute(writer, { portal: "", maxRows: 0 }),
      (writer) => encodeSync(writer),
    );
    const answer = await client.until("ReadyForQuery");
    client.destroy();
    expect(rows(answer)).toEqual([["[masked]", "***1111"]]);
  });

  it("shows what is revealed, and masks the rest", async () => {
    const shown = await ask("DELETE FROM people WHERE id = 1 RETURNING ssn, card", "seers");
    expect(shown).toMatchObject({ rows: [["123-45-6789", "***1111"]] });
  });
});
