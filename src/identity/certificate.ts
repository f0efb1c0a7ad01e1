/** stub */
import type { Clock } from "../base/clock.ts";
import type { CertificateConfig } from "../config/schema.ts";
import type { Principal } from "./principal.ts";
import { TokenRejected } from "./rejection.ts";
export function verifyCertificate(
  _der: Uint8Array,
  _certificates: readonly CertificateConfig[],
  _clock: Clock,
): Principal {
  throw new TokenRejected("certificate_unmapped");
}
