/** The demo issuer's private keys: made at the first start, kept in a file where there is a folder for it, one former key kept at each change. */

import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { z } from "zod";

export const SIGNING_ALGORITHM = "ES256";

/** Newest first: the first one signs. Private JWKs. */
export type SigningKeys = readonly JWK[];

/** What outlives the process: tokens and agents' secrets of one run are good in the next. */
export interface IssuerState {
  readonly keys: SigningKeys;
  /** By client. */
  readonly secrets: Readonly<Record<string, string>>;
}

const State = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).min(1),
  secrets: z.record(z.string(), z.string()),
});

/** The state of a former run in `folder`, or a new one; a new one too where there is no folder. A file that cannot be read is replaced. */
export async function loadState(folder: string | undefined, clients: readonly string[]): Promise<IssuerState> {
  const former = folder === undefined ? undefined : await readState(folder);
  const secrets = clients.map((client) => [client, former?.secrets[client] ?? randomBytes(24).toString("base64url")]);
  const state = { keys: former?.keys ?? [await newKey()], secrets: Object.fromEntries(secrets) };
  if (folder !== undefined) await saveState(folder, state);
  return state;
}

async function readState(folder: string): Promise<IssuerState | undefined> {
  try {
    return State.parse(JSON.parse(await readFile(stateFile(folder), "utf8")));
  } catch {
    return undefined; // the first start, or a file of another version: demo tokens are worth nothing
  }
}

export async function saveState(folder: string, state: IssuerState): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const next = `${stateFile(folder)}.next`;
  await writeFile(next, JSON.stringify(state), { mode: 0o600 });
  await chmod(next, 0o600);
  await rename(next, stateFile(folder));
}

function stateFile(folder: string): string {
  return join(folder, "issuer.json");
}

/** A new signing key before the former one, which goes on verifying. */
export async function rotated(keys: SigningKeys): Promise<SigningKeys> {
  return [await newKey(), ...keys.slice(0, 1)];
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString("hex"), alg: SIGNING_ALGORITHM, use: "sig" };
}
