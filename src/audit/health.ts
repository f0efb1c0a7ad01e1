/** Whether the log can be written: one state, who is told of it, and the probing that ends a failure. Touches no file itself. */

import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";

/** What the log needs of a logger; pino's has it. */
export interface LogSink {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** `failed`: nothing may run. The log probes the disk and turns to `ok` by itself. */
export type LogState = "ok" | "failed";

export interface HealthOptions {
  readonly clock: Clock;
  readonly logger: LogSink;
  /** Tries to write again; false where something else still fails. @throws what the file system throws. */
  readonly tryAgain: () => Promise<boolean>;
  /** Called at the end of a failure, before anyone else is told. */
  readonly onRecovered: (reason: string, seconds: number) => void;
}

const PROBE_MS = 250;

export class Health {
  readonly #options: HealthOptions;
  readonly #callbacks: ((state: LogState) => void)[] = [];
  #sinceMs: number | undefined;
  #failure: unknown;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get failed(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** The first error of the present failure. */
  get failure(): unknown {
    return this.#failure;
  }

  onState(callback: (state: LogState) => void): void {
    this.#callbacks.push(callback);
  }

  /** Notes a failure and begins to probe. */
  fail(cause: unknown): void {
    if (this.failed) return;
    this.#sinceMs = this.#options.clock.monotonicMs();
    this.#failure = cause;
    this.#options.logger.error({ err: cause }, "the audit log cannot be written: no statement runs until it can");
    this.#tell("failed");
    this.#probeLater();
  }

  /** The error that everyone gets while the log has failed. */
  unavailable(): GatewayError {
    return new GatewayError("AUDIT_UNAVAILABLE", "the audit log cannot be written, so no statement runs", {
      hint: "The gateway goes on by itself when the log can be written again.",
      cause: this.#failure,
    });
  }

  /** Ends the probing. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #probeLater(): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#probe(), PROBE_MS).unref();
  }

  async #probe(): Promise<void> {
    try {
      if (await this.#options.tryAgain()) {
        if (!this.#stopped) this.#recovered();
        return;
      }
    } catch (error) {
      this.#options.logger.warn({ err: error }, "the audit log still cannot be written");
    }
    this.#probeLater();
  }

  #recovered(): void {
    const seconds = (this.#options.clock.monotonicMs() - (this.#sinceMs ?? 0)) / 1000;
    const reason = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    this.#sinceMs = undefined;
    this.#failure = undefined;
    this.#options.onRecovered(reason, seconds);
    this.#options.logger.info({ seconds }, "the audit log is written again");
    this.#tell("ok");
  }

  #tell(state: LogState): void {
    for (const callback of this.#callbacks) callback(state);
  }
}
