/**
 * Judges statements of one database for one upstream role: the server's tree or the grammar's facts in, a ruling out. Shared by
 * all sessions, so that a tree seen before costs a hash and a look-up. Waits for nothing: what the catalog does not know
 * is told as `stale`, and who asks has it loaded.
 */

import { hash } from "node:crypto";
import type { Catalog, CatalogRelation } from "../analysis/catalog.ts";
import { type FunctionListing, FunctionRules, type ListingProblem } from "../analysis/functions.ts";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { QueryNode } from "../analysis/query-tree/query-node.ts";
import { readQueryTree } from "../analysis/query-tree/reader.ts";
import { touchedBy } from "../analysis/query-tree/touched.ts";
import type { ServerMajor, TreeFacts } from "../analysis/query-tree/tree-facts.ts";
import type { PolicyRequest } from "../analysis/requests.ts";
import type { SessionNames } from "../analysis/session-names.ts";
import { CatalogTooOld, type StatementRequests, treeRequests } from "../analysis/tree-requests.ts";
import { utilityRequests } from "../analysis/utility-requests.ts";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { DetectorSet } from "../masking/detectors/detector-set.ts";
import { checkInvariant } from "../masking/invariant/check-invariant.ts";
import type { LabelMap } from "../masking/labels/label-map.ts";
import type { LabelSet } from "../masking/labels/label-set.ts";
import { labelledWrites } from "../masking/labels/labelled-writes.ts";
import { type LabelledUse, labelledUse, useOf } from "../masking/masked/labelled-use.ts";
import type { MaskedColumns } from "../masking/masked/masked-columns.ts";
import { strictUseOf } from "../masking/masked/strict-uses.ts";
import { unmasked, usedStrictly } from "../masking/masked/unmasked.ts";
import type { ViewForm } from "../masking/views/view-text.ts";
import type { CatalogVerdict } from "../masking/visibility/catalog-proof.ts";
import type { CatalogVisibility } from "../masking/visibility/catalog-visibility.ts";
import { maskWritten } from "../masking/write-back/mask-written.ts";
import { writtenMask } from "../masking/write-back/written-masks.ts";
import { combine, type Hold } from "../policy/decision.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "../policy/policy-set.ts";
import { refusalOf } from "../policy/refusal.ts";
import { isFreeSetting } from "../policy/settings.ts";
import type { CatalogWatch } from "../upstream/catalog-watch.ts";
import { MaskedViews, type ViewQuestions } from "./masked-views.ts";
import { type Masked, Masks } from "./masks.ts";
import { requestsText } from "./request-record.ts";
import { Sights } from "./sights.ts";
import type { ViewsPutIn } from "./views-put-in.ts";

export interface EnforcementOptions {
  readonly database: string;
  readonly major: ServerMajor;
  readonly catalogs: CatalogWatch;
  /** The policy in force: read at each decision, so that a reload holds from the next statement on. */
  readonly policies: () => ActivePolicy;
  readonly clock: Clock;
  /** Asked about the server's own catalogs, for those who may not see all. */
  readonly questions: ViewQuestions;
  /** Of all databases together, for the metrics. */
  readonly counts: { hits: number; misses: number };
  /** Gets the listings that open nothing, each time that they are held against a catalog. */
  readonly uselessListings?: (problems: readonly ListingProblem[]) => void;
}

export interface ActivePolicy {
  readonly set: PolicySet;
  readonly listings: readonly FunctionListing[];
  readonly labels: LabelSet;
  /** `shadow`: decided and recorded, not enforced. */
  readonly mode: "enforce" | "shadow";
}

/** By one labels.yaml: shared by all sessions. */
export interface DetectorsInForce {
  readonly labels: LabelSet;
  readonly set: DetectorSet;
}

