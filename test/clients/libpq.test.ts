import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createShop, newShopPasswords } from "../../src/demo/shop.ts";
import { startGateway } from "../support/gateway.ts";
import {
  type ClientBench,
  type ClientProgram,
  DEBIAN_BIN,
  END_LINE,
  expectSame,
  hasDebianClients,
  runClient,
  script,
  startBench,
  writePolicy,
} from "./run-client.ts";

let bench: ClientBench;

beforeAll(async () => {
  // 15, as Debian's clients: pg_dump refuses a server newer than itself.
  bench = await startBench(15);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const missing = "is not tried here: install Debian's postgresql-client-15 and postgresql-contrib";
const title = (promise: string) => (hasDebianClients ? promise : missing);
const tool = (name: string) => join(DEBIAN_BIN, name);

async function output(program: ClientProgram, connection: Readonly<Record<string, string>>): Promise<string> {
  const run = await runClient(program, connection);
  if (run.code !== 0) throw new Error(`${program.command} ended with ${run.code}: ${run.stderr}`);
  return run.lines.join("\n");
}

describe("psql through the gateway", () => {
  const psql: ClientProgram = {
    command: "/bin/sh",
    args: [
      "-c",
      'exec "$0" -X -v setup="$1" -v large=50000000 -f "$2" 2>&1',
      tool("psql"),
      script("shared/setup.sql"),
      script("libpq/script.sql"),
    ],
    // "… received from server process with PID 4711."; the line of the server's source, which Postern's own refusals lack.
    mask: (line) => line.replace(/with PID \d+\.$/, "with PID <pid>.").replace(/^LOCATION: .*/, ""),
  };

  it.skipIf(!hasDebianClients)(
    title("prints what it prints without it, errors and all"),
    { timeout: 500_000 },
    async () => {
      await expectSame(bench, psql);
    },
  );
});

describe("pgbench through the gateway", () => {
  const sums =
    "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)";

  /** Initialises and runs, and tells what was done: the balances are a function of the seed. */
  async function bench4(mode: string, connection: Readonly<Record<string, string>>, more: readonly string[] = []) {
    const pgbench = (...args: readonly string[]) => output({ command: tool("pgbench"), args }, connection);
    await pgbench("-i", "-q", "-s", "1");
    const said = await pgbench("-n", "-M", mode, "--random-seed=42", "-c", "4", "-j", "2", "-t", "150", ...more);
    const counted = said
      .split("\n")
      .filter((line) => /^(query mode|number of (clients|transactions|failed)|transaction type)/.test(line));
    const balances = await output({ command: tool("psql"), args: ["-X", "-A", "-t", "-c", sums] }, connection);
    return [...counted, balances];
  }

  it.skipIf(!hasDebianClients).each(["simple", "extended", "prepared"])(
    title("does in mode %s what it does without it"),
    { timeout: 500_000 },
    async (mode) => {
      const direct = await bench4(mode, bench.direct);
      expect(direct.join("\n")).toContain("number of transactions actually processed: 600/600");

      expect(await bench4(mode, await bench.through())).toEqual(direct);
    },
  );

  it.skipIf(!hasDebianClients)(title("runs pipelines of prepared statements"), { timeout: 500_000 }, async () => {
    const pipeline = ["-f", script("libpq/pipeline.sql")];
    const direct = await bench4("prepared", bench.direct, pipeline);
    expect(direct.join("\n")).toContain("number of transactions actually processed: 600/600");

    expect(await bench4("prepared", await bench.through(), pipeline)).toEqual(direct);
  });
});

/** Null for equal texts; the texts themselves are megabytes. */
function firstDifference(one: string, other: string): string | null {
  const [left, right] = [one.split("\n"), other.split("\n")];
  const at = left.findIndex((line, index) => line !== right[index]);
  return one === other ? null : `line ${at + 1}: ${left[at] ?? "<end>"} / ${right[at] ?? "<end>"}`;
}

describe("pg_dump through the gateway", () => {
  // pg_dump always says SET row_security: see docs/adr/0008.
  it.skipIf(!hasDebianClients)(
    title("writes the shop byte for byte as without it, and what it wrote restores"),
    { timeout: 500_000 },
    async () => {
      const passwords = newShopPasswords();
      await createShop(bench.postgres.url(), { passwords });
      const owner = { user: "owner", password: passwords.owner.reveal() };
      const policy = join(bench.gateway.dataPath, "shop-policy");
      await writePolicy(policy, bench.postgres, "shop");
      const config = { policy };
      await using gateway = await startGateway({ postgres: bench.postgres, database: "shop", role: owner, config });
      const common = { PGUSER: "owner", PGDATABASE: "shop" };
      const direct = { ...bench.direct, ...common, PGPASSWORD: owner.password };
      const through = { ...(await gateway.environment()), ...common };
      const dump = (args: readonly string[], connection: Readonly<Record<string, string>>) =>
        // Without a key of ours pg_dump guards its script with a random one.
        output({ command: tool("pg_dump"), args: [...args, "--restrict-key=postern"] }, connection);

      const whole = await dump([], direct);
      expect(whole.length).toBeGreaterThan(1_000_000);
      expect(firstDifference(await dump([], through), whole)).toBeNull();
      for (const options of [
        ["--inserts", "--rows-per-insert=100"],
        ["--serializable-deferrable", "--schema-only"],
      ]) {
        expect(firstDifference(await dump(options, through), await dump(options, direct))).toBeNull();
      }

      // Parallel: several sessions in one exported snapshot. Then back in by COPY, through the gateway of the other database.
      const folder = join(gateway.dataPath, "dump");
      await output({ command: tool("pg_dump"), args: ["-Fd", "-j", "2", "-f", folder] }, through);
      expect((await readFile(join(folder, "toc.dat"))).length).toBeGreaterThan(1_000);
      const restore = ["--no-owner", "--no-privileges", "--exit-on-error", "-d", "clients", "-j", "2", folder];
      await output({ command: tool("pg_restore"), args: restore }, await bench.through());
      const data = ["--data-only", "--no-owner", "--inserts", "--schema=public", "--table=customers"];
      const restored = await dump(data, bench.direct);
      expect(firstDifference(restored, await dump(data, direct))).toBeNull();
    },
  );
});

describe("a script that is cut short", () => {
  it("is not taken for one that ran", async () => {
    const program = { command: "/bin/sh", args: ["-c", "echo something"] };
    await expect(expectSame(bench, program)).rejects.toThrow(END_LINE);
  });
});
