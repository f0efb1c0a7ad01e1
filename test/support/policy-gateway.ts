/** A gateway over the shop of test/policy-cases with its policy in force, and what becomes of statements sent through it. */

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { encodeTerminate } from "../../src/wire/extended.ts";
import { POLICY_FOLDER } from "../policy-cases/all-cases.ts";
import { LISTED_FUNCTIONS } from "../policy-cases/listed-functions.ts";
import type { PolicyCase } from "../policy-cases/policy-case.ts";
import { functionListings } from "./function-listings.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import type { LogEntry } from "./log-entries.ts";
import { answerOf, errorOf, SHOP_ROLE } from "./policy-server.ts";
import type { TestPostgres } from "./postgres.ts";
import { RawClient } from "./raw-client.ts";

export interface ShopGateway extends TestGateway {
  /** Of functions whose arguments have names, `f(a integer)` to `f(integer)`. */
  readonly signatures: ReadonlyMap<string, string>;
}

/** @param postgres of startShop(). @param config more of the configuration. */
export async function startShopGateway(
  postgres: TestPostgres,
  config: Readonly<Record<string, unknown>> = {},
): Promise<ShopGateway> {
  const policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
  await cp(POLICY_FOLDER, policy, { recursive: true });
  await writeFile(
    join(policy, "functions.yaml"),
    await functionListings(postgres, "shop", (signature) => LISTED_FUNCTIONS.includes(signature)),
  );
  const gateway = await startGateway({ postgres, database: "shop", role: SHOP_ROLE, config: { ...config, policy } });
  const stop = async () => {
    await gateway.stop();
    await rm(policy, { recursive: true, force: true });
  };
  const lines = (await postgres.psql(SIGNATURES, "shop")).split("\n").map((line) => line.split("|"));
  const signatures = new Map(lines.map(([from = "", to = ""]) => [from, to]));
  return { ...gateway, signatures, stop, [Symbol.asyncDispose]: stop };
}

const SIGNATURES = `SELECT name || '(' || pg_get_function_identity_arguments(oid) || ')', name || '(' || oidvectortypes(proargtypes) || ')'
  FROM (SELECT *, 'function:shop.' || pronamespace::regnamespace || '.' || proname AS name FROM pg_proc) p WHERE oid >= 16384`;

/** @param group of the agent beside that of all agents, which the upstream role asks for. */
export async function connectTo(gateway: TestGateway, group?: string): Promise<RawClient> {
  const client = await RawClient.connect(gateway);
  const greeting = await client.login(
    { user: gateway.role, database: gateway.database },
    await gateway.token({ groups: ["agents", ...(group === undefined ? [] : [group])] }),
  );
  if (errorOf(greeting) !== null) throw new Error(`login: ${errorOf(greeting)}`);
  return client;
}

export interface CaseOutcome {
  /** The first that failed of what had to be done before; null: none. */
  readonly setupError: string | null;
  /** SQLSTATE; null where it ran. "none": no answer in time. */
  readonly error: string | null;
  readonly answer: readonly BackendMessage[];
}

const ANSWER_MS = 10_000;

/** Each case in a session and a transaction of its own, which is left to end with it. */
export async function runCase(
  gateway: ShopGateway,
  { sql, setup = [], as, committed }: PolicyCase,
): Promise<CaseOutcome> {
  const client = await connectTo(gateway, as);
  try {
    for (const text of committed === true ? [...setup, "BEGIN"] : ["BEGIN", ...setup]) {
      const failed = errorOf(await client.query(text));
      if (failed !== null) return { setupError: `${text}: ${failed}`, error: null, answer: [] };
    }
    const answer = await Promise.race([answerOf(client, sql), silence()]);
    return { setupError: null, error: answer === null ? "none" : errorOf(answer), answer: answer ?? [] };
  } finally {
    client.send(encodeTerminate);
    await Promise.race([client.rest(), silence()]);
    client.destroy();
  }
}

function silence(): Promise<null> {
  return new Promise((resolve) => void setTimeout(() => resolve(null), ANSWER_MS).unref());
}

const Decided = z.looseObject({
  verdict: z.enum(["permitted", "refused"]),
  class: z.string(),
  requests: z.array(
    z.looseObject({ action: z.string(), resource: z.string(), decision: z.string(), policies: z.array(z.string()) }),
  ),
});
export type DecidedEntry = z.infer<typeof Decided>;

/** What is on record of one session's statements, in order. */
export function decidedOf(entries: readonly LogEntry[]): DecidedEntry[] {
  return entries.filter(({ type }) => type === "statement.decided").map((entry) => Decided.parse(entry));
}

/** Sessions of a log, as they opened. */
export function sessionsOf(entries: readonly LogEntry[]): LogEntry[][] {
  const sessions = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    if (entry.session === undefined) continue;
    const known = sessions.get(entry.session);
    if (known === undefined) sessions.set(entry.session, [entry]);
    else known.push(entry);
  }
  return [...sessions.values()];
}

/** As PolicyCase writes them: by argument types alone, and one name for every session's temporary schema. */
export function requestsOn(entry: DecidedEntry, { signatures }: ShopGateway): string[] {
  const texts = entry.requests.map(({ action, resource }) => {
    const plain = signatures.get(resource) ?? resource;
    return `${action} ${plain.replace(/:shop\.pg_temp_\d+/, ":shop.pg_temp")}`;
  });
  return [...new Set(texts)].sort();
}
