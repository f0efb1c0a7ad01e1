/** Query group: the gateway instances that write logs, as their own entries tell. */

import { z } from "zod";
import type { Queryable } from "./connection.ts";
import { asRecordset, isoUtc, Timestamp } from "./row.ts";

/** One entry of a gateway about itself. Null where the entry does not say. */
export interface GatewaySign {
  readonly instance: string;
  readonly name: string | null;
  readonly origin: string | null;
  readonly version: string | null;
  readonly startedAt: string | null;
  readonly heartbeatAt: string;
  readonly stoppedAt: string | null;
  readonly stopReason: string | null;
}

const Gateway = z.object({
  instance: z.string(),
  name: z.string(),
  origin: z.string(),
  version: z.string().nullable(),
  startedAt: Timestamp,
  heartbeatAt: Timestamp,
  stoppedAt: Timestamp.nullable(),
  stopReason: z.string().nullable(),
});
/** Times are of the latest start. `stoppedAt` is null while it runs, and after it was killed. */
export type Gateway = Readonly<z.infer<typeof Gateway>>;

/** Notes what a gateway said about itself: a start begins the row anew, anything else keeps what it does not tell. */
export async function noteGateway(q: Queryable, sign: GatewaySign): Promise<void> {
  await q.query(
    `INSERT INTO postern.gateways AS g (instance, name, origin, version, started_at, heartbeat_at, stopped_at, stop_reason)
     SELECT r.instance, coalesce(r.name, r.instance), coalesce(r.origin, r.instance), r.version,
            coalesce(r."startedAt", r."heartbeatAt"), r."heartbeatAt", r."stoppedAt", r."stopReason"
     FROM json_to_recordset($1::json) AS r(instance text, name text, origin text, version text, "startedAt" timestamptz,
       "heartbeatAt" timestamptz, "stoppedAt" timestamptz, "stopReason" text)
     ON CONFLICT (instance) DO UPDATE SET
       name = CASE WHEN $2 THEN excluded.name ELSE g.name END,
       origin = CASE WHEN $2 THEN excluded.origin ELSE g.origin END,
       version = CASE WHEN $2 THEN excluded.version ELSE g.version END,
       started_at = CASE WHEN $2 THEN excluded.started_at ELSE g.started_at END,
       heartbeat_at = excluded.heartbeat_at,
       stopped_at = excluded.stopped_at,
       stop_reason = excluded.stop_reason`,
    [asRecordset([sign]), sign.startedAt !== null],
  );
}

/** All instances, the one that started last first. */
export async function listGateways(q: Queryable): Promise<Gateway[]> {
  const answer = await q.query(
    `SELECT instance, name, origin, version, ${isoUtc("started_at")} AS "startedAt",
       ${isoUtc("heartbeat_at")} AS "heartbeatAt", ${isoUtc("stopped_at")} AS "stoppedAt", stop_reason AS "stopReason"
     FROM postern.gateways ORDER BY started_at DESC, instance`,
  );
  return answer.rows.map((row) => Gateway.parse(row));
}
