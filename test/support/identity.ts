/** The identity stage over test issuers, with a held clock and what it logged. */

import { pino } from "pino";
import { Secret } from "../../src/base/secret.ts";
import type { CertificateConfig, IssuerConfig } from "../../src/config/schema.ts";
import { createIdentity, type Identity } from "../../src/identity/identity.ts";
import type { Principal } from "../../src/identity/principal.ts";
import { TokenRejected } from "../../src/identity/rejection.ts";
import { HeldClock } from "./issuer.ts";

export interface IdentityUnderTest extends AsyncDisposable {
  readonly identity: Identity;
  readonly clock: HeldClock;
  /** Every line logged so far. */
  readonly log: string[];
  verify(token: string): Promise<Principal>;
  /** The rejection of a token that must be refused. */
  rejection(token: string): Promise<TokenRejected>;
}

export function startIdentity(
  issuers: readonly IssuerConfig[],
  options: {
    readonly clock?: HeldClock;
    readonly certificates?: readonly CertificateConfig[];
    readonly previous?: Identity;
  } = {},
): IdentityUnderTest {
  const clock = options.clock ?? new HeldClock();
  const log: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => log.push(line) });
  const identity = createIdentity({
    issuers,
    certificates: options.certificates ?? [],
    clock,
    logger,
    ...(options.previous === undefined ? {} : { previous: options.previous }),
  });
  const verify = (token: string) => identity.verifyToken(new Secret(token));
  return {
    identity,
    clock,
    log,
    verify,
    rejection: async (token) => {
      const outcome: unknown = await verify(token).catch((error: unknown) => error);
      if (!(outcome instanceof TokenRejected)) throw new Error(`expected a rejection, got ${JSON.stringify(outcome)}`);
      return outcome;
    },
    [Symbol.asyncDispose]: async () => identity.close(),
  };
}
