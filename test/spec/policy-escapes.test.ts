/** Ways around the policy: none of them does what is forbidden, shows it, or has it on record as permitted. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { lastSession } from "../support/log-entries.ts";
import { CANARY, COMES_THROUGH, ESCAPE_SQL } from "../support/policy-escape-texts.ts";
import { ESCAPES } from "../support/policy-escapes.ts";
import { connectTo, decidedOf, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import { POSTGRES_VERSIONS, type TestPostgres } from "../support/postgres.ts";
import { RawClient } from "../support/raw-client.ts";

/** What agents may not change, whatever else happens. */
const FORBIDDEN = `SELECT (SELECT string_agg(format('%s %s', id, body), ',' ORDER BY id) FROM notes),
  (SELECT count(*) FROM payments), (SELECT count(*) FROM audit.trail), (SELECT count(*) FROM orders WHERE memo = 'touched'),
  (SELECT sum(pay) FROM hr.salaries), (SELECT count(*) FROM pg_class WHERE relname IN ('x', 'watched')),
  (SELECT count(*) FROM pg_class WHERE relname = 'orders' AND relacl::text LIKE '%,=%')`;

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

const pending = new Set([...COMES_THROUGH.values()].flat());

describe.each(versions)("an escape before PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  let untouched = "";
  let undo: string | undefined;
  const asOwner = (sql: string) => postgres.psql(sql, "shop");

  beforeAll(async () => {
    postgres = await startShop(version);
    await asOwner(ESCAPE_SQL);
    gateway = await startShopGateway(postgres);
    untouched = await asOwner(FORBIDDEN);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });
  afterEach(async () => {
    if (undo !== undefined) await asOwner(undo);
    undo = undefined;
    if ((await asOwner(FORBIDDEN)) === untouched) return;
    // One that came through must not hide the next.
    await asOwner("TRUNCATE notes, audit.trail; INSERT INTO notes VALUES (1, 'first'), (2, 'second')");
    untouched = await asOwner(FORBIDDEN);
  });

  it.each(
    ESCAPES.filter(({ name }) => !pending.has(name)).map((each) => [each.name, each] as const),
  )("does nothing that is forbidden: %s", async (_, each) => {
    undo = each.undo;
    const client = await connectTo(gateway);
    const answer = await each.attack(client, asOwner);
    client.destroy();
    const permitted = decidedOf(await lastSession(gateway)).filter(({ verdict }) => verdict === "permitted");

    expect(await asOwner(FORBIDDEN)).toBe(untouched);
    expect(Buffer.concat(answer.flatMap(bytesOf)).toString("latin1")).not.toMatch(CANARY);
    if (each.mayRun !== true) expect(errorOf(answer) === null).toBe(each.harmless === true);
    const requests = permitted.flatMap(({ requests }) => requests);
    expect(requests.filter(({ decision }) => decision !== "permit")).toEqual([]);
    expect(requests.map(({ action, resource }) => `${action} ${resource}`).filter(isForbidden)).toEqual([]);
  });

  for (const [why, names] of COMES_THROUGH) it.skip.each(names)(`${why}: %s`, () => {});

  it.each([
    { client_encoding: "LATIN1" },
    { client_encoding: "SJIS" },
    { options: "-c search_path=hr" },
    { search_path: "hr" },
    { options: "-c client_min_messages=error" },
    { options: "-c debug_print_rewritten=off" },
    { debug_pretty_print: "on" },
    { role: "postgres" },
    { session_authorization: "postgres" },
    { options: "-c row_security=off" },
    { options: "-c standard_conforming_strings=off" },
  ])("does nothing that is forbidden, begun with %j", async (parameters) => {
    const client = await RawClient.connect(gateway);
    const greeting = await client.login(
      { user: gateway.role, database: gateway.database, ...parameters },
      await gateway.token(),
    );
    const answer =
      errorOf(greeting) === null
        ? await client.query("SELECT * FROM salaries; SELECT '\\'; DELETE FROM notes; --'")
        : [];
    const more = errorOf(greeting) === null ? await client.query("SELECT * FROM hr.salaries") : [];
    client.destroy();

    expect([errorOf(greeting), errorOf(answer), errorOf(more)].some((code) => code !== null)).toBe(true);
    expect(Buffer.concat([...answer, ...more].flatMap(bytesOf)).toString("latin1")).not.toMatch(CANARY);
    expect(await asOwner(FORBIDDEN)).toBe(untouched);
  });
});

function isForbidden(request: string): boolean {
  if (/^(select|copyOut|set|call) /.test(request)) return request.includes(":shop.hr.") || request.includes("peek_pay");
  return !/^(insert|update) table:shop\.public\.orders(_id_seq)?$/.test(request);
}

function bytesOf(message: BackendMessage): Uint8Array[] {
  if (message.type === "DataRow") return message.values.flatMap((value) => (value === null ? [] : [value]));
  if (message.type === "CopyData") return [message.data];
  if (message.type === "ErrorResponse" || message.type === "NoticeResponse")
    return [Buffer.from([...message.fields.values()].join("\n"))];
  return [];
}
