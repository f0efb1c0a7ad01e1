/** Reviewers at a gateway of their own: requests, decided through the control store and a log of its own, as another gateway would. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pino } from "pino";
import { Approvals, type AskedFor, type Decided, type Verdict } from "../../src/approval/approvals.ts";
import { sha256 } from "../../src/approval/card.ts";
import { AuditLog } from "../../src/audit/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { makePrincipal, type Principal } from "../../src/identity/principal.ts";
import type { Approval } from "../../src/store/approvals.ts";
import { openStore } from "../../src/store/store.ts";

/** Of the store, which other processes write. */
const POLL_MS = 10;
const PEOPLE = "https://people.example.test";

/** A person with a token of the people's issuer. */
export function person(subject: string, ...groups: readonly string[]): Principal {
  return makePrincipal({
    ...{ kind: "human", issuer: PEOPLE, subject, actors: [], groups, expiresAtMs: null },
    ...{ credential: { kind: "token", id: `token of ${subject}` }, claims: {} },
  });
}

const AGENT = makePrincipal({
  ...{ kind: "agent", issuer: "https://agents.example.test", subject: "amy", groups: ["agents"], expiresAtMs: null },
  ...{ actors: [{ subject: "report-agent", proof: "verified" }], credential: { kind: "token", id: "t" }, claims: {} },
});

/** What a session asks for: a DELETE of an agent that acts for amy. */
export function asking(
  statement = "DELETE FROM orders WHERE id = $1",
  given: Partial<Pick<AskedFor["card"], "approvers" | "quorum" | "purpose" | "counted">> &
    Partial<Pick<AskedFor, "mode" | "expiresMs">> = {},
): AskedFor {
  const { mode = "wait", expiresMs = 900_000, ...parts } = given;
  const { id: principal, kind, issuer, subject, actors, credential } = AGENT;
  const requests = [
    { action: "delete", resource: "table:shop.public.orders", decision: "hold", policies: ["deletes-wait"] },
  ] as const;
  const parameters = [{ typeOid: 23, format: "text", value: "7" }] as const;
  return {
    ...{ mode, expiresMs, principal: AGENT, sessionId: "ses_asking", fingerprint: "00112233445566ff" },
    sameness: {
      ...{ statement: sha256(statement), parameters, resultFormats: [], database: "shop", role: "app", principal },
      ...{ tree: sha256("tree"), surroundings: sha256("surroundings"), requests, policy: null, maxRows: null },
    },
    card: {
      ...{
        statement,
        class: "write",
        parameters,
        database: "shop",
        environment: "prod",
        role: "app",
        session: "ses_asking",
      },
      principal: { kind, issuer, subject, actors: actors.map((hop) => ({ ...hop })), credential },
      ...{ clientAddress: "10.0.0.7:5000", applicationName: null, purpose: null, requests, policy: null },
      ...{ reason: "deletes are approved by a DBA", approvers: ["dba"], quorum: 1, maxRows: null },
      ...{ counted: true, estimate: null },
      ...parts,
    },
  };
}

export interface Desk extends AsyncDisposable {
  readonly approvals: Approvals;
  readonly log: AuditLog;
  /** The newest request, once there is one that is none of `known`. */
  next(known?: readonly Approval[]): Promise<Approval>;
  decide(id: string, by: Principal, verdict: Verdict, reason?: string, rows?: number): Promise<Decided>;
  /** Once its state is that. */
  ended(id: string, state: Approval["state"]): Promise<Approval>;
}

/** @param storeUrl of the control store. */
export async function openDesk(storeUrl: string, lookMs?: number, lostMs?: number): Promise<Desk> {
  const folder = await mkdtemp(join(tmpdir(), "postern-desk-"));
  const logger = pino({ level: "silent" });
  const store = await openStore(new Secret(storeUrl), logger);
  const log = await AuditLog.open({
    ...{ folder, gatewayName: "desk", clock: systemClock, durability: "default", logger, version: "0.0.0" },
    counters: () => ({}),
    onFlush: () => {},
  });
  const approvals = new Approvals({
    ...{ store, instance: log.instance, logger, clock: systemClock },
    ...(lookMs === undefined ? {} : { lookMs }),
    ...(lostMs === undefined ? {} : { lostMs }),
    record: async (entry) => {
      const index = log.append(entry);
      await log.whenDurable(index);
      return index;
    },
  });
  const read = async (id: string): Promise<Approval> => {
    const approval = await approvals.read(id);
    if (approval === null) throw new Error(`no approval ${id}`);
    return approval;
  };
  return {
    approvals,
    log,
    next: async (known = []) => {
      for (;;) {
        const [newest] = await approvals.list({}, 1);
        if (newest !== undefined && known.every(({ id }) => id !== newest.id)) return newest;
        await wait(POLL_MS);
      }
    },
    decide: async (id, by, verdict, reason, rows) => {
      const decided = await approvals.decide(id, by, verdict, reason ?? null, rows ?? null);
      if (decided === null) throw new Error(`no approval ${id}`);
      return decided;
    },
    ended: async (id, state) => {
      for (;;) {
        const approval = await read(id);
        if (approval.state === state) return approval;
        await wait(POLL_MS);
      }
    },
    async [Symbol.asyncDispose]() {
      await approvals.close();
      await store.close();
      await log.close("test ended");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
