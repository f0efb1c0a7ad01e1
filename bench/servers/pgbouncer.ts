/** pgbouncer as the measure: session pooling, otherwise Debian's defaults, TLS offered with the certificate given. */

import { execFile } from "node:child_process";
import { chown, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serverOwner } from "../../src/demo/postgres-binaries.ts";
import { supervise } from "../../src/demo/supervise.ts";
import { findDescendant } from "../processes.ts";
import { type RunningTarget, type Target, TargetUnavailable } from "../target.ts";
import { waitForPort } from "./wait.ts";

const PROGRAM = "/usr/sbin/pgbouncer";

/** In words, or why it cannot be told. */
export async function pgbouncerVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(PROGRAM, ["--version"]).catch(() => ({ stdout: "not installed" }));
  return stdout.split("\n")[0]?.replace("PgBouncer ", "") ?? "unknown";
}

/** @param upstream the server behind it. @throws {TargetUnavailable} where it is not installed. */
export async function startPgbouncer(
  upstream: Target,
  certificate: { cert: string; key: string },
): Promise<RunningTarget> {
  const folder = await mkdtemp(join(tmpdir(), "postern-bench-pgbouncer-"));
  const owner = serverOwner(); // it refuses root, as PostgreSQL does
  const port = await freePort();
  const files = {
    "pgbouncer.ini": configuration(folder, port, upstream),
    users: `"${upstream.user}" ""\n`,
    "server.crt": certificate.cert,
    "server.key": certificate.key,
    log: "",
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    if (owner !== undefined) await chown(join(folder, name), owner.uid, owner.gid);
  }
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const ini = join(folder, "pgbouncer.ini");
  const output = await open(join(folder, "output"), "w");
  const server = supervise({ command: PROGRAM, args: ["-q", ini], owner, outputFd: output.fd, removeFolder: folder });
  await output.close();
  const stop = async (): Promise<void> => {
    server.signal("KILL"); // it has nothing to lose, and waits for its clients otherwise
    await server.ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const hop = await findDescendant("pgbouncer", ini);
    await waitForPort(port, server.ended);
    return { target: { ...upstream, name: "pgbouncer", port, hop }, stop };
  } catch (cause) {
    await stop();
    throw new TargetUnavailable("pgbouncer did not start (Debian's package `pgbouncer` brings it)", { cause });
  }
}

function configuration(folder: string, port: number, upstream: Target): string {
  return `[databases]
${upstream.database} = host=${upstream.host} port=${upstream.port} dbname=${upstream.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, "users")}
pool_mode = session
default_pool_size = 1100
max_client_conn = 2000
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
logfile = ${join(folder, "log")}
client_tls_sslmode = allow
client_tls_cert_file = ${join(folder, "server.crt")}
client_tls_key_file = ${join(folder, "server.key")}
`;
}

/** A loopback port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no loopback port is free");
  return address.port;
}
