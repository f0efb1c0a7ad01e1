/**
 * A server with the schemas of test/vectors/catalog-queries/schema.sql, and an agent's statements against it as the gateway would
 * send them: spliced, their tree proved, then run. Beside it a twin in which what is hidden was never made.
 */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { Catalog } from "../../src/analysis/catalog.ts";
import { describeStatements } from "../../src/analysis/describe.ts";
import { Grammar } from "../../src/analysis/grammar.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { splice } from "../../src/masking/splice.ts";
import { askedIn, CatalogVisibility } from "../../src/masking/visibility/catalog-visibility.ts";
import { decideVisible } from "../../src/masking/visibility/decide-visible.ts";
import { compilePolicies } from "../../src/policy/compile.ts";
import type { PolicyContext, PolicyPrincipal } from "../../src/policy/policy-set.ts";
import { catalogOf } from "./catalogs.ts";
import { type PostgresVersion, startPostgres, type TestPostgres } from "./postgres.ts";
import { TreeClient } from "./query-trees.ts";

const VECTORS = fileURLToPath(new URL("../vectors/catalog-queries/", import.meta.url));
export const DATABASE = "d";

export const AGENT: PolicyPrincipal = {
  kind: "agent",
  id: "agent",
  issuer: "issuer",
  subject: "subject",
  groups: ["agents"],
  claims: {},
};
export const CONTEXT: PolicyContext = {
  approvedBy: [],
  hasWhere: true,
  matchesAll: false,
  inTransaction: false,
  via: "wire",
  hour: 12,
  weekday: 1,
  clientAddress: "127.0.0.1",
};
/** Catalogs are loaded under the name "test". */
export const SHOP_ALONE = `
permit (principal in Group::"agents", action in [Action::"read", Action::"call"], resource in Schema::"test.shop");
permit (principal in Group::"agents", action == Action::"select", resource in Schema::"test.public");`;

export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** What came of a statement: rows, or the refusal's words, or the server's error. */
export type Answer =
  | { readonly kind: "rows"; readonly names: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "error"; readonly message: string };

/** Fixtures of one version: tool -> its text. */
export function fixtures(version: PostgresVersion): readonly (readonly [tool: string, text: string])[] {
  const files = readdirSync(VECTORS).filter((name) => name.endsWith(`-${version}.sql`) || name.endsWith("-style.sql"));
  return files.map((name) => [name, readFileSync(`${VECTORS}${name}`, "utf8")] as const);
}

export class CatalogBench implements AsyncDisposable {
  readonly version: PostgresVersion;
  readonly server: TestPostgres;
  readonly twin: TestPostgres;
  readonly catalog: Catalog;
  readonly visibility: CatalogVisibility;
  readonly #grammar: Grammar;
  readonly #trees: TreeClient;
  readonly #client: pg.Client;
  readonly #direct: pg.Client;
  readonly #oids: ReadonlyMap<string, string>;

  private constructor(parts: {
    server: TestPostgres;
    twin: TestPostgres;
    catalog: Catalog;
    grammar: Grammar;
    trees: TreeClient;
    client: pg.Client;
    direct: pg.Client;
    oids: ReadonlyMap<string, string>;
    policy: string;
  }) {
    this.version = parts.server.version;
    this.server = parts.server;
    this.twin = parts.twin;
    this.catalog = parts.catalog;
    this.#grammar = parts.grammar;
    this.#trees = parts.trees;
    this.#client = parts.client;
    this.#direct = parts.direct;
    this.#oids = parts.oids;
    this.visibility = this.under(parts.policy);
  }

  static async start(version: PostgresVersion, policy = SHOP_ALONE): Promise<CatalogBench> {
    const sql = readFileSync(`${VECTORS}schema.sql`, "utf8");
    const make = async (schema: string): Promise<TestPostgres> => {
      const server = await startPostgres({ version, hba: ["host all all 127.0.0.1/32 trust"] });
      await server.psql("CREATE ROLE app LOGIN");
      await server.psql(`CREATE DATABASE ${DATABASE}`);
      const [shown = "", ...hidden] = schema.split("-- part 2");
      await server.psql(shown, DATABASE);
      if (hidden.length > 0) await server.psql(hidden.join(""), DATABASE);
      return server;
    };
    const server = await make(sql);
    const twin = await make(sql.split("-- part 2")[0] ?? "");
    const bench = new CatalogBench({
      server,
      twin,
      catalog: await catalogOf(server, DATABASE),
      grammar: await Grammar.load(version),
      trees: await TreeClient.connect(server.port, "app", DATABASE),
      client: await connect(server),
      direct: await connect(twin),
      oids: await oidsOf(server),
      policy,
    });
    await bench.learnObjects(bench.visibility);
    return bench;
  }

  under(policy: string): CatalogVisibility {
    const policies = compilePolicies([{ name: "p", text: policy }], { test: { environment: "prod" } });
    const visible = decideVisible({ catalog: this.catalog, policies, principal: AGENT, context: CONTEXT });
    return new CatalogVisibility(visible, this.version);
  }

  async learnObjects(visibility: CatalogVisibility): Promise<void> {
    const { rows } = await this.#client.query({ text: visibility.objectsQuery(), rowMode: "array" });
    visibility.learnObjects(rows.map(([name, oid]) => [String(name), Number(oid)] as const));
  }

