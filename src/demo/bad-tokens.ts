/**
 * Tokens that must be refused, as real as they can be: what the issuer would sign is signed with its own key, out of its own
 * file. For the demo's script alone.
 */

import { readFile } from "node:fs/promises";
import { decodeJwt, decodeProtectedHeader, importJWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { z } from "zod";

export interface BadToken {
  /** What is wrong with it, in words that follow "a token". */
  readonly what: string;
  readonly token: string;
}

const HOUR_S = 3_600;
const State = z.object({ keys: z.tuple([z.looseObject({ kty: z.string() })], z.unknown()) });

/** @param good a token of the issuer: the bad ones differ from it in one thing each. @param stateFile of the demo issuer. */
export async function badTokens(good: string, stateFile: string): Promise<BadToken[]> {
  const claims = decodeJwt(good);
  const [key] = State.parse(JSON.parse(await readFile(stateFile, "utf8"))).keys;
  const { alg = "ES256", kid, typ } = decodeProtectedHeader(good);
  const signer = await importJWK(key, alg);
  const header = { alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) };
  const signed = (changed: JWTPayload): Promise<string> =>
    new SignJWT({ ...claims, ...changed }).setProtectedHeader(header).sign(signer);
  const nowS = Math.floor(Date.now() / 1000);
  return [
    { what: "that expired an hour ago", token: await signed({ iat: nowS - 2 * HOUR_S, exp: nowS - HOUR_S }) },
    { what: "for another audience", token: await signed({ aud: "payroll" }) },
    { what: "that nobody signed (alg: none)", token: new UnsecuredJWT(claims).encode() },
  ];
}
