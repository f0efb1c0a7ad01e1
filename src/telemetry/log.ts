/**
 * The operator's log: one JSON object a line, with level, time and the session it concerns. Not the audit log, and no part of it.
 * Two nets keep secrets out: Secret prints as [redacted], and what looks like a credential in a finished line is cut.
 */

import { type DestinationStream, destination as openDestination, pino } from "pino";
import { GatewayError } from "../base/errors.ts";
import { redactText } from "./redact.ts";

export type Logger = pino.Logger;
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Members that are never shown, at the top of an entry and one level down. */
const REDACTED_KEYS = [
  "password",
  "token",
  "secret",
  "authorization",
  "cookie",
  "privateKey",
  "secretKey",
  "clientSecret",
  "refreshToken",
  "accessToken",
];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where lines go; standard output, written without blocking, where absent. */
  readonly destination?: DestinationStream;
}

/** A logger. Sessions log through `logger.child({ session: id })`. Errors go under the key `err`. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_KEYS.flatMap((key) => [key, `*.${key}`]), censor: "[redacted]" },
    serializers: { err: describeError, error: describeError },
    hooks: { streamWrite: redactText },
  };
  return pino(options, destination ?? openDestination({ dest: 1, sync: false }));
}

interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

/** Chains of causes end somewhere, but one made by hand may loop. */
const DEEPEST_CAUSE = 6;

/**
 * What the log keeps of an error. Not its other members: a database driver's error carries rows (`detail`, `where`) and
 * the statement's text, which may hold what people must not read here. GatewayError's detail is made for the client.
 */
function describeError(error: unknown, depth = 0): ErrorDescription | unknown {
  if (!(error instanceof Error)) return typeof error === "object" && error !== null ? "[not an error]" : error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const detail = error instanceof GatewayError ? error.detail : undefined;
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth === DEEPEST_CAUSE ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
