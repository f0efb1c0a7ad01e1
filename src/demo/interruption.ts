/** Ctrl-C, a closed terminal, a service manager's stop: told as one promise, and never the end of the process by themselves. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Exit status of a process that ends at once because it was asked twice. */
const IMPATIENT = 130;

/** Both copies of one Ctrl-C: the terminal's own, and the one that npm passes on. */
const SAME_PRESS_MS = 500;

export class Interruption {
  /** Resolves at the first signal. */
  readonly happened: Promise<NodeJS.Signals>;
  #release: () => void = () => undefined;
  #signal: NodeJS.Signals | undefined;

  constructor() {
    this.happened = new Promise((resolve) => {
      let sinceMs = 0;
      const onSignal = (signal: NodeJS.Signals): void => {
        if (this.#signal === undefined) sinceMs = performance.now();
        // What runs beside us notices that we are gone, and goes too.
        else if (performance.now() - sinceMs > SAME_PRESS_MS) process.exit(IMPATIENT);
        this.#signal ??= signal;
        resolve(signal);
      };
      for (const signal of SIGNALS) process.on(signal, onSignal);
      this.#release = () => {
        for (const signal of SIGNALS) process.off(signal, onSignal);
      };
    });
  }

  /** @throws {Interrupted} once it has happened: between the steps of a start. */
  check(): void {
    if (this.#signal !== undefined) throw new Interrupted(this.#signal);
  }

  /** Signals mean again what they usually mean. */
  [Symbol.dispose](): void {
    this.#release();
  }
}

export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
