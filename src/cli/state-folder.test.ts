import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Login, StateFolder } from "./state-folder.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-state-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LOGIN: Login = {
  v: 1,
  gateway: "http://127.0.0.1:8432/",
  kind: "human",
  issuer: "https://idp.example.com",
  clientId: "cli",
  audience: ["postern"],
  token: "token-bytes",
  expiresAtMs: 1,
};

describe("the folder of logins", () => {
  it("gives back what it keeps, and names the gateway of the last login", () => {
    const state = new StateFolder({ env: { XDG_STATE_HOME: folder } });

    state.keep(LOGIN);

    expect(state.login(LOGIN.gateway)).toEqual(LOGIN);
    expect(state.login("http://127.0.0.1:1/")).toBeUndefined();
    expect(state.currentGateway()).toBe(LOGIN.gateway);
  });

  it("is readable by its owner alone, files and folder", () => {
    const state = new StateFolder({ env: { XDG_STATE_HOME: folder } });
    state.keep(LOGIN);

    const modes = readdirSync(state.path).map((name) => statSync(join(state.path, name)).mode & 0o777);

    expect(modes).toEqual([0o600, 0o600]);
    expect(statSync(state.path).mode & 0o777).toBe(0o700);
  });

  it("keeps a client's token apart from the person's login", () => {
    const state = new StateFolder({ env: { XDG_STATE_HOME: folder } });
    state.keep(LOGIN);

    state.keep({ ...LOGIN, kind: "agent", clientId: "report", token: "of-the-agent" }, "report");

    expect(state.login(LOGIN.gateway)?.token).toBe("token-bytes");
    expect(state.login(LOGIN.gateway, "report")?.token).toBe("of-the-agent");
  });

  it("forgets a gateway, its clients' tokens too, and no other", () => {
    const state = new StateFolder({ env: { XDG_STATE_HOME: folder } });
    const other = { ...LOGIN, gateway: "http://127.0.0.1:2/" };
    state.keep(other);
    state.keep({ ...LOGIN, kind: "agent" }, "report");
    state.keep(LOGIN);

    state.forget(LOGIN.gateway);

    expect(state.login(LOGIN.gateway)).toBeUndefined();
    expect(state.login(LOGIN.gateway, "report")).toBeUndefined();
    expect(state.currentGateway()).toBeUndefined();
    expect(state.login(other.gateway)).toEqual(other);
  });

  it("takes a file that is damaged for no login", () => {
    const state = new StateFolder({ env: { XDG_STATE_HOME: folder } });
    state.keep(LOGIN);
    for (const name of readdirSync(state.path)) writeFileSync(join(state.path, name), '{"v":1');

    expect(state.login(LOGIN.gateway)).toBeUndefined();
    expect(state.currentGateway()).toBeUndefined();
  });

  it("is under the home folder where XDG_STATE_HOME is not absolute", () => {
    expect(new StateFolder({ env: { XDG_STATE_HOME: "relative", HOME: folder } }).path).toBe(
      join(folder, ".local", "state", "postern"),
    );
  });
});
