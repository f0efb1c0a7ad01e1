/**
 * Runs the scripts of PostgreSQL's regression suite on a server, statement after statement as psql would, with analysis beside it. Each
 * statement is judged, and run in a read-only transaction first. Keeps what was found; the test says what may be.
 */

import type { Catalog } from "../../src/analysis/catalog.ts";
import { FunctionRules } from "../../src/analysis/functions.ts";
import type { ParsedStatement, ParseOutcome } from "../../src/analysis/parsed-statement.ts";
import { INLINE_BYTES, loadParser, type Parser } from "../../src/analysis/parser.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { touchedBy } from "../../src/analysis/query-tree/touched.ts";
import type { TreeFacts } from "../../src/analysis/query-tree/tree-facts.ts";
import { TreeUnknown } from "../../src/analysis/query-tree/tree-unknown.ts";
import type { PolicyRequest } from "../../src/analysis/requests.ts";
import { CatalogTooOld, treeRequests } from "../../src/analysis/tree-requests.ts";
import { utilityRequests } from "../../src/analysis/utility-requests.ts";
import { GatewayError } from "../../src/base/errors.ts";
import { catalogOf } from "./catalogs.ts";
import type { TestPostgres } from "./postgres.ts";
import { regressionSuite, type SuiteItem, type SuiteScript, withVariables } from "./regression-suite.ts";
import { type Answer, type ServerError, SuiteSession } from "./suite-session.ts";
import { asksToReadOnly, isProbed, isRead, type Judged, whyAllowed } from "./suite-verdicts.ts";

const DATABASE = "regression";
const READ_ONLY = "25006"; // read_only_sql_transaction
/** Statements about what the catalog does not know before it is loaded anew. */
const STALE_BEFORE_LOAD = 400;

