import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configHash, diffConfig, formatChange, reloadEffect } from "./diff.ts";
import { loadConfig } from "./load.ts";
import type { Config } from "./schema.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = `gateway: { name: shop, tls: off }
policyMode: none
store: { url: "postgres://postern:one@127.0.0.1/postern" }
issuers:
  - { url: "https://idp.example.com", audience: postern, kind: agent }
databases:
  shop: { host: 127.0.0.1, database: shop, environment: prod, defaultRole: agent, tls: { mode: disable },
          roles: { agent: { user: agent, password: first-password, groups: [agents] } } }
`;

function load(text: string): Config {
  const path = join(folder, "postern.yaml");
  writeFileSync(path, text);
  return loadConfig(path, {});
}

describe("a configuration that changed", () => {
  it("is told key by key, as the file writes it, with what needs a restart", () => {
    const after = TEXT.replace("tls: off", "tls: off, listen: { startupTimeout: 5s, port: 7000 }").concat(
      "limits: { session: { idle: 90m }, messageSize: 64MiB, groups: { etl: { bytes: 5MiB } } }\nroles: { admin: [platform] }\n",
    );

    expect(diffConfig(load(TEXT), load(after)).map(formatChange)).toEqual([
      "gateway.listen.port: 6432 -> 7000 (needs a restart)",
      'gateway.listen.startupTimeout: "10s" -> "5s"',
      'limits.groups.etl.bytes: absent -> "5MiB"',
      'limits.messageSize: "256MiB" -> "64MiB"',
      'limits.session.idle: "1h" -> "90m"',
      'roles.admin: [] -> ["platform"]',
    ]);
  });

  it("names databases and issuers that came and went", () => {
    const after = TEXT.replace("shop: { host", "store: { host").replace("audience: postern", "audience: other");

    const paths = diffConfig(load(TEXT), load(after)).map(({ path }) => path);

    expect(paths).toContain("databases.shop.host");
    expect(paths).toContain("databases.store.roles.agent.password");
    expect(paths).toContain("issuers[0].audience");
  });

  it("says that a secret changed and shows neither value", () => {
    const changes = diffConfig(load(TEXT), load(TEXT.replace("first-password", "second-password")));

    expect(changes.map(formatChange)).toEqual(['databases.shop.roles.agent.password: "[redacted]" -> "[redacted]"']);
    expect(JSON.stringify(changes)).not.toContain("-password");
  });

  it("that is the same has no difference", () => {
    expect(diffConfig(load(TEXT), load(`# a comment\n${TEXT}`))).toEqual([]);
  });
});

describe("the hash of a configuration", () => {
  it("differs with any value but a secret's", () => {
    const hash = configHash(load(TEXT));

    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(configHash(load(TEXT.replace("first-password", "second-password")))).toBe(hash);
    expect(configHash(load(TEXT.replace("environment: prod", "environment: test")))).not.toBe(hash);
  });
});

describe("a key's effect on reload", () => {
  it.each([
    ["gateway.name", "restart"],
    ["gateway.http.port", "restart"],
    ["gateway.tls.cert", "sessions"],
    ["audit.durability", "restart"],
    ["roles.admin", "now"],
    ["policyMode", "now"],
    ["data", "restart"],
    ["database", "sessions"],
    ["issuers[0].url", "sessions"],
  ])("%s: %s", (path, effect) => {
    expect(reloadEffect(path)).toBe(effect);
  });
});
