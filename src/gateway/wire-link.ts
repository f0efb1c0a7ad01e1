/** The state that both directions of one session share: sockets, names, what the upstream still owes, and the wait conditions. */

import type { Socket } from "node:net";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { AuditLog } from "../audit/log.ts";
import type { Clock } from "../base/clock.ts";
import { EXPECT, Expectation, Expectations } from "../statement/expectations.ts";
import { type NameChange, Namespace } from "../statement/namespace.ts";
import type { StatementRun } from "../statement/statement.ts";
import { TransactionFate } from "../statement/transaction.ts";
import { Asides } from "./asides.ts";
import type { Enforcement, Subject } from "./enforcement.ts";
import { Enforcer } from "./enforcer.ts";
import type { Holding, HoldOptions } from "./hold.ts";
import type { SessionJournal } from "./journal.ts";
import type { Stopped } from "./limits-errors.ts";
import { isMeasured, type StatementLimits } from "./limits-statement.ts";
import { MaskedNotice } from "./masked-notice.ts";
import { ReadOnlyBatches } from "./read-only.ts";
import type { StatementMetrics } from "./statement-metrics.ts";
import type { StatementReader } from "./statement-reader.ts";

export type TransactionStatus = "I" | "T" | "E";

export interface SessionLimits {
  readonly messageBytes: number;
  readonly preparedStatements: number;
  readonly portals: number;
}

/** What a session needs of the gateway around it. */
export interface SessionParts {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly log: AuditLog;
  readonly journal: SessionJournal;
  readonly reader: StatementReader;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly statementLimits: StatementLimits;
  readonly metrics: StatementMetrics;
  readonly serverMajor: number;
  /** What the upstream said of its settings when the session began, by name. */
  readonly reported: ReadonlyMap<string, string>;
  /** Has the outcomes that were appended handed over soon. */
  readonly settleSoon: () => void;
  /** Rewrites what a client sets as application_name, so that the server's log goes on naming the actor. */
  readonly applicationName: (name: string) => string;
  /** Judges by policy; absent where none is configured. */
  readonly enforcement: { readonly shared: Enforcement; readonly subject: Subject } | null;
  /** Has statements wait for people; null: what would wait is refused. */
  readonly hold: HoldOptions | null;
}

/** How a COPY FROM STDIN stands: nothing is sent behind one before the server has said that it takes it. */
export type CopyPhase = "none" | "asked" | "open";

export class WireLink {
  readonly parts: SessionParts;
  readonly names = new Namespace();
  readonly expectations = new Expectations();
  readonly fate: TransactionFate;
  /** Statements that wait for people; null: none does here. */
  holding: Holding | null = null;
  /** Null: no policy is configured. */
  readonly enforcer: Enforcer | null;
  /** What the client has set client_min_messages to; the server's own stands at log. */
  clientMessages = "notice";
  /** Runs SQL of its own, tree by tree: nothing is sent behind it, so that it can still be undone. */
  opaque: StatementRun | null = null;
  /** Newest run that a limit may stop, and its batch: no other batch is sent behind it, so that a cancel hits none. */
  #stoppable: StatementRun | null = null;
  #stoppableBatch = 0;
  /** Newest run whose rows are counted against a limit. */
  measured: StatementRun | null = null;
  /** A cancel of the gateway's own is on its way: nothing is sent that it could hit. */
  cancelling = false;
  /** The transaction of a statement that was too much has yet to be aborted. */
  aborting = false;
  /** What a limit stops, until its batch has been answered: the cancel may hit what stands behind it there. */
  stopping: Stopped | null = null;
  readonly asides: Asides;
  readonly maskedNotice = new MaskedNotice();
  /** When the last run ended, by Clock.monotonicMs. */
  endedMs = 0;
  /** Newest batch with a run that may change data. */
  #durableBatch = 0;
  /** A statement of the open transaction touches masked columns: what its end says is told as theirs is. */
  guarded = false;
  /** SQLSTATE of the server's last error, where it hit nothing that was let run. */
  lastError = "";
  /** Statements sent to run so far. */
  executions = 0;
  status: TransactionStatus = "I";
  /** Number of the batch that the next message belongs to; a batch ends with its Sync. */
  batch = 1;
  /** Newest batch whose ReadyForQuery has come. */
  answeredBatch = 0;
  /** How often the client was told that it may go on. */
  readies = 0;
  /** The upstream reported an error and skips until a Sync that has not been sent yet. */
  skipping = false;
  copy: CopyPhase = "none";
  /** The run that the open COPY FROM STDIN belongs to. */
  copyRun: StatementRun | null = null;
  /** Messages were forwarded since the last Sync: an implicit transaction may be open upstream. */
  batchOpen = false;
  /** Newest batch in which something of the client's was bound. */
  boundBatch = 0;
  readonly readOnly: ReadOnlyBatches;
  /** Newest run that was let go before the server had shown what it has come to. */
  early: StatementRun | null = null;
  /** Batch of the newest statement that was sent to run. */
  lastExecuteBatch = 0;
  lastActivityMs: number;
  /** Statements that were forwarded and have no outcome yet. */
  running = 0;