/** What a statement asks for, by its tree. */
export interface Analysed extends StatementRequests {
  readonly facts: TreeFacts | null;
  /** It may show what the session's settings are. */
  readonly showsSettings?: boolean;
  /** Relations that only the session knows yet. */
  readonly own?: ReadonlySet<number>;
}

/** Who asks, and how. */
export interface Subject {
  readonly principal: PolicyPrincipal;
  readonly clientAddress: string;
  readonly onBehalfOf?: string;
  readonly via: "wire" | "mcp" | "http";
}

export interface Ruling {
  /** Null: it may run. */
  readonly error: GatewayError | null;
  /** It may run once people have approved it: the error is for where nothing can wait for them. Null: it needs nobody, or nobody could. */
  readonly hold: Hold | null;
  /** Requests and decisions as canonical JSON, ready for the entry. */
  readonly requests: string;
  /** Version of the policy that decided; null: none did. */
  readonly policy: string | null;
  /** SQL that runs inside it: none is expected, the owner's own is taken as it is, or each tree is judged. */
  readonly inside: "none" | "owner" | "judge";
  /** It may show what the session's settings are. */
  readonly showsSettings: boolean;
  readonly maxRows: number | null;
  /** It touches masked columns, or runs what may: of its errors and notices the client gets no word of the server's. */
  readonly guarded: boolean;
  /** Labelled columns that it uses; null: none. */
  readonly labelled: LabelledUse | null;
  /** Of a policy in shadow: `permitted`, or why it would have been refused. Null: the policy is in force, or none is. */
  readonly shadow: string | null;
  /** What should not have come to be: something that was not proven, past all that keeps it from being sent. Null: nothing. */
  readonly alarm: GatewayError | null;
}

/** Of a statement where no policy is configured: everything that the role may. */
export const UNJUDGED: Ruling = {
  error: null,
  hold: null,
  requests: "[]",
  policy: null,
  inside: "owner",
  guarded: false,
  labelled: null,
  showsSettings: true,
  maxRows: null,
  shadow: null,
  alarm: null,
};

/** For how long SQL inside a running statement is judged by a catalog that is no more, or has not been looked at. */
const INSIDE_MS = 15_000;
const NO_PARAMETERS: ReadonlyMap<number, string> = new Map();
const SHOW_SETTINGS = ["current_setting", "pg_show_all_settings", "query_to_xml", "query_to_xml_and_xmlschema"];
/** Trees kept at most. */
const MAX_TREES = 20_000;
const NOTHING: Analysed = {
  facts: null,
  requests: [],
  refusal: null,
  callsFunctions: false,
  firesTriggers: false,
};

export class Enforcement {
  readonly #options: EnforcementOptions;
  readonly #trees = new Map<string, Analysed>();
  /** The same by the very bytes: a statement that is run again is shown no new tree. */
  #sameTrees = new WeakMap<Uint8Array, Analysed>();
  readonly #sights: Sights;
  readonly #masks: Masks;
  /** How views are shown to those who see masks. */
  readonly #views: MaskedViews;
  /** Of a tree, for those to whom the same is revealed: null where the invariant holds of it. */
  readonly #checks = new WeakMap<MaskedColumns, WeakMap<Analysed, GatewayError | null>>();
  /** Refusals that no statement should come to. */
  readonly #unexpected = new WeakSet<GatewayError>();
  /** Of a tree, for those who see the same: null where it shows nothing hidden. */
  readonly #proofs = new WeakMap<CatalogVisibility, WeakMap<Analysed, GatewayError | null>>();
  #newest: { readonly tree: Uint8Array; readonly queries: readonly QueryNode[] } | null = null;
  /** Sessions whose open transaction may change what names mean to others. */
  readonly #defining = new Set<object>();
  #definedMs = Number.NEGATIVE_INFINITY;
  /** When each was replaced by a newer one. */
  readonly #replacedMs = new WeakMap<Catalog, number>();
  #detectors: { readonly labels: LabelSet; readonly inForce: DetectorsInForce | null } | null = null;
  #catalog: Catalog;
  #rules: FunctionRules;
  #listings: readonly FunctionListing[];

