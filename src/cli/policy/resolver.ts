/**
 * What statements ask for, found out for commands: by the server's own trees as the gateway does, or by a saved catalog, which
 * is an approximation and says so. Runs no statement, decides nothing.
 */

import type { Catalog } from "../../analysis/catalog.ts";
import { type FunctionListing, FunctionRules } from "../../analysis/functions.ts";
import { Grammar, MAJORS, type Major } from "../../analysis/grammar.ts";
import { OfflineUnknown, resolveOffline } from "../../analysis/offline-resolve.ts";
import type { ParsedStatement, ParseOutcome } from "../../analysis/parsed-statement.ts";
import { parseChecked } from "../../analysis/parser.ts";
import type { QueryNode } from "../../analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../analysis/query-tree/reader.ts";
import { touchedBy } from "../../analysis/query-tree/touched.ts";
import type { TreeFacts } from "../../analysis/query-tree/tree-facts.ts";
import { copiedOut, type PolicyRequest } from "../../analysis/requests.ts";
import { checkText } from "../../analysis/text.ts";
import { treeRequests } from "../../analysis/tree-requests.ts";
import { utilityRequests } from "../../analysis/utility-requests.ts";
import { GatewayError } from "../../base/errors.ts";
import { judge } from "../../gateway/judge.ts";
import { follow } from "../../gateway/sent-text.ts";
import { Namespace } from "../../statement/namespace.ts";
import { type AnalysisConnection, textOfInner } from "../../upstream/analyse.ts";
import { CliError } from "../exit.ts";
import type { ExplainedMasks, MaskedText } from "./explained-masks.ts";
import { typeOids } from "./parameter-types.ts";

export interface ResolvedText {
  /** The statement's own text. */
  readonly text: string;
  readonly class: ParsedStatement["class"];
  readonly requests: readonly PolicyRequest[];
  /** No policy may permit it. */
  readonly refusal: GatewayError | null;
  readonly hasWhere: boolean;
  readonly matchesAll: boolean;
  /** Of labelled columns; null: it has to do with none, or labels were not asked about. */
  readonly masked: MaskedText | null;
  /** What is not said by this, a sentence each. */
  readonly notes: readonly string[];
}

/** Where names are looked up. */
export interface Source {
  readonly catalog: Catalog;
  /** Null: offline, by the catalog alone. */
  readonly server: AnalysisConnection | null;
  readonly searchPath: readonly string[];
  readonly listings: readonly FunctionListing[];
  /** Of the principal that is asked for; absent: labels do not matter. */
  readonly masks?: ExplainedMasks;
}

/** Longest text that is looked at. */
const MAX_TEXT_BYTES = 1024 * 1024;

interface Facts {
  readonly facts: TreeFacts | null;
  /** Null: the server was not asked, or shows none. */
  readonly queries: readonly QueryNode[] | null;
  readonly notes: readonly string[];
}

export class Resolver {
  readonly #source: Source;
  readonly #grammar: Grammar;
  readonly #rules: FunctionRules;
  readonly #major: Major;

  private constructor(source: Source, grammar: Grammar, major: Major) {
    this.#source = source;
    this.#grammar = grammar;
    this.#major = major;
    this.#rules = new FunctionRules(source.catalog, source.listings);
  }

  static async open(source: Source): Promise<Resolver> {
    const wanted = Math.floor(source.catalog.serverVersion / 10_000);
    const major = MAJORS.find((known) => known === wanted);
    if (major === undefined)
      throw new CliError("failed", `Postern knows no PostgreSQL ${wanted}`, `it knows ${MAJORS.join(", ")}`);
    return new Resolver(source, await Grammar.load(major), major);
  }

