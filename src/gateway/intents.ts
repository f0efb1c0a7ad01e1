/** Puts on record what was decided of a statement, before the gate lets it through or the client hears of its refusal. */

import type { GatewayError } from "../base/errors.ts";
import { labelsOf } from "../masking/masked/labelled-use.ts";
import { Delivered, type PreparedStatement, type StatementRecord, StatementRun } from "../statement/statement.ts";
import { PERMITTED, type Ruling, reasonOf, UNJUDGED } from "./enforcement.ts";
import type { Gate } from "./gate.ts";
import type { Lifted } from "./holdable.ts";
import { commitment } from "./journal.ts";
import type { WireLink } from "./wire-link.ts";

/** Fingerprint of a text that was not read. */
const UNREAD = "0000000000000000";

/** What a permitted statement is recorded with. */
export interface Permitted {
  readonly statement: PreparedStatement;
  /** Commitment to what it is bound to; null: no parameters. */
  readonly parameters: string | null;
  /** What a name in it stands for: EXECUTE, FETCH, MOVE. */
  readonly behind: StatementRecord | null;
  /** It may change data: its intent is on disk before it is forwarded. */
  readonly durable: boolean;
  readonly ruling: Ruling;
  /** The approval whose one attempt this is; absent or null: it needed none. */
  readonly lifted?: Lifted | null;
  /** Of its portal; absent where it has none that is read again. */
  readonly delivered?: Delivered;
  /** Of its rows; absent where they are described right before. */
  readonly formats?: readonly number[];
}

export class Intents {
  readonly #link: WireLink;
  readonly #gate: Gate;

  constructor(link: WireLink, gate: Gate) {
    this.#link = link;
    this.#gate = gate;
  }

  /** It runs as soon as its intent is on record. */
  permit({
    statement,
    parameters,
    behind,
    durable,
    ruling,
    delivered,
    formats,
    lifted = null,
  }: Permitted): StatementRun {
    const { journal, clock, metrics, statementLimits } = this.#link.parts;
    const statementClass = statement.parsed?.class ?? "unknown";
    const sessionSeq = journal.next;
    const approval = lifted?.approval;
    this.#gate.require(journal.decided(statement, statementClass, parameters, null, ruling, behind, approval), durable);
    metrics.decided(statementClass, (ruling.shadow ?? PERMITTED) === PERMITTED ? "permitted" : "shadowed");
    this.#link.enforcer?.own.ran(this.#runBy(statement), this.#link.batch);
    const startedMs = clock.monotonicMs();
    const run = new StatementRun(
      ...([statement, sessionSeq, journal.statements, durable, startedMs, ruling.inside] as const),
      statementLimits.ofRun(ruling.maxRows, delivered ?? new Delivered()),
    );
    this.#label(run, ruling);
    run.guarded = ruling.guarded;
    run.maxChanges = lifted?.rows ?? Number.POSITIVE_INFINITY;
    run.formats = formats ?? null;
    if (ruling.guarded) this.#link.guarded = true;
    run.executes = this.#behindName(statement)?.evidence ?? null;
    this.#link.ran(run);
    return run;
  }

  /** What is to be told, and put on record at its end, of the labelled columns that it uses. */
  #label(run: StatementRun, { labelled }: Ruling): void {
    if (labelled === null) return;
    const { masked, revealed, policies, tells } = labelled;
    // A view's columns may be permitted, and the table behind it hidden.
    if (tells) run.masks = masked.filter(({ relation }) => this.#link.enforcer?.maySee(relation) === true);
    if (revealed.length === 0) return;
    const columns = [...new Set(revealed.map(({ name }) => name))].sort();
    run.countsReveals = this.#link.parts.statementLimits.limits.revealedRowsPerHour !== null;
    run.reveals = { labels: labelsOf(revealed), columns, policies };
  }

  /** The statement, or that behind the name which EXECUTE gives. */
  #runBy(statement: PreparedStatement): PreparedStatement["parsed"] {
    return this.#behindName(statement)?.parsed ?? statement.parsed;
  }

  #behindName({ parsed }: PreparedStatement): PreparedStatement | null {
    if (parsed?.prepared?.kind !== "execute") return null;
    return this.#link.names.statement(parsed.prepared.name ?? "") ?? null;
  }

  /** It was read and may not run. */
  refuse(
    statement: PreparedStatement,
    parameters: string | null,
    error: GatewayError,
    ruling: Ruling = UNJUDGED,
  ): void {
    this.#refused(statement, parameters, reasonOf(error), ruling);
  }

  #refused(statement: PreparedStatement, parameters: string | null, reason: string, ruling: Ruling): void {
    const { journal, metrics } = this.#link.parts;
    const statementClass = statement.parsed?.class ?? "unknown";
    this.#gate.require(journal.decided(statement, statementClass, parameters, reason, ruling), false);
    metrics.decided(statementClass, "refused");
    if (ruling.alarm !== null) metrics.unproven++;
  }

  /** The server refused it when it looked what it touches: it did not run. */
  failed(statement: PreparedStatement, sqlstate: string): void {
    this.#refused(statement, null, `${sqlstate} by the server`, UNJUDGED);
  }

  /** It could not be read. */
  refuseText(text: Uint8Array, error: GatewayError): void {
    const { salt } = this.#link.parts.journal.facts;
    const record = { commitment: commitment(salt, "sql", text), fingerprint: UNREAD };
    this.refuse(
      {
        name: "",
        parsed: null,
        record,
        evidence: null,
        text: null,
        origin: null,
        meaning: null,
        source: null,
        parameterTypes: [],
        parsedIn: { batch: 0, after: 0 },
      },
      null,
      error,
    );
  }
}
