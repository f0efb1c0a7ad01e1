/**
 * Ties an operation of the contract to the function that does it: guards in order (who, what was sent), then the function, then
 * its answer as JSON. Access, parameters and body are the contract's: a route cannot forget to ask for a role.
 */

import { setTimeout as wait } from "node:timers/promises";
import type { Context, Hono } from "hono";
import type { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import { isRefusedValue } from "../store/connection.ts";
import { redactText } from "../telemetry/redact.ts";
import { authenticate, type Caller, type Door } from "./authenticate.ts";
import type { Access, Operation } from "./contract.ts";
import { HttpProblem } from "./problem.ts";

/** What a route's function gets of the request, parsed. */
export interface Asked<O extends Operation> {
  readonly params: z.output<O["params"]>;
  readonly query: z.output<O["query"]>;
  readonly body: z.output<O["body"]>;
}
type By<C> = { readonly caller: C };
type Answer<O extends Operation> = Promise<z.input<O["answer"]>>;

type Public = Operation & { readonly access: "public" };
type Guarded = Operation & { readonly access: Exclude<Access, "public"> };

/** Adds routes to `app`; `answerMs` is the limit of each answer. */
export class Router {
  readonly #app: Hono;
  readonly #door: Door;
  readonly #answerMs: number;

  constructor(app: Hono, door: Door, answerMs: number) {
    this.#app = app;
    this.#door = door;
    this.#answerMs = answerMs;
  }

  /** An operation that needs a person. */
  add<O extends Guarded>(operation: O, respond: (asked: Asked<O> & By<Caller>) => Answer<O>): void {
    this.#on(operation, async (context) => {
      const caller = await authenticate(this.#door, operation.access, context.req.header("authorization"));
      return respond({ ...(await ask<O>(operation, context)), caller });
    });
  }

  /** An operation that anyone may ask for; a token that is sent all the same must be good. */
  addPublic<O extends Public>(operation: O, respond: (asked: Asked<O> & By<Caller | null>) => Answer<O>): void {
    this.#on(operation, async (context) => {
      const authorization = context.req.header("authorization");
      const caller = authorization === undefined ? null : await authenticate(this.#door, "person", authorization);
      return respond({ ...(await ask<O>(operation, context)), caller });
    });
  }

  #on(operation: Operation, respond: (context: Context) => Promise<unknown>): void {
    this.#app.on(operation.method, operation.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (context) => {
      const answer = await limited(respond(context), this.#answerMs);
      return context.body(`${JSON.stringify(answer)}\n`, 200, { "Content-Type": "application/json" });
    });
  }
}

async function ask<O extends Operation>(operation: O, context: Context): Promise<Asked<O>> {
  const params: O["params"] = operation.params;
  const query: O["query"] = operation.query;
  const body: O["body"] = operation.body;
  return {
    params: parse(params, context.req.param(), "the address"),
    query: parse(query, queryOf(context), "the query"),
    body: parse(body, operation.method === "GET" ? {} : await jsonOf(context), "the body"),
  };
}

async function limited<T>(answer: Promise<T>, ms: number): Promise<T> {
  const stop = new AbortController();
  const late = wait(ms, undefined, { signal: stop.signal, ref: false }).then(() => {
    throw new HttpProblem("timeout", {
      hint: "What you asked for may still have been done: look before you ask again.",
    });
  });
  late.catch(() => {});
  try {
    return await Promise.race([answer, late]);
  } finally {
    stop.abort();
  }
}

function parse<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => [issue.path.join("."), issue.message].filter(Boolean).join(": "));
  // An issue repeats the names of unknown members: a token that was put there must not come back, and into someone's log.
  throw new HttpProblem("bad-request", { detail: redactText(`In ${where}: ${issues.join("; ")}.`) });
}

/** A name that comes twice is refused rather than one of the two chosen. */
function queryOf(context: Context): Record<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(context.req.url).searchParams) {
    if (query.has(name)) throw new HttpProblem("bad-request", { detail: `In the query: ${name} comes twice.` });
    query.set(name, value);
  }
  return Object.fromEntries(query);
}

async function jsonOf(context: Context): Promise<unknown> {
  const type = context.req.header("content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new HttpProblem("body-type", { hint: "Send it with `Content-Type: application/json`." });
  }
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpProblem("bad-request", { detail: "In the body: it is not JSON." });
  }
}

/** What an error that a route or guard threw is to the client. */
export function asProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (isRefusedValue(error))
    return new HttpProblem("bad-request", { detail: "A value is out of range.", cause: error });
  if (!(error instanceof GatewayError)) return new HttpProblem("internal", { cause: error });
  const said = { detail: error.message, hint: error.hint, cause: error }; // made for clients: see base/errors.ts
  if (error.code === "AUDIT_UNAVAILABLE") return new HttpProblem("audit-unavailable", said);
  if (error.code === "STORE_UNAVAILABLE") return new HttpProblem("store-unavailable", said);
  return new HttpProblem("internal", { cause: error });
}
