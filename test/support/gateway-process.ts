/** A gateway as a process of its own, started as people start it, so that it can be killed, and its memory measured. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { z } from "zod";
import type { TestIssuer } from "./issuer.ts";
import type { TestPostgres } from "./postgres.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface GatewayFolder {
  readonly configPath: string;
  readonly dataPath: string;
  readonly database: "postgres";
  readonly role: "postgres";
}

/** Writes postern.yaml for a gateway in front of `postgres`. @param config over the defaults, top-level key by key. */
export async function writeGatewayFolder(
  folder: string,
  { postgres, issuer }: { readonly postgres: TestPostgres; readonly issuer: TestIssuer },
  config: Readonly<Record<string, unknown>> = {},
): Promise<GatewayFolder> {
  const dataPath = join(folder, "data");
  const configPath = join(folder, "postern.yaml");
  await writeFile(join(folder, "upstream.pw"), postgres.password, { mode: 0o600 });
  await writeFile(join(folder, "store.url"), postgres.url("postgres"), { mode: 0o600 });
  const document = {
    gateway: {
      name: "test",
      listen: { host: "127.0.0.1", port: 0 },
      tls: "off",
      http: { host: "127.0.0.1", port: 0 },
    },
    data: dataPath,
    store: { url: { file: "store.url" } },
    policyMode: "none",
    issuers: [{ url: issuer.url, audience: "postern", kind: "agent", groups: "groups" }],
    databases: {
      postgres: {
        host: postgres.host,
        port: postgres.port,
        database: "postgres",
        environment: "test",
        tls: { mode: "disable" },
        maxConnections: 2000,
        roles: { postgres: { user: "postgres", password: { file: "upstream.pw" }, groups: ["*"] } },
        defaultRole: "postgres",
      },
    },
  };
  await writeFile(configPath, stringify({ ...document, ...config }));
  return { configPath, dataPath, database: "postgres", role: "postgres" };
}

const ReadyLine = z.looseObject({
  msg: z.literal("the gateway is ready"),
  wire: z.object({ host: z.string(), port: z.number() }),
  http: z.object({ host: z.string(), port: z.number() }),
});

export interface Ready {
  readonly host: string;
  readonly port: number;
  /** Base URL of the HTTP port. */
  readonly http: string;
}

export class GatewayProcess {
  /** Standard output and standard error so far, a line each. */
  readonly lines: string[] = [];
  /** Rejects, with what it said, where it ends before it is ready. */
  readonly ready: Promise<Ready>;
  /** Exit status, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(configPath: string) {
    const child = spawn(process.execPath, [CLI, "start", "--config", configPath], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const killWithUs = () => void child.kill("SIGKILL");
    process.once("exit", killWithUs);
    this.ended = once(child, "close").then(([code, signal]) => {
      process.off("exit", killWithUs);
      return z.union([z.number(), z.string()]).parse(code ?? signal);
    });
    this.ready = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.lines.push(line);
          const ready = readyLine(line);
          if (ready !== null) resolve(ready);
        });
      }
      void this.ended.then((status) =>
        reject(new Error(`the gateway ended (${status}) before it was ready:\n${this.lines.join("\n")}`)),
      );
    });
    this.ready.catch(() => undefined); // a test that kills it before that does not wait for it
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** `kill -9`, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** TERM. @returns the exit status. */
  stop(): Promise<number | string> {
    this.#child.kill("SIGTERM");
    return this.ended;
  }

  /** Resident memory in bytes; null where the system does not tell. */
  async memoryBytes(): Promise<number | null> {
    try {
      const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
    } catch {
      return null;
    }
  }
}

function readyLine(line: string): Ready | null {
  if (!line.startsWith("{")) return null;
  const parsed = ReadyLine.safeParse(JSON.parse(line));
  if (!parsed.success) return null;
  const { wire, http } = parsed.data;
  return { host: wire.host, port: wire.port, http: `http://${http.host}:${http.port}` };
}

/** The value of a metric without labels. */
export async function metric(http: string, name: string): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}
