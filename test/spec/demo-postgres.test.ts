/** The embedded PostgreSQL: what it runs as, and that nothing of it is left, however its parent ends. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataInUse, PortTaken, startServer } from "../../src/demo/embedded-postgres.ts";
import { findBinaries, platformPackage } from "../../src/demo/postgres-binaries.ts";
import { processesLeft } from "../support/demo-process.ts";
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

  it("is not taken for started where another server runs on its data", async () => {
    await using server = await startPostgres();
    const binaries = await findBinaries(platformPackage());
    const logPath = join(dirname(server.dataPath), "second.log");

    const second = startServer({ binaries, dataPath: server.dataPath, logPath });

    await expect(second).rejects.toThrow(DataInUse);
    expect(await server.psql("SELECT 'unharmed'")).toBe("unharmed");
  });

  it("says when its port was taken in the meantime", async () => {
    await using first = await startPostgres();
    await using second = await startPostgres();
    await second.pause();
    const binaries = await findBinaries(platformPackage());

    const attempt = startServer({ binaries, dataPath: second.dataPath, logPath: second.logPath, port: first.port });

    await expect(attempt).rejects.toThrow(PortTaken);
    await second.start();
  });

  it("goes, its folder with it, when the process that started it is killed with -9", async () => {
    const modules = new URL("../../dist/demo/", import.meta.url).href;
    const code = `Promise.all([import("${modules}embedded-postgres.js"), import("${modules}postgres-binaries.js")]).then(async ([e, b]) => {
      const folder = await e.makeTemporaryServerFolder();
      const binaries = await b.findBinaries(b.platformPackage());
      await e.initialiseData(binaries, folder + "/data", e.newPassword());
      await e.startServer({ binaries, dataPath: folder + "/data", logPath: folder + "/log", removeFolder: folder });
      process.stdout.write(folder);
    })`;
    const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    const [output] = await once(child.stdout, "data");
    const folder = String(output);
    expect(await processesLeft(folder, 0)).not.toEqual([]);

    child.kill("SIGKILL");

    expect(await processesLeft(folder, 15_000)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

describe("PostgreSQL's binaries as npm unpacks them", () => {
  let parent: string;
  let copy: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "postern-test-"));
    await chmod(parent, 0o755);
    const original = dirname(dirname(createRequire(import.meta.url).resolve(platformPackage())));
    copy = join(parent, "package");
    execFileSync("cp", ["-R", original, copy]);
    for (const { name, parentPath } of await linksIn(copy)) await rm(join(parentPath, name));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it("run although npm made none of their libraries' links", async () => {
    const { version, postgres } = await findBinaries(join(copy, "dist", "index.js"));

    expect(version).toMatch(/^18\.\d+$/);
    expect(postgres).toBe(join(copy, "native", "bin", "postgres"));
    expect((await linksIn(copy)).length).toBeGreaterThan(5);
  });

  // For an ordinary user the server runs as that user, who reaches what they installed.
  it.runIf(process.getuid?.() === 0)("are copied, once, where root's server cannot reach them", async () => {
    await chmod(copy, 0o700);
    const copyFolder = join(parent, "kept");

    const first = await findBinaries(join(copy, "dist", "index.js"), { copyFolder });
    await rm(join(copy, "native"), { recursive: true });
    const second = await findBinaries(join(copy, "dist", "index.js"), { copyFolder });

    expect(first.postgres.startsWith(copyFolder)).toBe(true);
    expect(second).toEqual(first);
  });
});

async function linksIn(folder: string) {
  return (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isSymbolicLink());
}
