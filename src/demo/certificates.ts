/** Certificates for the demo and the tests: a small authority that is born, signs and is forgotten with its process. Never for an installation. */

import "reflect-metadata"; // @peculiar/x509 needs it loaded first
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly commonName: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** For example a SPIFFE id. */
  readonly uris?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** P-256 where not said. PostgreSQL's channel binding hashes with what the signature hashed with. */
  readonly hash?: "SHA-256" | "SHA-384" | "SHA-512";
}

export interface Authority {
  /** The authority's own certificate, as PEM: what those who trust it are given. */
  readonly certificate: string;
  issue(options: IssueOptions): Promise<Issued>;
}

const DAY_MS = 86_400_000;
const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;

/** Makes an authority with a new P-256 key, for 30 days from a day ago (clocks differ). The key never leaves this value. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    serialNumber: serial(),
    ...validity({}),
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: `${root.toString("pem")}\n`,
    issue: (options) => issue(root, keys.privateKey, options),
  };
}

async function issue(
  root: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  options: IssueOptions,
): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [options.commonName] }],
    issuer: root.subject,
    serialNumber: serial(),
    ...validity(options),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: { name: "ECDSA", hash: options.hash ?? "SHA-256" },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...(options.dnsNames ?? []).map((value) => ({ type: "dns", value }) as const),
        ...(options.ipAddresses ?? []).map((value) => ({ type: "ip", value }) as const),
        ...(options.uris ?? []).map((value) => ({ type: "url", value }) as const),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(root),
    ],
  });
  const der = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificate: `${certificate.toString("pem")}\n`, key: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n` };
}

function serial(): string {
  // 16 random bytes, positive: RFC 5280, section 4.1.2.2.
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function validity(options: Pick<IssueOptions, "notBefore" | "notAfter">): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return {
    notBefore: options.notBefore ?? new Date(now - DAY_MS),
    notAfter: options.notAfter ?? new Date(now + 30 * DAY_MS),
  };
}
