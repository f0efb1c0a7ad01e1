/** The log's side of the integrator's thread: starts it, tells it, hears from it. What the thread does: integrator.ts. */

import { MessageChannel, Worker } from "node:worker_threads";
import { unreachable } from "../base/errors.ts";
import { workerEntry } from "../base/worker-entry.ts";
import { type FromIntegrator, type IntegratorStart, SharedProgress, type ToIntegrator } from "./integrator-shared.ts";

/** State of the registry log, as heartbeats carry it. */
export interface RegistryState {
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

export interface IntegratorEvents {
  /** Tiles, checkpoint, key or registry cannot be written or read; onOk follows when they can. */
  readonly onFailed: (cause: unknown) => void;
  readonly onOk: () => void;
  /** The registry has noted the log's size. */
  readonly onRecorded: () => void;
}

export class IntegratorThread {
  readonly #worker: Worker;
  readonly #events: IntegratorEvents;
  readonly #progress: SharedProgress;
  readonly #outbox;
  readonly #ended: Promise<void>;
  #registry: RegistryState = { size: 0, root: "" };
  #closed = false;
  #lastFailure: unknown;

  /** Starts the thread and waits until it has opened the log. @throws {Error} what it could not. */
  static async start(start: Omit<IntegratorStart, "memory">, events: IntegratorEvents): Promise<IntegratorThread> {
    const thread = new IntegratorThread(start, events);
    await thread.#ready();
    return thread;
  }

  private constructor(start: Omit<IntegratorStart, "memory">, events: IntegratorEvents) {
    this.#events = events;
    this.#progress = new SharedProgress();
    const { port1, port2 } = new MessageChannel();
    this.#outbox = port1;
    this.#worker = new Worker(workerEntry(import.meta.url, "./integrator.js"), {
      workerData: { start: { ...start, memory: this.#progress.memory }, inbox: port2 },
      transferList: [port2],
    });
    this.#ended = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
  }

  /** Entries under a checkpoint. */
  get integrated(): number {
    return this.#progress.integrated;
  }

  get registry(): RegistryState {
    return this.#registry;
  }

  /** Entries below `size` are on disk in the journal. The thread looks by itself. */
  setDurable(size: number): void {
    this.#progress.durable = size;
  }

  /** Asks to note the log's size in the registry; onRecorded follows. */
  record(): void {
    this.#tell({ type: "record" });
  }

  /** Integrates all that is durable, closes the log in the registry, ends the thread. @throws {Error} what it could not. */
  async close(): Promise<void> {
    this.#tell({ type: "close" });
    await this.#ended;
    if (!this.#closed) throw new Error("the last entries could not be integrated", { cause: this.#lastFailure });
  }

  /** Ends the thread wherever it is: as a crash would. */
  async terminate(): Promise<void> {
    this.#closed = true;
    await this.#worker.terminate();
  }

  #tell(message: ToIntegrator): void {
    this.#outbox.postMessage(message);
    this.#progress.wake();
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.on("message", (message: FromIntegrator) => {
        if (message.type === "ready") resolve();
        this.#hear(message);
      });
      this.#worker.on("error", (error) => {
        reject(error);
        this.#lastFailure = error;
        if (!this.#closed) this.#events.onFailed(error);
      });
    });
  }

  #hear(message: FromIntegrator): void {
    switch (message.type) {
      case "ready":
        this.#registry = message.registry;
        return;
      case "recorded":
        this.#registry = message.registry;
        this.#events.onRecorded();
        return;
      case "closed":
        this.#registry = message.registry;
        this.#closed = true;
        return;
      case "failed":
        this.#lastFailure = new Error(message.reason);
        this.#events.onFailed(this.#lastFailure);
        return;
      case "ok":
        this.#events.onOk();
        return;
      default:
        unreachable(message);
    }
  }
}
