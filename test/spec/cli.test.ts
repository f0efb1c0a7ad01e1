import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkConfig, loadConfig } from "../../src/config/load.ts";
import { type TestCli, testCli } from "../support/cli.ts";

const VARIABLES = { POSTERN_STORE_URL: "postgres://postern@127.0.0.1/postern", POSTERN_SHOP_PASSWORD: "x" };

let cli: TestCli;
beforeAll(async () => {
  cli = await testCli();
});
afterAll(() => cli[Symbol.asyncDispose]());

describe("a command line that cannot be used", () => {
  it.each([
    ["an unknown command", ["versoin"], "Did you mean version?"],
    ["an unknown option", ["version", "--outptu", "json"], "Did you mean --output?"],
    ["a missing argument", ["connect"], "missing required argument 'db'"],
    ["a value that is not in the list", ["version", "-o", "xml"], "Allowed choices are table, json, yaml, jsonl"],
    ["a required option left out", ["sessions", "kill", "ses_1"], "--reason"],
    ["no gateway to ask", ["whoami"], "postern login --gateway"],
    ["a gateway that is no address", ["whoami", "--gateway", "shop"], '"shop" is no address of a gateway'],
    [
      "a gateway in the clear over a network",
      ["whoami", "--gateway", "http://db.example.com"],
      "would carry your token in the clear",
    ],
    ["a freeze without a reason", ["freeze", "p", "--gateway", "http://127.0.0.1:1"], "--reason TEXT"],
    ["a limit that is no number", ["sessions", "ls", "--limit", "many"], '"many" is no number'],
    ["following to an end", ["audit", "tail", "-f", "-o", "json"], "use -o jsonl"],
    ["a login off a terminal", ["login", "--gateway", "http://127.0.0.1:1"], "POSTERN_CLIENT_ID"],
    [
      "half of an agent's credentials",
      ["login", "--gateway", "http://127.0.0.1:1"],
      "POSTERN_CLIENT_SECRET",
      { POSTERN_CLIENT_ID: "a" },
    ],
  ])("ends with status 2 and says what is wrong: %s", async (_, args, said, env: NodeJS.ProcessEnv = {}) => {
    const result = await cli.run(args, { env });

    expect(result.err).toContain(said);
    expect(result.status).toBe(2);
    expect(result.out).toBe("");
  });
});

describe("help", () => {
  it("is there for every command, with a description", async () => {
    const top = await cli.run([]);
    const names = [...top.out.matchAll(/^ {2}([a-z]+) /gm)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "help");

    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const { status, out } = await cli.run([name, "--help"]);
      expect([name, status]).toEqual([name, 0]);
      expect(out).toContain(`Usage: postern ${name}`);
    }
  });
});

describe("postern version", () => {
  it("prints the same facts in each format", async () => {
    const json = JSON.parse((await cli.run(["version", "-o", "json"])).out);

    expect(json).toMatchObject({ name: "postern", node: process.version });
    expect(parse((await cli.run(["version", "-o", "yaml"])).out)).toEqual(json);
    expect((await cli.run(["version", "-o", "jsonl"])).out).toBe(`${JSON.stringify(json)}\n`);
    expect((await cli.run(["version"])).out).toMatch(/^name +postern\nversion +\d/);
  });

  it("is that of package.json", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

    expect(JSON.parse((await cli.run(["version", "-o", "json"])).out).version).toBe(version);
    expect((await cli.run(["--version"])).out).toBe(`${version}\n`);
  });
});

