/** /healthz (the process runs), /readyz (it can serve sessions) and /metrics. Open to anyone who reaches the port: they tell no name of a person. */

import type { Hono } from "hono";
import type { HttpServerOptions, Readiness } from "../parts.ts";

type Parts = Pick<HttpServerOptions, "gateway" | "store" | "renderMetrics">;

interface Check {
  readonly name: string;
  /** degraded: something is away that sessions can do without. */
  readonly status: "ok" | "degraded" | "failed";
  readonly detail?: string;
}

export function addHealth(app: Hono, { gateway, store, renderMetrics }: Parts): void {
  app.get("/healthz", (context) => context.json({ status: "ok" }));

  app.get("/readyz", (context) => {
    const readiness = gateway.readiness();
    const checks = [...gatewayChecks(readiness), storeCheck(store.state)];
    const ready = checks.every((check) => check.status !== "failed");
    const degraded = checks.some((check) => check.status === "degraded");
    return context.json({ status: ready ? (degraded ? "degraded" : "ok") : "failed", checks }, ready ? 200 : 503);
  });

  app.get("/metrics", async (context) => {
    const text = await renderMetrics();
    return context.body(text, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
  });
}

function gatewayChecks({ stopping, auditLog, listener, issuers }: Readiness): Check[] {
  const stop: Check[] = stopping ? [{ name: "gateway", status: "failed", detail: "stopping" }] : [];
  const log: Check =
    auditLog === "ok"
      ? { name: "audit log", status: "ok" }
      : { name: "audit log", status: "failed", detail: "it cannot be written, so no statement runs" };
  return [...stop, log, { name: "listener", status: listener }, ...issuers.map(issuerCheck)];
}

/** An issuer that is away costs its own sessions only. */
function issuerCheck({ url, state }: Readiness["issuers"][number]): Check {
  const name = `issuer ${url}`;
  if (state === "ok") return { name, status: "ok" };
  const detail =
    state === "stale" ? "it is away, and its kept keys serve" : "its keys are not there: its tokens are refused";
  return { name, status: "degraded", detail };
}

function storeCheck(state: HttpServerOptions["store"]["state"]): Check {
  if (state.phase === "up") return { name: "control store", status: "ok" };
  const reason = state.phase === "down" ? state.reason : state.phase;
  return {
    name: "control store",
    status: "degraded",
    detail: `${reason}: sessions run and are recorded, the index waits`,
  };
}
