/** The HTTP server over real identity, issuers of people and of agents, and a gateway of plain data whose actions can be read back. */

import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Approvals } from "../../src/approval/approvals.ts";
import type { EntryBody } from "../../src/audit/entry.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import type { DatabaseView, HttpServerOptions, IssuerView, LiveSession, Readiness } from "../../src/http/parts.ts";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import { createIdentity } from "../../src/identity/identity.ts";
import { makePrincipal } from "../../src/identity/principal.ts";
import { type FreezeRegistry, openFreezeRegistry } from "../../src/store/freeze-registry.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { TestIssuer } from "./issuer.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Parsed, where it is JSON of any kind. */
  readonly json: unknown;
}

export interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless it is text. */
  readonly body?: unknown;
}

interface Parts {
  readonly people: TestIssuer;
  readonly agents: TestIssuer;
  readonly store: Store;
  readonly freezes: FreezeRegistry;
  readonly approvals: Approvals;
  readonly server: HttpServer;
  readonly gateway: FakeGateway;
  /** Entries that were recorded, and session ends and freezes, in the order in which they happened. */
  readonly events: unknown[];
  readonly logLines: string[];
}

export class HttpApi {
  readonly parts: Parts;
  readonly #close: () => Promise<void>;

  private constructor(parts: Parts, close: () => Promise<void>) {
    this.parts = parts;
    this.#close = close;
  }

  /** @param storeUrl an empty database. */
  static async start(storeUrl: string, options: Partial<HttpServerOptions> = {}): Promise<HttpApi> {
    const [people, agents] = await Promise.all([TestIssuer.start(), TestIssuer.start()]);
    const logLines: string[] = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => logLines.push(line) });
    const issuers = [people.config({ kind: "human" }), agents.config()];
    const identity = createIdentity({ issuers, certificates: [], clock: systemClock, logger });
    const store = await openStore(new Secret(storeUrl), logger, { retryMs: 20, probeMs: 200 });
    const folder = await mkdtemp(join(tmpdir(), "postern-http-"));
    const freezes = await openFreezeRegistry({ store, path: join(folder, "freezes.json"), logger, clock: systemClock });
    const events: unknown[] = [];
    const approvals = new Approvals({
      ...{ store, instance: "instance-1", logger, clock: systemClock },
      record: async (entry) => events.push(entry) - 1,
    });
    const gateway = new FakeGateway(events);
    freezes.onFrozen(({ principalId }) => events.push({ frozen: principalId }));
    const server = await createHttpServer({
      config: { host: "127.0.0.1", port: 0, publicUrl: "https://postern.example.test" },
      identity,
      roles: { reviewer: ["dba"], auditor: ["audit"], admin: ["platform"] },
      gateway,
      freezes,
      store,
      approvals,
      record: async (entry: EntryBody) => void events.push(entry),
      renderMetrics: async () => "postern_up 1\n",
      logger,
      clock: systemClock,
      ...options,
    });
    const close = async (): Promise<void> => {
      await server.close();
      await approvals.close();
      await freezes.close();
      await store.close();
      identity.close();
      await Promise.all([people.close(), agents.close()]);
      await rm(folder, { recursive: true });
    };
    return new HttpApi({ people, agents, store, freezes, approvals, server, gateway, events, logLines }, close);
  }

  /** A person's token. */
  token(groups: readonly string[], subject = "ann"): Promise<string> {
    return this.parts.people.mint({ sub: subject, groups });
  }

  /** One request, whatever headers it is given: fetch() would set Host itself. */
  ask(path: string, { method = "GET", token, headers = {}, body }: Ask = {}): Promise<Answer> {
    const { host, port } = this.parts.server.address;
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const sent: Record<string, string> = {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(payload === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const asking = request({ host, port, path, method, headers: sent, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /json/.test(response.headers["content-type"] ?? "");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson ? JSON.parse(text) : null,
          });
        });
      });
      asking.on("error", reject);
      asking.end(payload);
    });
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** A gateway of plain data. */
export class FakeGateway {
  readonly name = "shop";
  readonly version = "0.1.0";
  readonly instance = "gw_here";
  live: LiveSession[] = [];
  state: Readiness = { stopping: false, auditLog: "ok", listener: "ok", issuers: [] };
  readonly #events: unknown[];

  constructor(events: unknown[]) {
    this.#events = events;
  }

  issuers(): IssuerView[] {
    return [{ url: "https://idp.example.test", kind: "human", audience: ["postern"], clientId: "cli" }];
  }

  listener(): { host: string; port: number; tls: boolean } {
    return { host: "127.0.0.1", port: 6432, tls: true };
  }

  databases(): DatabaseView[] {
    return [{ name: "shop", environment: "prod", roles: ["agent"], defaultRole: "agent" }];
  }

  liveSessions(): LiveSession[] {
    return this.live;
  }

  kill(id: string, reason: string): boolean {
    this.#events.push({ killed: id, reason });
    const before = this.live.length;
    this.live = this.live.filter((session) => session.id !== id);
    return this.live.length < before;
  }

  readiness(): Readiness {
    return this.state;
  }
}

/** A live session; its principal is an agent with this subject. */
export function liveSession(id: string, overrides: Partial<LiveSession> = {}, subject = "bot"): LiveSession {
  const principal = makePrincipal({
    kind: "agent",
    issuer: "https://agents.example.test",
    subject,
    actors: [{ subject: "assistant", proof: "verified" }],
    groups: [],
    credential: { kind: "token", id: "0123456789abcdef" },
    expiresAtMs: null,
    claims: {},
  });
  const numbers = { openedAtMs: Date.UTC(2026, 0, 6), statements: 2, rows: 3, bytes: 400 };
  const names = { database: "shop", role: "agent", clientAddress: "192.0.2.9:5", applicationName: null };
  return { id, principal, via: "wire", activity: "idle", ...names, ...numbers, ...overrides };
}