describe("postern init", () => {
  it("writes a file that our own loader takes once its two variables are set, and that holds no secret", async () => {
    expect((await cli.run(["init"])).status).toBe(0);
    const path = join(cli.folder, "postern.yaml");

    expect(checkConfig(path, VARIABLES).problems).toEqual([]);
    expect(loadConfig(path, VARIABLES).databases["shop"]?.defaultRole).toBe("agent");
    expect(checkConfig(path, {}).problems.map(({ message }) => message)).toEqual([
      "the environment variable POSTERN_STORE_URL is not set",
      "the environment variable POSTERN_SHOP_PASSWORD is not set",
    ]);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("writes a policy beside it that is in order and passes its own tests", async () => {
    const env = { ...VARIABLES, POSTERN_CONFIG: join(cli.folder, "postern.yaml") };

    const check = await cli.run(["policy", "check"], { env });
    const test = await cli.run(["policy", "test"], { env });

    expect([check.status, check.out, check.err]).toEqual([0, "", expect.stringContaining("is in order: 6 policies")]);
    expect([test.status, test.out]).toEqual([0, "6 of 6 tests passed\n"]);
  });

  it("leaves a policy that is there as it is", async () => {
    writeFileSync(join(cli.folder, "policy", "agents.cedar"), "// mine");

    const { status, err } = await cli.run(["init", "second.yaml"]);

    expect([status, err]).toEqual([0, expect.stringContaining("The folder policy was there already")]);
    expect(readFileSync(join(cli.folder, "policy", "agents.cedar"), "utf8")).toBe("// mine");
  });

  it("never writes over a file", async () => {
    const path = join(cli.folder, "mine.yaml");
    writeFileSync(path, "mine");

    const { status, err } = await cli.run(["init", "mine.yaml"]);

    expect(status).toBe(1);
    expect(err).toContain("mine.yaml is there already");
    expect(readFileSync(path, "utf8")).toBe("mine");
  });
});

describe("postern config check", () => {
  it("passes a file that is in order", async () => {
    const path = join(cli.folder, "good.yaml");
    await cli.run(["init", "good.yaml"]);

    const { status, out, err } = await cli.run(["config", "check", path], { env: VARIABLES });

    expect([status, out]).toEqual([0, ""]);
    expect(err).toContain("is in order");
  });

  it("names mistakes as file:line:column and ends with status 1", async () => {
    const path = join(cli.folder, "bad.yaml");
    writeFileSync(path, "gateway: { name: shop, tls: off }\nstroe: {}\ndatabases: {}\n");

    const { status, out, err } = await cli.run(["config", "check", path]);

    expect(status).toBe(1);
    expect(out).toContain(`${path}:2:1: stroe: unknown key (did you mean "store"?)\n`);
    expect(err).toContain("has 2 mistakes");
  });

  it("gives programs the same, field by field", async () => {
    const path = join(cli.folder, "bad.yaml");
    writeFileSync(path, "gateway: { name: shop, tls: off }\nstroe: {}\ndatabases: {}\n");

    const result = JSON.parse((await cli.run(["config", "check", path, "-o", "json"])).out);

    expect(result.ok).toBe(false);
    expect(result.problems[1]).toEqual({
      severity: "error",
      file: path,
      line: 2,
      column: 1,
      path: "stroe",
      message: "unknown key",
      suggestion: 'did you mean "store"?',
    });
  });
});

describe("postern config schema", () => {
  it("prints a JSON Schema of draft 2020-12", async () => {
    const schema = JSON.parse((await cli.run(["config", "schema"])).out);

    expect(schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(Object.keys(schema.properties)).toContain("databases");
  });
});

describe("the command as a process", () => {
  const bin = fileURLToPath(new URL("../../bin/postern.js", import.meta.url));

  it("says what is missing where it is not compiled", () => {
    cpSync(bin, join(cli.folder, "bin", "postern.js"));

    const { status, stderr } = spawnSync(process.execPath, [join(cli.folder, "bin", "postern.js")], {
      encoding: "utf8",
    });

    expect(status).toBe(1);
    expect(stderr).toBe("postern: it is not compiled yet\n  npm ci && npm run build\n");
  });

  it("gives its exit status, and keeps results apart from messages", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "sessions", "ls"], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], XDG_STATE_HOME: cli.folder },
    });

    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("postern login --gateway");
  });

  it("takes a reader that has enough for no error", () => {
    const line = `"${process.execPath}" "${bin}" config schema | head -c 10; exit "\${PIPESTATUS[0]}"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });

    expect({ status, stdout: stdout.trim(), stderr }).toMatchObject({ status: 0, stderr: "" });
    expect(stdout).toHaveLength(10);
  });
});

describe("postern start with a configuration that cannot be used", () => {
  it("ends with status 2, naming each mistake", async () => {
    const path = join(cli.folder, "bad-start.yaml");
    writeFileSync(path, "gateway: { name: shop, tls: off }\nstroe: {}\ndatabases: {}\n");

    const { status, err } = await cli.run(["start", "--config", path]);

    expect(status).toBe(2);
    expect(err).toContain(`${path}:2:1: stroe: unknown key`);
    expect(err).toContain("store: this key is missing");
  });
});
