/** The embedded PostgreSQL: what it runs as, and that nothing of it is left, however its parent ends. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { POSTGRES_VERSIONS, startPostgres } from "../support/postgres.ts";

describe("an embedded PostgreSQL", () => {
  it.each(
    POSTGRES_VERSIONS,
  )("of version %i starts, answers and asks for a password by SCRAM-SHA-256", async (version) => {
    await using server = await startPostgres({ version });

    const said = await server.psql(
      "SELECT current_setting('server_version_num')::int / 10000, rolpassword FROM pg_authid WHERE rolcanlogin",
    );

    expect(said).toMatch(new RegExp(`^${version}\\|SCRAM-SHA-256\\$`));
    await expect(server.psql("SELECT 1").then(() => server.log())).resolves.toContain("ready to accept connections");
  });

  it("listens on loopback alone and opens no socket in the file system", async () => {
    await using server = await startPostgres();

    const settings = await server.psql(
      "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')",
    );

    expect(settings).toBe("127.0.0.1|");
  });

  it("leaves neither process nor folder when it is stopped", async () => {
    const server = await startPostgres();
    const postmaster = Number((await readFile(`${server.dataPath}/postmaster.pid`, "utf8")).split("\n")[0]);

    await server.stop();

    expect(() => process.kill(postmaster, 0)).toThrow("ESRCH");
    expect(existsSync(dirname(server.dataPath))).toBe(false);
  });

  it("comes back on its port with its data after a pause", async () => {
    await using server = await startPostgres();
    await server.psql("CREATE TABLE kept AS SELECT 7 AS n; CHECKPOINT");

    await server.pause();
    await server.start();

    expect(await server.psql("SELECT n FROM kept")).toBe("7");
  });
});
