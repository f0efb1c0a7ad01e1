/** An agent logs in by its own secret, which comes from the environment or a file, never from the command line. Source: RFC 6749, section 4.4. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as oidc from "openid-client";
import { Secret } from "../../base/secret.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import {
  discoverIssuer,
  type IssuedToken,
  type Issuer,
  issuerRefusal,
  tokenForGateway,
  tokenParameters,
} from "./issuer.ts";

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/**
 * The credentials in the environment: POSTERN_CLIENT_ID with POSTERN_CLIENT_SECRET or POSTERN_CLIENT_SECRET_FILE; the id may be in
 * a file too. Undefined where there are none. @throws {CliError} usage, where there is half of them.
 */
export function credentialsOf(context: Pick<CliContext, "env" | "cwd">): ClientCredentials | undefined {
  const clientId = readEnvironment(context, "POSTERN_CLIENT_ID");
  const clientSecret = readEnvironment(context, "POSTERN_CLIENT_SECRET");
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined || clientSecret === undefined) {
    const gone = clientId === undefined ? "POSTERN_CLIENT_ID" : "POSTERN_CLIENT_SECRET";
    throw new CliError(
      "usage",
      `${gone} is not set, and the other half of the credentials is`,
      `set ${gone} or ${gone}_FILE`,
    );
  }
  return { clientId, clientSecret: new Secret(clientSecret) };
}

/** A token of `issuer` for the client itself. */
export async function logInByCredentials(issuer: Issuer, credentials: ClientCredentials): Promise<IssuedToken> {
  const configuration = await discoverIssuer(issuer, credentials.clientId, credentials.clientSecret.reveal());
  try {
    const parameters = tokenParameters(issuer, configuration, false);
    return tokenForGateway(await oidc.clientCredentialsGrant(configuration, parameters), issuer);
  } catch (error) {
    throw issuerRefusal(error, issuer);
  }
}

/** A secret of the environment: in `name` itself, or in the file that `name`_FILE tells. */
export function readEnvironment({ env, cwd }: Pick<CliContext, "env" | "cwd">, name: string): string | undefined {
  const direct = env[name];
  const file = env[`${name}_FILE`];
  if (direct !== undefined && direct !== "") return direct;
  if (file === undefined || file === "") return undefined;
  try {
    return readFileSync(resolve(cwd, file), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(
      "usage",
      `the file of ${name}_FILE cannot be read: ${why}`,
      `set ${name}_FILE to a file that is there`,
    );
  }
}
