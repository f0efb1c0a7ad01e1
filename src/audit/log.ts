/**
 * The audit log as the stages see it: append, hand over, wait. An entry's way: buffer (append) -> kernel (handOver) ->
 * disk (flush) -> tiles and checkpoint (integrator, another thread). No record, no run: while the log cannot be written,
 * everything that would let a statement run throws AUDIT_UNAVAILABLE.
 */

import { unlink } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { type EntryBody, entryParts, entryTooLong, MAX_ENTRY_BYTES } from "./entry.ts";
import { GroupCommit, type Settled } from "./group-commit.ts";
import { Health, type LogSink, type LogState } from "./health.ts";
import { journalFolderOf } from "./integrate.ts";
import { IntegratorThread } from "./integrator-thread.ts";
import { Journal } from "./journal.ts";
import { type OpenedFolder, openFolder } from "./open-folder.ts";
import { openingEntries } from "./opening-entries.ts";
import { listSegments, SEGMENT_BYTES } from "./segment.ts";
import { Timestamps } from "./timestamp.ts";

export type { LogSink, LogState } from "./health.ts";

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

/** A hand-over looks so often whether the journal still is where it can be found. */
const PLACE_CHECK_MS = 50;
const IDLE_CHECK_MS = 1000;
/** A verifier takes more than 150 seconds without a sign of life for a gap. */
const HEARTBEAT_MS = 60_000;

