/** What the server says when it refuses a startup, told by SQLSTATE and never by its text, which is the server's language. */

import type { Report } from "../wire/error-response.ts";
import { UpstreamFailure, type UpstreamReason } from "./failure.ts";
import type { UpstreamTarget } from "./target.ts";

/** Source: PostgreSQL 18 docs, appendix A (errcodes-appendix); which are used at startup: postinit.c, auth.c, backend_startup.c. */
const BY_SQLSTATE: Readonly<Record<string, UpstreamReason>> = {
  "28P01": "password", // invalid_password
  "28000": "not_permitted", // invalid_authorization_specification: pg_hba.conf, no such role, NOLOGIN, certificate
  "42501": "not_permitted", // insufficient_privilege: no CONNECT on the database
  "3D000": "database_missing", // invalid_catalog_name
  "55000": "database_missing", // object_not_in_prerequisite_state: ALLOW_CONNECTIONS false
  "53300": "full", // too_many_connections
  "57P03": "starting", // cannot_connect_now
  "57P01": "starting", // admin_shutdown
  "57P02": "starting", // crash_shutdown
  "22023": "parameter", // invalid_parameter_value
  "42704": "parameter", // undefined_object: no such setting
  "55P02": "parameter", // cant_change_runtime_param
  "08P01": "protocol",
};

/** The failure behind an ErrorResponse of the startup. Its text goes to the operator's log alone, but for a refused setting. */
export function refusal(report: Report, target: UpstreamTarget): UpstreamFailure {
  const reason = BY_SQLSTATE[report.code] ?? "server";
  const cause = new Error(`the server said ${report.code}: ${report.message}`);
  // The server repeats what the client itself asked for ("invalid value for parameter ..."): it needs that to correct it.
  return new UpstreamFailure(reason, target, reason === "parameter" ? { cause, detail: report.message } : { cause });
}
