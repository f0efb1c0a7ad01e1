/** The gateway's HTTP API as commands call it: JSON in and out, problems (RFC 9457) turned into exit statuses. */

import { z } from "zod";
import type { Secret } from "../base/secret.ts";
import { isLoopback } from "../config/cross-checks.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./exit.ts";
import { visible } from "./text.ts";

const LIMIT_MS = 15_000;

/** RFC 9457, section 3.1. `code` and `hint` are ours. */
const Problem = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
  hint: z.string().optional(),
});

export interface ApiRequest<T> {
  readonly path: string;
  readonly method?: "GET" | "POST";
  readonly body?: object;
  /** None only for what anyone may read. */
  readonly token?: Secret;
  /** What the answer must be; more members are let pass, so that an older CLI reads a newer gateway. */
  readonly answer: z.ZodType<T>;
}

/** One gateway, by the address of its HTTP port. */
export class GatewayApi {
  readonly url: URL;
  readonly #context: CliContext;

  /** @throws {CliError} usage, where `url` is no address, or would carry tokens in the clear over a network. */
  constructor(url: string, context: CliContext) {
    this.#context = context;
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new CliError("usage", `"${visible(url)}" is no address of a gateway`, "give --gateway https://HOST:PORT");
    }
    this.url = new URL(url);
    if (this.url.protocol === "http:" && !isLoopback(this.url.hostname)) {
      throw new CliError(
        "usage",
        `${this.url.origin} would carry your token in the clear`,
        "use the gateway's https address",
      );
    }
  }

  /** @throws {CliError} denied, expired or failed, with the gateway's own words. */
  async call<T>({ path, method = "GET", body, token, answer }: ApiRequest<T>): Promise<T> {
    const headers = new Headers({ accept: "application/json, application/problem+json" });
    if (token !== undefined) headers.set("authorization", `Bearer ${token.reveal()}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    const url = new URL(path.replace(/^\//, ""), `${this.url.href.replace(/\/?$/, "/")}`);
    const response = await this.#fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw problemError(response.status, text, this.url.origin);
    const parsed = answer.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new CliError(
      "failed",
      `${this.url.origin} answers ${path} in a way this version does not know`,
      "compare `postern version` with the gateway's",
    );
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.any([this.#context.signal, AbortSignal.timeout(LIMIT_MS)]);
    try {
      return await fetch(url, { ...init, redirect: "error", signal });
    } catch (error) {
      if (this.#context.signal.aborted) throw new CliError("failed", "interrupted");
      throw new CliError(
        "failed",
        `${url.origin} cannot be reached: ${networkReason(error)}`,
        "check --gateway, and that the gateway runs",
        error,
      );
    }
  }
}

/** Why a fetch failed, in words: its own message is "fetch failed", the cause knows more. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${LIMIT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return networkReason(cause.errors[0]);
  if (cause instanceof Error) return networkReason(cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "the host name is not known",
    ETIMEDOUT: "no answer",
    DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (NODE_EXTRA_CA_CERTS=FILE adds a CA)",
    SELF_SIGNED_CERT_IN_CHAIN: "its CA is not known here (NODE_EXTRA_CA_CERTS=FILE adds one)",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its CA is not known here (NODE_EXTRA_CA_CERTS=FILE adds one)",
    CERT_HAS_EXPIRED: "its certificate has expired",
  };
  return words[code] ?? error.message;
}

function problemError(status: number, text: string, origin: string): CliError {
  const problem = Problem.safeParse(parseJson(text));
  const { title, detail, hint } = problem.success ? problem.data : {};
  const said = visible(
    [title, detail].filter((part) => part !== undefined && part !== "").join(": ") || `HTTP ${status}`,
  );
  const next = hint === undefined ? undefined : visible(hint);
  if (status === 401)
    return new CliError("expired", `the login is not taken: ${said}`, next ?? `postern login --gateway ${origin}`);
  if (status === 403) return new CliError("denied", `the gateway says no: ${said}`, next);
  if (status === 404) return new CliError("failed", said, next);
  if (status === 429) return new CliError("failed", `too many requests: ${said}`, next ?? "wait a minute");
  return new CliError("failed", `the gateway answers: ${said}`, next);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's error page: the status says what it can
  }
}