  /** Each statement of the text. @throws {CliError} where the text cannot be read, {GatewayError} where the server goes away. */
  async resolve(sql: string): Promise<readonly ResolvedText[]> {
    const text = new TextEncoder().encode(sql);
    const outcome = checkText(text, MAX_TEXT_BYTES) ?? this.#parse(text);
    if (!outcome.ok) {
      const where = outcome.position === undefined ? "" : ` at character ${outcome.position}`;
      throw new CliError("usage", `the statement cannot be read: ${outcome.message}${where} (${outcome.sqlstate})`);
    }
    const resolved: ResolvedText[] = [];
    for (const parsed of outcome.statements) resolved.push(await this.#one(text, parsed));
    return resolved;
  }

  /** The instance that a text has broken is not asked again: the command ends. */
  #parse(text: Uint8Array): ParseOutcome {
    try {
      return parseChecked(this.#grammar, text);
    } catch {
      throw new CliError("usage", "the statement cannot be read: it nests too deeply (54001)");
    }
  }

  async #one(given: Uint8Array, asGiven: ParsedStatement): Promise<ResolvedText> {
    const written = new TextDecoder().decode(given.subarray(asGiven.startByte, asGiven.endByte));
    const base = { text: written, class: asGiven.class, hasWhere: true, matchesAll: false, masked: null };
    const { masks } = this.#source;
    let [text, parsed] = [given, asGiven];
    const session = sessionNote(parsed);
    try {
      const never = session === null ? judge(parsed, new Namespace()) : null;
      if (never !== null) throw never;
      const sent = (await masks?.splice(given, asGiven)) ?? null;
      const spliced = sent?.spliced ?? null;
      if (spliced !== null) [text, parsed] = [spliced.text, follow(asGiven, spliced)];
      const own = text.slice(parsed.startByte, parsed.endByte);
      const { facts: runs, notes, queries } = await this.#facts(text, own, parsed);
      const ownGiven = given.slice(asGiven.startByte, asGiven.endByte);
      const facts = sent?.putsViewsIn === true ? (await this.#facts(given, ownGiven, asGiven)).facts : runs;
      const { catalog, searchPath } = this.#source;
      const more = utilityRequests(parsed, catalog, searchPath, catalog.database, this.#rules);
      const tree = facts === null ? null : treeRequests(facts, catalog, this.#rules);
      const ofTree = tree?.requests ?? [];
      const asked = parsed.inner?.by === "copy" ? copiedOut(ofTree) : more;
      return {
        ...base,
        requests: [...asked, ...ofTree, ...(masks?.writes(facts, more) ?? [])],
        refusal: tree?.refusal ?? masks?.refusal(parsed, more, queries) ?? null,
        masked: masks?.told(spliced === null ? null : new TextDecoder().decode(own), queries) ?? null,
        hasWhere: facts?.hasWhere ?? true,
        matchesAll: facts?.matchesAll ?? false,
        notes: [
          ...notes,
          ...(spliced !== null && queries === null ? [UNPROVEN] : []),
          ...insideNotes(parsed, tree?.callsFunctions === true),
          ...(session === null ? [] : [session]),
        ],
      };
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code === "UPSTREAM_UNAVAILABLE") throw error;
      return { ...base, requests: [], refusal: error, notes: session === null ? [] : [session] };
    }
  }

  async #facts(text: Uint8Array, own: Uint8Array, parsed: ParsedStatement): Promise<Facts> {
    const { inner } = parsed;
    const query = parsed.optimisable ? own : inner === undefined ? null : textOfInner(text, inner);
    if (query === null) return { facts: null, queries: null, notes: [] };
    const { server, catalog, searchPath } = this.#source;
    if (server === null) return this.#offline(query);
    const answer = await server.parse(query, typeOids(inner?.parameterTypes ?? [], catalog, searchPath));
    if (!answer.ok) {
      const { code, message } = answer.report;
      throw new CliError("failed", `the server refuses the statement: ${message} (${code})`);
    }
    if (answer.tree === null) {
      throw new GatewayError("CANNOT_JUDGE", "the server has not shown what the statement does", {
        hint: "postern doctor tells what is wrong with the upstream role's settings.",
      });
    }
    const queries = readQueryTree(answer.tree, this.#major);
    return { facts: touchedBy(queries, this.#major), queries, notes: [] };
  }

  #offline(query: Uint8Array): Facts {
    const outcome = this.#grammar.parse(query);
    if (!outcome.ok) throw new CliError("usage", `the statement cannot be read: ${outcome.message}`);
    try {
      return { ...resolveOffline(outcome.tree, this.#source.catalog, this.#source.searchPath), queries: null };
    } catch (error) {
      if (!(error instanceof OfflineUnknown)) throw error;
      throw new CliError(
        "failed",
        `the saved catalog cannot tell: ${error.message}`,
        "ask the server itself: leave --catalog out",
      );
    }
  }
}

const UNPROVEN = "That nothing shows beside the masks is proven on the server's own tree, which was not asked for.";

/** What depends on what the session has done before. */
function sessionNote({ prepared, cursor }: ParsedStatement): string | null {
  if (prepared?.kind === "execute") return "What runs is what was prepared under the name: explain that text too.";
  if (cursor?.kind === "fetch" || cursor?.kind === "move")
    return "What is read is the cursor's query: explain that text too.";
  return null;
}

function insideNotes(parsed: ParsedStatement, calls: boolean): readonly string[] {
  if (parsed.class !== "call" && !calls) return [];
  return ["SQL inside what it calls is judged while it runs, statement by statement, and is not shown here."];
}
