/** Why a token or certificate does not identify anyone: typed reasons for metrics and entries, words for the client. */

import { GatewayError } from "../base/errors.ts";

/** The sentence that each reason is told with. None holds a byte of the credential. */
const WORDS = {
  malformed: "It is not a well-formed signed token (JWS compact serialization).",
  too_large: "It is larger than 16 KiB.",
  token_type: "It is a token of a kind that grants no access here.",
  issuer_unknown: "Its issuer is not configured here.",
  issuer_unreachable: "The keys of its issuer could not be fetched yet.",
  keys_stale: "The kept keys of its issuer are older than allowed, and the issuer cannot be reached.",
  algorithm: "It is signed with an algorithm that is not accepted.",
  key_unknown: "It is signed with a key that its issuer does not publish.",
  signature: "Its signature does not verify.",
  expired: "It has expired.",
  not_yet_valid: "It is not valid yet.",
  audience: "It is meant for another audience.",
  claim_condition: "It lacks a claim that is required here.",
  subject_missing: "It names no subject.",
  certificate_invalid: "The certificate may not be used to identify a client.",
  certificate_unmapped: "The certificate belongs to no configured identity.",
} as const satisfies Record<string, string>;

export type TokenRejectionReason = keyof typeof WORDS;

/** Every reason, for the documentation's test. */
export const REJECTION_REASONS: readonly string[] = Object.keys(WORDS);

type Hints = Partial<Record<TokenRejectionReason, string>>;

const TOKEN_HINTS: Hints = {
  expired: "Get a new token and connect again.",
  not_yet_valid: "Compare the clocks of issuer and gateway.",
  key_unknown: "If the issuer has just changed its keys, try again in a few seconds.",
  issuer_unreachable: "Try again shortly; an operator finds the cause in the gateway's log.",
  keys_stale: "Try again when the issuer is back; an operator finds the cause in the gateway's log.",
  audience: "Ask the issuer for a token whose audience is this gateway.",
};

const CERTIFICATE_HINTS: Hints = {
  expired: "Get a new certificate and connect again.",
  not_yet_valid: "Compare the clocks of certificate authority and gateway.",
  certificate_unmapped: "Ask an administrator of the gateway to map it under `certificates`.",
};

const HINTS = { token: TOKEN_HINTS, certificate: CERTIFICATE_HINTS } as const;

interface RejectionOptions {
  /** Sentence for the client after the reason's own; must hold no text of the credential. */
  readonly more?: string;
  readonly what?: "token" | "certificate";
  /** For the operator's log; no error that quotes the credential. */
  readonly cause?: unknown;
}

/** A credential that identifies no one here. SQLSTATE 28000; the detail says the reason in words, `reason` as one of a fixed set. */
export class TokenRejected extends GatewayError {
  readonly reason: TokenRejectionReason;

  constructor(reason: TokenRejectionReason, options: RejectionOptions = {}) {
    const { more, what = "token", cause } = options;
    const hint = HINTS[what][reason];
    super("TOKEN_REJECTED", `the ${what} was not accepted`, {
      detail: more === undefined ? WORDS[reason] : `${WORDS[reason]} ${more}`,
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = "TokenRejected";
    this.reason = reason;
  }
}
