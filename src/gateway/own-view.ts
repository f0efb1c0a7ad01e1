/**
 * What one session may see that the shared catalog does not: what its own statements have made or renamed, in the open transaction and
 * for as long behind it as nobody has looked at the server. Says when what was known of a statement holds no more, and judges trees by the
 * session's own catalog. Sends nothing: `wanted` is what the session's connection is to be asked.
 */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { TreeFacts } from "../analysis/query-tree/tree-facts.ts";
import { isTemporary } from "../analysis/session-names.ts";
import { CatalogTooOld } from "../analysis/tree-requests.ts";
import type { GatewayError } from "../base/errors.ts";
import type { Evidence } from "../statement/statement.ts";
import { objectsAnswer } from "../upstream/session-queries.ts";
import { type Analysed, type Enforcement, refusing } from "./enforcement.ts";
import { OwnCatalog, type WantedObjects } from "./own-catalog.ts";

/** Classes of statements that may change what names mean. */
const CHANGES_NAMES: ReadonlySet<string> = new Set(["session", "define", "call", "maintain", "unknown"]);
/** Those that may make, change or drop what others see. */
const DEFINES: ReadonlySet<string> = new Set(["define", "call", "unknown"]);
/** What is found may name more that is not known; and the catalog may change between two questions. */
const MAX_QUESTIONS = 8;

export class OwnView {
  readonly #enforcement: Enforcement;
  /** How often names may have come to mean something else to this session. */
  #moves = 0;
  /** Of what the server was asked about, when the newest question was: by #moves. */
  readonly #askedAt = new WeakMap<Evidence, number>();
  /** Newest batch with a setting or a definition that the end of its transaction may take back; 0: none. */
  #changedIn = 0;
  /** Batch of the newest definition in the transaction that is open; 0: none. */
  #definedIn = 0;
  #definedMs = Number.NEGATIVE_INFINITY;
  #own: OwnCatalog | null = null;
  #wanted: WantedObjects | null = null;
  #questions = 0;
  /** Why the last question has no answer: it refuses one statement. */
  #unanswered: GatewayError | null = null;
  readonly #facts = new WeakMap<Uint8Array, TreeFacts>();

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  /** Definitions of this session's may be unknown to the catalog that all share. */
  get defining(): boolean {
    return this.#definedIn !== 0 || this.#enforcement.asOfMs <= this.#definedMs;
  }

  /** They cannot be known to it. */
  get definesNow(): boolean {
    return this.#definedIn !== 0;
  }

  /** What the session's connection is to be asked; null: nothing. */
  get wanted(): WantedObjects | null {
    return this.#wanted;
  }

  /** The statement goes out, in that batch: names may mean something else behind it. */
  ran(parsed: ParsedStatement | null, batch: number): void {
    const { class: statementClass = "unknown", settingWrites } = parsed ?? {};
    const ends = statementClass === "transaction";
    if (ends || CHANGES_NAMES.has(statementClass)) this.#own = null;
    if (DEFINES.has(statementClass)) {
      this.#definedIn = batch;
      if (!isOwnAlone(parsed)) this.#enforcement.definitionBegan(this);
    }
    // The end of a transaction, or of a part of it, takes back what was set in it.
    if (settingWrites !== undefined || CHANGES_NAMES.has(statementClass)) this.#changedIn = batch;
    else if (!ends || this.#changedIn === 0) return;
    this.#moves++;
  }

  /** A statement has failed: what its transaction has set and made is as it was. */
  failed(): void {
    this.#own = null;
    if (this.#changedIn !== 0) this.#moves++;
  }

  /** That batch is answered, and no transaction is open any more. */
  transactionEnded(batch: number): void {
    this.#own = null;
    if (this.#changedIn !== 0) this.#moves++; // what was set for it alone is over too
    if (batch >= this.#changedIn) this.#changedIn = 0;
    if (this.#definedIn === 0 || batch < this.#definedIn) return;
    this.#definedIn = 0;
    this.#definedMs = this.#enforcement.nowMs;
    this.#enforcement.definitionEnded(this);
  }

  close(): void {
    this.#enforcement.definitionEnded(this);
  }

  /** A message goes out whose answer shows how the server understands the statement by then. */
  asked(evidence: Evidence): void {
    this.#askedAt.set(evidence, this.#moves);
  }

  /** Nothing in this session has changed names since the server was asked about the statement. */
  isAsOfNow(evidence: Evidence): boolean {
    return this.#askedAt.get(evidence) === this.#moves;
  }

  /** Nothing that went through this gateway has changed names since, and the catalog knows all. */
  holds(evidence: Evidence): boolean {
    return this.isAsOfNow(evidence) && !this.#enforcement.isMoving && !this.defining;
  }

  /** What a tree comes to by the session's own catalog. "wanted": ask the session first. "stale": the shared catalog may know by now. */
  judge(tree: Uint8Array): Analysed | "wanted" | "stale" {
    const unanswered = this.#unanswered;
    this.#unanswered = null;
    if (unanswered !== null) return refusing(unanswered);
    try {
      const facts = this.#factsOf(tree);
      const own = this.#current();
      this.#wanted = this.#questions >= MAX_QUESTIONS ? null : own.wanted(facts);
      if (this.#wanted === null) return own.analyse(tree, facts);
      this.#questions++;
      return "wanted";
    } catch (error) {
      return error instanceof CatalogTooOld && this.defining && !this.definesNow ? "stale" : refusing(error);
    }
  }

  /** The same where nothing has to be asked; null where something would. */
  known(tree: Uint8Array): Analysed | null {
    if (this.#own === null && !this.defining) return null;
    try {
      const facts = this.#factsOf(tree);
      const own = this.#current();
      return own.wanted(facts) === null ? own.analyse(tree, facts) : null;
    } catch {
      return null;
    }
  }

  /** What was asked for one statement is not for the next. */
  forget(): void {
    this.#wanted = null;
    this.#unanswered = null;
    this.#questions = 0;
  }

  /** @param text what the session's connection has answered; null: nothing. */
  learn(text: string | null, error: GatewayError): void {
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted === null) return;
    const own = this.#current();
    const answer = text === null ? null : objectsAnswer(text, own.base);
    if (answer === null) this.#unanswered = error;
    else own.learn(wanted, answer);
  }

  #current(): OwnCatalog {
    const { catalog, listings } = this.#enforcement;
    const all = this.defining;
    const own = this.#own;
    if (own !== null && own.base === catalog && own.listings === listings && (own.all || !all)) return own;
    this.#own = new OwnCatalog(catalog, listings, all);
    return this.#own;
  }

  #factsOf(tree: Uint8Array): TreeFacts {
    const known = this.#facts.get(tree);
    if (known !== undefined) return known;
    const facts = this.#enforcement.factsOf(tree);
    this.#facts.set(tree, facts);
    return facts;
  }
}

/** It makes what no other session sees. */
function isOwnAlone(parsed: ParsedStatement | null): boolean {
  const targets = parsed?.targets ?? [];
  return targets.length > 0 && targets.every(({ action, name }) => action === "create" && isTemporary(name[0] ?? ""));
}
