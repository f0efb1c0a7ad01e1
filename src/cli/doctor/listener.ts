/** `doctor`: the listener's own certificate, as a driver with sslmode=verify-full will judge it. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import type { Config } from "../../config/schema.ts";
import { type Check, type DoctorFinding, fail, ok, reasonOf, warn } from "./finding.ts";

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

/** Key and certificate belong together, the chain holds, it has not run out, and it carries the gateway's name. */
export const checkListener: Check = async ({ config, clock }) => {
  const { tls } = config.gateway;
  if (tls === "off") return [ok("tls.chain", "gateway.tls", "off: agents connect on this machine only")];
  const target = tls.certPath;
  try {
    const chain = readChain(await readFile(tls.certPath, "utf8"));
    const [own] = chain;
    if (own === undefined)
      return [fail("tls.chain", target, "holds no certificate", "put the certificate in it, as PEM")];
    const key = createPrivateKey(await readFile(tls.keyPath));
    if (!own.checkPrivateKey(key)) {
      return [
        fail(
          "tls.chain",
          target,
          `is not the certificate of the key in ${tls.keyPath}`,
          "give the pair that belongs together",
        ),
      ];
    }
    return [checkChain(chain, target), checkEnd(chain, target, clock.nowMs()), checkName(own, config, target)];
  } catch (error) {
    return [fail("tls.chain", target, `cannot be read: ${reasonOf(error)}`, "give certificate and key as PEM")];
  }
};

function checkChain(chain: readonly X509Certificate[], target: string): DoctorFinding {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && !isIssuedBy(certificate, issuer)) {
      const message = `certificate ${index + 2} of the file did not sign certificate ${index + 1}`;
      return fail("tls.chain", target, message, "order the chain: own certificate, then each issuer");
    }
  }
  const last = chain.at(-1);
  if (last === undefined || isIssuedBy(last, last)) {
    const message = chain.length === 1 ? "is self-signed: clients need it as their CA" : "leads to a root in the file";
    return ok("tls.chain", target, message);
  }
  const known = rootCertificates.some((root) => isIssuedBy(last, new X509Certificate(root)));
  return ok(
    "tls.chain",
    target,
    known ? "leads to a public root" : `leads to ${oneLine(last.issuer)}: clients need that as their CA`,
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function checkEnd(chain: readonly X509Certificate[], target: string, nowMs: number): DoctorFinding {
  const ends = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  const begins = Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom)));
  const day = new Date(ends).toISOString().slice(0, 10);
  const mend = "renew it, then send HUP: no restart is needed";
  if (nowMs > ends) return fail("tls.expiry", target, `ended on ${day}`, mend);
  if (nowMs < begins)
    return fail("tls.expiry", target, `begins on ${new Date(begins).toISOString().slice(0, 10)}`, "check the clock");
  const leftMs = ends - nowMs;
  // Certificates of a week are renewed every few days: a third of their life left is early enough.
  if (leftMs < Math.min(SOON_MS, (ends - begins) / 3)) {
    return warn("tls.expiry", target, `ends in ${Math.floor(leftMs / DAY_MS)} days, on ${day}`, mend);
  }
  return ok("tls.expiry", target, `ends on ${day}`);
}

function checkName(own: X509Certificate, { gateway }: Config, target: string): DoctorFinding {
  const { publicUrl } = gateway.http;
  const names = [gateway.listen.host, ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])];
  const everywhere = ["0.0.0.0", "::"];
  const reachable = names.filter((name) => !everywhere.includes(name));
  const carried = oneLine(own.subjectAltName ?? "no name");
  const found = reachable.find((name) => (isIP(name) === 0 ? own.checkHost(name) : own.checkIP(name)) !== undefined);
  if (found !== undefined) return ok("tls.name", target, `carries ${found}`);
  if (reachable.length === 0) return ok("tls.name", target, `carries ${carried}: agents must connect by that name`);
  const message = `carries ${carried}, and not ${reachable.join(" or ")}`;
  return warn("tls.name", target, message, "agents must connect by a name in it, or sslmode=verify-full refuses");
}

function readChain(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function oneLine(name: string): string {
  return name.split("\n").join(", ");
}
