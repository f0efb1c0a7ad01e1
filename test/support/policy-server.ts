/** A server with the shop of test/policy-cases in it, and what it says itself of a statement: the truth that the table is held against. */

import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { shopSql } from "../policy-cases/all-cases.ts";
import type { PolicyCase } from "../policy-cases/policy-case.ts";
import { type PostgresVersion, startPostgres, type TestPostgres } from "./postgres.ts";
import { RawClient } from "./raw-client.ts";

/** The upstream role of gateways over this server: an ordinary one, that owns nothing. */
export const SHOP_ROLE = { user: "shop_app", password: "shop-app-password" } as const;
const CHECKER = { user: "checker", password: "checker-password" } as const;

export async function startShop(version: PostgresVersion): Promise<TestPostgres> {
  const postgres = await startPostgres({
    version,
    hba: ["host all checker 127.0.0.1/32 password", "host all all 127.0.0.1/32 scram-sha-256"],
  });
  await postgres.psql(`CREATE ROLE shop_app LOGIN PASSWORD '${SHOP_ROLE.password}'`);
  await postgres.psql(`CREATE ROLE checker LOGIN SUPERUSER PASSWORD '${CHECKER.password}'`);
  await postgres.psql("CREATE DATABASE shop");
  await postgres.psql(await shopSql(), "shop");
  return postgres;
}

/** What the server does with a statement of the table. */
export interface Truth {
  /** SQLSTATE, null where it ran. */
  readonly error: string | null;
  /** As PolicyCase has them, of relations and functions that are not the server's own. Null: it printed no tree of a query. */
  readonly requests: readonly string[] | null;
}

/** A superuser's session that shows the server's rewritten trees. */
export class ShopTruth {
  readonly #client: RawClient;
  readonly #names: ReadonlyMap<string, string>;

  private constructor(client: RawClient, names: ReadonlyMap<string, string>) {
    this.#client = client;
    this.#names = names;
  }

  static async open(postgres: TestPostgres): Promise<ShopTruth> {
    const names = new Map(
      (await postgres.psql(NAMES, "shop")).split("\n").map((line) => {
        const [oid, name] = line.split("|");
        return [oid ?? "", name ?? ""] as const;
      }),
    );
    const client = await RawClient.connect(postgres);
    const keys = { debug_print_rewritten: "on", debug_pretty_print: "off", client_min_messages: "log" };
    await client.login({ user: CHECKER.user, database: "shop", ...keys }, CHECKER.password);
    return new ShopTruth(client, names);
  }

  /** Runs it in a transaction that is rolled back. */
  async of({ sql, setup, truthAs }: PolicyCase): Promise<Truth> {
    const before = ["BEGIN", ...(setup ?? []), ...(truthAs === undefined ? [] : [`SET LOCAL ROLE ${truthAs}`])];
    for (const text of before) {
      const failed = errorOf(await this.#client.query(text));
      if (failed !== null) throw new Error(`${text}: ${failed}`);
    }
    const temporary = new Map<string, string>();
    if (setup?.some((text) => text.includes("TEMP"))) {
      const found = await this.#client.query("SELECT oid, relname FROM pg_class WHERE relpersistence = 't'");
      for (const message of found) {
        if (message.type !== "DataRow") continue;
        const [oid, name] = message.values.map((value) => Buffer.from(value ?? []).toString());
        temporary.set(oid ?? "", `table:shop.pg_temp.${name}`);
      }
    }
    const answer = await answerOf(this.#client, sql);
    await this.#client.query("ROLLBACK");
    await this.#client.query("RESET ALL; DEALLOCATE ALL; CLOSE ALL; UNLISTEN *");
    const trees = answer.flatMap(treeOf).filter((tree) => !/^\(\{QUERY\s+:commandType\s+6\s/.test(tree));
    const name = (oid: string) => temporary.get(oid) ?? this.#names.get(oid);
    return {
      error: errorOf(answer),
      requests: trees.length === 0 ? null : [...new Set(trees.flatMap((tree) => requestsOf(tree, name)))].sort(),
    };
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Sends one string; a COPY FROM STDIN gets no rows. */
export async function answerOf(client: RawClient, sql: string): Promise<BackendMessage[]> {
  const messages: BackendMessage[] = [];
  client.send(queryMessage(sql));
  for (let message = await client.next(); message !== null; message = await client.next()) {
    messages.push(message);
    if (message.type === "CopyInResponse") client.send((w) => w.empty(0x63));
    if (message.type === "ReadyForQuery") break;
  }
  return messages;
}

function queryMessage(sql: string): Uint8Array {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.alloc(5, "Q");
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}

export function errorOf(messages: readonly BackendMessage[]): string | null {
  for (const message of messages) if (message.type === "ErrorResponse") return reportOf(message.fields).code;
  return null;
}

/** Trees of the statement itself: those of functions that it runs come with a context. */
function treeOf(message: BackendMessage): string[] {
  if (message.type !== "NoticeResponse") return [];
  const text = (key: string) => {
    const field = message.fields.get(key);
    return field === undefined ? undefined : String(field);
  };
  if (text("M") !== "rewritten parse tree:" || text("W") !== undefined) return [];
  return [text("D") ?? ""];
}

const NAMES = `SELECT oid, 'table:shop.' || relnamespace::regnamespace || '.' || relname FROM pg_class
  WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
  UNION ALL SELECT oid, 'function:shop.' || pronamespace::regnamespace || '.' || proname || '(' || oidvectortypes(proargtypes) || ')'
  FROM pg_proc WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`;

/** AclMode of the server, as requests say it. */
const PERMISSIONS = [
  [1, "insert"],
  [2, "select"],
  [4, "update"],
  [8, "delete"],
] as const;

/** What the executor will check and run, read in the crudest way: names in the table's statements are no traps for it. */
function requestsOf(tree: string, name: (oid: string) => string | undefined): string[] {
  const requests: string[] = [];
  const add = (action: string, oid: string) => {
    const found = name(oid);
    if (found !== undefined) requests.push(`${action} ${found}`);
  };
  const flat = tree.replaceAll(/\s+/g, " ");
  const relations = flat.includes(":rteperminfos")
    ? flat.matchAll(/\{RTEPERMISSIONINFO :relid (\d+) :inh \w+ :requiredPerms (\d+)/g)
    : flat.matchAll(/:relid (\d+) :relkind .*?:requiredPerms (\d+)/g);
  for (const [, oid = "", bits] of relations) {
    for (const [bit, action] of PERMISSIONS) if ((Number(bits) & bit) !== 0) add(action, oid);
  }
  for (const [, oid = ""] of flat.matchAll(/:(?:funcid|aggfnoid|winfnoid|opfuncid) (\d+)/g)) add("call", oid);
  return requests;
}
