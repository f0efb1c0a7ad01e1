/** `doctor`: each upstream, as each role: reachable, of a version we know, not too mighty, not too talkative, and not reachable around us. */

import { connectUpstream } from "../../upstream/connect.ts";
import type { PostureFinding } from "../../upstream/posture.ts";
import { type UpstreamTarget, upstreamTarget } from "../../upstream/target.ts";
import { type Check, type DoctorFinding, fail, ok, reasonOf, skip, warn } from "./finding.ts";
import { waysAround } from "./pg-hba.ts";
import { askUpstream, type UpstreamAnswers, type UpstreamFacts } from "./upstream-facts.ts";

const [OLDEST_MAJOR, NEWEST_MAJOR] = [15, 18];

export const checkUpstreams: Check = async ({ config, signal }) => {
  const found: DoctorFinding[] = [];
  for (const [name, database] of Object.entries(config.databases)) {
    for (const [roleName, role] of Object.entries(database.roles)) {
      found.push(...(await checkRole(`${name}/${roleName}`, upstreamTarget(name, database, role), signal)));
    }
  }
  return found;
};

async function checkRole(
  target: string,
  upstream: UpstreamTarget,
  signal: AbortSignal,
): Promise<readonly DoctorFinding[]> {
  const { host, port, user } = upstream;
  try {
    // Once as the gateway connects: its own TLS, its own SCRAM.
    const connection = await connectUpstream(upstream, new Map([["application_name", "postern doctor"]]), signal);
    connection.socket.destroy();
  } catch (error) {
    const mend = `check databases.${target.split("/")[0]}: host, port, tls, and the role's password`;
    return [fail("upstream.reach", target, `${host}:${port} as ${user}: ${reasonOf(error)}`, mend)];
  }
  const reached = ok("upstream.reach", target, `${host}:${port} lets ${user} in`);
  try {
    const answers = await askUpstream(upstream);
    return [reached, ...judge(target, upstream, answers)];
  } catch (error) {
    return [reached, skip("upstream.version", target, `the server could not be asked: ${reasonOf(error)}`)];
  }
}

function judge(
  target: string,
  { user, database }: UpstreamTarget,
  { facts, posture, hba }: UpstreamAnswers,
): readonly DoctorFinding[] {
  return [
    judgeVersion(target, facts),
    ...posture.map((finding) => ofPosture(target, finding)),
    judgeStatementLog(target, facts),
    judgeWayAround(target, waysAround(hba, { user, database }), facts),
  ];
}

/** The second lock is judged in upstream/posture.ts, as the gateway's start judges it. */
function ofPosture(target: string, { check, severity, message, mend }: PostureFinding): DoctorFinding {
  return { check: `upstream.${check}`, target, state: severity, message, mend };
}

function judgeVersion(target: string, { version }: UpstreamFacts): DoctorFinding {
  const major = Math.floor(version / 10_000);
  const words = `PostgreSQL ${major}.${version % 10_000}`;
  if (major >= OLDEST_MAJOR && major <= NEWEST_MAJOR) return ok("upstream.version", target, words);
  const known = `${OLDEST_MAJOR} to ${NEWEST_MAJOR}`;
  return fail("upstream.version", target, `${words}: Postern knows ${known}`, `use a server of ${known}`);
}

function judgeStatementLog(target: string, { logStatement, logMinDuration }: UpstreamFacts): DoctorFinding {
  const reasons = [
    logStatement !== "none" && `log_statement is ${logStatement}`,
    logMinDuration !== "-1" && `log_min_duration_statement is ${logMinDuration}`,
  ];
  const said = reasons.filter(Boolean).join(", ");
  if (said === "") return ok("upstream.statement-log", target, "the server logs no statement text of its own accord");
  const message = `${said}: the text of statements stands in the server's log, outside the record`;
  return warn("upstream.statement-log", target, message, "who reads the server's log must be allowed to read the data");
}

function judgeWayAround(
  target: string,
  ways: readonly string[] | undefined,
  { clientAddress }: UpstreamFacts,
): DoctorFinding {
  const here = clientAddress ?? "the gateway's address";
  const mend = `in pg_hba.conf let this role in from ${here} alone`;
  if (ways === undefined) {
    const message =
      "unknown: this role may not read pg_hba_file_rules, so it cannot be told from where else its password serves";
    return { ...skip("upstream.way-around", target, message), mend: `ask an administrator of the server: ${mend}` };
  }
  if (ways.length === 0) return ok("upstream.way-around", target, "its password serves from single addresses only");
  return warn("upstream.way-around", target, `its password serves from elsewhere: ${ways.join(", ")}`, mend);
}
