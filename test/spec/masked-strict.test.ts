/** Labels whose masks are strict: who sees the mask may read it, and may not ask questions about it. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/wire/error-response.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card text, pay int);
  INSERT INTO people VALUES (1, 'Ada', '123-45-6789', '4111111111111111', 7), (2, 'Bob', '987-65-4321', '5500005555555559', 8);
  CREATE TABLE notes (id int PRIMARY KEY, person int, ssn text);
  INSERT INTO notes VALUES (1, 1, 'x');
  CREATE VIEW shown AS SELECT id, ssn FROM people;
  CREATE VIEW filters AS SELECT id, name FROM people WHERE ssn LIKE '%6%';
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks: { pii: { mask: redact, strict: true }, card: { mask: partial, show: 4 }, pay: { mask: "null", strict: true } }
columns: { shop.public.people.ssn: pii, shop.public.people.card: card, shop.public.people.pay: pay }
quarantine: off
notice: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write"], resource in Database::"shop");
@id("seers") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;

describe.each([15, 18] as const)("strict masks of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-strict-"));
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

  async function ask(sql: string, ...groups: readonly string[]) {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token({ groups: ["agents", ...groups] }));
    const answer = await client.query(sql);
    client.destroy();
    for (const message of answer) {
      if (message.type !== "ErrorResponse") continue;
      const { code, message: text, detail = "" } = reportOf(message.fields);
      return `${code} ${text}: ${detail}`;
    }
    return rows(answer);
  }

  const refused: readonly (readonly [sql: string, clause: RegExp])[] = [
    ["SELECT id FROM people WHERE ssn LIKE '1%'", /WHERE/],
    ["SELECT id FROM people p WHERE p.ssn IS NULL", /WHERE/],
    ["SELECT id FROM people WHERE pay > 3", /WHERE/],
    ["SELECT id FROM people WHERE name = 'Ada' OR upper(ssn) = 'X'", /WHERE/],
    ["SELECT p.id FROM people p JOIN notes n ON n.ssn = p.ssn", /WHERE or the condition of a join/],
    ["SELECT p.id FROM people p JOIN notes n USING (ssn)", /WHERE or the condition of a join/],
    ["SELECT p.id FROM people p NATURAL JOIN notes n", /WHERE or the condition of a join/],
    [
      "SELECT p.id FROM people p LEFT JOIN notes n ON n.person = p.id AND p.ssn = 'x'",
      /WHERE or the condition of a join/,
    ],
    ["SELECT ssn, count(*) FROM people GROUP BY ssn", /GROUP BY/],
    ["SELECT count(*) FROM people GROUP BY left(ssn, 3)", /GROUP BY/],
    ["SELECT count(*) FROM people GROUP BY GROUPING SETS ((ssn), ())", /GROUP BY/],
    ["SELECT name FROM people GROUP BY name HAVING min(ssn) > '1'", /aggregate/],
    ["SELECT id FROM people ORDER BY ssn", /ORDER BY/],
    ["SELECT ssn FROM people ORDER BY 1", /ORDER BY/],
    ["SELECT id FROM people ORDER BY right(ssn, 4)", /ORDER BY/],
    ["SELECT DISTINCT ssn FROM people", /DISTINCT/],
    ["SELECT DISTINCT ON (ssn) id FROM people", /DISTINCT/],
    ["SELECT count(ssn) FROM people", /aggregate/],
    ["SELECT sum(pay) FROM people", /aggregate/],
    ["SELECT count(*) FILTER (WHERE ssn = 'x') FROM people", /aggregate/],
    ["SELECT string_agg(name, ',' ORDER BY ssn) FROM people", /aggregate/],
    ["SELECT rank() OVER (ORDER BY ssn) FROM people", /ORDER BY|window/],
    ["SELECT count(*) OVER (PARTITION BY ssn) FROM people", /PARTITION BY|window|GROUP BY/],
    ["SELECT lag(ssn) OVER (ORDER BY id) FROM people", /window/],
    ["SELECT id FROM (SELECT id, ssn AS s FROM people) q WHERE s = 'x'", /WHERE/],
    ["SELECT name FROM people WHERE id IN (SELECT id FROM people WHERE ssn = 'x')", /WHERE/],
    ["SELECT name, (SELECT max(p.ssn) FROM people p) FROM people", /aggregate/],
    ["SELECT n.id FROM notes n WHERE EXISTS (SELECT FROM people p WHERE p.ssn = n.ssn)", /WHERE/],
    ["SELECT id FROM shown WHERE ssn = 'x'", /WHERE/],
    ["SELECT * FROM filters", /WHERE/],
    ["UPDATE notes n SET ssn = 'y' FROM people p WHERE p.ssn = n.ssn", /WHERE/],
    ["DELETE FROM notes n USING people p WHERE p.pay = n.id", /WHERE/],
  ];
  it.each(refused)("refuse a question about them: %s", async (sql, clause) => {
    const answer = await ask(sql);
    expect(answer).toMatch(
      /^42501 column "(ssn|pay)" of "public\.(people|shown)" is masked, and its label lets nobody/,
    );
    expect(answer).toMatch(clause);
  });

  const answered: readonly (readonly [sql: string, rows: readonly (readonly (string | null)[])[]])[] = [
    ["SELECT ssn FROM people WHERE id = 1", [["[masked]"]]],
    ["SELECT upper(ssn) || name, pay FROM people WHERE id = 1", [["[MASKED]Ada", null]]],
    ["SELECT * FROM people ORDER BY id LIMIT 1", [["1", "Ada", "[masked]", "***1111", null]]],
    ["SELECT p FROM people p WHERE id = 1", [["(1,Ada,[masked],***1111,)"]]],
    ["SELECT id FROM people WHERE card LIKE '%1111'", [["1"]]],
    ["SELECT card, count(*) FROM people GROUP BY card ORDER BY card LIMIT 1", [["***1111", "1"]]],
    ["SELECT s FROM (SELECT id, ssn AS s FROM people) q WHERE id = 1", [["[masked]"]]],
    ["SELECT name, (SELECT ssn FROM people p WHERE p.id = q.id) FROM people q WHERE id = 1", [["Ada", "[masked]"]]],
    ["SELECT count(*), max(name) FROM people", [["2", "Bob"]]],
    ["SELECT n.ssn FROM notes n WHERE n.ssn = 'x'", [["x"]]],
    ["SELECT ssn FROM shown WHERE id = 1", [["[masked]"]]],
    ["SELECT CASE WHEN id = 1 THEN ssn END FROM people WHERE id = 1", [["[masked]"]]],
    ["SELECT DISTINCT name FROM people WHERE id = 1", [["Ada"]]],
    ["SELECT p.ssn FROM people p JOIN notes n ON n.person = p.id", [["[masked]"]]],
    ["SELECT rank() OVER (ORDER BY id) FROM people WHERE id = 1", [["1"]]],
    ["WITH q AS (SELECT ssn FROM people WHERE id = 1) SELECT * FROM q", [["[masked]"]]],
  ];
  it.each(answered)("are shown: %s", async (sql, expected) => {
    expect(await ask(sql)).toEqual(expected);
  });

  it("refuse nothing to whom the label is revealed, and raise no alarm", async () => {
    expect(await ask("SELECT id FROM people WHERE ssn LIKE '1%'", "seers")).toEqual([["1"]]);
    expect((await logEntries(gateway)).filter(({ type }) => type === "alarm.unproven")).toEqual([]);
  });
});
