/**
 * The audit log as the stages see it: append, hand over, wait. An entry's way: buffer (append) -> kernel (handOver) ->
 * disk (flush) -> tiles and checkpoint (integrator, another thread). No record, no run: while the log cannot be written,
 * everything that would let a statement run throws AUDIT_UNAVAILABLE.
 */

import { unlink } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { type EntryBody, entryParts, entryTooLong, MAX_ENTRY_BYTES } from "./entry.ts";
import { journalFolderOf } from "./integrate.ts";
import { IntegratorThread } from "./integrator-thread.ts";
import { Journal } from "./journal.ts";
import { type OpenedFolder, openFolder } from "./open-folder.ts";
import { openingEntries } from "./opening-entries.ts";
import { listSegments, SEGMENT_BYTES } from "./segment.ts";
import { Timestamps } from "./timestamp.ts";
import { type Settled, Waiters } from "./waiters.ts";

/** What the log needs of a logger; pino's has it. */
export interface LogSink {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface AuditLogOptions {
  /** The data folder: `log/`, `journal/`, `keys/` are made in it. */
  readonly folder: string;
  /** First part of the log's origin: no white space, no `+` (C2SP signed-note, "Key names"). */
  readonly gatewayName: string;
  /** Second part of the origin; without it the one kept in `<data>/instance`, made at the first start. */
  readonly instance?: string;
  readonly clock: Clock;
  /** `strict`: afterHandOver too calls back when the entry is on disk. */
  readonly durability: "default" | "strict";
  readonly logger: LogSink;
  /** Version of Postern, for gateway.started. */
  readonly version?: string;
  /** Counters for gateway.heartbeat and gateway.stopped: whole numbers from 0. */
  readonly counters?: () => Readonly<Record<string, number>>;
  /** Told how long each flush took, in seconds. */
  readonly onFlush?: (seconds: number) => void;
}

/** `failed`: nothing may run. The log probes the disk and turns to `ok` by itself. */
export type LogState = "ok" | "failed";

/** Entries handed over, and not waited for, are on disk this much later plus one flush. */
const FLUSH_AFTER_MS = 5;
const PLACE_CHECK_MS = 50;
const PROBE_MS = 250;
/** A verifier takes more than 150 seconds without a sign of life for a gap. */
const HEARTBEAT_MS = 60_000;

/** What settles something already on record is taken even while the log has failed, so that it is there when the disk is. */
const SETTLING: ReadonlySet<string> = new Set([
  "statement.finished",
  "transaction.committed",
  "transaction.rolled_back",
  "session.closed",
]);

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #opened: OpenedFolder;
  readonly #journal: Journal;
  readonly #timestamps: Timestamps;
  readonly #waiters = new Waiters();
  readonly #stateCallbacks: ((state: LogState) => void)[] = [];
  #turn: Settled[] = [];
  #turnScheduled = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #integrator: IntegratorThread | undefined;
  #failedSinceMs: number | undefined;
  /** The first error of this failure. */
  #failure: unknown;
  #integratorFailed = false;
  #checkedMs = 0;
  #closed = false;

  /**
   * Opens or continues the log of `options.folder`: recovers what a crash has left, then writes gateway.started.
   * @throws {GatewayError} AUDIT_UNAVAILABLE where the folder is another process's, damaged, or cannot be written.
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    try {
      const { folder, gatewayName, instance, clock } = options;
      const opened = await openFolder(folder, gatewayName, instance, clock);
      const log = new AuditLog(options, opened);
      await log.#start();
      return log;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GatewayError("AUDIT_UNAVAILABLE", `the audit log cannot be opened: ${why}`, { cause });
    }
  }

  private constructor(options: AuditLogOptions, opened: OpenedFolder) {
    this.#options = options;
    this.#opened = opened;
    this.#timestamps = new Timestamps(options.clock, opened.recovered.lastMicros);
    this.#journal = new Journal({
      folder: journalFolderOf(opened),
      firstSeq: opened.recovered.size,
      segmentBytes: SEGMENT_BYTES,
      onDurable: (size) => {
        this.#integrator?.setDurable(size);
        this.#waiters.settle(size);
      },
      onFailure: (cause) => this.#onFailure(cause),
    });
  }

  async #start(): Promise<void> {
    const { dataFolder, gatewayName, instance, recovered } = this.#opened;
    try {
      await this.#journal.start();
      this.#integrator = await IntegratorThread.start(
        { dataFolder, gatewayName, instance, sessions: recovered.sessionsAtTiles },
        {
          onFailed: (cause) => this.#onIntegratorFailed(cause),
          onOk: () => {
            this.#integratorFailed = false;
          },
          onRecorded: () => this.#beat(),
        },
      );
      this.#integrator.setDurable(this.#journal.durable);
      const version = this.#options.version ?? "unknown";
      let last = 0;
      for (const entry of openingEntries(this.#opened, version, process.version)) last = this.append(entry);
      await this.whenDurable(last);
    } catch (error) {
      await this.#integrator?.terminate();
      await this.#journal.close();
      this.#opened.unlock();
      throw error;
    }
    this.#heartbeat = setInterval(() => this.#integrator?.record(), HEARTBEAT_MS).unref();
  }

  /**
   * Adds an entry, in memory only. Returns its leaf index (`seq`). While the log has failed, entries that settle what is on
   * record (statement.finished, transaction.*, session.closed) are still taken, up to 64 MiB, and written when the disk is back.
   * @throws {GatewayError} AUDIT_UNAVAILABLE; STATEMENT_OVER_LIMIT over 65,535 bytes: nothing was added then.
   */
  append(entry: EntryBody): number {
    const { head, mid, tail } = entryParts(entry);
    return SETTLING.has(entry.type) ? this.appendSettling(head, mid, tail) : this.appendParts(head, mid, tail);
  }

