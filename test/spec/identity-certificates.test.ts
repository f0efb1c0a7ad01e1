/** Which client certificates identify someone: SPIFFE X.509-SVIDs and mapped subjects. Real certificates; the chain is the TLS layer's to check. */

import "reflect-metadata";
import { X509Certificate as NodeCertificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  type X509CertificateCreateParamsName,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type CryptoKey, generateKeyPair } from "jose";
import { pino } from "pino";
import { beforeAll, describe, expect, it } from "vitest";
import type { CertificateConfig } from "../../src/config/schema.ts";
import { createIdentity } from "../../src/identity/identity.ts";
import { TokenRejected } from "../../src/identity/rejection.ts";
import { HeldClock } from "../support/issuer.ts";

const SPIFFE_ID = "spiffe://acme.example/agent/report";
const HOUR_MS = 3_600_000;
const clock = new HeldClock();
const principal = { subject: "report-agent", groups: ["agents"], kind: "agent" } as const;
const CERTIFICATES: readonly CertificateConfig[] = [
  { spiffe: SPIFFE_ID, principal: { ...principal, subject: "acme", actor: "report-agent" } },
  { subject: "CN=report,O=Acme\\, Inc", principal },
  { subject: "UID=ada, DC=acme, DC=example", principal: { subject: "ada", groups: ["dba"], kind: "human" } },
];
const identity = createIdentity({ issuers: [], certificates: CERTIFICATES, clock, logger: pino({ level: "silent" }) });

let keys: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

beforeAll(async () => {
  keys = await generateKeyPair("ES256");
});

interface Shape {
  readonly name?: X509CertificateCreateParamsName;
  readonly names?: JsonGeneralNames;
  readonly ca?: boolean;
  /** null: the extension is absent. */
  readonly usage?: number | null;
  readonly extended?: readonly string[];
  readonly fromMs?: number;
  readonly untilMs?: number;
}

async function certificate(shape: Shape): Promise<Uint8Array> {
  const { usage = KeyUsageFlags.digitalSignature, ca, names, extended } = shape;
  const extensions: Extension[] = [];
  if (ca !== undefined) extensions.push(new BasicConstraintsExtension(ca, undefined, true));
  if (usage !== null) extensions.push(new KeyUsagesExtension(usage, true));
  if (extended !== undefined) extensions.push(new ExtendedKeyUsageExtension([...extended]));
  if (names !== undefined) extensions.push(new SubjectAlternativeNameExtension(names));
  const made = await X509CertificateGenerator.createSelfSigned({
    name: shape.name ?? "O=SPIRE",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(clock.nowMs() + (shape.fromMs ?? -HOUR_MS)),
    notAfter: new Date(clock.nowMs() + (shape.untilMs ?? HOUR_MS)),
    extensions,
  });
  return new Uint8Array(made.rawData);
}

async function rejection(shape: Shape): Promise<TokenRejected> {
  const der = await certificate(shape);
  try {
    identity.verifyCertificate(der);
  } catch (error) {
    if (!(error instanceof TokenRejected)) throw error;
    expect(error).toMatchObject({ sqlstate: "28000", message: "the certificate was not accepted" });
    return error;
  }
  throw new Error("the certificate was taken");
}

/** The library writes plain texts as PrintableString. */
const UTF8_NAME = new Name([{ CN: [{ utf8String: "report" }] }, { O: [{ utf8String: "Acme, Inc" }] }]);

const svid: JsonGeneralNames = [{ type: "url", value: SPIFFE_ID }];

describe("a certificate with a SPIFFE ID", () => {
  it("is the principal that its id is mapped to", async () => {
    const der = await certificate({ names: [...svid, { type: "dns", value: "report.acme.example" }] });

    expect(identity.verifyCertificate(der)).toEqual({
      id: "spiffe://acme.example#acme|act:report-agent",
      kind: "agent",
      issuer: "spiffe://acme.example",
      subject: "acme",
      actors: [{ subject: "report-agent", proof: "verified" }],
      actor: "report-agent",
      groups: ["agents"],
      credential: {
        kind: "certificate",
        fingerprint: new NodeCertificate(der).fingerprint256.replaceAll(":", "").toLowerCase(),
      },
      expiresAtMs: clock.nowMs() + HOUR_MS,
      claims: {},
    });
  });

  it.each([
    ["another path", "spiffe://acme.example/agent/other"],
    ["a longer path", `${SPIFFE_ID}/x`],
    ["a slash at the end", `${SPIFFE_ID}/`],
    ["another trust domain", "spiffe://evil.example/agent/report"],
    ["another case", "spiffe://acme.example/agent/Report"],
    ["another case of the scheme", "SPIFFE://acme.example/agent/report"],
    ["a port", "spiffe://acme.example:443/agent/report"],
    ["a query", `${SPIFFE_ID}?x`],
  ])("of %s is mapped to no one", async (_what, value) => {
    expect((await rejection({ names: [{ type: "url", value }] })).reason).toBe("certificate_unmapped");
  });

  it("is not taken by its subject instead", async () => {
    const names: JsonGeneralNames = [{ type: "url", value: "spiffe://acme.example/agent/other" }];

    expect((await rejection({ name: "CN=report, O=Acme\\, Inc", names })).reason).toBe("certificate_unmapped");
  });

  it.each<[string, Shape]>([
    ["two URIs", { names: [...svid, { type: "url", value: "https://acme.example" }] }],
    ["two SPIFFE IDs", { names: [...svid, { type: "url", value: "spiffe://acme.example/agent/other" }] }],
    ["the mark of an authority", { names: svid, ca: true }],
    ["no key usage", { names: svid, usage: null }],
    ["a key that may not sign", { names: svid, usage: KeyUsageFlags.keyEncipherment }],
    [
      "a key that may sign certificates",
      { names: svid, usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign },
    ],
    [
      "a key that may sign revocation lists",
      { names: svid, usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.cRLSign },
    ],
    ["a usage for servers only", { names: svid, extended: [ExtendedKeyUsage.serverAuth] }],
  ])("and %s is no X.509-SVID of a client", async (_what, shape) => {
    expect((await rejection(shape)).reason).toBe("certificate_invalid");
  });

  it("may say that it is for clients and servers, and no authority", async () => {
    const der = await certificate({
      names: svid,
      ca: false,
      extended: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
    });

    expect(identity.verifyCertificate(der).subject).toBe("acme");
  });
});

