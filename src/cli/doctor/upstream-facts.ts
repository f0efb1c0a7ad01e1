/** What the upstream says of itself and of the role that Postern logs in as. Asks, judges nothing: see upstream.ts. */

import { readFile } from "node:fs/promises";
import { checkServerIdentity } from "node:tls";
import pg from "pg";
import { z } from "zod";
import { type PostureFinding, posture } from "../../upstream/posture.ts";
import type { UpstreamTarget } from "../../upstream/target.ts";

const LIMIT_MS = 10_000;

const Facts = z.object({
  version: z.coerce.number(),
  logStatement: z.string(),
  logMinDuration: z.string(),
  /** Our address as the server sees it; null on a Unix socket. */
  clientAddress: z.string().nullable(),
  mayReadHba: z.boolean(),
});
export type UpstreamFacts = z.infer<typeof Facts>;

const QUERY = `
  SELECT current_setting('server_version_num') AS version,
    current_setting('log_statement') AS "logStatement",
    current_setting('log_min_duration_statement') AS "logMinDuration",
    host(pg_catalog.inet_client_addr()) AS "clientAddress",
    pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')
      AND pg_catalog.has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT') AS "mayReadHba"`;

const HbaRule = z.object({
  type: z.string().nullable(),
  database: z.array(z.string()).nullable(),
  user: z.array(z.string()).nullable(),
  address: z.string().nullable(),
  netmask: z.string().nullable(),
  method: z.string().nullable(),
});
export type HbaRule = z.infer<typeof HbaRule>;

const HBA_QUERY = `
  SELECT type, database, user_name AS user, address, netmask, auth_method AS method
  FROM pg_catalog.pg_hba_file_rules WHERE error IS NULL ORDER BY line_number`;

export interface UpstreamAnswers {
  readonly facts: UpstreamFacts;
  readonly posture: readonly PostureFinding[];
  /** pg_hba.conf in its order; undefined where the role may not read it. */
  readonly hba: readonly HbaRule[] | undefined;
}

/** Logs in as the gateway would and asks. @throws what the connection or the server says. */
export async function askUpstream(target: UpstreamTarget): Promise<UpstreamAnswers> {
  const client = new pg.Client(await clientConfig(target));
  client.on("error", () => undefined); // a connection that breaks between two queries: the next query says so
  await client.connect();
  try {
    const facts = Facts.parse((await client.query(QUERY)).rows[0]);
    const hba = facts.mayReadHba ? z.array(HbaRule).parse((await client.query(HBA_QUERY)).rows) : undefined;
    return { facts, posture: await posture((sql) => rowsAsText(client, sql)), hba };
  } finally {
    await client.end();
  }
}

const Rows = z.array(z.array(z.string().nullable()));

async function rowsAsText(client: pg.Client, text: string): Promise<z.infer<typeof Rows>> {
  const asWritten = { getTypeParser: () => (value: string) => value };
  const result: unknown = (await client.query({ text, rowMode: "array", types: asWritten })).rows;
  return Rows.parse(result);
}

async function clientConfig(target: UpstreamTarget): Promise<pg.ClientConfig> {
  const { host, port, database, user, password } = target;
  return {
    host,
    port,
    database,
    user,
    ...(password === undefined ? {} : { password: password.reveal() }),
    ssl: await tlsOptions(target),
    connectionTimeoutMillis: target.connectTimeoutMs,
    query_timeout: LIMIT_MS,
    application_name: "postern doctor",
  };
}

async function tlsOptions({ host, tls }: UpstreamTarget): Promise<pg.ClientConfig["ssl"]> {
  if (tls.mode === "disable") return false;
  const name = tls.serverName ?? host;
  return {
    ...(tls.caPath === undefined ? {} : { ca: await readFile(tls.caPath) }),
    ...(tls.certPath === undefined ? {} : { cert: await readFile(tls.certPath) }),
    ...(tls.keyPath === undefined ? {} : { key: await readFile(tls.keyPath) }),
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate), // pg knows no other name than the host
  };
}