  constructor(options: EnforcementOptions) {
    this.#options = options;
    this.#sights = new Sights(options.major, options.questions);
    this.#masks = new Masks(options.major, options.questions);
    this.#views = new MaskedViews(options.major, options.questions);
    this.#catalog = options.catalogs.current;
    this.#listings = options.policies().listings;
    this.#rules = new FunctionRules(this.#catalog, this.#listings);
    this.#tellListings();
  }

  get database(): string {
    return this.#options.database;
  }

  /** The catalog is as new as it can be: not where nobody has asked for a while, or the server cannot be asked. */
  get isCurrent(): boolean {
    return this.#options.catalogs.state === "current";
  }

  /** When the last look at the server began that found the catalog current, by the clock of {@link nowMs}. */
  get asOfMs(): number {
    return this.#options.catalogs.asOfMs;
  }

  get nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  get listings(): readonly FunctionListing[] {
    return this.#options.policies().listings;
  }

  /** What a tree says, for a session that judges it by a catalog of its own. @throws {GatewayError} where it cannot be read. */
  factsOf(tree: Uint8Array): TreeFacts {
    return touchedBy(this.#read(tree), this.#options.major);
  }

  /** What a utility statement asks for. @throws {GatewayError} where no policy may permit it. */
  utility(parsed: ParsedStatement, names: SessionNames | null): readonly PolicyRequest[] {
    this.#keepUp();
    const asked = utilityRequests(parsed, this.#catalog, names?.path ?? [], this.database, this.#rules, names);
    return asked.filter(({ action, setting }) => action !== "set" || setting === undefined || !isFreeSetting(setting));
  }

  get catalog(): Catalog {
    this.#keepUp();
    return this.#catalog;
  }

  /** What set_config() in a statement asks for: the same as SET. */
  settings(names: readonly string[]): readonly PolicyRequest[] {
    const resource = { kind: "database", database: this.database } as const;
    return names.map((setting) => ({ action: "set", resource, setting }));
  }

  /** Whether it may change settings whose names nobody has read. */
  callsSetConfig(analysed: Analysed): boolean {
    const found = this.#catalog.functionsByName("pg_catalog", "set_config");
    return found.some(({ oid }) => analysed.facts?.functions.includes(oid) === true);
  }

  #showsSettings({ functions }: TreeFacts): boolean {
    const shown = SHOW_SETTINGS.flatMap((name) => this.#catalog.functionsByName("pg_catalog", name));
    return shown.some(({ oid }) => functions.includes(oid));
  }

  /** Decided and recorded, not enforced. */
  get inShadow(): boolean {
    return this.#options.policies().mode === "shadow";
  }

  /** A definition goes out that other sessions will see. @param by the session's: until definitionEnded() of it. */
  definitionBegan(by: object): void {
    this.#defining.add(by);
  }

  /** Its transaction is over, or the session is. */
  definitionEnded(by: object): void {
    if (this.#defining.delete(by)) this.#definedMs = this.nowMs;
  }

  /** A session here has changed what names may mean, and nobody has looked since: nothing runs by what was known before. */
  get isMoving(): boolean {
    return this.#defining.size > 0 || this.asOfMs <= this.#definedMs;
  }

  /** Loads the catalog anew. */
  async refresh(): Promise<void> {
    await this.#options.catalogs.refresh();
  }

  /** What the tree says; `stale`: refresh() and ask again. @param again asked after a refresh: then it is a refusal. */
  analyse(tree: Uint8Array, again: boolean): Analysed | "stale" {
    if (!this.isCurrent) return again ? refusing(outOfSight()) : "stale";
    return this.#analyse(tree, again);
  }

  /**
   * What a tree of SQL inside a running statement says. It cannot wait for a look: the statement was judged by a catalog that was
   * current then, and that one may serve for a while where others change theirs all the time, or the machine is busy.
   */
  analyseInside(tree: Uint8Array): Analysed {
    if (!this.isCurrent && this.nowMs - this.asOfMs > INSIDE_MS) return refusing(outOfSight());
    const analysed = this.#analyse(tree, true);
    return analysed === "stale" ? refusing(outOfSight()) : analysed;
  }

  #analyse(tree: Uint8Array, again: boolean): Analysed | "stale" {
    this.#keepUp();
    const same = this.#sameTrees.get(tree);
    const key = same === undefined ? hash("sha256", tree, "base64") : "";
    const known = same ?? this.#trees.get(key);
    if (known !== undefined) {
      this.#options.counts.hits++;
      this.#sameTrees.set(tree, known);
      return known;
    }
    this.#options.counts.misses++;
    try {
      const facts = touchedBy(this.#read(tree), this.#options.major);
      const showsSettings = this.#showsSettings(facts);
      const analysed = { facts, showsSettings, ...treeRequests(facts, this.#catalog, this.#rules) };
      if (this.#trees.size >= MAX_TREES) this.#trees.clear();
      this.#trees.set(key, analysed);
      return analysed;
    } catch (error) {
      if (error instanceof CatalogTooOld && !again) return "stale";
      return refusing(error);
    }
  }

  /** What the subject may see of the server's catalogs. A promise: the server is being asked, ask again when it has settled. */
  sightOf(subject: Subject, inTransaction: boolean): CatalogVisibility | Promise<void> {
    this.#keepUp();
    const context = contextOf(subject, null, inTransaction, this.#options.clock);
    return this.#sights.of({ principal: subject.principal, context }, this.#catalog, this.#options.policies().set);
  }

  /** What is masked for the subject. */
  maskedFor(subject: Subject, inTransaction: boolean): Masked {
    this.#keepUp();
    const { set: policies, labels } = this.#options.policies();
    const context = contextOf(subject, null, inTransaction, this.#options.clock);
    return this.#masks.of({ principal: subject.principal, context }, { catalog: this.#catalog, policies, labels });
  }

  /** How a view is shown to those who see these masks. A promise: as sightOf(). */
  viewForm(view: CatalogRelation, masked: MaskedColumns): ViewForm | Promise<void> {
    return this.#views.of(view, masked, this.#catalog);
  }

  /** Whether a tree shows masked columns through their masks alone: null where it does. */
  checkMasks(tree: Uint8Array, analysed: Analysed, masked: MaskedColumns): GatewayError | null {
    const makesMasks = analysed.facts?.functions.some((oid) => this.#rules.makesMasks(oid)) === true;
    if (masked.none && !makesMasks) return null;
    const checks = this.#checks.get(masked) ?? new WeakMap<Analysed, GatewayError | null>();
    this.#checks.set(masked, checks);
    const known = checks.get(analysed);
    if (known !== undefined) return known;
    const refusal = this.#checked(tree, analysed, masked);
    checks.set(analysed, refusal);
    return refusal;
  }

  #checked(tree: Uint8Array, { facts }: Analysed, masked: MaskedColumns): GatewayError | null {
    try {
      const queries = this.#read(tree);
      const [violation] = checkInvariant(queries, masked);
      if (violation === undefined)
        return this.#usedStrictly(queries, masked) ?? this.#writtenBack(queries, masked, NO_PARAMETERS);
      const views = this.#views.refusedIn(queries, masked, this.#catalog);
      const refusal = unmasked(violation, this.#catalog, views);
      // What is written to cannot have masks in its place, nor can these views: everything else that is read has.
      const readsOnly = facts?.relations.every(({ action }) => action === "select") === true;
      if (readsOnly && views.length === 0) this.#unexpected.add(refusal);
      return refusal;
    } catch (error) {
      const { refusal } = refusing(error);
      if (refusal === null) throw error;
      this.#unexpected.add(refusal);
      return refusal;
    }
  }

  #usedStrictly(queries: readonly QueryNode[], masked: MaskedColumns): GatewayError | null {
    const use = strictUseOf(queries, masked);
    return use === null ? null : usedStrictly(use, this.#catalog);
  }

  /** Of a refusal of {@link checkMasks}. */
  isUnexpected(refusal: GatewayError): boolean {
    return this.#unexpected.has(refusal);
  }

  /** Whether views are what they were when they were put into a text, by the trees of the client's own and of that one. */
  viewsIn(views: ViewsPutIn, meant: Uint8Array | null, runs: Uint8Array | null): ReturnType<ViewsPutIn["foundIn"]> {
    if (meant === null || runs === null) return "renamed";
    const found = views.foundIn(this.#read(meant), this.#read(runs));
    if (found === "redefined") this.#views.forget(views.oids, views.masked);
    return found;
  }

  /**
   * Whether a statement writes masks back. @param parameters of Bind that may be masks, by their numbers.
   * @returns null where it does not.
   */
  checkParameters(
    tree: Uint8Array,
    masked: MaskedColumns,
    parameters: ReadonlyMap<number, string>,
  ): GatewayError | null {
    try {
      return this.#writtenBack(this.#read(tree), masked, parameters);
    } catch (error) {
      const { refusal } = refusing(error);
      if (refusal === null) throw error;
      return refusal;
    }
  }

  #writtenBack(
    queries: readonly QueryNode[],
    masked: MaskedColumns,
    parameters: ReadonlyMap<number, string>,
  ): GatewayError | null {
    const written = writtenMask(queries, masked, parameters);
    return written === null ? null : maskWritten(written, this.#catalog);
  }

  /** Looks for what should have a label in what is delivered, by the labels in force; null: nothing does. */
  get detectors(): DetectorsInForce | null {
    const { labels, mode } = this.#options.policies();
    if (this.#detectors?.labels === labels) return this.#detectors.inForce;
    const { file, detectors } = labels;
    const isOn = file !== "" && mode === "enforce" && detectors.rate > 0 && detectors.on.size > 0;
    const inForce = isOn ? { labels, set: new DetectorSet(detectors) } : null;
    this.#detectors = { labels, inForce };
    return inForce;
  }

  /** What the labels in force say of the columns of the catalog. */
  get labelMap(): LabelMap {
    this.#keepUp();
    const { set: policies, labels } = this.#options.policies();
    return this.#masks.labels({ catalog: this.#catalog, policies, labels });
  }

  /** Labelled columns that a statement uses, masked or revealed; null: none. */
  labelledUse(tree: Uint8Array, { columns, reveals }: Masked): LabelledUse | null {
    const { set: policies, labels } = this.#options.policies();
    const map = this.#masks.labels({ catalog: this.#catalog, policies, labels });
    return map.size === 0
      ? null
      : labelledUse(this.#read(tree), this.#catalog, { map, columns, reveals, tells: labels.tells });
  }

  /** As labelledUse(), of COPY of a table. @param names of columns; null: all. */
  labelledCopy(
    relation: CatalogRelation,
    names: readonly string[] | null,
    { columns, reveals }: Masked,
  ): LabelledUse | null {
    const { set: policies, labels } = this.#options.policies();
    const map = this.#masks.labels({ catalog: this.#catalog, policies, labels });
    const used = relation.columns.filter(({ name }) => names === null || names.includes(name));
    const numbers = new Set(used.map(({ number }) => number));
    return useOf(new Map([[relation.oid, numbers]]), this.#catalog, { map, columns, reveals, tells: labels.tells });
  }

  /** What was seen by that catalog still serves for what runs already and cannot wait. */
  servesInside(catalog: Catalog): boolean {
    const replacedMs = this.#replacedMs.get(catalog);
    return replacedMs === undefined || this.nowMs - replacedMs <= INSIDE_MS;
  }

  /** Whether a tree shows nothing that is hidden from those who see that: null where it does not. A promise: as sightOf(). */
  prove(tree: Uint8Array, analysed: Analysed, sight: CatalogVisibility): GatewayError | Promise<void> | null {
    const proofs = this.#proofs.get(sight) ?? new WeakMap<Analysed, GatewayError | null>();
    this.#proofs.set(sight, proofs);
    const known = proofs.get(analysed);
    if (known !== undefined) return known;
    const verdict = this.#proofOf(tree, sight, analysed.own);
    if (verdict.kind === "missing") return this.#sights.teach(sight, verdict.texts);
    const refusal = verdict.kind === "proven" ? null : verdict.error;
    proofs.set(analysed, refusal);
    return refusal;
  }

  /** Whether EXPLAIN of the query of that tree would name something hidden; where it cannot be told, it would. */
  planShowsHidden(tree: Uint8Array, sight: CatalogVisibility, runs: boolean): boolean {
    try {
      return sight.planShowsHidden(this.#read(tree), runs);
    } catch {
      return true;
    }
  }

  /** A tree is asked about several times in a row: by policy, for masks, for catalogs. */
  #read(tree: Uint8Array): readonly QueryNode[] {
    if (this.#newest?.tree === tree) return this.#newest.queries;
    const queries = readQueryTree(tree, this.#options.major);
    this.#newest = { tree, queries };
    return queries;
  }

  #proofOf(tree: Uint8Array, sight: CatalogVisibility, own: Analysed["own"]): CatalogVerdict {
    try {
      return sight.prove(this.#read(tree), own);
    } catch (error) {
      const { refusal } = refusing(error);
      if (refusal === null) throw error;
      return { kind: "refused", error: refusal };
    }
  }

  /** Everything beside the requests and the session that a ruling depends on. */
  stamp(inTransaction: boolean): string {
    const hour = Math.floor(this.#options.clock.nowMs() / 3_600_000);
    const { set, mode, labels } = this.#options.policies();
    return `${set.version}${labels.version}${mode}${hour}${inTransaction}`;
  }

  /** Some statement may have to wait for people. */
  get holds(): boolean {
    const { set, mode } = this.#options.policies();
    return mode === "enforce" && set.holds;
  }

  /** Decides. @param more requests of the statement beside those of its tree. @param approvedBy groups whose people have approved it. */
  rule(
    analysed: Analysed,
    more: readonly PolicyRequest[],
    subject: Subject,
    inTransaction: boolean,
    approvedBy: readonly string[] = [],
  ): Ruling {
    const { set, mode } = this.#options.policies();
    const labelled = this.#labelledWrites(analysed, more);
    const extra = more.length + labelled.length;
    const requests = extra === 0 ? analysed.requests : [...more, ...analysed.requests, ...labelled];
    const context = { ...contextOf(subject, analysed.facts, inTransaction, this.#options.clock), approvedBy };
    const decisions = requests.map((request) => set.decide(subject.principal, request, context));
    const combined = combine(decisions);
    const denied = analysed.refusal ?? (combined.verdict === "permit" ? null : refusalOf(requests, decisions));
    const recorded = requestsText(requests, decisions, context);
    const error = recorded === null ? tooManyRequests(requests.length) : denied;
    const told = { requests: recorded ?? "[]", policy: set.version };
    if (mode === "shadow") return { ...UNJUDGED, ...told, shadow: error === null ? PERMITTED : reasonOf(error) };
    return {
      ...told,
      error,
      hold: analysed.refusal === null && recorded !== null && combined.verdict === "hold" ? combined : null,
      guarded: false,
      labelled: null,
      shadow: null,
      alarm: null,
      inside:
        analysed.callsFunctions || more.some(({ action }) => action === "call")
          ? "judge"
          : analysed.firesTriggers
            ? "owner"
            : "none",
      showsSettings: analysed.showsSettings !== false,
      maxRows: combined.verdict === "permit" ? (combined.obligations.maxRows ?? null) : null,
    };
  }

  #labelledWrites({ facts }: Analysed, more: readonly PolicyRequest[]): readonly PolicyRequest[] {
    const writes = facts?.relations.some(({ action }) => action === "insert" || action === "update") === true;
    if (!writes && !more.some(({ action }) => action === "copyIn")) return [];
    const { set: policies, labels } = this.#options.policies();
    const catalog = this.#catalog;
    return labelledWrites(facts, more, this.#masks.labels({ catalog, policies, labels }), catalog);
  }

  /** What was found by another catalog or other listings holds no more. */
  #keepUp(): void {
    const { current } = this.#options.catalogs;
    const { listings } = this.#options.policies();
    if (current === this.#catalog && listings === this.#listings) return;
    if (current !== this.#catalog) this.#replacedMs.set(this.#catalog, this.nowMs);
    this.#catalog = current;
    this.#listings = listings;
    this.#rules = new FunctionRules(current, listings);
    this.#trees.clear();
    this.#sameTrees = new WeakMap();
    this.#tellListings();
  }

  /** Not while a statement waits: every function of the catalog is looked at. */
  #tellListings(): void {
    const { uselessListings } = this.#options;
    const rules = this.#rules;
    if (uselessListings === undefined || this.#listings.length === 0) return;
    setImmediate(() => uselessListings(rules.listingProblems()));
  }
}

function contextOf(subject: Subject, facts: TreeFacts | null, inTransaction: boolean, clock: Clock): PolicyContext {
  const now = new Date(clock.nowMs());
  return {
    approvedBy: [],
    hasWhere: facts?.hasWhere ?? true,
    matchesAll: facts?.matchesAll ?? false,
    inTransaction,
    via: subject.via,
    hour: now.getUTCHours(),
    weekday: now.getUTCDay(),
    clientAddress: subject.clientAddress,
    ...(subject.onBehalfOf === undefined ? {} : { onBehalfOf: subject.onBehalfOf }),
  };
}

/** Action `connect`. @returns why not; null: it may. Of a policy in shadow that is for the record alone. */
export function judgeConnect(
  { set }: ActivePolicy,
  subject: Subject,
  database: string,
  clock: Clock,
): GatewayError | null {
  const request = { action: "connect", resource: { kind: "database", database } } as const;
  const decision = set.decide(subject.principal, request, contextOf(subject, null, false, clock));
  const refusal = decision.verdict === "permit" ? null : refusalOf([request], [decision]);
  if (refusal === null) return null;
  const { detail, hint } = refusal;
  return new GatewayError("CONNECT_REFUSED", refusal.message, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** As entries have it: code and name, which never repeat a text. */
export function reasonOf({ sqlstate, code }: GatewayError): string {
  return `${sqlstate} ${code}`;
}

/** What a policy in shadow says of what it would let through. */
export const PERMITTED = "permitted";

/** Nothing in particular is asked for. */
export function asksNothing(): Analysed {
  return NOTHING;
}

/** Judged as refused, whatever policy says. */
export function refusing(error: unknown): Analysed {
  const refusal =
    error instanceof GatewayError
      ? error
      : new GatewayError("CANNOT_JUDGE", "the statement could not be analysed", { cause: error });
  return { ...NOTHING, refusal };
}

export function outOfSight(): GatewayError {
  return new GatewayError("CANNOT_JUDGE", "the database's catalog cannot be read at the moment", {
    hint: "Send the statement again in a moment.",
  });
}

function tooManyRequests(count: number): GatewayError {
  return new GatewayError(
    "STATEMENT_OVER_LIMIT",
    `the statement touches ${count} things, more than an entry can name`,
    {
      hint: "Split it into smaller statements.",
    },
  );
}
