/**
 * Looks at each upstream role's posture behind the gateway's start, once a configuration, and says loudly what it finds: the gateway
 * can be walked around by a role that is too mighty. Delays nothing and refuses nothing; a server that is away is asked again.
 */

import type { Config } from "../config/schema.ts";
import type { Logger } from "../telemetry/log.ts";
import { CatalogConnection, type CatalogRow } from "./catalog-connection.ts";
import { type PostureFinding, type PostureSeverity, posture } from "./posture.ts";
import { upstreamTarget } from "./target.ts";

export interface PostureWatchOptions {
  readonly logger: Logger;
  /** How many findings of that severity a role has, each time it was looked at. `role` by its name in the configuration. */
  readonly found: (database: string, role: string, severity: PostureSeverity, count: number) => void;
  /** Between two attempts at a server that is away. */
  readonly retryMs?: number;
}

const RETRY_MS = 30_000;

interface Place {
  readonly database: string;
  readonly role: string;
}

export class PostureWatch {
  readonly #options: PostureWatchOptions;
  #looking = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: PostureWatchOptions) {
    this.#options = options;
  }

  /** Begins to look at every role of the configuration; what was looked for by an earlier one is given up. */
  look(config: Config): void {
    this.#looking.abort();
    this.#looking = new AbortController();
    const { signal } = this.#looking;
    const before = this.#running;
    this.#running = before.then(() => this.#all(config, signal));
  }

  /** Leaves no connection and no timer. */
  async close(): Promise<void> {
    this.#looking.abort();
    await this.#running;
  }

  async #all(config: Config, signal: AbortSignal): Promise<void> {
    let open = Object.entries(config.databases).flatMap(([database, { roles }]) =>
      Object.keys(roles).map((role) => ({ database, role })),
    );
    for (let first = true; open.length > 0 && !signal.aborted; first = false) {
      if (!first) await sleep(this.#options.retryMs ?? RETRY_MS, signal);
      const away: Place[] = [];
      for (const place of open) if (!(await this.#one(config, place, signal, first))) away.push(place);
      open = away;
    }
  }

  /** @returns false where it has to be tried again. */
  async #one(config: Config, place: Place, signal: AbortSignal, first: boolean): Promise<boolean> {
    const database = config.databases[place.database];
    const role = database?.roles[place.role];
    if (database === undefined || role === undefined || signal.aborted) return true;
    try {
      const connection = await CatalogConnection.open(upstreamTarget(place.database, database, role), signal);
      const close = (): void => void connection.close();
      signal.addEventListener("abort", close, { once: true });
      try {
        this.#tell(place, await posture((sql) => rowsOf(connection, sql)));
      } finally {
        signal.removeEventListener("abort", close);
        await connection.close();
      }
      return true;
    } catch (error) {
      if (first && !signal.aborted)
        this.#options.logger.warn({ ...place, err: error }, "what the upstream role may do cannot be looked at yet");
      return false;
    }
  }

  #tell(place: Place, findings: readonly PostureFinding[]): void {
    const { logger, found } = this.#options;
    for (const severity of ["ok", "warn", "fail"] as const) {
      found(place.database, place.role, severity, findings.filter((one) => one.severity === severity).length);
    }
    for (const { check, severity, message, mend } of findings) {
      const told = { ...place, check, mend };
      if (severity === "fail") logger.error(told, `the upstream role is not safe: ${message}`);
      if (severity === "warn") logger.warn(told, `the upstream role may more than it must: ${message}`);
    }
  }
}

async function rowsOf(connection: CatalogConnection, sql: string): Promise<readonly CatalogRow[]> {
  const rows: CatalogRow[] = [];
  await connection.query([{ sql, row: (row) => void rows.push(row) }]);
  return rows;
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
