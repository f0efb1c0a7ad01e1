/** `doctor`: each upstream, as each role: reachable, of a version we know, not too mighty, not too talkative, and not reachable around us. */

import { connectUpstream } from "../../upstream/connect.ts";
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
  { facts, hba }: UpstreamAnswers,
): readonly DoctorFinding[] {
  return [
    judgeVersion(target, facts),
    judgePrivileges(target, user, facts),
    judgeServerLog(target, user, facts),
    judgeStatementLog(target, facts),
    judgeWayAround(target, waysAround(hba, { user, database }), facts),
  ];
}

function judgeVersion(target: string, { version }: UpstreamFacts): DoctorFinding {
  const major = Math.floor(version / 10_000);
  const words = `PostgreSQL ${major}.${version % 10_000}`;
  if (major >= OLDEST_MAJOR && major <= NEWEST_MAJOR) return ok("upstream.version", target, words);
  const known = `${OLDEST_MAJOR} to ${NEWEST_MAJOR}`;
  return fail("upstream.version", target, `${words}: Postern knows ${known}`, `use a server of ${known}`);
}

function judgePrivileges(target: string, user: string, facts: UpstreamFacts): DoctorFinding {
  const mighty = [
    facts.superuser && "SUPERUSER",
    facts.replication && "REPLICATION",
    facts.bypassrls && "BYPASSRLS",
  ].filter(Boolean);
  const making = [facts.createrole && "CREATEROLE", facts.createdb && "CREATEDB"].filter(Boolean);
  const without = [...mighty, ...making].map((attribute) => `NO${attribute}`).join(" ");
  const mends = [
    ...(without === "" ? [] : [`ALTER ROLE "${user}" ${without}`]),
    ...facts.member.map((role) => `REVOKE ${role} FROM "${user}"`),
  ];
  const held = [...mighty, ...making, ...(facts.superuser ? [] : facts.member)].join(", ");
  if (held === "")
    return ok("upstream.privileges", target, `${user} has no attribute and no predefined role that reaches further`);
  const files = facts.member.some((role) => /_server_/.test(role));
  const make = mighty.length > 0 || files ? fail : warn;
  const mend = facts.superuser ? `use a role of its own: ALTER ROLE "${user}" ${without}` : mends.join("; ");
  return make("upstream.privileges", target, `${user} has ${held}`, mend);
}

/** The query trees that masking is proved on reach the server's own log too, with their literals, unless the role keeps quiet. */
function judgeServerLog(target: string, user: string, { logMinMessages }: UpstreamFacts): DoctorFinding {
  if (logMinMessages === "panic")
    return ok("upstream.log", target, "log_min_messages is panic: no query tree reaches the server's log");
  const message = `log_min_messages is ${logMinMessages}: query trees with their literals will reach the server's log once masking is on`;
  return warn("upstream.log", target, message, `as a superuser: ALTER ROLE "${user}" SET log_min_messages = panic`);
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
