/** What the HTTP server is given of the gateway, as main.ts hands it in. No state and no behaviour of its own. */

import type { Approvals } from "../approval/approvals.ts";
import type { EntryBody } from "../audit/entry.ts";
import type { Clock } from "../base/clock.ts";
import type { Secret } from "../base/secret.ts";
import type { Principal } from "../identity/principal.ts";
import type { FreezeRegistry } from "../store/freeze-registry.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

/** A session that is connected to this gateway now. */
export interface LiveSession {
  readonly id: string;
  readonly principal: Principal;
  readonly database: string;
  /** Upstream role, by its name in the configuration. */
  readonly role: string;
  readonly clientAddress: string;
  readonly via: "wire" | "mcp" | "cli";
  readonly applicationName: string | null;
  readonly openedAtMs: number;
  /** In words: idle, active, idle in transaction. */
  readonly activity: string;
  readonly statements: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface DatabaseView {
  readonly name: string;
  readonly environment: string;
  readonly roles: readonly string[];
  readonly defaultRole: string;
}

export interface IssuerView {
  readonly url: string;
  readonly kind: "agent" | "human";
  readonly audience: readonly string[];
  readonly clientId?: string | undefined;
}

/** The store's part of readiness is added here. */
export interface Readiness {
  readonly stopping: boolean;
  readonly auditLog: "ok" | "failed";
  readonly listener: "ok" | "failed";
  /** `stale`: the issuer is away and its kept keys still serve. */
  readonly issuers: readonly { readonly url: string; readonly state: "ok" | "stale" | "failed" }[];
}

/** Each function is asked at each request, so that a reload shows at once. */
export interface GatewayView {
  readonly name: string;
  readonly version: string;
  /** Instance of the audit log: the one that live sessions are written to. */
  readonly instance: string;
  issuers(): readonly IssuerView[];
  listener(): { readonly host: string; readonly port: number; readonly tls: boolean };
  databases(): readonly DatabaseView[];
  liveSessions(): readonly LiveSession[];
  /** Ends a live session. False where it is not live here, or no longer. */
  kill(id: string, reason: string): boolean;
  readiness(): Readiness;
}

/** Groups that give each role. */
export interface RoleGroups {
  readonly reviewer: readonly string[];
  readonly auditor: readonly string[];
  readonly admin: readonly string[];
}

export interface HttpLimits {
  readonly bodyBytes: number;
  /** Answers that take longer are given up. */
  readonly answerMs: number;
  /** Of one client address: as many at once, and as many a second for long. */
  readonly burst: number;
  readonly perSecond: number;
  readonly connections: number;
}

export interface HttpServerOptions {
  readonly config: { readonly host: string; readonly port: number; readonly publicUrl?: string };
  readonly identity: { verifyToken(token: Secret): Promise<Principal> };
  /** Read at each request. */
  readonly roles: RoleGroups;
  readonly gateway: GatewayView;
  readonly freezes: Pick<FreezeRegistry, "isFrozen" | "list" | "freeze" | "unfreeze">;
  readonly store: Pick<Store, "state" | "run">;
  readonly approvals: Pick<Approvals, "list" | "read" | "decide" | "figures">;
  /** Resolves when the entry is on disk. An action takes effect only then. @throws {GatewayError} AUDIT_UNAVAILABLE */
  record(entry: EntryBody): Promise<void>;
  renderMetrics(): Promise<string>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<HttpLimits>;
}
