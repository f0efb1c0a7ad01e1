/** The table of test/policy-cases sent through a gateway: what it judges, what it puts on record, and what it lets through. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POLICY_CASES } from "../policy-cases/all-cases.ts";
import { type PolicyCase, requestTexts } from "../policy-cases/policy-case.ts";
import { logEntries } from "../support/log-entries.ts";
import {
  type CaseOutcome,
  type DecidedEntry,
  decidedOf,
  requestsOn,
  runCase,
  type ShopGateway,
  sessionsOf,
  startShopGateway,
} from "../support/policy-gateway.ts";
import { startShop } from "../support/policy-server.ts";
import { POSTGRES_VERSIONS, type TestPostgres } from "../support/postgres.ts";

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

describe.each(versions)("a statement of the table through a gateway before PostgreSQL %i", (version) => {
  /** Servers' errors need no gateway to be seen; what is not to be run on a server is judged by one all the same. */
  const cases = POLICY_CASES.filter((each) => each.majors?.includes(version) ?? true).filter(
    ({ pending, unsent, verdict }) => pending === undefined && (unsent === undefined || verdict !== "permit"),
  );
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  let before = "";
  const outcomes = new Map<PolicyCase, CaseOutcome>();
  const recorded = new Map<PolicyCase, DecidedEntry | undefined>();

  beforeAll(async () => {
    postgres = await startShop(version);
    gateway = await startShopGateway(postgres);
    before = await stateOf(postgres);
    for (const each of cases) outcomes.set(each, await runCase(gateway, each));
    const sessions = sessionsOf(await logEntries(gateway));
    for (const [i, each] of cases.entries()) recorded.set(each, decidedOf(sessions[i] ?? []).at(-1));
  }, 300_000);
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  it.each(cases.map((each) => [each.sql, each] as const))("is judged by what it does: %s", (_, each) => {
    const outcome = outcomes.get(each);
    const entry = recorded.get(each);

    expect(outcome?.setupError).toBe(null);
    // What the grammar refuses is no statement: it is answered as the server would.
    if (each.error === "42601") return expect(outcome?.error).toBe("42601");
    if (each.verdict === "permit") {
      expect([entry?.verdict, outcome?.error]).toEqual(["permitted", each.roleError ?? null]);
    } else {
      expect(entry?.verdict).toBe("refused");
      expect(each.verdict === "deny" ? ["42501"] : ["42501", "0A000"]).toContain(outcome?.error);
    }
    if (each.requests !== null && each.verdict !== "never" && entry !== undefined) {
      const planned = each.planned === undefined ? [] : requestTexts(each.planned);
      expect(requestsOn(entry, gateway)).toEqual([...new Set([...each.requests, ...planned])].sort());
    }
  });

  it("leaves the shop as it was", async () => {
    expect(await stateOf(postgres)).toBe(before);
  });
});

const TABLES =
  `customers orders payments notes members messages watched frozen tickets events vehicles hr.customers hr.orders
  hr.salaries audit.trail`.split(/\s+/);

/** Rows, definitions and grants: what a statement that ran and was not rolled back would have changed. */
async function stateOf(postgres: TestPostgres): Promise<string> {
  const rows = TABLES.map(
    (name) => `SELECT '${name}' AS x, md5(string_agg(t::text, ',' ORDER BY t::text)) AS y FROM ${name} t`,
  );
  const defined = `SELECT 'defined', md5(string_agg(x, ',' ORDER BY x)) FROM (
    SELECT format('%s %s %s', relname, relkind, relacl) FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT format('%s %s %s', proname, prosrc, proacl) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT rolname FROM pg_roles UNION ALL SELECT datname FROM pg_database) y (x)`;
  return postgres.psql(`${rows.join(" UNION ALL ")} UNION ALL ${defined}`, "shop");
}
