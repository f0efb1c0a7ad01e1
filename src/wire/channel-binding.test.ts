import { Buffer } from "node:buffer";
import { createHash, webcrypto } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { certificateHash } from "./channel-binding.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

type Algorithm = webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams | { readonly name: "Ed25519" };

x509.cryptoProvider.set(webcrypto);

const rsa = (name: string, hash: string): Algorithm => ({
  name,
  hash,
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
});

async function certificate(
  key: Algorithm,
  signingAlgorithm: Algorithm | webcrypto.EcdsaParams = key,
): Promise<Uint8Array> {
  const keys = await webcrypto.subtle.generateKey(key, true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("a signing algorithm makes a pair");
  const options = { serialNumber: "01", name: "CN=localhost", keys, signingAlgorithm };
  return new Uint8Array((await x509.X509CertificateGenerator.createSelfSigned(options)).rawData);
}

describe("the hash that a connection is bound to", () => {
  it.each([
    ["RSA with SHA-1", rsa("RSASSA-PKCS1-v1_5", "SHA-1"), {}, "sha256"],
    ["RSA with SHA-256", rsa("RSASSA-PKCS1-v1_5", "SHA-256"), {}, "sha256"],
    ["RSA with SHA-384", rsa("RSASSA-PKCS1-v1_5", "SHA-384"), {}, "sha384"],
    ["RSA with SHA-512", rsa("RSASSA-PKCS1-v1_5", "SHA-512"), {}, "sha512"],
    ["RSASSA-PSS with SHA-1, its default", rsa("RSA-PSS", "SHA-1"), { saltLength: 20 }, "sha256"],
    ["RSASSA-PSS with SHA-256", rsa("RSA-PSS", "SHA-256"), { saltLength: 32 }, "sha256"],
    ["RSASSA-PSS with SHA-512", rsa("RSA-PSS", "SHA-512"), { saltLength: 64 }, "sha512"],
    ["ECDSA with SHA-256", { name: "ECDSA", namedCurve: "P-256" }, { hash: "SHA-256" }, "sha256"],
    ["ECDSA with SHA-384", { name: "ECDSA", namedCurve: "P-384" }, { hash: "SHA-384" }, "sha384"],
  ] as const)("is that of the certificate's signature, never weaker than SHA-256: %s", async (_, key, signing, hash) => {
    const der = await certificate(key, { ...key, ...signing });

    expect(certificateHash(der)).toEqual(createHash(hash).update(der).digest());
  });

  it("is not defined for Ed25519", async () => {
    expect(certificateHash(await certificate({ name: "Ed25519" }))).toBeNull();
  });

  it("is refused for bytes that are no certificate, cut at any place", async () => {
    const der = await certificate({ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" });

    for (let end = 0; end < der.length; end += 7) {
      expect(() => certificateHash(der.subarray(0, end)), `${end}`).toThrow(ProtocolViolation);
    }
    expect(() => certificateHash(Buffer.alloc(64, 0xff))).toThrow(ProtocolViolation);
  });
});