  /** append() for the hot path: the parts are those of entryParts(). */
  appendParts(head: string, mid: string, tail: string): number {
    if (this.#failedSinceMs !== undefined || this.#closed) throw this.#unavailable();
    return this.#append(head, mid, tail);
  }

  /** appendParts() for entries that settle what is on record; see append(). @throws {GatewayError} as append(). */
  appendSettling(head: string, mid: string, tail: string): number {
    if (this.#closed || (this.#failedSinceMs !== undefined && this.#journal.full)) throw this.#unavailable();
    return this.#append(head, mid, tail);
  }

  /**
   * Writes all that was appended to the kernel, in one call: a killed process loses none of it. What could not be handed
   * over stays in memory and is written first when the disk is back; its statements must not run (or have ended before).
   * @throws {GatewayError} AUDIT_UNAVAILABLE.
   */
  handOver(): void {
    if (this.#failedSinceMs !== undefined) throw this.#unavailable();
    this.#checkPlace();
    try {
      this.#journal.handOver();
    } catch {
      throw this.#unavailable(); // the journal has told onFailure
    }
    this.#scheduleFlush();
  }

  /** Hands over once for all callers of this turn of the event loop, then calls each back. Under `strict`: when on disk. */
  afterHandOver(callback: Settled): void {
    if (this.#options.durability === "strict") {
      this.afterDurable(this.#journal.next - 1, callback);
      return;
    }
    this.#turn.push(callback);
    this.#scheduleTurn();
  }

  /** Calls back when the entry `index` is on disk, or cannot be brought there. Never before this function has returned. */
  afterDurable(index: number, callback: Settled): void {
    if (this.#failedSinceMs === undefined && index >= this.#journal.durable) this.#waiters.add(index, callback);
    else this.#turn.push(callback); // on disk already, or refused with the turn
    this.#scheduleTurn();
  }

  /** afterDurable() as a promise. */
  whenDurable(index: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.afterDurable(index, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  get state(): LogState {
    return this.#failedSinceMs === undefined ? "ok" : "failed";
  }

  /** Why the log has failed, for the operator; undefined while it is ok. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Calls back at each change of state. */
  onState(callback: (state: LogState) => void): void {
    this.#stateCallbacks.push(callback);
  }

  /** Entries so far: the next leaf index. */
  get size(): number {
    return this.#journal.next;
  }

  /** Entries that no checkpoint covers yet. */
  get lag(): number {
    return this.#journal.next - (this.#integrator?.integrated ?? 0);
  }

  /** The log's name: `<gateway name>/<instance>`. */
  get origin(): string {
    return this.#opened.origin;
  }

  /** Second part of the origin, and name of the log's folder in `<data>/log`. */
  get instance(): string {
    return this.#opened.instance;
  }

  /** Writes gateway.stopped and the last checkpoint, closes the log in the registry. Nothing can be appended after. */
  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    clearInterval(this.#heartbeat);
    try {
      if (this.state === "failed") throw this.#failure;
      const last = this.append({ type: "gateway.stopped", reason, counters: this.#options.counters?.() ?? {} });
      await this.whenDurable(last);
      await this.#integrator?.close();
      for (const { path } of await listSegments(journalFolderOf(this.#opened))) await unlink(path);
    } catch (error) {
      this.#options.logger.error({ err: error }, "the audit log could not be closed: the next start recovers it");
      await this.#integrator?.terminate();
    } finally {
      this.#closed = true;
      clearTimeout(this.#flushTimer);
      clearTimeout(this.#probeTimer);
      await this.#journal.close();
      this.#opened.unlock();
    }
  }

  #append(head: string, mid: string, tail: string): number {
    if (this.#journal.overdue && this.#failedSinceMs === undefined) this.handOver();
    const seq = this.#journal.next;
    const text = `{${head}"seq":${seq},${mid}"ts":"${this.#timestamps.next()}",${tail}}`;
    const appended = this.#journal.append(text, MAX_ENTRY_BYTES);
    if (!appended.ok) throw entryTooLong(appended.bytes);
    const backMs = this.#timestamps.takeStepMs();
    if (backMs > 0) this.#appendOwn({ type: "alarm.clock_stepped", backMs });
    return seq;
  }

  #appendOwn(entry: EntryBody): void {
    const { head, mid, tail } = entryParts(entry);
    this.#append(head, mid, tail);
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#turnScheduled = false;
    const turn = this.#turn;
    this.#turn = [];
    let error: GatewayError | undefined;
    try {
      this.handOver();
    } catch (thrown) {
      error = thrown instanceof GatewayError ? thrown : this.#unavailable();
    }
    if (error === undefined && this.#waiters.count > 0) void this.#flush();
    for (const callback of turn) callback(error);
  }

  #scheduleFlush(): void {
    if (this.#flushTimer !== undefined || this.#journal.flushing || this.#journal.handed === this.#journal.durable)
      return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      void this.#flush();
    }, FLUSH_AFTER_MS);
  }

  async #flush(): Promise<void> {
    if (this.#journal.flushing) return; // the one in flight starts the next: see below
    const startMs = this.#options.clock.monotonicMs();
    await this.#journal.flush();
    this.#options.onFlush?.((this.#options.clock.monotonicMs() - startMs) / 1000);
    if (this.#failedSinceMs !== undefined || this.#closed) return;
    if (this.#waiters.count > 0) void this.#flush();
    else this.#scheduleFlush();
  }

  /** A deleted or exchanged folder keeps its open files writable: what is written there nobody would find. */
  #checkPlace(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#checkedMs < PLACE_CHECK_MS && nowMs >= this.#checkedMs) return;
    this.#checkedMs = nowMs;
    if (!this.#journal.isInPlace()) {
      this.#journal.fail(new Error("the journal's segment is not in its place"));
      throw this.#unavailable();
    }
  }

  #onFailure(cause: unknown): void {
    if (this.#failedSinceMs !== undefined) return;
    this.#failedSinceMs = this.#options.clock.monotonicMs();
    this.#failure = cause;
    this.#options.logger.error({ err: cause }, "the audit log cannot be written: no statement runs until it can");
    this.#waiters.failAll(this.#unavailable());
    this.#tellState("failed");
    this.#probeLater();
  }

  #probeLater(): void {
    if (this.#closed) return;
    this.#probeTimer = setTimeout(() => void this.#probe(), PROBE_MS).unref();
  }

  async #probe(): Promise<void> {
    try {
      if (this.#journal.failed) await this.#journal.recover();
    } catch (error) {
      this.#options.logger.warn({ err: error }, "the audit log still cannot be written");
    }
    if (this.#journal.failed || this.#integratorFailed) this.#probeLater();
    else this.#recovered();
  }

  #recovered(): void {
    const seconds = (this.#options.clock.monotonicMs() - (this.#failedSinceMs ?? 0)) / 1000;
    const reason = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    this.#failedSinceMs = undefined;
    this.#failure = undefined;
    this.#appendOwn({ type: "alarm.log_interrupted", reason, seconds });
    this.#scheduleTurn();
    this.#options.logger.info({ seconds }, "the audit log is written again");
    this.#tellState("ok");
  }

  #onIntegratorFailed(cause: unknown): void {
    this.#integratorFailed = true;
    this.#onFailure(cause);
  }

  /** The registry has just noted how far the log is: the heartbeat notes how far the registry is. */
  #beat(): void {
    if (this.#closed || this.state === "failed" || this.#integrator === undefined) return;
    const { size, root } = this.#integrator.registry;
    const counters = this.#options.counters?.() ?? {};
    this.append({ type: "gateway.heartbeat", counters, registry: { size, root } });
    this.#scheduleTurn();
  }

  #tellState(state: LogState): void {
    for (const callback of this.#stateCallbacks) callback(state);
  }

  #unavailable(): GatewayError {
    return new GatewayError("AUDIT_UNAVAILABLE", "the audit log cannot be written, so no statement runs", {
      hint: "The gateway goes on by itself when the log can be written again.",
      cause: this.#failure,
    });
  }
}