/** Statements that are parsed only. */
const NOT_RUN = [
  // 18.4 crashes on what 18.6's suite tests the mending of.
  /::sqljson_mystr\b/,
  /^SELECT satisfies_hash_partition\('mchash'::regclass, .*NULL/,
  // Waits for a lock that a prepared transaction holds.
  /^DROP TABLE pxtest1$/,
  // To the end of the stack, with a tree printed at each level.
  /^select infinite_recurse\(\)$/,
];

export interface Findings {
  /** Whatever was thrown that is no GatewayError. */
  readonly crashes: string[];
  /** Trees that the reader or the visitor does not know. */
  readonly unknownTrees: string[];
  /** Beginnings of texts about which our grammar and the server's do not say the same. */
  readonly differences: Set<string>;
  /** Its tree shows more relations than its references name. */
  readonly unnamed: string[];
  /** The server's READ_ONLY, and our "read": by the grammar, or by the tree and what is asked. */
  readonly writesReadByClass: string[];
  readonly writesReadByRequests: string[];
  /** Why the server has run what we call a write -> nodes. */
  readonly allowed: Map<string, Set<string>>;
  /** Without a known reason. */
  readonly unexplained: string[];
  /** Reads that failed in the read-only transaction otherwise, and then ran: neither proven nor disproven. */
  readonly unproven: Set<string>;
  /** Of statements run in a read-only transaction (`probes`) and `refused` there; of `trees`, and of those `judged` with the catalog. */
  readonly counts: Map<string, number>;
}

export class SuiteRun implements AsyncDisposable {
  readonly findings: Findings = {
    crashes: [],
    unknownTrees: [],
    differences: new Set(),
    unnamed: [],
    writesReadByClass: [],
    writesReadByRequests: [],
    allowed: new Map(),
    unexplained: [],
    unproven: new Set(),
    counts: new Map(),
  };
  readonly #postgres: TestPostgres;
  readonly #parser: Parser;
  #session: SuiteSession;
  #catalog: Catalog;
  #rules: FunctionRules;
  #stale = 0;
  #variables = new Map<string, string>();
  #prepared = new Map<string, Judged>();

  private constructor(postgres: TestPostgres, parser: Parser, session: SuiteSession, catalog: Catalog) {
    this.#postgres = postgres;
    this.#parser = parser;
    this.#session = session;
    this.#catalog = catalog;
    this.#rules = new FunctionRules(catalog, []);
  }

  static async open(postgres: TestPostgres): Promise<SuiteRun> {
    await postgres.psql(`CREATE DATABASE ${DATABASE} TEMPLATE template0 ENCODING 'UTF8'`);
    const session = await SuiteSession.open(postgres, DATABASE);
    return new SuiteRun(postgres, await loadParser(postgres.version), session, await catalogOf(postgres, DATABASE));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.close();
    await this.#parser.close();
  }

  /** All scripts of the server's major for which `wants` says so, in their order. */
  async run(wants: (script: SuiteScript) => boolean): Promise<void> {
    for (const script of regressionSuite(this.#postgres.version).filter(wants)) {
      this.#variables = new Map([["DBNAME", DATABASE]]);
      await this.#connect();
      for (const item of script.items) {
        if (item.connect !== undefined) await this.#connect();
        else await this.#item({ ...item, sql: withVariables(item.sql, this.#variables) });
      }
    }
  }

  async #connect(): Promise<void> {
    this.#session.close();
    this.#session = await SuiteSession.open(this.#postgres, DATABASE);
    this.#prepared.clear();
  }

  async #item(item: SuiteItem): Promise<void> {
    if (NOT_RUN.some((pattern) => pattern.test(item.sql))) return;
    const text = new TextEncoder().encode(item.sql);
    const outcome = await this.#parse(text);
    const probes: { readonly judged: Judged; readonly error: ServerError | null }[] = [];
    if (this.#session.status !== "E" && outcome?.ok === true) {
      for (const statement of outcome.statements) probes.push(await this.#probe(text, statement, item));
    }
    if (item.describes === true) return;
    await this.#reload();
    const failed = this.#session.status === "E";
    const answer = await this.#run(text, item);
    if (outcome !== null && !failed) this.#compareGrammars(item.sql, outcome, answer.error);
    for (const { judged, error } of probes) {
      const ran = probes.length === 1 && answer.error === null;
      if (error !== null && error.sqlstate !== READ_ONLY && ran && isRead(judged)) {
        this.findings.unproven.add(`${judged.statement.node} ${error.sqlstate}`);
      }
    }
    await this.#useAnswer(item, answer);
  }

  #count(what: string): void {
    this.findings.counts.set(what, (this.findings.counts.get(what) ?? 0) + 1);
  }

  async #parse(text: Uint8Array): Promise<ParseOutcome | null> {
    return this.#guarded(text, async () =>
      text.length > INLINE_BYTES
        ? await this.#parser.parseLarge(text, AbortSignal.timeout(10_000))
        : this.#parser.parse(text),
    );
  }

  /** @returns null where it threw: a GatewayError is an answer, all else is a finding. */
  async #guarded<T>(text: Uint8Array, action: () => T | Promise<T>): Promise<T | null> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof CatalogTooOld) this.#stale++;
      const what = `${new TextDecoder().decode(text)}: ${String(error)}`;
      if (error instanceof TreeUnknown) this.findings.unknownTrees.push(what);
      else if (!(error instanceof GatewayError)) this.findings.crashes.push(what);
      return null;
    }
  }

  async #probe(text: Uint8Array, statement: ParsedStatement, item: SuiteItem) {
    const own = text.subarray(statement.startByte, statement.endByte);
    const inner =
      statement.inner === undefined ? null : text.subarray(statement.inner.startByte, statement.inner.endByte);
    const tree = statement.optimisable ? own : inner;
    const unbound = statement.parameterNumbers > 0 && item.binds === undefined;
    const runs = isProbed(statement) && !unbound && item.describes !== true;
    // A cursor's query runs when it is fetched from: here it runs alone.
    const run = !runs ? null : statement.cursor?.kind === "declare" && inner !== null ? inner : own;
    const shown =
      tree === null && run === null
        ? { tree: null, error: null }
        : await this.#session.probe({ tree, run, binds: item.binds ?? [], rows: item.rows ?? "" });
    if (run !== null) this.#count("probes");
    const judged = await this.#judge(own, statement, shown.tree);
    if (run !== null) await this.#compare(judged, shown.error);
    if (statement.node === "PrepareStmt") this.#prepared.set(statement.prepared?.name ?? "", judged);
    return { judged, error: run === null ? null : shown.error };
  }

  async #judge(text: Uint8Array, statement: ParsedStatement, tree: Uint8Array | null): Promise<Judged> {
    const facts = tree === null ? null : await this.#guarded(text, () => this.#factsOf(tree));
    if (facts !== null) await this.#guarded(text, () => this.#requestsOf(facts));
    const requests = await this.#guarded(text, () => this.#utilityRequestsOf(statement));
    if (facts !== null && !namesAll(statement, facts)) this.findings.unnamed.push(new TextDecoder().decode(text));
    const behind = this.#prepared.get(statement.prepared?.kind === "execute" ? (statement.prepared.name ?? "") : "");
    return { statement, text: new TextDecoder().decode(text), facts, requests, behind: behind ?? null };
  }

  #factsOf(tree: Uint8Array): TreeFacts {
    this.#count("trees");
    return touchedBy(readQueryTree(tree, this.#postgres.version), this.#postgres.version);
  }

  #requestsOf(facts: TreeFacts): void {
    const { refusal } = treeRequests(facts, this.#catalog, this.#rules);
    if (refusal !== null && !(refusal instanceof GatewayError)) throw new Error("a refusal that is no error of ours");
    this.#count("judged");
  }

  #utilityRequestsOf(statement: ParsedStatement): readonly PolicyRequest[] {
    return utilityRequests(statement, this.#catalog, ["pg_catalog", "public"], DATABASE, this.#rules);
  }

  /** Our verdict beside the server's. */
  async #compare(judged: Judged, error: ServerError | null): Promise<void> {
    const { findings } = this;
    const { statement, text } = judged;
    if (error?.sqlstate === READ_ONLY) {
      this.#count("refused");
      if (isRead(judged)) findings.writesReadByClass.push(text);
      if (asksToReadOnly(judged, this.#rules)) findings.writesReadByRequests.push(text);
      return;
    }
    if (error !== null || isRead(judged)) return;
    const why = whyAllowed(judged, await this.#temporary());
    if (why === undefined) findings.unexplained.push(text);
    else findings.allowed.set(why, (findings.allowed.get(why) ?? new Set()).add(statement.node));
  }

  /** Relations of this session alone, by OID. */
  async #temporary(): Promise<ReadonlyMap<number, string>> {
    const query = "SELECT oid, relname FROM pg_catalog.pg_class WHERE relpersistence = 't'";
    const { rows } = await this.#session.run(new TextEncoder().encode(query), { wantsRows: true });
    return new Map(rows.map(([oid, name]) => [Number(oid), name ?? ""]));
  }

  /** Now and then, as others see what has been committed: a load takes longer than many statements. */
  async #reload(): Promise<void> {
    if (this.#stale < STALE_BEFORE_LOAD || this.#session.status !== "I") return;
    this.#stale = 0;
    this.#catalog = await catalogOf(this.#postgres, DATABASE);
    this.#rules = new FunctionRules(this.#catalog, []);
  }

  async #run(text: Uint8Array, { binds, rows = "", sets, executes }: SuiteItem): Promise<Answer> {
    if (binds !== undefined) return this.#session.runBound(text, binds);
    return this.#session.run(text, { rows, wantsRows: sets !== undefined || executes === true });
  }

  /** What the one refuses, the other must refuse, in the same words at the same place. */
  #compareGrammars(sql: string, outcome: ParseOutcome, error: ServerError | null): void {
    const theirs = error === null ? "ok" : `${error.sqlstate} ${error.message} at ${error.position}`;
    const ours = outcome.ok ? "ok" : `${outcome.sqlstate} ${outcome.message} at ${outcome.position}`;
    const same = outcome.ok ? error?.byGrammar !== true : ours === theirs;
    if (!same) this.findings.differences.add(sql.replaceAll(/\s+/g, " ").slice(0, 60));
  }

  /** \gset and \gexec. */
  async #useAnswer({ sets, executes }: SuiteItem, { columns, rows }: Answer): Promise<void> {
    const [only] = rows;
    if (sets !== undefined && only !== undefined && rows.length === 1) {
      for (const [index, name] of columns.entries()) {
        const value = only[index] ?? null;
        if (value === null) this.#variables.delete(sets + name);
        else this.#variables.set(sets + name, value);
      }
    }
    if (executes !== true) return;
    for (const sql of rows.flat()) if (sql !== null) await this.#item({ sql });
  }
}

/** Policies and rules bring relations that the statement does not name, and views theirs. */
function namesAll({ optimisable, references }: ParsedStatement, facts: TreeFacts): boolean {
  if (!optimisable || facts.rules || facts.rowSecurity) return true;
  const shown = new Set(facts.relations.filter(({ through }) => through.length === 0).map(({ oid }) => oid));
  const open = references?.relations.filter(({ shadowed }) => !shadowed) ?? [];
  const named = new Set(open.map(({ name }) => JSON.stringify(name)));
  return shown.size <= named.size;
}