  /** @param resume called when what a statement waits for besides the server has come. */
  constructor(parts: SessionParts, resume: () => void) {
    this.parts = parts;
    const { enforcement } = parts;
    this.enforcer = enforcement === null ? null : new Enforcer(enforcement.shared, enforcement.subject, resume);
    this.fate = new TransactionFate(parts.serverMajor);
    this.readOnly = new ReadOnlyBatches(this);
    this.asides = new Asides(parts.statementLimits.limits.bytes, parts.clock);
    this.lastActivityMs = parts.clock.monotonicMs();
  }

  get opaqueRuns(): boolean {
    return this.opaque !== null && !this.opaque.ended;
  }

  /** A run goes out. */
  ran(run: StatementRun): void {
    this.running++;
    this.lastExecuteBatch = this.batch;
    this.executions++;
    if (run.durable) this.#durableBatch = this.batch;
    if (isMeasured(run) || run.bounded) this.measured = run;
    if (!this.parts.statementLimits.mayStop(run) && !run.bounded) return;
    this.#stoppable = run;
    this.#stoppableBatch = this.batch;
  }

  /** Nothing of the batch at hand may be sent now: a limit may still stop what another one runs, or does so. */
  get holdsBatch(): boolean {
    if (this.cancelling || this.aborting) return true;
    // The time of each message is limited, up to the end of what the Sync does.
    if (this.parts.statementLimits.limits.statementSeconds !== null && this.answeredBatch < this.batch - 1) return true;
    return this.#stoppable !== null && !this.#stoppable.ended && this.#stoppableBatch !== this.batch;
  }

  /** What runs may turn out to have been too much: what is not a mere read waits, or it would run behind an error. */
  get holdsWrites(): boolean {
    return this.measured !== null && !this.measured.ended;
  }

  /**
   * The same of the end of a batch that has changed something, since it may be the end of its transaction: the error is to undo it.
   * Whether a block is open then only the answers to what is under way will say.
   */
  get holdsSync(): boolean {
    return this.holdsWrites && this.#durableBatch === this.batch;
  }

  /** What runs may turn out to be another thing than was let go: until then its transaction may not end. @returns what it waits for. */
  holdsEnd(parsed: ParsedStatement | null): StatementRun | null {
    return parsed?.class === "transaction" && this.early?.ended === false ? this.early : null;
  }

  /** The run stands behind others of its batch, whose ends the server is to tell as they come: each has its own time. */
  get tellsApart(): boolean {
    return this.running > 1 && this.parts.statementLimits.limits.statementSeconds !== null;
  }

  /** The batch of what a limit may stop is complete, and has changed something, which may be committed already. */
  get mayHaveCommitted(): boolean {
    return this.syncSent && this.#durableBatch === this.#stoppableBatch;
  }

  /** The Sync of what a limit may stop is on its way. */
  get syncSent(): boolean {
    return this.#stoppableBatch !== this.batch;
  }

  /** As policy sees it: between BEGIN and its end. */
  get inTransaction(): boolean {
    return this.status === "T" || this.fate.inBlock;
  }

  /** A Sync goes out: the batch ends. @param hidden it was one of Postern's own. */
  endBatch(hidden = false): void {
    this.expectations.push(new Expectation("sync", hidden, null, null, null, this.batch));
    this.readOnly.ended();
    this.batch++;
    this.batchOpen = false;
    this.skipping = false; // the Sync that the server skips to is on its way
  }

  /**
   * A function may have changed the settings by which the server reads text, and the server tells so only with the
   * ReadyForQuery that has not come: what is sent now might be read otherwise than Postern reads it.
   */
  get settingsDoubtful(): boolean {
    return this.lastExecuteBatch > this.answeredBatch;
  }

  /** messages.ts's SETTLE_SETTINGS goes out: until the next statement runs, the settings are known. */
  settleSettings(): void {
    for (const expectation of EXPECT.settleSettings) this.expectations.push(expectation);
    this.batchOpen = true;
    this.lastExecuteBatch = 0;
  }

  /** Takes back what a failed batch would have changed. @param changes in the order in which they were made. */
  undo(changes: readonly (readonly NameChange[] | null)[]): void {
    for (const change of changes.flatMap((each) => each ?? []).reverse()) change.undo();
  }
}
