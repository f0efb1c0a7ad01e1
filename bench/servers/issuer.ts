/** The identity provider of the bench: one key, its JWKS in a file, one agent's token. No HTTP: the hot path never asks for keys. */

import { exportJWK, generateKeyPair, SignJWT } from "jose";

export const ISSUER_URL = "https://bench.example";
export const AUDIENCE = "postern";

export interface BenchIssuer {
  /** A JSON Web Key Set. */
  readonly jwks: string;
  /** A token of an agent that acts for a person, as agents' tokens do; good for twelve hours. */
  readonly token: string;
}

export async function makeIssuer(): Promise<BenchIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const token = await new SignJWT({ act: { sub: "bench-agent" }, groups: ["agents"] })
    .setProtectedHeader({ alg: "ES256", kid: "bench" })
    .setIssuer(ISSUER_URL)
    .setSubject("bench@example.com")
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setJti("bench-token")
    .setExpirationTime("12h")
    .sign(privateKey);
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  return { jwks: JSON.stringify({ keys: [key] }), token };
}
