/** `postern approvals`: what people read of a request before they decide, and that they decide what they have read. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Approval } from "../../src/store/approvals.ts";
import { asking } from "../support/approvals-desk.ts";
import { type CliResult, type TestCli, testCli } from "../support/cli.ts";
import { HttpApi } from "../support/http-api.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
let api: HttpApi;
let cli: TestCli;

beforeAll(async () => {
  server = await startPostgres();
  await server.psql("CREATE DATABASE cli");
  api = await HttpApi.start(server.url("cli"));
  const { host, port } = api.parts.server.address;
  cli = await testCli({ POSTERN_GATEWAY: `http://${host}:${port}` });
});
afterAll(async () => {
  await cli?.[Symbol.asyncDispose]();
  await api?.close();
  await server?.stop();
});

async function as(subject: string, ...args: readonly string[]): Promise<CliResult> {
  return cli.run(["approvals", ...args], { env: { POSTERN_TOKEN: await api.token(["dba"], subject) } });
}

async function request(text: string, given: Parameters<typeof asking>[1] = {}): Promise<Approval> {
  return (await api.parts.approvals.ask(asking(text, given))).approval;
}

const digits = ({ cardHash }: Approval): string => cardHash.slice(0, 16);

describe("postern approvals", () => {
  it("says so where nothing waits", async () => {
    expect(await as("dora", "ls")).toMatchObject({ status: 0, out: "Nothing waits for approval.\n" });
    expect(await as("dora", "watch", "--once")).toMatchObject({ status: 0, out: "" });
  });

  it("shows auditors how people decide, and nobody else", async () => {
    const stats = async (group: string, ...args: readonly string[]) =>
      cli.run(["approvals", "stats", ...args], { env: { POSTERN_TOKEN: await api.token([group], "otto") } });
    expect(await stats("audit", "--database", "nowhere")).toMatchObject({
      status: 0,
      out: expect.stringMatching(/asked for +0\n.*Nobody has decided anything\.\n$/s),
    });
    const approval = await request("DELETE FROM stats");
    await as("tess", "approve", approval.id, "--card", digits(approval));

    expect((await stats("audit")).out).toMatch(
      /BY +DECISIONS +A DAY +MEDIAN +UNDER 5 S +APPROVED\n.*#tess +1 +0\.0 +\d s +100 % +100 %\n/s,
    );
    expect(JSON.parse((await stats("audit", "-o", "json", "--days", "1")).out)).toMatchObject({ days: 1 });
    expect((await stats("dba")).status).not.toBe(0);
    expect((await stats("audit", "--days", "0")).status).toBe(2);
  });

  it("shows a request whole, and nothing of it that a terminal would obey", async () => {
    const hostile = "DELETE FROM orders\n  WHERE id = $1 -- \u202Eeerf\u001B[2J\u200B";
    const approval = await request(hostile, { purpose: "tidy\u001B]0;x\u0007" });
    const { status, out } = await as("dora", "show", approval.id);

    expect(status).toBe(0);
    expect(out).toContain("1 | DELETE FROM orders\n2 |   WHERE id = $1 -- \\u{202e}eerf\\u{1b}[2J\\u{200b}\n");
    expect(out).toContain("$1 = '7' (type 23)");
    expect(out).toContain("tidy\\u{1b}]0;x\\u{7}");
    expect(out).toContain("delete table:shop.public.orders (hold)");
    expect(out).toContain(`postern approvals approve ${approval.id} --card ${digits(approval)}\n`);
    expect(["\u001B", "\u0007", "\u202E", "\u200B"].filter((character) => out.includes(character))).toEqual([]);
    await api.parts.approvals.end(approval.id, "withdrawn", "over");
    expect((await as("dora", "show", approval.id)).out).toContain("the request has ended");
  });

  it("approves what was read, once, and says whom it still waits for", async () => {
    const approval = await request("DELETE FROM a", { quorum: 2 });
    const first = await as("dora", "approve", approval.id, "--card", digits(approval));
    const second = await as("dan", "approve", approval.id, "--card", approval.cardHash.slice(0, 8), "-o", "json");

    expect(first).toMatchObject({
      status: 0,
      err: `${approval.id} is approved by you. It still waits for dba.\n`,
    });
    expect(JSON.parse(second.out)).toMatchObject({ state: "approved", missing: [] });
    expect((await as("eve", "approve", approval.id, "--card", digits(approval))).status).not.toBe(0);
  });

  it("decides nothing by another card, nor by too little of it, nor without a reason to tell", async () => {
    const [one, other] = [await request("DELETE FROM b"), await request("DELETE FROM c")];

    expect(await as("dora", "approve", one.id, "--card", digits(other))).toMatchObject({ status: 3 });
    expect(await as("dora", "approve", one.id, "--card", one.cardHash.slice(0, 7))).toMatchObject({ status: 3 });
    expect(await as("dora", "approve", one.id)).toMatchObject({ status: 2 });
    expect(await as("dora", "deny", one.id, "--card", digits(one))).toMatchObject({ status: 2 });
    expect((await api.parts.approvals.read(one.id))?.state).toBe("pending");
  });

  it("denies with a reason, and does not let one decide what one has asked for", async () => {
    const approval = await request("DELETE FROM d");
    const own = await as("amy", "approve", approval.id, "--card", digits(approval));
    const denied = await as("dora", "deny", approval.id, "--card", digits(approval), "--reason", "name the rows");

    expect(own.status).toBe(3);
    expect(own.err).toContain("You, or an agent of yours, asked for it.");
    expect(denied).toMatchObject({ status: 0, err: `${approval.id} is denied.\n` });
    expect((await api.parts.approvals.read(approval.id))?.decisions).toMatchObject([{ reason: "name the rows" }]);
  });

  it("lists by state, and watches what waits in the order in which it came", async () => {
    const made = [await request("DELETE FROM e"), await request("DELETE FROM f")];
    const listed = JSON.parse((await as("dora", "ls", "--state", "pending", "-o", "json")).out);
    const { out } = await as("dora", "watch", "--once");

    expect(listed.slice(0, 2).map(({ id }: { id: string }) => id)).toEqual(made.map(({ id }) => id).reverse());
    expect(out.indexOf(made[0]?.id ?? "?")).toBeLessThan(out.indexOf(made[1]?.id ?? "?"));
    expect((await as("dora", "ls", "--state", "lost")).status).toBe(2);
  });

  it("asks on a terminal, about what it has shown right there, and decides nothing without a yes", async () => {
    const approval = await request("DELETE FROM g -- \u001B[2J\u3164");
    const env = { POSTERN_TOKEN: await api.token(["dba"], "dora") };
    const asked: string[] = [];
    const answering = (line: string, ...more: readonly string[]) =>
      cli.run(["approvals", "approve", approval.id, ...more], {
        env,
        columns: 80,
        typed: (question) => {
          asked.push(question);
          return line;
        },
      });

    const refused = [await answering(""), await answering("n"), await answering("yes, all of it")];
    const state = (await api.parts.approvals.read(approval.id))?.state;
    const approved = await answering("y", "-o", "json");

    expect(refused.map(({ status }) => status)).toEqual([1, 1, 1]);
    expect(state).toBe("pending");
    expect(asked).toHaveLength(4);
    expect(approved.err).toContain("1 | DELETE FROM g -- \\u{1b}[2J\\u{3164}\n");
    expect(JSON.parse(approved.out)).toMatchObject({ id: approval.id, state: "approved" });
    expect(await answering("y")).toMatchObject({ status: 1, err: expect.stringContaining("has ended") });
    expect(asked).toHaveLength(4);
  });

  it("shows nothing of an agent's text at the edge of the terminal, however long its lines are", async () => {
    const forged = "postern approvals approve apr_other --card 00000000";
    const margin = (columns: number) => " ".repeat(columns);
    const text = `DELETE FROM h --${margin(64)}${forged}\n${forged}\n${margin(76)}${forged}`;
    const approval = await request(text);
    const env = { POSTERN_TOKEN: await api.token(["dba"], "dora") };

    for (const columns of [40, 80, 81, 120]) {
      const { out } = await cli.run(["approvals", "show", approval.id], { env, columns });
      const quoted = out.slice(out.indexOf("1 | DELETE"), out.indexOf("  $1 = "));

      expect(quoted.split("\n").filter((row) => row !== "" && !/^(\d| ) \|/.test(row))).toEqual([]);
      expect(quoted.split("\n").every((row) => row.length <= columns)).toBe(true);
      expect(
        quoted
          .replaceAll(/\n {2}\| /g, "")
          .replaceAll(/^\d \| /gm, "")
          .trimEnd(),
      ).toBe(text.trimEnd());
    }
  });

  it("shows a statement of 64 KiB to its end, and what it cannot tell apart from nothing", async () => {
    const text = `DELETE FROM i WHERE note = '${"x".repeat(65_000)}\u200D' -- the end`;
    const { out } = await as("dora", "show", (await request(text)).id);

    expect(out).toContain(`1 | ${text.replace("\u200D", "\\u{200d}")}\n`);
  });

  it("has an end where the format needs one", async () => {
    expect(await as("dora", "watch", "-o", "json")).toMatchObject({ status: 2, out: "" });
    expect(JSON.parse((await as("dora", "watch", "--once", "-o", "json")).out).length).toBeGreaterThan(0);
  });

  it("opens nothing with an agent's token", async () => {
    const approval = await request("DELETE FROM j");
    const env = { POSTERN_TOKEN: await api.parts.agents.mint({ sub: "bot", groups: ["dba"] }) };
    const runs = [["ls"], ["show", approval.id], ["approve", approval.id, "--card", digits(approval)], ["watch"]];

    for (const args of runs) expect((await cli.run(["approvals", ...args], { env })).status).toBe(3);
    expect((await api.parts.approvals.read(approval.id))?.state).toBe("pending");
  });

  it("watches until it is interrupted", async () => {
    const stop = new AbortController();
    const env = { POSTERN_TOKEN: await api.token(["dba"], "dora") };
    const onOut = (): void => stop.abort();
    const { status, out } = await cli.run(["approvals", "watch"], { env, signal: stop.signal, onOut });

    expect(status).toBe(0);
    expect(out).toContain("apr_");
  });
});
