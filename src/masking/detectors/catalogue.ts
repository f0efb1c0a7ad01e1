/** What each detector finds, how it makes sure, and what it costs: the table of docs/reference/detectors.md. Looks at nothing. */

import type { DetectorName } from "./finding.ts";

export interface DetectorInfo {
  readonly finds: string;
  readonly validator: string;
  /** Findings that are less sure are dropped. */
  readonly threshold: number;
  /** What it adds to a cell that holds nothing: none beyond the look at each byte, or a look at digits, signs or letters that are common. */
  readonly cost: "none" | "signs" | "digits";
  /** Proposed for the column. */
  readonly label: string;
  readonly isOnByDefault: boolean;
}

export const CATALOGUE: Readonly<Record<DetectorName, DetectorInfo>> = {
  card: {
    finds: "payment card numbers, in one or grouped as printed",
    validator: "first digits and length of a network, Luhn check digit",
    threshold: 0.8,
    cost: "digits",
    label: "pii.card",
    isOnByDefault: true,
  },
  ssn: {
    finds: "US social security and taxpayer numbers (SSN, ITIN) as 3-2-4, or nine digits behind a word that names them",
    validator: "areas, groups and serials that are issued",
    threshold: 0.8,
    cost: "digits",
    label: "pii.ssn",
    isOnByDefault: true,
  },
  iban: {
    finds: "bank account numbers, in one or in groups of four",
    validator: "country, its length and structure, check digits modulo 97",
    threshold: 0.9,
    cost: "digits",
    label: "pii.iban",
    isOnByDefault: true,
  },
  email: {
    finds: "e-mail addresses",
    validator: "dot-atom, host name, top-level domain of letters that is no file ending",
    threshold: 0.9,
    cost: "signs",
    label: "pii.email",
    isOnByDefault: true,
  },
  phone: {
    finds: "phone numbers with `+` or `00`, in the common national forms, or behind a word such as `tel`",
    validator: "country code and its lengths; for national forms groups, separators and first digits",
    threshold: 0.8,
    cost: "digits",
    label: "pii.phone",
    isOnByDefault: true,
  },
  "travel-document": {
    finds: "machine-readable zones of passports and identity cards",
    validator: "line lengths, three check digits",
    threshold: 0.9,
    cost: "none",
    label: "pii.passport",
    isOnByDefault: true,
  },
  jwt: {
    finds: "JSON Web Tokens, signed and encrypted",
    validator: "a header in JSON with `alg` or `enc`, the number of parts",
    threshold: 0.9,
    cost: "none",
    label: "secret.token",
    isOnByDefault: true,
  },
  "private-key": {
    finds: "private keys in PEM and OpenPGP armour, also with their line breaks escaped, lost or cut off",
    validator: "name of the block, a line of base64",
    threshold: 0.9,
    cost: "none",
    label: "secret.key",
    isOnByDefault: true,
  },
  "aws-key": {
    finds: "AWS access key identifiers, and secrets behind them or behind their name",
    validator: "prefix, alphabet, length, variety",
    threshold: 0.9,
    cost: "none",
    label: "secret.cloud",
    isOnByDefault: true,
  },
  "gcp-key": {
    finds: "Google API keys, OAuth client secrets and access tokens (keys of service accounts: `private-key`)",
    validator: "prefix, alphabet, length, variety",
    threshold: 0.9,
    cost: "none",
    label: "secret.cloud",
    isOnByDefault: true,
  },
  "azure-key": {
    finds: "Azure account keys, shared access keys and signatures, client secrets of Entra ID",
    validator: "name, length of the base64, or the marks in a client secret",
    threshold: 0.85,
    cost: "signs",
    label: "secret.cloud",
    isOnByDefault: true,
  },
  "github-token": {
    finds: "GitHub tokens, classic and fine-grained",
    validator: "prefix, alphabet, length, variety; a CRC-32 that fits makes it certain",
    threshold: 0.8,
    cost: "none",
    label: "secret.token",
    isOnByDefault: true,
  },
  "slack-token": {
    finds: "Slack tokens and the addresses of incoming webhooks",
    validator: "prefix, alphabet, length, variety",
    threshold: 0.85,
    cost: "none",
    label: "secret.token",
    isOnByDefault: true,
  },
  "stripe-key": {
    finds: "Stripe secret, restricted and webhook keys",
    validator: "prefix, alphabet, length, variety",
    threshold: 0.9,
    cost: "none",
    label: "secret.token",
    isOnByDefault: true,
  },
  "api-key": {
    finds:
      "keys of model providers, package registries, GitLab, DigitalOcean, Shopify, Square, Grafana, Linear, Docker, age",
    validator: "prefix, alphabet, length, variety",
    threshold: 0.8,
    cost: "none",
    label: "secret.token",
    isOnByDefault: true,
  },
  "connection-string": {
    finds: "passwords in connection strings: URLs of databases and queues, `Server=…;Password=…`, `host=… password=…`",
    validator: "scheme, or another name of a connection string within 256 bytes; no placeholder",
    threshold: 0.9,
    cost: "signs",
    label: "secret.password",
    isOnByDefault: true,
  },
  "url-password": {
    finds: "passwords before the host of other URLs",
    validator: "scheme, user, host; no placeholder",
    threshold: 0.9,
    cost: "signs",
    label: "secret.password",
    isOnByDefault: true,
  },
  "assigned-secret": {
    finds: "what is assigned to a name that says password or secret; `Authorization` headers",
    validator: "the name; length and make of the value; no placeholder",
    threshold: 0.85,
    cost: "signs",
    label: "secret.password",
    isOnByDefault: true,
  },
  "ip-address": {
    finds: "internet addresses of version 4",
    validator: "four numbers to 255; no word such as `version` before it",
    threshold: 0.8,
    cost: "digits",
    label: "pii.ip",
    isOnByDefault: false,
  },
  "birth-date": {
    finds: "dates behind a word such as `born`",
    validator: "year from 1900, month, day",
    threshold: 0.8,
    cost: "digits",
    label: "pii.birthdate",
    isOnByDefault: false,
  },
};