/** What settles something already on record is taken even while the log has failed, so that it is there when the disk is. */
const SETTLING: ReadonlySet<string> = new Set([
  "statement.finished",
  "reveal.used",
  "alarm.detector_hit",
  "alarm.unproven",
  "transaction.committed",
  "transaction.rolled_back",
  "session.closed",
]);

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #opened: OpenedFolder;
  readonly #journal: Journal;
  readonly #timestamps: Timestamps;
  readonly #commit: GroupCommit;
  readonly #health: Health;
  readonly #timers: NodeJS.Timeout[] = [];
  #integrator: IntegratorThread | undefined;
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
    const { clock, logger, onFlush } = options;
    this.#timestamps = new Timestamps(clock, opened.recovered.lastMicros);
    this.#journal = new Journal({
      folder: journalFolderOf(opened),
      firstSeq: opened.recovered.size,
      segmentBytes: SEGMENT_BYTES,
      onDurable: (size) => {
        this.#integrator?.setDurable(size);
        this.#commit.settle(size);
      },
      onFailure: (cause) => this.#fail(cause),
    });
    this.#commit = new GroupCommit({ journal: this.#journal, handOver: () => this.handOver(), clock, onFlush });
    this.#health = new Health({
      clock,
      logger,
      tryAgain: () => this.#tryAgain(),
      onRecovered: (reason, seconds) => this.#appendOwn({ type: "alarm.log_interrupted", reason, seconds }),
    });
  }

  async #start(): Promise<void> {
    try {
      await this.#journal.start();
      this.#integrator = await this.#startIntegrator();
      this.#integrator.setDurable(this.#journal.durable);
      const version = this.#options.version ?? "unknown";
      let last = 0;
      for (const entry of openingEntries(this.#opened, version, process.version)) last = this.append(entry);
      await this.whenDurable(last);
    } catch (error) {
      await this.#end();
      throw error;
    }
    this.#timers.push(
      setInterval(() => this.#integrator?.record(), HEARTBEAT_MS).unref(),
      setInterval(() => this.#checkIdle(), IDLE_CHECK_MS).unref(),
    );
  }

  #startIntegrator(): Promise<IntegratorThread> {
    const { dataFolder, gatewayName, instance, recovered } = this.#opened;
    return IntegratorThread.start(
      { dataFolder, gatewayName, instance, sessions: recovered.sessionsAtTiles },
      {
        onFailed: (cause) => {
          this.#integratorFailed = true;
          this.#fail(cause);
        },
        onOk: () => {
          this.#integratorFailed = false;
        },
        onRecorded: () => this.#beat(),
      },
    );
  }

  /**
   * Adds an entry, in memory only; without a hand-over it is on disk some 10 ms later. Returns its leaf index (`seq`). While the log has failed, entries that settle what is on
   * record (statement.finished, transaction.*, session.closed) are still taken, up to 64 MiB, and written when the disk is back.
   * @throws {GatewayError} AUDIT_UNAVAILABLE; STATEMENT_OVER_LIMIT over 65,535 bytes: nothing was added then.
   */
  append(entry: EntryBody): number {
    const { head, mid, tail } = entryParts(entry);
    return SETTLING.has(entry.type) ? this.appendSettling(head, mid, tail) : this.appendParts(head, mid, tail);
  }

  /** append() for the hot path: the parts are those of entryParts(). */
  appendParts(head: string, mid: string, tail: string): number {
    if (this.#health.failed || this.#closed) throw this.#health.unavailable();
    if (this.#journal.overdue) this.handOver();
    return this.#append(head, mid, tail);
  }

  /** appendParts() for entries that settle what is on record; see append(). @throws {GatewayError} as append(). */
  appendSettling(head: string, mid: string, tail: string): number {
    if (this.#closed || (this.#health.failed && this.#journal.full)) throw this.#health.unavailable();
    if (this.#journal.overdue && !this.#health.failed) this.#commit.scheduleTurn();
    return this.#append(head, mid, tail);
  }

  /**
   * Writes all that was appended to the kernel, in one call: a killed process loses none of it. What could not be handed
   * over stays in memory and is written first when the disk is back; its statements must not run (or have ended before).
   * Only where the process ends before that is it lost: then the next start closes as `unknown` what has no outcome.
   * @throws {GatewayError} AUDIT_UNAVAILABLE.
   */
  handOver(): void {
    if (this.#health.failed) throw this.#health.unavailable();
    this.#checkPlace();
    try {
      this.#journal.handOver();
    } catch {
      throw this.#health.unavailable(); // the journal has told #fail
    }
  }

  /** Hands over once for all callers of this turn of the event loop, then calls each back. Under `strict`: when on disk. */
  afterHandOver(callback: Settled): void {
    if (this.#options.durability === "strict") this.#commit.afterDurable(this.#journal.next - 1, callback);
    else this.#commit.afterHandOver(callback);
  }

  /** Calls back when the entry `index` is on disk, or cannot be brought there. Never before this function has returned. */
  afterDurable(index: number, callback: Settled): void {
    this.#commit.afterDurable(index, callback);
  }

  /** afterDurable() as a promise. */
  whenDurable(index: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commit.afterDurable(index, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  get state(): LogState {
    return this.#health.failed ? "failed" : "ok";
  }

  /** Why the log has failed, for the operator; undefined while it is ok. */
  get failure(): unknown {
    return this.#health.failure;
  }

  /** Calls back at each change of state. */
  onState(callback: (state: LogState) => void): void {
    this.#health.onState(callback);
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

  /**
   * Writes gateway.stopped and the last checkpoint, closes the log in the registry. Nothing can be appended after.
   * Does not throw: where the disk does not take it, the journal has what it took, and the next start recovers.
   */
  async close(reason: string): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#health.failed) throw this.#health.failure;
      const last = this.append({ type: "gateway.stopped", reason, counters: this.#options.counters?.() ?? {} });
      this.#closed = true;
      await this.whenDurable(last);
      await this.#journal.close();
      await this.#integrator?.close();
      for (const { path } of await listSegments(journalFolderOf(this.#opened))) await unlink(path);
    } catch (error) {
      this.#options.logger.error({ err: error }, "the audit log could not be closed: the next start recovers it");
    } finally {
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#commit.stop();
    this.#health.stop();
    await this.#integrator?.terminate();
    await this.#journal.close();
    this.#opened.unlock();
  }

  #append(head: string, mid: string, tail: string): number {
    const seq = this.#journal.next;
    // entryText(), by hand: one string, no object.
    const text = `{${head}"seq":${seq},${mid}"ts":"${this.#timestamps.next()}",${tail}}`;
    const appended = this.#journal.append(text, MAX_ENTRY_BYTES);
    if (!appended.ok) throw entryTooLong(appended.bytes);
    this.#commit.scheduleFlush();
    const backMs = this.#timestamps.takeStepMs();
    if (backMs > 0) this.#appendOwn({ type: "alarm.clock_stepped", backMs });
    return seq;
  }

  /** An entry of the log itself, which goes out with the turn. */
  #appendOwn(entry: EntryBody): void {
    const { head, mid, tail } = entryParts(entry);
    this.#append(head, mid, tail);
    this.#commit.scheduleTurn();
  }

  /** The registry has just noted how far the log is: the heartbeat notes how far the registry is. */
  #beat(): void {
    if (this.#closed || this.#health.failed || this.#integrator === undefined) return;
    const counters = this.#options.counters?.() ?? {};
    this.#appendOwn({ type: "gateway.heartbeat", counters, registry: { ...this.#integrator.registry } });
  }

  #fail(cause: unknown): void {
    this.#health.fail(cause);
    this.#commit.failAll(this.#health.unavailable());
  }

  async #tryAgain(): Promise<boolean> {
    if (this.#journal.failed) await this.#journal.recover();
    return !this.#integratorFailed;
  }

  /** A deleted or exchanged folder keeps its open files writable: what is written there nobody would find. */
  #checkPlace(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#checkedMs < PLACE_CHECK_MS && nowMs >= this.#checkedMs) return;
    this.#checkedMs = nowMs;
    if (this.#journal.isInPlace()) return;
    this.#journal.fail(new Error("the journal's segment is not in its place"));
    throw this.#health.unavailable();
  }

  /** The same where nobody hands over: readiness is to turn false before a statement comes. */
  #checkIdle(): void {
    if (!this.#health.failed && !this.#closed && !this.#journal.isInPlace()) {
      this.#journal.fail(new Error("the journal's segment is not in its place"));
    }
  }
}
