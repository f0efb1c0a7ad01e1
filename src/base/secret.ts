/** Credentials as a class that cannot be printed by accident. Does not protect memory: it protects logs, entries and dumps. */

import { inspect } from "node:util";

/** Holds a password, token or key. Every way of turning it into text gives `[redacted]`; `reveal()` alone gives the value. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  [inspect.custom](): string {
    return "[redacted]";
  }
}
