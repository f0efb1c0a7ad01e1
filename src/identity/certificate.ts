/**
 * From a client certificate to a principal: a SPIFFE X.509-SVID or a subject that the configuration maps.
 * The TLS layer has checked the chain, the signature and revocation lists before this; nothing here makes a certificate trusted.
 */

import "reflect-metadata"; // @peculiar/x509 needs it loaded before itself
import { createHash } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { makePrincipal, type Principal } from "./principal.ts";
import { TokenRejected, type TokenRejectionReason } from "./rejection.ts";

/** Names of RFC 4514, section 3, and of OpenSSL's output that the library does not know by itself. */
const NAMES = {
  UID: "0.9.2342.19200300.100.1.1",
  STREET: "2.5.4.9",
  serialNumber: "2.5.4.5",
  emailAddress: "1.2.840.113549.1.9.1",
};

/** The configured certificates, by what identifies each. */
export interface CertificateMap {
  readonly bySpiffeId: ReadonlyMap<string, CertificateConfig["principal"]>;
  readonly bySubject: ReadonlyMap<string, CertificateConfig["principal"]>;
}

/** @throws {GatewayError} INTERNAL where a configured subject is no distinguished name. */
export function certificateMap(certificates: readonly CertificateConfig[]): CertificateMap {
  const bySpiffeId = new Map<string, CertificateConfig["principal"]>();
  const bySubject = new Map<string, CertificateConfig["principal"]>();
  for (const { spiffe, subject, principal } of certificates) {
    if (spiffe !== undefined) bySpiffeId.set(spiffe, principal);
    if (subject === undefined) continue;
    // Both orders: RFC 4514 prints the most specific part first, OpenSSL as encoded.
    const parts = partsOfText(subject);
    bySubject.set(JSON.stringify(parts), principal);
    bySubject.set(JSON.stringify(parts.toReversed()), principal);
  }
  return { bySpiffeId, bySubject };
}

/**
 * Who the holder of the certificate is. `expiresAtMs` is its notAfter.
 * @param der a certificate that the peer has proved to hold, of a chain that verifies.
 * @throws {TokenRejected} "certificate_invalid", "certificate_unmapped", "expired" or "not_yet_valid".
 */
export function verifyCertificate(der: Uint8Array, certificates: CertificateMap, clock: Clock): Principal {
  const certificate = parsed(der);
  checkValidity(certificate, clock.nowMs());
  checkUsage(certificate);
  const spiffeId = spiffeIdOf(certificate);
  const mapped =
    spiffeId === null
      ? certificates.bySubject.get(JSON.stringify(partsOf(certificate.subjectName)))
      : certificates.bySpiffeId.get(spiffeId);
  if (mapped === undefined) throw rejected("certificate_unmapped");
  return makePrincipal({
    kind: mapped.kind,
    issuer: spiffeId === null ? "x509" : trustDomainOf(spiffeId),
    subject: mapped.subject,
    actors: mapped.actor === undefined ? [] : [{ subject: mapped.actor, proof: "verified" }],
    groups: mapped.groups,
    credential: { kind: "certificate", fingerprint: createHash("sha256").update(der).digest("hex") },
    expiresAtMs: certificate.notAfter.getTime(),
    claims: Object.create(null),
  });
}

function parsed(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(new Uint8Array(der));
  } catch {
    throw rejected("certificate_invalid", "It cannot be read.");
  }
}

/** The TLS layer checks this too, by the machine's clock, once: a resumed session may come later. */
function checkValidity(certificate: X509Certificate, nowMs: number): void {
  if (nowMs < certificate.notBefore.getTime()) throw rejected("not_yet_valid");
  if (nowMs >= certificate.notAfter.getTime()) throw rejected("expired");
}

/** What a leaf that identifies a client must and must not be. RFC 5280, sections 4.2.1.3, 4.2.1.9 and 4.2.1.12. */
function checkUsage(certificate: X509Certificate): void {
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  if (constraints?.ca === true) throw rejected("certificate_invalid", "It is the certificate of an authority.");
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & KeyUsageFlags.digitalSignature) === 0)
    throw rejected("certificate_invalid", "Its key may not sign.");
  const extended = certificate.getExtension(ExtendedKeyUsageExtension)?.usages;
  if (extended !== undefined && !extended.includes(ExtendedKeyUsage.clientAuth))
    throw rejected("certificate_invalid", "It is not for clients.");
}

/**
 * The SPIFFE ID, or null where the certificate has none. Where it has one, the subject counts for nothing.
 * Source: SPIFFE X.509-SVID, sections 2 (exactly one URI) and 4.3 (key usage, which a leaf must have).
 */
function spiffeIdOf(certificate: X509Certificate): string | null {
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = names.filter(({ type }) => type === "url").map(({ value }) => value);
  const id = uris.find((uri) => /^spiffe:/i.test(uri));
  if (id === undefined) return null;
  if (uris.length > 1) throw rejected("certificate_invalid", "It has a SPIFFE ID and another URI.");
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages ?? 0;
  const authority = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  if ((usages & KeyUsageFlags.digitalSignature) === 0 || (usages & authority) !== 0)
    throw rejected("certificate_invalid", "Its key usage is not the one of an X.509-SVID.");
  return id;
}

/** `spiffe://acme.example/agent/report` as `spiffe://acme.example`. */
function trustDomainOf(spiffeId: string): string {
  return spiffeId.split("/", 3).join("/");
}

/** Types and values of a distinguished name, part by part; how a value is encoded does not matter. */
function partsOf(name: Name): ReturnType<Name["toJSON"]> {
  return new Name(name.toArrayBuffer()).toJSON();
}

function partsOfText(subject: string): ReturnType<Name["toJSON"]> {
  try {
    const parts = partsOf(new Name(subject, NAMES));
    if (parts.length > 0) return parts;
  } catch (cause) {
    throw new GatewayError("INTERNAL", `certificates: ${JSON.stringify(subject)} is no distinguished name`, { cause });
  }
  throw new GatewayError("INTERNAL", `certificates: ${JSON.stringify(subject)} is no distinguished name`);
}

function rejected(reason: TokenRejectionReason, more?: string): TokenRejected {
  return new TokenRejected(reason, { what: "certificate", ...(more === undefined ? {} : { more }) });
}
