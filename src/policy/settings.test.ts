import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import { isFreeSetting } from "./settings.ts";

describe.each([15, 18] as const)("the settings of PostgreSQL %i that a session changes without asking", (version) => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres({ version });
  });
  afterAll(() => server?.stop());

  it("are none of those that make a session another one, that log, or that load code", async () => {
    const names = await server.psql(
      `SELECT name FROM pg_settings WHERE context IN ('user', 'superuser')
       AND (name ~ '^(log_|debug_|session_|local_preload|dynamic_library|allow_|ignore_|zero_|role$|lo_compat|exit_on)'
         OR context = 'superuser' AND name NOT IN ('lc_messages'))`,
    );

    expect(names.split("\n").length).toBeGreaterThan(10);
    expect(names.split("\n").filter(isFreeSetting)).toEqual([]);
  });

  it("are known to some server, and none is a custom one", async () => {
    const known = (await server.psql("SELECT lower(name) FROM pg_settings")).split("\n");

    expect(known.filter(isFreeSetting).length).toBeGreaterThan(35);
    expect(isFreeSetting("app.tenant")).toBe(false);
  });
});
