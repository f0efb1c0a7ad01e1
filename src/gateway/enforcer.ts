/**
 * The judgement of one session's statements: what must be asked of the server before one may run, and the ruling when that is
 * known. Sends nothing and waits for nothing itself: `null` means that an answer is on its way, ask again.
 */

import type { Catalog } from "../analysis/catalog.ts";
import { type ParsedStatement, TARGET_KINDS } from "../analysis/parsed-statement.ts";
import { copiedOut, type PolicyRequest } from "../analysis/requests.ts";
import { type AskedNames, namesIn, type SessionNames } from "../analysis/session-names.ts";
import { CatalogTooOld } from "../analysis/tree-requests.ts";
import { GatewayError } from "../base/errors.ts";
import type { LabelMap } from "../masking/labels/label-map.ts";
import { definesMasked } from "../masking/masked/defines-masked.ts";
import { bothUses, type LabelledUse } from "../masking/masked/labelled-use.ts";
import type { MaskedColumns } from "../masking/masked/masked-columns.ts";
import { type Splice, splice } from "../masking/splice.ts";
import { checkOf } from "../masking/visibility/catalog-functions.ts";
import { askedIn, type CatalogVisibility } from "../masking/visibility/catalog-visibility.ts";
import { isSurvey, withoutHidden } from "../masking/visibility/report-names.ts";
import type { VisibleObjects } from "../masking/visibility/visible-objects.ts";
import type { CopiedMasks } from "../masking/write-back/copied-masks.ts";
import { isFreeSetting } from "../policy/settings.ts";
import { type EarlyRuling, Evidence, type PreparedStatement } from "../statement/statement.ts";
import type { Report } from "../wire/error-response.ts";
import {
  type Analysed,
  asksNothing,
  type DetectorsInForce,
  type Enforcement,
  outOfSight,
  PERMITTED,
  type Ruling,
  refusing,
  type Subject,
} from "./enforcement.ts";
import { copyMasked, notShown, planChanged, planNames, settingInside, tellsHere } from "./enforcer-errors.ts";
import type { Masked } from "./masks.ts";
import { hiddenAmong, meansOther, meantBy, replacedBy, returnedBy } from "./meant-relations.ts";
import { OwnView } from "./own-view.ts";
import { beyondMeaning, definedMeanwhile, isWithin, mayBePutIn, ViewsPutIn } from "./views-put-in.ts";

/** Where names of the server's own relations are looked up; the tree shows whether they mean others. */
const SERVERS_OWN = ["pg_catalog"];
/** Objects, then trees, and both again where the catalog has changed meanwhile. */
const MAX_ASKED = 8;
/** Where the catalog changes all the time, what has been loaded is known to be old before it was used. */
const MAX_REFRESHED = 5;
/** What the principal could see of a catalog. */
interface Seen {
  readonly catalog: Catalog;
  readonly stamp: string;
  readonly sight: CatalogVisibility;
}

/** The catalog was loaded anew for something. */
interface Refreshed {
  readonly asOfMs: number;
  /** How often, with that outcome. */
  readonly times: number;
  readonly succeeded: boolean;
}

/** By what the columns of delivered rows are told apart. */
export interface KnownColumns {
  readonly catalog: Catalog;
  readonly labels: LabelMap;
  readonly reveals: boolean;
}

interface Kept {
  readonly ruling: Ruling;
  /** What it was decided by besides the requests. */
  readonly stamp: string;
}

export class Enforcer {
  readonly #enforcement: Enforcement;
  readonly #subject: Subject;
  readonly #resume: () => void;
  readonly #kept = new WeakMap<Analysed, Kept>();
  readonly own: OwnView;
  /** What the catalog was loaded anew for, and of when it was then: it may be for another thing again later. */
  readonly #refreshed = new WeakMap<object, Refreshed>();
  #refreshing = false;
  /** What the server is being asked, and how often it was for one thing. */
  #awaited: Promise<void> | null = null;
  #asked: { readonly cause: object; readonly times: number } | null = null;
  #seen: Seen | null = null;
  #views: ViewsPutIn | null = null;
  #maskedAs: { readonly catalog: Catalog; readonly stamp: string; readonly masked: Masked } | null = null;
  readonly #uses = new WeakMap<Analysed, { readonly masked: Masked; readonly labelled: LabelledUse | null }>();
  /** Groups whose people have approved the statement at hand. */
  #approvedBy: readonly string[] = NOBODY;
  /** Before that, of another catalog. */
  #seenBefore: Seen | null = null;

