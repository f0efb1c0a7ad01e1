/** `doctor`: each issuer's discovery and keys, asked as the gateway asks, and our clock against the issuer's. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getSecure } from "node:https";
import type { IssuerConfig } from "../../config/schema.ts";
import { loadKeys, openidConfigurationUrl } from "../../identity/discovery.ts";
import { type Check, type DoctorFinding, type DoctorInput, fail, ok, reasonOf, skip, warn } from "./finding.ts";

const LIMIT_MS = 10_000;
/** A Date header has whole seconds, and the answer takes a moment. */
const FINE_SECONDS = 5;

/** Keys of every issuer, and the clock by the first that tells the time. */
export const checkIssuers: Check = async (input) => {
  const found: DoctorFinding[] = [];
  for (const issuer of input.config.issuers) found.push(await checkKeys(issuer, input.signal));
  return [...found, await checkClock(input)];
};

async function checkKeys(issuer: IssuerConfig, signal: AbortSignal): Promise<DoctorFinding> {
  try {
    const { keys } = await loadKeys(issuer, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]));
    const where = issuer.jwksPath === undefined ? "by discovery" : `in ${issuer.jwksPath}`;
    if (keys.length === 0)
      return fail("issuer.keys", issuer.url, `no key ${where}`, "the issuer must publish its signing key");
    return ok("issuer.keys", issuer.url, `${keys.length} ${keys.length === 1 ? "key" : "keys"} ${where}`);
  } catch (error) {
    const mend =
      issuer.jwksPath === undefined
        ? "check issuers[].url and the network; issuers[].ca for a CA of your own"
        : "give a JSON Web Key Set";
    return fail("issuer.keys", issuer.url, reasonOf(error), mend);
  }
}

async function checkClock(input: DoctorInput): Promise<DoctorFinding> {
  const online = input.config.issuers.filter(({ jwksPath }) => jwksPath === undefined);
  for (const issuer of online) {
    const aheadSeconds = await secondsAhead(issuer, input).catch(() => undefined); // told by issuer.keys
    if (aheadSeconds === undefined) continue;
    const off = Math.abs(aheadSeconds);
    const words = `${off} s ${aheadSeconds > 0 ? "ahead of" : "behind"} the issuer's`;
    const mend = "synchronise this machine's clock (NTP): tokens are judged by it";
    if (off * 1000 > issuer.clockToleranceMs) return fail("clock", issuer.url, `this clock is ${words}`, mend);
    if (off > FINE_SECONDS) return warn("clock", issuer.url, `this clock is ${words}`, mend);
    return ok("clock", issuer.url, `within ${FINE_SECONDS} s of the issuer's`);
  }
  return skip("clock", "issuers", "no issuer tells the time: nothing to compare with");
}

async function secondsAhead(issuer: IssuerConfig, { clock, signal }: DoctorInput): Promise<number | undefined> {
  const url = openidConfigurationUrl(issuer.url);
  const ca = issuer.caPath === undefined ? {} : { ca: await readFile(issuer.caPath) };
  const options = { agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]) };
  const request = url.startsWith("https:") ? getSecure(url, { ...options, ...ca }) : getPlain(url, options);
  try {
    const [response]: IncomingMessage[] = await once(request, "response");
    const theirs = Date.parse(response?.headers.date ?? "");
    return Number.isNaN(theirs) ? undefined : Math.round((clock.nowMs() - theirs) / 1000);
  } finally {
    request.destroy();
  }
}
