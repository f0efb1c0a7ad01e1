/** What the CLI remembers between commands: which gateway, and tokens that still run. In files that only their owner reads. */

import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { CliContext } from "./context.ts";
import { CliError } from "./exit.ts";

/** A login as it is kept. Both tokens are credentials. */
export const Login = z.strictObject({
  v: z.literal(1),
  /** Origin and path of the gateway's HTTP port. */
  gateway: z.string(),
  kind: z.enum(["agent", "human"]),
  issuer: z.string(),
  clientId: z.string(),
  audience: z.array(z.string()),
  token: z.string(),
  refreshToken: z.string().optional(),
  /** Milliseconds since the epoch, from the token itself; null where it does not say. */
  expiresAtMs: z.number().nullable(),
});
export type Login = z.infer<typeof Login>;

const Current = z.strictObject({ gateway: z.string() });

/** Files under `$XDG_STATE_HOME/postern`, or `~/.local/state/postern`. */
export class StateFolder {
  readonly path: string;

  constructor({ env }: Pick<CliContext, "env">) {
    const { XDG_STATE_HOME, HOME } = env;
    // The XDG specification: a path that is not absolute is to be ignored.
    const base = XDG_STATE_HOME?.startsWith("/") ? XDG_STATE_HOME : join(HOME || homedir(), ".local", "state");
    this.path = join(base, "postern");
  }

  /** The gateway of the last login; undefined before the first. */
  currentGateway(): string | undefined {
    return this.#read("current.json", Current)?.gateway;
  }

  /** The kept login at `gateway`; of a client that logs in by its secret, by its id. */
  login(gateway: string, clientId?: string): Login | undefined {
    return this.#read(fileOf(gateway, clientId), Login);
  }

  /** @param clientId given for a client that logs in by its secret: it does not become the current login. */
  keep(login: Login, clientId?: string): void {
    this.#write(fileOf(login.gateway, clientId), login);
    if (clientId === undefined) this.#write("current.json", { gateway: login.gateway });
  }

  /** Deletes every login at `gateway`, clients' too. */
  forget(gateway: string): void {
    for (const name of this.#names()) {
      if (this.#read(name, Login)?.gateway === gateway) rmSync(join(this.path, name), { force: true });
    }
    if (this.currentGateway() === gateway) rmSync(join(this.path, "current.json"), { force: true });
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.path).filter((name) => /^login-.*\.json$/.test(name));
    } catch {
      return []; // no folder yet
    }
  }

  #read<T>(name: string, shape: z.ZodType<T>): T | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.path, name), "utf8");
    } catch {
      return undefined; // never logged in, or not readable: a new login writes it anew
    }
    try {
      return shape.safeParse(JSON.parse(text)).data;
    } catch {
      return undefined;
    }
  }

  #write(name: string, value: object): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      chmodSync(this.path, 0o700);
      // Under another name first: a reader never sees half a file, and the mode is right from its first byte.
      const temporary = join(this.path, `.${name}.${randomBytes(6).toString("hex")}`);
      writeFileSync(temporary, JSON.stringify(value), { mode: 0o600, flag: "wx" });
      renameSync(temporary, join(this.path, name));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CliError(
        "failed",
        `the login cannot be kept: ${why}`,
        "set XDG_STATE_HOME to a folder that you can write",
      );
    }
  }
}

function fileOf(gateway: string, clientId?: string): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([gateway, clientId ?? null]))
    .digest("hex");
  return `login-${digest.slice(0, 24)}.json`;
}
