/** The listener's certificate and key, read again when they change, so that a renewal needs no restart. */

import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import type { GatewayTls } from "../config/schema.ts";
import type { Logger } from "../telemetry/log.ts";

type TlsFiles = Exclude<GatewayTls, "off">;

export class TlsContext {
  #files: TlsFiles;
  readonly #logger: Logger;
  #context: SecureContext;
  #stamp: string;

  /** @throws where a file cannot be read or the key does not belong to the certificate: a gateway does not start like that. */
  constructor(files: TlsFiles, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    this.#stamp = stamp(files);
    this.#context = load(files);
  }

  get current(): SecureContext {
    return this.#context;
  }

  /** Client certificates are asked for only where there is a CA to check them against. */
  get asksForCertificate(): boolean {
    return this.#files.clientCaPath !== undefined;
  }

  /**
   * Takes the files as they are now. A pair that does not load leaves the old one in use, and says so in the log:
   * a half-written renewal must not end the service. @returns whether something changed.
   */
  reload(files: TlsFiles = this.#files): boolean {
    try {
      const next = stamp(files);
      if (next === this.#stamp && files === this.#files) return false;
      this.#context = load(files);
      this.#files = files;
      this.#stamp = next;
      this.#logger.info({ cert: files.certPath }, "TLS certificate loaded");
      return true;
    } catch (error) {
      this.#logger.error(
        { err: error, cert: files.certPath },
        "TLS certificate not loaded, the one before stays in use",
      );
      return false;
    }
  }
}

function load(files: TlsFiles): SecureContext {
  return createSecureContext({
    cert: readFileSync(files.certPath),
    key: readFileSync(files.keyPath),
    ...(files.clientCaPath === undefined ? {} : { ca: readFileSync(files.clientCaPath) }),
    minVersion: "TLSv1.2",
  });
}

/** Changes when any of the files does. */
function stamp(files: TlsFiles): string {
  const paths = [files.certPath, files.keyPath, ...(files.clientCaPath === undefined ? [] : [files.clientCaPath])];
  return paths
    .map((path) => statSync(path))
    .map((stat) => `${stat.ino}:${stat.size}:${stat.mtimeMs}`)
    .join(" ");
}
