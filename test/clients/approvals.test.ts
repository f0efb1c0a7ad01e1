/** Statements that wait for approval, as drivers see them: approved, denied, deferred and cancelled, each with the session alive. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Approval } from "../../src/store/approvals.ts";
import { type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { type ClientBench, DEBIAN_BIN, hasDebianClients, runs, script, startBench } from "./run-client.ts";

const PYTHON = "/usr/bin/python3";
const JDBC = "/usr/share/java/postgresql.jar";
const DBA = person("dora", "dba");
const POLICY = `
@id("wait") @approvers("dba") @reason("deletes wait")
forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
`;

let bench: ClientBench;
let desk: Desk;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-approvals-clients-"));
  bench = await startBench(17, POLICY);
  desk = await openDesk(bench.postgres.url("postgres"));
  await bench.postgres.psql("CREATE TABLE orders (id int PRIMARY KEY); ALTER TABLE orders OWNER TO app", "clients");
});
beforeEach(async () => {
  await bench.postgres.psql("TRUNCATE orders; INSERT INTO orders SELECT generate_series(1, 9)", "clients");
});
afterAll(async () => {
  await desk?.[Symbol.asyncDispose]();
  await bench?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Driver {
  readonly driver: string;
  readonly installed: boolean;
  readonly debian: string;
  readonly command: string;
  readonly args: () => readonly string[];
  /** What its client says where what waits is given up: the code of a cancel, or nothing where it cuts the connection. */
  readonly cancelled: RegExp;
}

const DRIVERS: readonly Driver[] = [
  {
    ...{ driver: "psql", installed: hasDebianClients, debian: "postgresql-client-15", command: "/bin/sh" },
    args: () => [script("approvals/psql.sh"), `${DEBIAN_BIN}/psql`, join(folder, "cancelled.sql")],
    cancelled: /^refused 57014/,
  },
  {
    ...{
      driver: "psycopg 3",
      installed: runs(PYTHON, "-c", "import psycopg"),
      debian: "python3-psycopg",
      command: PYTHON,
    },
    args: () => ["-W", "ignore", script("approvals/deletes.py")],
    cancelled: /^refused 57014/,
  },
  {
    ...{ driver: "node-postgres", installed: true, debian: "-", command: process.execPath },
    args: () => [script("approvals/node-postgres.mjs")],
    cancelled: /^refused \? -$/,
  },
  {
    ...{ driver: "pgjdbc", installed: existsSync(JDBC) && runs("java", "--version") },
    ...{ debian: "default-jre-headless and libpostgresql-jdbc-java", command: "java" },
    args: () => ["-XX:TieredStopAtLevel=1", "-cp", JDBC, script("approvals/Approvals.java")],
    cancelled: /^refused 57014/,
  },
];

describe.each(DRIVERS)("$driver", ({ installed, debian, command, args, cancelled }) => {
  const title = installed ? "waits, and is told what came of it" : `is not tried here: install Debian's ${debian}`;

  it.skipIf(!installed)(title, { timeout: 120_000 }, async () => {
    const connection = await bench.through();
    const child = spawn(command, args(), {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: folder,
        LC_ALL: "C.UTF-8",
        PYTHONDONTWRITEBYTECODE: "1",
        ...connection,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
    const gone = once(child, "close").then(() => Promise.reject(new Error(`it ended: ${complaints}`)));
    gone.catch(() => {}); // at the end it is meant to
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`it ended: ${complaints}`);
      return next.value === "" ? line() : next.value;
    };
    let known: readonly Approval[] = await desk.approvals.list({}, 200);
    const asked = async (): Promise<string> => {
      const approval = await Promise.race([desk.next(known), gone]);
      known = [...known, approval];
      return approval.id;
    };

    await desk.decide(await asked(), DBA, "approve");
    expect(await line()).toBe("deleted 1");
    await desk.decide(await asked(), DBA, "deny", "name the rows");
    expect(await line()).toMatch(/^refused 42501 Approval \S+ Reason: name the rows$/);
    expect(await line()).toBe("lives 1");

    const deferred = await asked();
    expect(await line()).toContain(`refused 42501 Approval ${deferred}`);
    await desk.decide(deferred, DBA, "approve");
    child.stdin.write("go\n");
    expect(await line()).toBe("deleted 1");
    expect(await line()).toMatch(/^refused 42501 Approval /);
    await asked();

    const given = await asked();
    child.stdin.write("cancel\n");
    expect(await line()).toMatch(cancelled);
    await desk.ended(given, "withdrawn");
    expect(await line()).toBe("lives 1");
    await once(child, "close");
    expect(await bench.postgres.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM orders", "clients")).toBe(
      "2,4,5,6,7,8,9",
    );
  });
});