describe("a certificate with a mapped subject", () => {
  it.each<[string, Shape]>([
    ["in the configured order", { name: "CN=report, O=Acme\\, Inc" }],
    ["in the opposite order", { name: "O=Acme\\, Inc, CN=report" }],
    ["in another string type", { name: UTF8_NAME }],
    ["without key usage", { name: "CN=report, O=Acme\\, Inc", usage: null }],
    [
      "with names beside it",
      { name: "CN=report, O=Acme\\, Inc", names: [{ type: "dns", value: "report.acme.example" }] },
    ],
  ])("%s is that principal", async (_what, shape) => {
    expect(identity.verifyCertificate(await certificate(shape))).toMatchObject({
      id: "x509#report-agent",
      issuer: "x509",
      subject: "report-agent",
      actors: [],
      groups: ["agents"],
    });
  });

  it("may use names that RFC 4514 knows", async () => {
    const name = [{ DC: ["example"] }, { DC: ["acme"] }, { "0.9.2342.19200300.100.1.1": ["ada"] }];

    expect(identity.verifyCertificate(await certificate({ name }))).toMatchObject({ subject: "ada", kind: "human" });
  });

  it.each([
    "CN=report",
    "CN=report, O=Acme",
    "CN=Report, O=Acme\\, Inc",
    "CN=report, O=Acme\\, Inc, OU=x",
    "CN=report, CN=x, O=Acme\\, Inc",
    "CN=report+O=Acme\\, Inc",
    "CN=report\\,O\\=Acme\\, Inc",
    "O=report, CN=Acme\\, Inc",
  ])("that is rather %s is mapped to no one", async (name) => {
    expect((await rejection({ name })).reason).toBe("certificate_unmapped");
  });

  it("without any subject is mapped to no one", async () => {
    expect((await rejection({ name: [] })).reason).toBe("certificate_unmapped");
  });

  it.each<[string, Shape]>([
    ["of an authority", { ca: true }],
    ["of a server", { extended: [ExtendedKeyUsage.serverAuth] }],
    ["of a key that may not sign", { usage: KeyUsageFlags.keyAgreement }],
  ])("is refused as the one %s", async (_what, shape) => {
    expect((await rejection({ name: "CN=report, O=Acme\\, Inc", ...shape })).reason).toBe("certificate_invalid");
  });
});

describe("a certificate outside its time", () => {
  it("is refused with the reason", async () => {
    expect((await rejection({ names: svid, untilMs: 0 })).reason).toBe("expired");
    expect((await rejection({ names: svid, fromMs: 1000 })).reason).toBe("not_yet_valid");
    expect(identity.verifyCertificate(await certificate({ names: svid, untilMs: 1000 }))).toBeDefined();
  });
});

describe("bytes that are no certificate", () => {
  it("are refused, not crashed on", async () => {
    const der = await certificate({ names: svid });
    for (const bytes of [
      new Uint8Array(),
      new Uint8Array(100),
      der.slice(0, der.length / 2),
      new TextEncoder().encode("-----BEGIN"),
    ]) {
      expect(() => identity.verifyCertificate(bytes)).toThrow(
        expect.objectContaining({ reason: "certificate_invalid" }),
      );
    }
  });
});

describe("a configured subject that is no distinguished name", () => {
  it.each(["", "report", "report-agent,Acme", "XX=report"])("%j does not start", (subject) => {
    const options = { issuers: [], certificates: [{ subject, principal }], clock, logger: pino({ level: "silent" }) };

    expect(() => createIdentity(options)).toThrow(/is no distinguished name/);
  });
});
