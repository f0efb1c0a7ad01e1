/**
 * The second net (masking.md): looks at the text of one delivered cell for what should have had a label. It is never the claim: what
 * an agent disguises, it does not see. Waits for nothing and keeps nothing of a cell.
 */

import { byteAt } from "./bytes.ts";
import { CATALOGUE } from "./catalogue.ts";
import { CredentialProbe } from "./credentials.ts";
import { EmailProbe } from "./email.ts";
import type { DetectorName, Finding, FindingList, Probe } from "./finding.ts";
import { JwtProbe } from "./jwt.ts";
import { AzureSecretProbe, KeyProbe } from "./keys.ts";
import { NumberProbe } from "./numbers.ts";
import { PrivateKeyProbe } from "./private-key.ts";
import { isSampled } from "./sampling.ts";
import type { DetectorConfig } from "./settings.ts";
import { TravelDocumentProbe } from "./travel-document.ts";
import { withUncovered } from "./uncovered.ts";

/** The shortest thing that is found: `a@b.co`, `1.1.1.1`. */
const SHORTEST = 6;
const NOTHING: readonly Finding[] = [];

/** Which detectors need which probe. */
const PROBES: readonly (readonly [readonly DetectorName[], (on: ReadonlySet<DetectorName>) => Probe])[] = [
  [["card", "ssn", "iban", "phone", "ip-address", "birth-date"], (on) => new NumberProbe(on)],
  [["email"], () => new EmailProbe()],
  [["travel-document"], () => new TravelDocumentProbe()],
  [["jwt"], () => new JwtProbe()],
  [["private-key"], () => new PrivateKeyProbe()],
  [["aws-key", "gcp-key", "github-token", "slack-token", "stripe-key", "api-key"], (on) => new KeyProbe(on)],
  [["azure-key"], () => new AzureSecretProbe()],
  [
    ["connection-string", "url-password", "assigned-secret", "azure-key", "aws-key", "slack-token"],
    (on) => new CredentialProbe(on),
  ],
];

/** Made once and used for any number of cells, one after the other: `scan` is not re-entrant. */
export class DetectorSet {
  readonly #config: DetectorConfig;
  /** Probes that want to know where a cell begins. */
  readonly #beginning: readonly Probe[];
  /** By byte: 0, or 1 + the index in #asked of the probes that are asked there. */
  readonly #anchors = new Uint8Array(256);
  readonly #asked: (readonly Probe[])[] = [];
  readonly #found: Findings;

  constructor(config: DetectorConfig) {
    this.#config = config;
    this.#found = new Findings(config.on);
    const probes = PROBES.filter(([names]) => names.some((name) => config.on.has(name))).map(([, make]) =>
      make(config.on),
    );
    this.#beginning = probes.filter(({ begin }) => begin !== undefined);
    for (let byte = 0; byte < 256; byte++) {
      const asked = probes.filter(({ anchors }) => anchors.includes(byte));
      if (asked.length > 0) this.#anchors[byte] = this.#asked.push(asked);
    }
  }

  /** Bytes of a cell that are looked at, from its start. */
  get cellBytes(): number {
    return this.#config.cellBytes;
  }

  /** Whether the cell of this number is looked at: all, none, or a sample. @param cellNumber in its session, from 0. */
  isDue(cellNumber: number): boolean {
    return this.#config.rate > 0 && isSampled(cellNumber, this.#config.rate);
  }

  /** Whether a scan of `bytes[start, end)` could find anything: of most cells that is all that has to be asked, and needs no view. */
  mayHold(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < SHORTEST) return false;
    const last = Math.min(end, start + this.#config.cellBytes);
    return nextAnchor(bytes, start, last, this.#anchors) < last;
  }

  /**
   * @param cell the bytes of a value in text format. Not kept.
   * @returns in the order of the cell; may overlap. Time grows with the cell's length and with nothing else.
   */
  scan(cell: Uint8Array): readonly Finding[] {
    const findings = this.#scanOnce(cell);
    return findings.length === 0
      ? NOTHING
      : withUncovered(cell, findings, (masked) => this.#scanOnce(masked)).toSorted(inOrder);
  }

  #scanOnce(cell: Uint8Array): readonly Finding[] {
    const end = Math.min(cell.length, this.#config.cellBytes);
    if (end < SHORTEST) return NOTHING;
    let at = nextAnchor(cell, 0, end, this.#anchors);
    if (at === end) return NOTHING;
    this.#found.clear();
    for (const probe of this.#beginning) probe.begin?.();
    while (at < end) {
      const asked = this.#asked[(this.#anchors[byteAt(cell, at)] ?? 0) - 1] ?? [];
      at = nextAnchor(cell, this.#ask(asked, cell, at, end), end, this.#anchors);
    }
    return this.#found.take();
  }

  /** @returns the least of where the probes would go on: none passes over what another has to see. */
  #ask(probes: readonly Probe[], cell: Uint8Array, at: number, end: number): number {
    let next = end;
    for (const probe of probes) next = Math.min(next, probe.look(cell, at, end, this.#found));
    return Math.max(next, at + 1);
  }
}

/** Where the next byte is at which a probe is asked; `end` where none is. Most of the time of a scan is spent here. */
function nextAnchor(cell: Uint8Array, from: number, end: number, anchors: Uint8Array): number {
  let at = from;
  while (at < end && anchors[cell[at] ?? 0] === 0) at++;
  return Math.min(at, end);
}

class Findings implements FindingList {
  readonly #on: ReadonlySet<DetectorName>;
  #all: Finding[] = [];

  constructor(on: ReadonlySet<DetectorName>) {
    this.#on = on;
  }

  add(detector: DetectorName, start: number, end: number, confidence: number): boolean {
    if (!this.#on.has(detector) || confidence < CATALOGUE[detector].threshold || end <= start) return false;
    this.#all.push({ detector, start, end, confidence });
    return true;
  }

  clear(): void {
    if (this.#all.length > 0) this.#all = [];
  }

  take(): readonly Finding[] {
    const all = this.#all;
    if (all.length === 0) return NOTHING;
    this.#all = [];
    return all.length === 1 ? all : all.sort(inOrder).filter(isSurest);
  }
}

function inOrder(a: Finding, b: Finding): number {
  return a.start - b.start || a.end - b.end || b.confidence - a.confidence;
}

/** Of two findings of the same bytes the surer one is enough. */
function isSurest({ start, end }: Finding, index: number, all: readonly Finding[]): boolean {
  const before = all[index - 1];
  return before === undefined || before.start !== start || before.end !== end;
}