  /** Statements of a fixture that have a query of their own, `{{catalog name}}` replaced; EXECUTE by what was prepared. */
  statements(fixture: string): readonly Statement[] {
    const prepared = new Map<string, string>();
    const found: Statement[] = [];
    for (const block of fixture.split(/;\n(?:\n|$)/)) {
      const given = /^-- parameters: (.*)\n/m.exec(block);
      const text = this.#withOids(block.replace(/^--.*\n/gm, "").trim());
      const values: (string | null)[] = JSON.parse(this.#withOids(given?.[1] ?? "[]"));
      const preparing = /^PREPARE (\w+)(?:\([^)]*\))? AS\s+([\s\S]*)$/.exec(text);
      const executing = /^EXECUTE (\w+)\((.*)\)$/.exec(text);
      if (preparing !== null) prepared.set(preparing[1] ?? "", preparing[2] ?? "");
      else if (executing !== null) {
        const inner = prepared.get(executing[1] ?? "") ?? "";
        found.push({
          text: inner,
          values: [...(executing[2] ?? "").matchAll(/'([^']*)'/g)].map(([, one]) => one ?? ""),
        });
      } else if (/^(SELECT|WITH|VALUES|\(|TABLE)/i.test(text)) found.push({ text, values });
    }
    return found;
  }

  /** As the gateway would send it. @param parse whether the spliced text is asked about; false: it is sent as it came. */
  async ask(
    { text, values }: Statement,
    options: { spliced?: boolean; visibility?: CatalogVisibility } = {},
  ): Promise<Answer> {
    const visibility = options.visibility ?? this.visibility;
    try {
      const sent = options.spliced === false ? text : this.spliced(text, visibility);
      const refusal = await this.prove(sent, visibility);
      if (refusal !== null) return { kind: "refused", message: refusal };
      return await run(this.#client, sent, values);
    } catch (error) {
      return { kind: "error", message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** On the server itself, as it came, with nothing in between. */
  async bare({ text, values }: Statement): Promise<Answer> {
    try {
      return await run(this.#client, text, values);
    } catch (error) {
      return { kind: "error", message: error instanceof Error ? error.message : String(error) };
    }
  }

  async oidOf(relation: string): Promise<number> {
    return Number(await this.server.psql(`SELECT '${relation}'::regclass::oid`, DATABASE));
  }

  /** In the twin, as it came. */
  async direct({ text, values }: Statement): Promise<Answer> {
    try {
      return await run(this.#direct, text, values);
    } catch (error) {
      return { kind: "error", message: error instanceof Error ? error.message : String(error) };
    }
  }

  spliced(text: string, visibility = this.visibility): string {
    const bytes = new TextEncoder().encode(text);
    const parsed = this.#grammar.parse(bytes);
    if (!parsed.ok) throw new Error(parsed.message);
    const [statement] = describeStatements(bytes, parsed.tree, (part) => this.#grammar.parse(part));
    if (statement === undefined) return text;
    const asked = askedIn(text);
    const made = splice(bytes, statement, ({ name }) => visibility.replace(name, ["$user", "public"], asked));
    return made === null ? text : new TextDecoder().decode(made.text);
  }

  /** Null: proven. */
  async prove(sent: string, visibility = this.visibility): Promise<string | null> {
    const queries = readQueryTree(await this.#trees.tree(sent), this.version);
    for (;;) {
      const verdict = visibility.prove(queries);
      if (verdict.kind === "proven") return null;
      if (verdict.kind === "refused") return verdict.error.message;
      for (const missing of verdict.texts) {
        visibility.learn(missing, await this.#trees.tree(CatalogVisibility.statementFor(missing)));
      }
    }
  }

  async tree(sent: string): Promise<Uint8Array> {
    return await this.#trees.tree(sent);
  }

  #withOids(text: string): string {
    return text.replace(/\{\{([^}]*)\}\}/g, (_, name: string) => this.#oids.get(name) ?? "0");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#trees[Symbol.dispose]();
    await this.#client.end();
    await this.#direct.end();
    await this.server.stop();
    await this.twin.stop();
  }
}

async function connect(server: TestPostgres): Promise<pg.Client> {
  const client = new pg.Client({ host: server.host, port: server.port, user: "app", database: DATABASE });
  await client.connect();
  return client;
}

/** Values as the server writes them: nothing is parsed by the driver. */
const AS_TEXT = { getTypeParser: () => (value: string) => value };

async function run(client: pg.Client, text: string, values: readonly (string | null)[]): Promise<Answer> {
  const result = await client.query({ text, values: [...values], rowMode: "array", types: AS_TEXT });
  return { kind: "rows", names: result.fields.map(({ name }) => name), rows: result.rows };
}

const NAMES = `SELECT 'pg_class ' || oid::regclass, oid FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT 'pg_proc ' || oid::regprocedure, oid FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT 'pg_type ' || oid::regtype, oid FROM pg_type WHERE oid >= 16384
  UNION ALL SELECT 'pg_namespace ' || nspname, oid FROM pg_namespace
  UNION ALL SELECT 'pg_database ' || datname, oid FROM pg_database
  UNION ALL SELECT 'pg_rewrite ' || rulename || ' ' || ev_class::regclass, oid FROM pg_rewrite WHERE oid >= 16384
  UNION ALL SELECT 'pg_trigger ' || tgname, oid FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'pg_statistic_ext ' || stxname, oid FROM pg_statistic_ext`;

async function oidsOf(server: TestPostgres): Promise<ReadonlyMap<string, string>> {
  const rows = (await server.psql(NAMES, DATABASE)).split("\n").map((row) => row.split("|"));
  return new Map(rows.map(([name = "", oid = ""]) => [name, oid]));
}
