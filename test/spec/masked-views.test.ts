/** Views that compute with labelled columns, through a gateway for those who see masks: they compute with masks, or are refused with why. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card varchar(19), team int);
  INSERT INTO people VALUES (1, 'Ada', '123-45-6789', '4111111111111111', 1), (2, 'Bob', '987-65-4321', '5500005555555559', 1),
    (3, 'Eve', NULL, NULL, 2);
  CREATE TABLE teams (id int PRIMARY KEY, title text, boss text);
  INSERT INTO teams VALUES (1, 'one', '123-45-6789'), (2, 'two', '987-65-4321');
  CREATE TABLE guarded (id int, ssn text);
  ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
  INSERT INTO guarded VALUES (1, '123-45-6789');
  CREATE TABLE owners (id int, ssn text);
  CREATE VIEW computes AS SELECT id, upper(ssn) AS loud, length(ssn) AS long, name || ':' || card AS both FROM people;
  CREATE VIEW kinds AS SELECT id, CASE WHEN ssn LIKE '1%' THEN 'one' WHEN ssn IS NULL THEN 'none' ELSE 'other' END AS kind FROM people;
  CREATE VIEW likes AS SELECT id, name FROM people WHERE ssn LIKE '1%';
  CREATE VIEW bosses AS SELECT p.name, t.title FROM people p JOIN teams t ON t.boss = p.ssn;
  CREATE VIEW counts (what, "How many") AS SELECT ssn, count(*) FROM people GROUP BY ssn;
  CREATE VIEW over AS SELECT c.id, c.loud || '!' AS louder, k.kind FROM computes c JOIN kinds k USING (id);
  CREATE VIEW renamed (n, "Secret") AS SELECT id, lower(ssn) FROM people ORDER BY ssn, id;
  CREATE VIEW ctes AS WITH people AS (SELECT id, reverse(ssn) AS turned FROM people) SELECT * FROM people WHERE turned <> '';
  CREATE VIEW sides AS SELECT t.title, l.first FROM teams t CROSS JOIN LATERAL (SELECT min(ssn) AS first FROM people WHERE team = t.id) l;
  CREATE VIEW sets AS SELECT ssn AS value FROM people UNION SELECT card FROM people EXCEPT SELECT 'nothing';
  CREATE VIEW ranks AS SELECT id, rank() OVER (ORDER BY ssn) AS place, lag(ssn) OVER (ORDER BY id) AS before FROM people;
  CREATE VIEW wholes AS SELECT p FROM people p;
  CREATE VIEW barrier WITH (security_barrier) AS SELECT id, upper(ssn) AS loud FROM people;
  CREATE VIEW secured AS SELECT id, upper(ssn) AS loud FROM guarded;
  CREATE VIEW owned AS SELECT id, upper(ssn) AS loud FROM owners;
  CREATE VIEW invoker WITH (security_invoker) AS SELECT id, upper(ssn) AS loud FROM people;
  CREATE VIEW below AS SELECT id, loud FROM barrier WHERE loud IS NOT NULL AND id > (SELECT count(*) FROM people WHERE ssn = 'x');
  CREATE VIEW plain AS SELECT id, ssn FROM people;
  CREATE VIEW grouped AS SELECT id, name, upper(ssn) AS loud FROM people GROUP BY id;
  CREATE VIEW sums AS SELECT p.id, p.name, p.card, "T".title, max(p.ssn) AS most, count(*) AS n
    FROM people p LEFT JOIN teams "T" ON "T".id = p.team GROUP BY p.id, "T".id HAVING min(p.ssn) <> '1';
  CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
  CREATE TABLE mails (id int PRIMARY KEY, mail mail, ssn text);
  INSERT INTO mails VALUES (1, 'ada@example.org', '123-45-6789');
  CREATE VIEW written AS SELECT m.id, m.mail, upper(m.ssn) AS loud, count(*) AS n FROM mails m JOIN people p ON p.id = m.id GROUP BY m.id;
  CREATE VIEW lost AS SELECT name, (p).ssn AS s FROM (SELECT p, name FROM people p) q;
  CREATE VIEW listed AS SELECT relname, upper(ssn) AS loud FROM pg_class, people;
  CREATE MATERIALIZED VIEW stored AS SELECT id, upper(ssn) AS loud FROM people;
  CREATE VIEW d0 AS SELECT id, upper(ssn) AS loud, '${"x".repeat(3_000)}' AS long FROM people;
  ${Array.from({ length: 7 }, (_, i) => `CREATE VIEW d${i + 1} AS SELECT id, loud, long FROM d${i} UNION ALL SELECT id, loud, long FROM d${i};`).join(" ")}
  CREATE VIEW later AS SELECT id, upper(ssn) AS loud FROM people;
  CREATE VIEW changing AS SELECT id, upper(ssn) AS loud FROM people;
  CREATE SCHEMA other;
  CREATE VIEW other.likes AS SELECT id, ssn AS name FROM people WHERE id = 2;
  GRANT USAGE ON SCHEMA other TO app;
  GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO app;
  GRANT CREATE ON SCHEMA public TO app;
  REVOKE ALL ON owners FROM app;
`;
const LABELS = `
masks: { pii: redact, card: { mask: partial, show: 4 } }
columns:
  shop.public.people.ssn: pii
  shop.public.people.card: card
  shop.public.guarded.ssn: pii
  shop.public.owners.ssn: pii
  shop.public.mails.mail: pii
  shop.public.mails.ssn: pii
quarantine: off
notice: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("definers") permit (principal in Group::"definers", action in [Action::"define"], resource in Database::"shop");
@id("no-kinds") forbid (principal in Group::"narrow", action == Action::"select", resource == Table::"shop.public.kinds");
@id("reveal") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;

describe.each([15, 18] as const)("views that compute with masked columns of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-views-"));
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

  async function ask(sql: string, ...groups: readonly string[]) {
    const client = await connect(...groups);
    const answer = await client.query(sql);
    client.destroy();
    const names = answer.flatMap((message) =>
      message.type === "RowDescription" ? message.columns.map(({ name }) => name) : [],
    );
    return errorOf(answer) ?? { names, rows: rows(answer) };
  }

  const shown: readonly (readonly [
    sql: string,
    names: readonly string[],
    rows: readonly (readonly (string | null)[])[],
  ])[] = [
    [
      "SELECT * FROM computes WHERE id < 3",
      ["id", "loud", "long", "both"],
      [
        ["1", "[MASKED]", "8", "Ada:***1111"],
        ["2", "[MASKED]", "8", "Bob:***5559"],
      ],
    ],
    ["SELECT kind, count(*) FROM kinds GROUP BY kind", ["kind", "count"], [["other", "3"]]],
    ["TABLE computes LIMIT 0", ["id", "loud", "long", "both"], []],
    ["SELECT * FROM bosses", ["name", "title"], []],
    ["SELECT * FROM counts", ["what", "How many"], [["[masked]", "3"]]],
    ['SELECT c."How many" FROM public.counts c', ["How many"], [["3"]]],
    ["SELECT o.* FROM over AS o WHERE o.id = 1", ["id", "louder", "kind"], [["1", "[MASKED]!", "other"]]],
    ["SELECT * FROM renamed LIMIT 1", ["n", "Secret"], [["1", "[masked]"]]],
    ["SELECT * FROM renamed AS r (a) WHERE a = 2", ["a", "Secret"], [["2", "[masked]"]]],
    ["SELECT turned FROM ctes WHERE id = 1", ["turned"], [["]deksam["]]],
    [
      "SELECT * FROM sides ORDER BY 1",
      ["title", "first"],
      [
        ["one", "[masked]"],
        ["two", "[masked]"],
      ],
    ],
    ["SELECT count(*) FROM sets", ["count"], [["4"]]],
    [
      "SELECT * FROM ranks ORDER BY id LIMIT 2",
      ["id", "place", "before"],
      [
        ["1", "1", null],
        ["2", "1", "[masked]"],
      ],
    ],
    ["SELECT loud FROM invoker WHERE id = 1", ["loud"], [["[MASKED]"]]],
    ["SELECT k FROM kinds k WHERE id = 1", ["k"], [["(1,other)"]]],
    ["SELECT row_to_json(kinds) FROM kinds WHERE id = 1", ["row_to_json"], [['{"id":1,"kind":"other"}']]],
    ["SELECT p FROM wholes LIMIT 1", ["p"], [["(1,Ada,[masked],***1111,1)"]]],
    ["SELECT * FROM grouped WHERE id = 1", ["id", "name", "loud"], [["1", "Ada", "[MASKED]"]]],
    [
      "SELECT * FROM sums WHERE id = 1",
      ["id", "name", "card", "title", "most", "n"],
      [["1", "Ada", "***1111", "one", "[masked]", "1"]],
    ],
    ["SELECT * FROM written", ["id", "mail", "loud", "n"], [["1", "[masked]", "[MASKED]", "1"]]],
    ["SELECT s FROM lost LIMIT 1", ["s"], [["[masked]"]]],
    ["SELECT ssn FROM plain WHERE id = 1", ["ssn"], [["[masked]"]]],
    ["SELECT loud FROM stored WHERE id = 1", ["loud"], [["[masked]"]]],
    ["SELECT (SELECT kind FROM kinds k WHERE k.id = p.id) FROM people p WHERE p.id = 1", ["kind"], [["other"]]],
    ["WITH kinds AS (SELECT 7 AS id) SELECT * FROM kinds", ["id"], [["7"]]],
    ["SELECT a.kind FROM kinds a JOIN kinds b USING (id) WHERE id = 2", ["kind"], [["other"]]],
    ["SELECT kind FROM computes NATURAL JOIN kinds WHERE id = 2", ["kind"], [["other"]]],
    ["SELECT count(*) FROM public.likes", ["count"], [["0"]]],
  ];
  it.each(shown)("are computed with masks: %s", async (sql, names, expected) => {
    expect(await ask(sql)).toEqual({ names, rows: expected });
  });

  it("are as they are for those to whom the label is revealed", async () => {
    expect(await ask("SELECT id FROM likes", "seers")).toEqual({ names: ["id"], rows: [["1"]] });
  });

  /** The words of a refusal. */
  async function refusalOf(sql: string, ...groups: readonly string[]) {
    const client = await connect(...groups);
    const answer = await client.query(sql);
    client.destroy();
    for (const message of answer) {
      if (message.type !== "ErrorResponse") continue;
      const { code, message: text, detail = "" } = reportOf(message.fields);
      return `${code} ${text}: ${detail}`;
    }
    return null;
  }

  const refused: readonly (readonly [sql: string, refusal: RegExp])[] = [
    ["SELECT * FROM barrier", /^42501 view "public.barrier" .*security barrier/],
    ["SELECT * FROM secured", /^42501 view "public.secured" .*row-level security/],
    ["SELECT * FROM owned", /^42501 view "public.owned" .*the gateway's role may not/],
    ["SELECT * FROM below", /^42501 view "public.below" .*It reads "public.barrier". It is a security barrier/],
    ["SELECT * FROM listed", /^42501 view "public.listed" .*server's own catalogs/],
    ["SELECT loud FROM d7", /^42501 view "public.d7" .*too long/],
    ["SELECT * FROM likes", /^0A000 "likes" without a schema/],
    ["SELECT * FROM ONLY computes", /^0A000 .*ONLY/],
    ["PREPARE p AS SELECT * FROM computes; EXECUTE p", /^42501 view "public.computes" .*PREPARE/],
    ["CREATE VIEW mine AS SELECT * FROM computes", /^42501 /],
    ["UPDATE computes SET id = 1 WHERE loud LIKE '1%'", /^42501 /],
    ["SELECT nothing FROM computes", /^42703 column "nothing" does not exist/],
  ];
  it.each(refused)("are refused where they cannot be, with why: %s", async (sql, refusal) => {
    expect(await refusalOf(sql, "definers")).toMatch(refusal);
  });

  it("are computed with masks in a cursor, EXPLAIN, COPY and a copy of them", async () => {
    const client = await connect("definers");
    await client.query("BEGIN");
    const answers = [
      await client.query("DECLARE c CURSOR FOR SELECT loud FROM computes WHERE id = 1; FETCH c"),
      await client.query("EXPLAIN (COSTS off) SELECT kind FROM kinds"),
      await client.query("COPY (SELECT loud FROM computes WHERE id = 1) TO STDOUT"),
      await client.query("SELECT 1 AS one, loud FROM computes WHERE id = 1; SELECT kind FROM kinds WHERE id = 1"),
      await client.query("CREATE TEMP TABLE mine AS SELECT loud FROM computes WHERE id = 1"),
      await client.query("TABLE mine"),
    ];
    await client.query("ROLLBACK");
    client.destroy();
    expect(answers.map((answer) => errorOf(answer) ?? rows(answer))).toEqual([
      [["[MASKED]"]],
      [["Seq Scan on people postern_source"]],
      [],
      [["1", "[MASKED]"], ["other"]],
      [],
      [["[MASKED]"]],
    ]);
    const copied = answers[2]?.flatMap((message) =>
      message.type === "CopyData" ? [Buffer.from(message.data).toString()] : [],
    );
    expect(copied).toEqual(["[MASKED]\n"]);
  });

  const parse = (statement: string, sql: string) => (writer: Parameters<typeof encodeSync>[0]) =>
    encodeParse(writer, { statement, query: new TextEncoder().encode(sql), parameterTypes: [] });
  const bind =
    (statement: string, ...values: readonly string[]) =>
    (writer: Parameters<typeof encodeSync>[0]) => {
      const parameters = values.map((value) => new TextEncoder().encode(value));
      encodeBind(writer, { portal: "", statement, parameterFormats: [], parameters, resultFormats: [] });
    };
  const execute = (writer: Parameters<typeof encodeSync>[0]) => encodeExecute(writer, { portal: "", maxRows: 0 });

  it("are computed with masks in prepared statements, with parameters, however often", async () => {
    const client = await connect();
    client.send(parse("s", "SELECT id, loud FROM computes WHERE id > $1 AND loud = $2 ORDER BY id"));
    client.send(bind("s", "1", "[MASKED]"), execute, bind("s", "0", "[MASKED]"), execute, encodeSync);
    const first = await client.until("ReadyForQuery");
    client.send(bind("s", "0", "123-45-6789"), execute, encodeSync);
    const second = await client.until("ReadyForQuery");
    client.send(parse("", "SELECT loud, oops FROM computes"), bind(""), execute, encodeSync);
    const failed = await client.until("ReadyForQuery");
    const after = await client.query("SELECT 1");
    client.destroy();

    const all = ["1", "2"].map((id) => [id, "[MASKED]"]);
    expect(rows(first)).toEqual([["2", "[MASKED]"], ["3", "[MASKED]"], ...all, ["3", "[MASKED]"]]);
    expect(rows(second)).toEqual([]);
    const reports = failed.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []));
    expect(reports).toMatchObject([{ code: "42703", position: "14" }]);
    expect(rows(after)).toEqual([["1"]]);
  });

  it("are prepared again when they have been defined anew", async () => {
    const client = await connect();
    client.send(parse("s", "SELECT loud FROM changing WHERE id = 1"), bind("s"), execute, encodeSync);
    const first = await client.until("ReadyForQuery");
    await postgres.psql("CREATE OR REPLACE VIEW changing AS SELECT id, lower(ssn) AS loud FROM people", "shop");
    client.send(bind("s"), execute, encodeSync);
    const second = await client.until("ReadyForQuery");
    const third = await client.query("SELECT loud FROM changing WHERE id = 1");
    client.destroy();

    expect([rows(first), errorOf(second), rows(third)]).toEqual([[["[MASKED]"]], "0A000", [["[masked]"]]]);
  });

  it("are looked at anew when they have become a security barrier", async () => {
    expect(await ask("SELECT loud FROM later WHERE id = 1")).toMatchObject({ rows: [["[MASKED]"]] });
    await postgres.psql("ALTER VIEW later SET (security_barrier)", "shop");
    const first = await refusalOf("SELECT loud FROM later WHERE id = 1");
    const second = await refusalOf("SELECT loud FROM later WHERE id = 1");

    expect(first).toMatch(/^(0A000 cached plan|42501 view "public.later" .*security barrier)/);
    expect(second).toMatch(/^42501 view "public.later" .*security barrier/);
  });

  it("ask policy for the view as well as for what it reads, and are recorded by both", async () => {
    const before = (await logEntries(gateway)).length;
    expect(await refusalOf("SELECT louder FROM over", "narrow")).toMatch(
      /^42501 policy does not permit select on .*kinds/,
    );
    expect(await ask("SELECT loud FROM computes WHERE id = 1")).toMatchObject({ rows: [["[MASKED]"]] });
    const entries = (await logEntries(gateway)).slice(before);
    const [, decided] = entries.filter(({ type }) => type === "statement.decided");

    expect(JSON.stringify(decided)).toContain("shop.public.computes");
    expect(JSON.stringify(decided)).toContain("shop.public.people");
    expect(decided).toMatchObject({ masked: ["card", "pii"] });
  });

  it("mean the session's own table where it has one of that name", async () => {
    const client = await connect("definers");
    const answers = [
      await client.query("CREATE TEMP TABLE kinds AS SELECT 'mine' AS kind"),
      await client.query("SELECT kind FROM kinds"),
      await client.query("SELECT kind FROM public.kinds WHERE id = 1"),
    ];
    client.destroy();
    expect(answers.map((answer) => errorOf(answer) ?? rows(answer))).toEqual([[], "0A000", [["other"]]]);
  });

  it("are not taken for a table of the session's own that has the name of a view which another reads", async () => {
    const client = await connect("definers");
    const made = await client.query("CREATE TEMP TABLE computes AS SELECT 7 AS id, 'x' AS loud");
    expect(errorOf(made)).toBe(null);
    const answers = [
      await client.query("SELECT c.id, o.id FROM computes c, over o"),
      await client.query("SELECT c.id FROM computes c, public.computes o"),
      await client.query("SELECT count(*) FROM computes"),
    ];
    client.destroy();
    expect(answers.map((answer) => errorOf(answer) ?? rows(answer))).toEqual(["0A000", "0A000", "0A000"]);
  });

  it("are not put in for a transaction that has defined something", async () => {
    const client = await connect("definers");
    await client.query("BEGIN");
    await client.query("CREATE VIEW mine AS SELECT 1 AS one");
    const answer = await client.query("SELECT kind FROM kinds LIMIT 1");
    await client.query("ROLLBACK");
    const after = await client.query("SELECT kind FROM kinds LIMIT 1");
    client.destroy();
    // 0A000 where the catalog has been read anew meanwhile: the temporary table of the session before is gone.
    expect(["42501", "0A000"]).toContain(errorOf(answer));
    expect(rows(after)).toEqual([["other"]]);
  });

  it("are put in anew where they were defined anew meanwhile: who sent a string has nothing to prepare again", async () => {
    const client = await connect();
    const owner = new pg.Client({ connectionString: postgres.url("shop") });
    await owner.connect();
    await owner.query(
      "CREATE VIEW turned AS SELECT id, CASE WHEN ssn LIKE '1%' THEN 'old' ELSE 'old other' END AS kind FROM people",
    );
    await owner.query("GRANT SELECT ON turned TO app");
    const text = "SELECT kind FROM turned WHERE id = 1";
    expect(rows(await client.query(text))).toEqual([["old other"]]);

    await owner.query("BEGIN; LOCK TABLE people");
    await owner.query(
      "CREATE OR REPLACE VIEW turned AS SELECT id, CASE WHEN ssn LIKE '1%' THEN 'new' ELSE 'new other' END AS kind FROM people",
    );
    const answer = client.query(text);
    for (;;) {
      const waiting = await owner.query(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation IN ('people'::regclass, 'turned'::regclass)",
      );
      if (waiting.rowCount !== 0) break;
    }
    await owner.query("COMMIT");

    expect([errorOf(await answer), rows(await answer)]).toEqual([null, [["new other"]]]);
    client.destroy();
    await owner.query("DROP VIEW turned");
    await owner.end();
  });
});
