/** What detectors are called and what they say: the vocabulary of this folder. Looks at nothing itself. */

/** In the order of docs/reference/detectors.md. */
export const DETECTORS = [
  "card",
  "ssn",
  "iban",
  "email",
  "phone",
  "travel-document",
  "jwt",
  "private-key",
  "aws-key",
  "gcp-key",
  "azure-key",
  "github-token",
  "slack-token",
  "stripe-key",
  "api-key",
  "connection-string",
  "url-password",
  "assigned-secret",
  "ip-address",
  "birth-date",
] as const;
export type DetectorName = (typeof DETECTORS)[number];

export interface Finding {
  readonly detector: DetectorName;
  /** Bytes of the cell: `start` to before `end`. Never empty, never beyond the cell. */
  readonly start: number;
  readonly end: number;
  /** 0 to 1: how sure the form alone makes it, as catalogue.ts says for each detector. At least the detector's threshold. */
  readonly confidence: number;
}

/**
 * A look at one kind of thing. `look` reads a bounded number of bytes around `at`, or only ones that no later look reads
 * again: that makes the scan of any cell linear.
 */
export interface Probe {
  /** Bytes at which it is asked. */
  readonly anchors: readonly number[];
  /** Before the first look at a cell. */
  begin?(): void;
  /**
   * @param end the bytes from here on are not looked at.
   * @param found takes what was found.
   * @returns where it would be asked next: more than `at`.
   */
  look(cell: Uint8Array, at: number, end: number, found: FindingList): number;
}

/** Takes findings; keeps those of detectors that are on and as sure as their threshold asks. */
export interface FindingList {
  /** @returns whether it was kept. */
  add(detector: DetectorName, start: number, end: number, confidence: number): boolean;
}
