/** The only place that turns an error into what a client reads. Knows no statement and no policy. */

import { ERRORS, GatewayError } from "../base/errors.ts";
import { encoded } from "../wire/encode.ts";
import { encodeErrorResponse, encodeNoticeResponse, type Report } from "../wire/error-response.ts";

/** ErrorResponse for any error: one of the catalogue as it is, anything else as an internal error without its text. */
export function errorResponse(error: unknown): Uint8Array {
  return encoded((writer) => encodeErrorResponse(writer, errorReport(asGatewayError(error))));
}

/** An error that is not of the catalogue broke a promise of ours; what it says is for the operator alone. */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError("INTERNAL", "an internal error of the gateway ended the session", {
    hint: "The gateway's own log has the cause.",
    cause: error,
  });
}

/** NoticeResponse of severity NOTICE or WARNING, with Postern's own words. */
export function notice(severity: "NOTICE" | "WARNING", sqlstate: string, message: string, hint?: string): Uint8Array {
  return encoded((writer) => encodeNoticeResponse(writer, { severity, code: sqlstate, message, hint }));
}

/** A name that a client chose, cut inside a character or with a NUL, must not keep the refusal from being told. */
function sendable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

function errorReport(error: GatewayError): Report {
  return {
    severity: ERRORS[error.code].severity,
    code: error.sqlstate,
    message: sendable(error.message),
    detail: error.detail === undefined ? undefined : sendable(error.detail),
    hint: error.hint === undefined ? undefined : sendable(error.hint),
    position: error.position?.toString(),
    // pgjdbc looks for it before it prepares a statement again.
    routine: error.code === "PLAN_CHANGED" ? "RevalidateCachedQuery" : undefined,
  };
}
