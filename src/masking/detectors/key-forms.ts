/** What keys of services look like: the fixed text they begin with, then so many characters of one alphabet. A table: keys.ts reads it. */

import { ALNUM, BASE64, BASE64URL, DIGIT, EQUALS, HYPHEN, LOWER, UPPER, WORD } from "./bytes.ts";
import type { DetectorName } from "./finding.ts";

export interface KeyForm {
  readonly detector: DetectorName;
  readonly prefix: string;
  /** Index in `prefix` of the character that is rarest in prose: at it the form is looked for. */
  readonly anchor: number;
  /** Classes of bytes.ts. */
  readonly alphabet: number;
  /** Characters behind the prefix. */
  readonly least: number;
  readonly most: number;
  /** Text that must stand within. */
  readonly holds?: string;
  /** The last six characters are a CRC-32 of those before them. */
  readonly checksum?: boolean;
  readonly confidence: number;
}

const SURE = 0.98;
/** A short prefix, or an alphabet that words are written in. */
const LIKELY = 0.9;
const MANY = 512;

function form(
  detector: DetectorName,
  prefix: string,
  anchor: string,
  alphabet: number,
  least: number,
  most = least,
  more: Partial<KeyForm> = {},
): KeyForm {
  return { detector, prefix, anchor: prefix.lastIndexOf(anchor), alphabet, least, most, confidence: SURE, ...more };
}

/** Sources: each service's own documentation of its token formats. */
export const KEY_FORMS: readonly KeyForm[] = [
  // AWS, IAM User Guide, "Unique identifiers"
  ...["AKIA", "ASIA", "ABIA", "ACCA"].map((prefix) => form("aws-key", prefix, prefix[2] ?? "I", UPPER | DIGIT, 16)),
  form("gcp-key", "AIza", "I", BASE64URL, 35),
  form("gcp-key", "GOCSPX-", "-", BASE64URL, 28),
  form("gcp-key", "ya29.", ".", BASE64URL, 60, MANY),
  // GitHub, "About authentication", "GitHub's token formats"
  ...["ghp_", "gho_", "ghu_", "ghs_", "ghr_"].map((prefix) =>
    form("github-token", prefix, "_", ALNUM, 36, 255, { checksum: true }),
  ),
  form("github-token", "github_pat_", "_", WORD, 82, 255),
  ...["xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "xoxe-", "xapp-"].map((prefix) =>
    form("slack-token", prefix, "-", ALNUM | HYPHEN, 20, 255, { confidence: LIKELY }),
  ),
  ...["sk_live_", "rk_live_", "sk_test_", "rk_test_"].map((prefix) => form("stripe-key", prefix, "_", ALNUM, 16, 255)),
  form("stripe-key", "whsec_", "_", BASE64 | EQUALS, 24, 128),
  form("api-key", "sk-proj-", "-", BASE64URL, 40, MANY),
  form("api-key", "sk-svcacct-", "-", BASE64URL, 40, MANY),
  form("api-key", "sk-admin-", "-", BASE64URL, 40, MANY),
  form("api-key", "sk-ant-", "-", BASE64URL, 40, MANY),
  form("api-key", "sk-", "-", ALNUM, 48, 48, { holds: "T3BlbkFJ" }),
  form("api-key", "hf_", "_", ALNUM, 34, 40),
  form("api-key", "npm_", "_", ALNUM, 36, 36, { checksum: true }),
  form("api-key", "pypi-", "-", BASE64URL, 85, MANY, { holds: "AgE" }),
  form("api-key", "glpat-", "-", BASE64URL, 20, 300),
  form("api-key", "gldt-", "-", BASE64URL, 20, 300),
  form("api-key", "dop_v1_", "_", LOWER | DIGIT, 64),
  form("api-key", "doo_v1_", "_", LOWER | DIGIT, 64),
  ...["shpat_", "shpca_", "shppa_", "shpss_"].map((prefix) => form("api-key", prefix, "_", ALNUM, 32)),
  form("api-key", "sq0atp-", "-", BASE64URL, 22),
  form("api-key", "sq0csp-", "-", BASE64URL, 43),
  form("api-key", "glsa_", "_", WORD, 41),
  form("api-key", "lin_api_", "_", ALNUM, 40),
  form("api-key", "dckr_pat_", "_", BASE64URL, 27),
  form("api-key", "AGE-SECRET-KEY-1", "-", UPPER | DIGIT, 58),
];
