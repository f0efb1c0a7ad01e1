/**
 * The HTTP server: health, metrics and the API under /api/v1. The way of a request: rate, Host, Origin, size, then the route
 * (router.ts: token, role, parameters). TLS is the reverse proxy's, or the port is on loopback.
 */

import { createServer, type Server } from "node:http";
import { isIP } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { OPERATIONS } from "./contract.ts";
import { checkHost, checkOrigin, RateLimit, secure } from "./guard.ts";
import { openApiDocument } from "./openapi.ts";
import type { HttpLimits, HttpServerOptions } from "./parts.ts";
import { HttpProblem, PROBLEMS, problemResponse } from "./problem.ts";
import { asProblem, Router } from "./router.ts";
import { addApprovals } from "./routes/approvals.ts";
import { addDatabases } from "./routes/databases.ts";
import { addDiscovery } from "./routes/discovery.ts";
import { addHealth } from "./routes/health.ts";
import { addPrincipals } from "./routes/principals.ts";
import { addSessions } from "./routes/sessions.ts";
import { addWhoami } from "./routes/whoami.ts";

const LIMITS: HttpLimits = { bodyBytes: 64 * 1024, answerMs: 15_000, burst: 200, perSecond: 50, connections: 512 };
/** A request, headers and body, is here by then or its connection is dropped. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const HEADER_BYTES = 32 * 1024; // a token is at most 16 KiB
const CLOSE_MS = 2_000;

export interface HttpServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no more requests, lets those under way finish for two seconds. */
  close(): Promise<void>;
}

/** Starts to listen. @throws the system's error where the address is taken. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, logger } = options;
  const limits = { ...LIMITS, ...options.limits };
  const app = createApp(options, limits);
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: HEADER_BYTES,
    },
    getRequestListener(app.fetch),
  );
  server.maxConnections = limits.connections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, config.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => logger.error({ err: error }, "HTTP server"));
  const bound = server.address();
  const address = typeof bound === "object" && bound !== null ? bound : { address: config.host, port: config.port };
  warnOfPlainText(options, address.address);
  return { address: { host: address.address, port: address.port }, close: () => close(server) };
}

/** Tokens would cross the network in the clear. */
function warnOfPlainText({ config, logger }: HttpServerOptions, address: string): void {
  const loopback = address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
  if (loopback || config.publicUrl?.startsWith("https:")) return;
  logger.warn(
    "the HTTP port is reachable from other machines without TLS: put a reverse proxy with TLS in front, and set publicUrl",
  );
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(late);
}

function createApp(options: HttpServerOptions, limits: HttpLimits): Hono {
  const { config, gateway, clock } = options;
  const rate = new RateLimit(clock, limits.burst, limits.perSecond);
  const app = new Hono();
  app.onError((error, context) => answerError(options, error, context));
  app.notFound((context) => problemResponse(nothingAt(context)));
  app.use(async (context, next) => {
    await next();
    secure(context.res.headers, config.publicUrl);
  });
  app.use(async (context, next) => {
    const url = new URL(context.req.url);
    if (url.pathname !== "/healthz" && url.pathname !== "/readyz") rate.take(getConnInfo(context).remote.address ?? "");
    checkHost(config, url);
    if (context.req.method !== "GET" && context.req.method !== "HEAD") {
      checkOrigin(config.publicUrl, url, context.req.raw.headers);
    }
    await next();
  });
  app.use(bodyLimit({ maxSize: limits.bodyBytes, onError: () => problemResponse(new HttpProblem("body-too-large")) }));
  addHealth(app, options);
  app.get("/api/v1/openapi.json", (context) => context.json(openApiDocument(gateway.version)));
  const router = new Router(app, options, limits.answerMs);
  addDiscovery(router, gateway);
  addWhoami(router);
  addDatabases(router, gateway);
  addSessions(router, options);
  addApprovals(router, options);
  addPrincipals(router, options);
  return app;
}

function answerError({ logger }: HttpServerOptions, error: Error, context: Context): Response {
  const problem = asProblem(error);
  // The path has ids in it, which may be logged; the query may have anything, and is not.
  const where = { method: context.req.method, path: context.req.path, problem: problem.code };
  const { status } = PROBLEMS[problem.code];
  if (problem.code === "internal") logger.error({ ...where, err: error }, "HTTP request failed");
  else logger[status === 401 || status === 403 ? "info" : "debug"](where, "HTTP request refused");
  return problemResponse(problem);
}

/** 405 where the address is one of ours and only the method is not. */
function nothingAt(context: Context): HttpProblem {
  const path = context.req.path;
  const methods = Object.values(OPERATIONS)
    .filter((operation) => new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path))
    .map((operation) => operation.method);
  if (methods.length === 0) return new HttpProblem("not-found");
  return new HttpProblem("method-refused", { headers: { Allow: [...new Set(methods)].join(", ") } });
}