  /** @param resume called when what was waited for besides the server has come. */
  constructor(enforcement: Enforcement, subject: Subject, resume: () => void) {
    this.#enforcement = enforcement;
    this.#subject = subject;
    this.#resume = resume;
    this.own = new OwnView(enforcement);
  }

  /** The policy is in shadow: nothing that it says may change what happens. */
  get inShadow(): boolean {
    return this.#enforcement.inShadow;
  }

  /** What looks at delivered rows for what should have a label; null: nothing does. */
  get detectors(): DetectorsInForce | null {
    return this.#enforcement.detectors;
  }

  /** What is known of columns for that, and whether anything that has a label is shown to the principal as it is. */
  knownColumns(inTransaction: boolean): KnownColumns {
    const { catalog, labelMap: labels } = this.#enforcement;
    return { catalog, labels, reveals: this.#maskedNow(inTransaction).reveals.size > 0 };
  }

  /** A statement runs, and what runs inside it will be judged: the catalog is not to be left alone meanwhile. */
  keepInSight(): void {
    void this.#enforcement.catalog;
  }

  /** Whether the server's count at the end of a statement has all that it changes itself. */
  isCounted(tree: Uint8Array): boolean {
    try {
      return this.#enforcement.factsOf(tree).counted;
    } catch {
      return false; // it is refused for that elsewhere
    }
  }

  /** Of what cannot be judged. */
  refuse(error: GatewayError, inTransaction: boolean): Ruling {
    return this.#rule(refusing(error), inTransaction);
  }

  /** The evidence that the Parse of a statement brings; null: none, its requests are in the grammar. */
  evidenceFor(statement: PreparedStatement["parsed"]): Evidence | null {
    if (statement?.optimisable !== true) return null;
    const names = statement.settingWrites?.map(({ name }) => name ?? "") ?? [];
    const evidence = new Evidence(names.filter((name) => !isFreeSetting(name)));
    this.own.asked(evidence);
    evidence.instead = this.insteadOf(statement);
    evidence.sight = this.sightFor(statement);
    return evidence;
  }

  /** What the text that goes upstream of a statement was made for, right after splice(); null: it has no relations to look for. */
  sightFor({ references }: ParsedStatement): object | null {
    if (references === undefined || references.relations.length === 0) return null;
    return this.#seen?.sight ?? null;
  }

  /**
   * The text to be sent in place of the client's, where the server's catalogs show more than the principal may see; "asSent":
   * none. Null: not known yet. Only the tree of what is sent proves that nothing else shows.
   */
  splice(parsed: ParsedStatement, text: Uint8Array, inTransaction: boolean): Splice | GatewayError | "asSent" | null {
    const { references } = parsed;
    if (this.#enforcement.inShadow || references === undefined || references.relations.length === 0) return "asSent";
    const sight = this.#sight(parsed, inTransaction);
    if (sight === null || sight instanceof GatewayError) return sight;
    const masked = this.#masked(parsed, inTransaction);
    if (masked === null || masked instanceof GatewayError) return masked;
    if (sight.visible.everything && masked.none) return "asSent";
    const asked = askedIn(new TextDecoder().decode(text));
    const views = new ViewsPutIn(this.#enforcement, masked);
    const putIn = mayBePutIn(parsed) && !this.own.definesNow;
    this.#views = null;
    try {
      const spliced = splice(
        text,
        parsed,
        (reference) => {
          const { name } = reference;
          const own = meansOther(name, sight.visible) ? null : sight.replace(name, SERVERS_OWN, asked);
          const view = own === null ? views.replacementFor(reference, putIn) : null;
          return own ?? view ?? replacedBy(masked, reference, text, this.#enforcement.catalog);
        },
        ({ name }) => returnedBy(masked, name, this.#enforcement.catalog),
      );
      if (views.waiting !== null) return this.#waits(parsed, views.waiting) ? null : outOfSight();
      if (!views.none) this.#views = views;
      return spliced ?? "asSent";
    } catch (error) {
      if (views.waiting !== null && this.#waits(parsed, views.waiting)) return null;
      return refusing(error).refusal;
    }
  }

  /** Right after splice(): the views in that text for which their definitions stand; null: none. */
  get viewsPutIn(): object | null {
    return this.#views;
  }

  /** Something of the database is hidden from the principal, as far as that has been asked. */
  get hides(): boolean {
    return this.#seen !== null && !this.#enforcement.inShadow && !this.#seen.sight.visible.everything;
  }

  /** Some statement of this session may have to wait for people. */
  get holds(): boolean {
    return this.#enforcement.holds;
  }

  /** What `judge` comes to where the people of these groups have approved the statement at hand. */
  approved<T>(groups: readonly string[], judge: () => T): T {
    this.#approvedBy = groups.length === 0 ? NOBODY : groups;
    try {
      return judge();
    } finally {
      this.#approvedBy = NOBODY;
    }
  }

  /** What the server has shown that a statement touches: OIDs of relations, and of what may run code. Null: nothing. */
  touched({ tree }: Evidence): { readonly relations: readonly number[]; readonly code: readonly number[] } | null {
    if (tree === null) return null;
    const { relations, functions, operators, types } = this.#enforcement.factsOf(tree);
    return { relations: relations.map(({ oid }) => oid), code: [...functions, ...operators, ...types] };
  }

  /** Whether the client may read the name of a relation. */
  maySee(relation: number): boolean {
    return this.#seen !== null && (!this.hides || this.#seen.sight.visible.hasRelation(relation));
  }

  /** What the client may read of an error of the server's. */
  tellable(report: Report): Report {
    return this.#seen === null || !this.hides ? report : withoutHidden(report, this.#seen.sight.visible);
  }

  /** Whether the client may read a notice of the server's at all. */
  isTellable(notice: Report): boolean {
    return !(this.hides && isSurvey(notice));
  }

  /** Of a statement that names a relation that is hidden: the refusal that it will come to. Null: it names none. */
  insteadOf({ references }: ParsedStatement): GatewayError | null {
    if (!this.hides || references === undefined) return null;
    const { visible } = this.#seen?.sight ?? NO_SIGHT;
    const hidden = visible === null ? undefined : hiddenAmong(references.relations, visible);
    if (hidden === undefined) return null;
    const { schema, name, kind } = hidden;
    const resource = { kind: "table", database: this.#enforcement.database, schema, name, relationKind: kind } as const;
    const asks = { ...asksNothing(), requests: [{ action: "select", resource } as const] };
    return this.#enforcement.rule(asks, [], this.#subject, false).error;
  }

  /** By what the server has said. Null: it has not said all of it. */
  byEvidence(evidence: Evidence, inTransaction: boolean): Ruling | null {
    const runs = this.#analysed(evidence);
    const meant = runs === null ? null : this.#meant(evidence, runs, inTransaction);
    return runs === null || meant === null
      ? null
      : this.#ruleWith(meant, evidence, evidence.tree, inTransaction, { runs });
  }

  /** What the client's own text asks for: what runs, unless definitions of views stand in it. Null: not all of it is known. */
  #meant(evidence: Evidence, runs: Analysed, inTransaction: boolean): Analysed | null {
    const { meaning, views } = evidence;
    if (meaning === null || !(views instanceof ViewsPutIn)) return runs;
    const meant = this.#analysed(meaning);
    if (meant === null || meant.refusal !== null) return meant;
    if (this.own.definesNow) return { ...meant, refusal: definedMeanwhile() };
    const masked = this.#masked(evidence, inTransaction);
    if (masked === null) return null;
    const stand = masked instanceof GatewayError ? false : views.standFor(masked);
    if (stand instanceof Promise && this.#waits(evidence, stand)) return null;
    const found = runs.refusal === null ? this.#enforcement.viewsIn(views, meaning.tree, evidence.tree) : "asTaken";
    if (found === "redefined" && !this.#isRefreshed(meaning)) {
      this.#refresh(meaning);
      return null;
    }
    const old = stand !== true || found === "redefined" ? planChanged() : null;
    const other = found === "asTaken" && isWithin(runs, meant) ? null : beyondMeaning();
    const refusal = runs.refusal ?? old ?? other;
    return refusal === null ? meant : { ...meant, refusal };
  }

  /** By the newest tree, though another may be on its way. */
  byTree(evidence: Evidence, inTransaction: boolean): Ruling | null {
    if (evidence.tree === null || evidence.broken || evidence.meaning !== null || this.own.defining) return null;
    const analysed = this.#enforcement.analyse(evidence.tree, false);
    return analysed === "stale" ? null : this.#ruleWith(analysed, evidence, evidence.tree, inTransaction);
  }

  /** Whether `ruling` still stands by what has come since. */
  stands(ruling: EarlyRuling, evidence: Evidence, inTransaction: boolean): boolean {
    if (evidence.tree === null || evidence.broken) return false;
    // By what all share: nothing is let go early by anything else, whatever the session has defined since.
    const analysed = this.#enforcement.analyse(evidence.tree, true);
    if (analysed === "stale") return false;
    const now = this.#ruleWith(analysed, evidence, evidence.tree, inTransaction, { late: true });
    return now !== null && now.error === null && now.requests === ruling.requests;
  }

  /**
   * By the grammar's facts, with what the query inside it touches. Null: not all has come.
   * @param names what the session's connection has said of them; null: nothing was asked.
   */
  byGrammar(
    statement: PreparedStatement,
    inner: Evidence | null,
    names: SessionNames | null,
    inTransaction: boolean,
  ): Ruling | null {
    const { parsed } = statement;
    if (parsed === null) return this.#rule(asksNothing(), inTransaction);
    if (!this.#enforcement.isCurrent) {
      if (this.#isRefreshed(parsed)) return this.#rule(refusing(outOfSight()), inTransaction);
      this.#refresh(parsed);
      return null;
    }
    const analysed = inner === null ? asksNothing() : this.#analysed(inner);
    const meant = inner === null || analysed === null ? analysed : this.#meant(inner, analysed, inTransaction);
    if (analysed === null || meant === null) return null;
    try {
      const asked = this.#enforcement.utility(parsed, names);
      // What a query's COPY gives out is what the query reads.
      const more = parsed.inner?.by === "copy" ? copiedOut(meant.requests) : asked;
      const judged = this.#decide(meant, more, inTransaction);
      const runs = judged.error === null && judged.shadow === null;
      const masked = runs ? this.#reachesMasked(parsed, asked, inTransaction) : null;
      if (masked !== null) return { ...judged, error: masked };
      const tree = inner?.tree ?? null;
      if (runs) {
        // What runs inside cannot wait for it.
        const sight = this.#sight(parsed, inTransaction);
        if (sight === null) return null;
        const hidden = sight instanceof GatewayError ? sight : hiddenExpression(parsed, sight.visible);
        if (hidden !== null) return { ...judged, error: hidden };
      }
      const shown = tree === null ? judged : this.#shown(judged, analysed, tree, inTransaction);
      const { explain } = parsed;
      const explains = explain !== undefined && tree !== null && shown !== null;
      const ruling = explains ? this.planned(shown, tree, explain.analyze, inTransaction) : shown;
      if (ruling === null) return null;
      const inside = insideOf(parsed.class, ruling.inside);
      const { columns } = this.#maskedNow(inTransaction);
      const labelled = bothUses(ruling.labelled, this.#copiedOut(asked, inTransaction));
      return { ...ruling, inside, labelled, guarded: ruling.guarded || (inside !== "none" && !columns.none) };
    } catch (error) {
      if (!(error instanceof CatalogTooOld) || this.#isRefreshed(parsed))
        return this.#rule(refusing(error), inTransaction);
      this.#refresh(parsed);
      return null;
    }
  }

  /** Labelled columns that COPY of a table shows as they are. */
  #copiedOut(requests: readonly PolicyRequest[], inTransaction: boolean): LabelledUse | null {
    return requests.reduce<LabelledUse | null>((all, { action, resource, columns }) => {
      if (action !== "copyOut" || resource.kind !== "table") return all;
      const relation = this.#enforcement.catalog.relationByName(resource.schema, resource.name);
      if (relation === undefined) return all;
      const names = columns === undefined || columns.length === 0 ? null : columns;
      return bothUses(all, this.#enforcement.labelledCopy(relation, names, this.#maskedNow(inTransaction)));
    }, null);
  }

  /** COPY of a relation gives out what stands there: no tree of a query, no mask. A definition reads it past all masks. */
  #reachesMasked(
    parsed: ParsedStatement,
    requests: readonly PolicyRequest[],
    inTransaction: boolean,
  ): GatewayError | null {
    const { columns } = this.#maskedNow(inTransaction);
    if (columns.none) return null;
    const defined = definesMasked(parsed, requests, columns, this.#enforcement.catalog);
    if (defined !== null) return defined;
    for (const { action, resource } of requests) {
      if (action !== "copyOut" || resource.kind !== "table") continue;
      const relation = this.#enforcement.catalog.relationByName(resource.schema, resource.name);
      if (relation !== undefined && columns.isLabelled(relation.oid))
        return copyMasked(resource, columns.columnsOf(relation));
    }
    return null;
  }

  /** The names that the session's connection is asked about before a utility statement is judged; null: the catalog knows them all. */
  namesToAsk(parsed: ParsedStatement): AskedNames | null {
    const asked = namesIn(parsed);
    if (asked === null || asked.bare || this.own.defining) return asked;
    const { catalog } = this.#enforcement;
    const unknown =
      asked.relations.some(({ schema, name }) => catalog.relationByName(schema, name) === undefined) ||
      asked.functions.some(({ schema, name }) => catalog.functionsByName(schema, name).length === 0);
    return unknown ? asked : null;
  }

  /**
   * SQL that runs inside a function.
   * @param servers no function runs but the server's own: what those read of the catalogs was proven with their arguments.
   */
  nested(tree: Uint8Array, inTransaction: boolean, servers = false): Ruling {
    const analysed = this.own.known(tree) ?? this.#enforcement.analyseInside(tree);
    // What SET would be refused for must not be done where its name cannot be read.
    if (this.#enforcement.callsSetConfig(analysed)) return this.#rule(refusing(settingInside()), inTransaction);
    const ruling = this.#rule(analysed, inTransaction);
    if (servers && ruling.requests === "[]") return ruling;
    return this.#shownLate(ruling, analysed, tree, inTransaction) ?? { ...ruling, error: outOfSight() };
  }

  /**
   * @param own the statement's tree. @param late it runs already. @param runs what that tree says, where the client's own text is another.
   * Null: something has to be asked of the server first.
   */
  #ruleWith(
    analysed: Analysed,
    evidence: Evidence,
    own: Uint8Array | null,
    inTransaction: boolean,
    { late = false, runs = analysed }: { readonly late?: boolean; readonly runs?: Analysed } = {},
  ): Ruling | null {
    const { settings, planned, sight } = evidence;
    const judged =
      settings.length === 0
        ? this.#rule(analysed, inTransaction)
        : this.#decide(analysed, this.#enforcement.settings(settings), inTransaction);
    const shown = (): Ruling | null => {
      if (own === null) return judged;
      return late ? this.#shownLate(judged, runs, own, inTransaction) : this.#shown(judged, runs, own, inTransaction);
    };
    const seen = shown();
    if (seen === null) return null;
    // It is of a text that was made for what could be seen before: the client is to prepare it again.
    const old = sight !== null && sight !== this.#seen?.sight && judged.error === null && seen.error !== null;
    const ruling = old ? { ...seen, error: planChanged() } : seen;
    evidence.guarded = ruling.guarded;
    const servers = !analysed.callsFunctions && !analysed.firesTriggers;
    return planned.reduce((all, tree) => both(all, this.nested(tree, inTransaction, servers)), ruling);
  }

  /** The ruling, unless the tree shows what is hidden from the principal. Null: the server is being asked, ask again. */
  #shown(ruling: Ruling, analysed: Analysed, tree: Uint8Array, inTransaction: boolean): Ruling | null {
    if (ruling.error !== null || ruling.shadow !== null || analysed.facts === null) return ruling;
    const sight = this.#sight(analysed, inTransaction);
    if (sight === null) return null;
    if (sight instanceof GatewayError) return { ...ruling, error: sight };
    const masked = this.#masked(analysed, inTransaction);
    if (masked === null) return null;
    if (masked instanceof GatewayError) return { ...ruling, error: masked };
    const violation = this.#enforcement.checkMasks(tree, analysed, masked);
    if (violation !== null) {
      const alarm = this.#enforcement.isUnexpected(violation) ? violation : null;
      return { ...ruling, error: violation, alarm };
    }
    const guarded = this.#guarded(ruling, masked, analysed, tree, inTransaction);
    if (sight.visible.everything) return guarded;
    const proof = this.#enforcement.prove(tree, analysed, sight);
    if (!(proof instanceof Promise)) return proof === null ? guarded : { ...ruling, error: proof };
    return this.#waits(tree, proof) ? null : { ...ruling, error: outOfSight() };
  }

  /** Of values for $1, $2, …: those that may be masks, by their numbers; null: none is. */
  maskLike(values: readonly (string | null)[], inTransaction: boolean): ReadonlyMap<number, string> | null {
    if (this.#enforcement.inShadow || values.every((value) => value === null)) return null;
    const { columns } = this.#maskedNow(inTransaction);
    const found = values.flatMap((value, index) => {
      return value !== null && columns.looksMasked(value) ? [[index + 1, value] as const] : [];
    });
    return found.length === 0 ? null : new Map(found);
  }

  /** Looks for masks in the data of a COPY FROM; null: it writes to no masked column, or none whose masks can be told. */
  copiedMasks({ targets }: ParsedStatement, inTransaction: boolean): CopiedMasks | null {
    const target = targets?.find(({ action }) => action === "copyIn");
    if (this.#enforcement.inShadow || target === undefined) return null;
    const { columns: masked } = this.#maskedNow(inTransaction);
    const { name, columns } = target;
    return masked.none
      ? null
      : masked.copiedInto(
          meantBy(name, masked, this.#enforcement.catalog),
          columns === undefined || columns.length === 0 ? null : columns,
        );
  }

  /** The ruling, unless one of those parameters is a mask that the statement writes over a value. @param tree of the statement. */
  withParameters(
    ruling: Ruling,
    tree: Uint8Array,
    parameters: ReadonlyMap<number, string>,
    inTransaction: boolean,
  ): Ruling {
    if (ruling.error !== null || ruling.shadow !== null) return ruling;
    const { columns } = this.#maskedNow(inTransaction);
    return { ...ruling, error: this.#enforcement.checkParameters(tree, columns, parameters) };
  }

  /** With what is to be said of the labelled columns that it uses. */
  #guarded(
    ruling: Ruling,
    masked: MaskedColumns,
    analysed: Analysed,
    tree: Uint8Array,
    inTransaction: boolean,
  ): Ruling {
    const kept = this.#uses.get(analysed);
    const now = this.#maskedNow(inTransaction);
    const labelled = kept?.masked === now ? kept.labelled : this.#enforcement.labelledUse(tree, now);
    if (now.learning === null) this.#uses.set(analysed, { masked: now, labelled });
    const guarded = guards(masked, analysed);
    return labelled === null && !guarded ? ruling : { ...ruling, labelled, guarded: ruling.guarded || guarded };
  }

  /** What is masked for the principal. @param cause of the question, should there be one. Null: ask again. */
  #masked(cause: object, inTransaction: boolean): MaskedColumns | GatewayError | null {
    const { columns, learning } = this.#maskedNow(inTransaction);
    if (learning === null) return columns;
    return this.#waits(cause, learning) ? null : outOfSight();
  }

  /** The same where nothing can wait: a mask whose tree has not come is one that nothing is. */
  #maskedNow(inTransaction: boolean): Masked {
    const { catalog } = this.#enforcement;
    const stamp = this.#enforcement.stamp(inTransaction);
    const known = this.#maskedAs;
    if (known !== null && known.catalog === catalog && known.stamp === stamp) return known.masked;
    const masked = this.#enforcement.maskedFor(this.#subject, inTransaction);
    this.#maskedAs = masked.learning === null ? { catalog, stamp, masked } : null;
    return masked;
  }

  /**
   * As #shown, of what runs already: where the catalog is another by now, and what may be seen of that is still being asked, it is what
   * could be seen when the statement was judged. Else each change of the catalog would end the sessions that are in a function.
   */
  #shownLate(ruling: Ruling, analysed: Analysed, tree: Uint8Array, inTransaction: boolean): Ruling | null {
    const shown = this.#shown(ruling, analysed, tree, inTransaction);
    if (shown !== null) return shown;
    const stamp = this.#enforcement.stamp(inTransaction);
    const { columns } = this.#maskedNow(inTransaction);
    const violation = this.#enforcement.checkMasks(tree, analysed, columns);
    if (violation !== null) return { ...ruling, error: violation };
    const guarded = this.#guarded(ruling, columns, analysed, tree, inTransaction);
    for (const seen of [this.#seen, this.#seenBefore]) {
      if (seen === null || seen.stamp !== stamp || !this.#enforcement.servesInside(seen.catalog)) continue;
      const proof = seen.sight.visible.everything ? null : this.#enforcement.prove(tree, analysed, seen.sight);
      if (!(proof instanceof Promise)) return proof === null ? guarded : { ...ruling, error: proof };
      proof.catch(() => undefined); // whoever asks next is told
    }
    return null;
  }

  /** The ruling of EXPLAIN, unless the plan would name what is hidden: partitions, and what views read. @param tree of the query. @param runs ANALYZE. */
  planned(ruling: Ruling, tree: Uint8Array, runs: boolean, inTransaction: boolean): Ruling | null {
    if (ruling.error !== null || ruling.shadow !== null) return ruling;
    const sight = this.#sight(tree, inTransaction);
    if (sight === null) return null;
    if (sight instanceof GatewayError) return { ...ruling, error: sight };
    if (sight.visible.everything || !this.#enforcement.planShowsHidden(tree, sight, runs)) return ruling;
    return { ...ruling, error: planNames() };
  }

  /** @param cause of the question, should there be one. Null: ask again. */
  #sight(cause: object, inTransaction: boolean): CatalogVisibility | GatewayError | null {
    const { catalog } = this.#enforcement;
    const stamp = this.#enforcement.stamp(inTransaction);
    if (this.#seen?.catalog === catalog && this.#seen.stamp === stamp) return this.#seen.sight;
    const sight = this.#enforcement.sightOf(this.#subject, inTransaction);
    if (sight instanceof Promise) return this.#waits(cause, sight) ? null : outOfSight();
    if (this.#seen !== null && this.#seen.catalog !== catalog) this.#seenBefore = this.#seen;
    this.#seen = { catalog, stamp, sight };
    return sight;
  }

  /** Asks again when it has settled. @returns false where that has been waited for before, in vain. */
  #waits(cause: object, work: Promise<void>): boolean {
    if (this.#awaited === work) return true;
    this.#awaited = work;
    const asked = this.#asked?.cause === cause ? this.#asked.times : 0;
    this.#asked = { cause, times: asked + 1 };
    const settled = (): void => {
      this.#awaited = null;
      this.#resume();
    };
    work.then(settled, settled); // where it cannot be asked, the statement is refused
    return asked < MAX_ASKED;
  }

  #analysed(evidence: Evidence): Analysed | null {
    if (evidence.outstanding > 0) return null;
    const { tree } = evidence;
    if (evidence.broken || tree === null) return refusing(notShown());
    if (!this.own.defining || !this.#enforcement.isCurrent) {
      const analysed = this.#enforcement.analyse(tree, false);
      if (analysed !== "stale") return analysed;
      if (!this.#isRefreshed(tree)) {
        this.#refresh(tree);
        return null;
      }
      if (!this.#enforcement.isCurrent) return refusing(outOfSight());
    }
    const analysed = this.own.judge(tree);
    if (analysed === "wanted") return null;
    if (analysed !== "stale") return analysed;
    if (this.#isRefreshed(tree)) return refusing(outOfSight());
    this.#refresh(tree);
    return null;
  }

  /** To have it loaded once more would not help. */
  #isRefreshed(cause: object): boolean {
    const { asOfMs, isCurrent } = this.#enforcement;
    const refreshed = this.#refreshed.get(cause);
    if (refreshed?.asOfMs !== asOfMs) return false;
    return isCurrent || !refreshed.succeeded || refreshed.times >= MAX_REFRESHED;
  }

  #refresh(cause: object): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    const done = (succeeded: boolean): void => {
      this.#refreshing = false;
      const { asOfMs } = this.#enforcement;
      const before = this.#refreshed.get(cause);
      const times = before?.asOfMs === asOfMs ? before.times + 1 : 1;
      this.#refreshed.set(cause, { asOfMs, times, succeeded });
      this.#resume();
    };
    // Where it cannot be loaded, the statement is refused.
    this.#enforcement.refresh().then(
      () => done(true),
      () => done(false),
    );
  }

  #rule(analysed: Analysed, inTransaction: boolean): Ruling {
    // What people have approved is the statement at hand alone: nothing of it is kept.
    if (this.#approvedBy !== NOBODY) return this.#decide(analysed, [], inTransaction);
    const stamp = this.#enforcement.stamp(inTransaction);
    const kept = this.#kept.get(analysed);
    if (kept !== undefined && kept.stamp === stamp) return kept.ruling;
    const ruling = this.#decide(analysed, [], inTransaction);
    this.#kept.set(analysed, { ruling, stamp });
    return ruling;
  }

  #decide(analysed: Analysed, more: readonly PolicyRequest[], inTransaction: boolean): Ruling {
    return this.#enforcement.rule(analysed, more, this.#subject, inTransaction, this.#approvedBy);
  }
}

/** SQL that runs inside what is judged by the grammar: of DO and CALL each tree is judged; DDL and COPY run checks and triggers. */
function insideOf(statementClass: string, byTree: Ruling["inside"]): Ruling["inside"] {
  if (statementClass === "call" || byTree === "judge") return "judge";
  return RUNS_OWNERS_SQL.has(statementClass) ? "owner" : byTree;
}

const RUNS_OWNERS_SQL: ReadonlySet<string> = new Set(["define", "maintain", "copyIn", "write"]);

/** Of a statement and of SQL inside it. */
function both(statement: Ruling, inside: Ruling): Ruling {
  const joined = `${statement.requests.slice(0, -1)},${inside.requests.slice(1)}`;
  const requests =
    inside.requests === "[]" ? statement.requests : statement.requests === "[]" ? inside.requests : joined;
  const shadow = statement.shadow === PERMITTED ? inside.shadow : statement.shadow;
  const guarded = statement.guarded || inside.guarded;
  const labelled = bothUses(statement.labelled, inside.labelled);
  // What runs inside was shown to nobody: that is not approved with the rest.
  const hold = inside.error === null ? statement.hold : null;
  return { ...statement, error: statement.error ?? inside.error, hold, requests, shadow, guarded, labelled };
}

/** Its errors may quote values of masked columns: it touches such a relation, or runs code that may. */
function guards(masked: MaskedColumns, { facts, callsFunctions, firesTriggers }: Analysed): boolean {
  if (masked.none) return false;
  return callsFunctions || firesTriggers || facts?.relations.some(({ oid }) => masked.isLabelled(oid)) === true;
}

/** Told apart from others by being this very list. */
const NOBODY: readonly string[] = [];
const NO_SIGHT = { visible: null } as const;

/** Expressions of a utility statement have no tree that could prove what they are asked about. */
function hiddenExpression({ targets }: ParsedStatement, visible: VisibleObjects): GatewayError | null {
  if (visible.everything || targets === undefined) return null;
  for (const { kind, object, name } of targets) {
    if (kind !== TARGET_KINDS.expression) continue;
    const last = name.at(-1) ?? "";
    const check = object === "function" ? checkOf(last) : undefined;
    const tells = check !== undefined && check !== "free";
    if (tells || (object === "type" && (/^_?reg/.test(last) || !visible.isNamed("type", name)))) return tellsHere(last);
  }
  return null;
}
