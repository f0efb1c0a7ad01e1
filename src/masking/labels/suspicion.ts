/**
 * Whether a column looks sensitive by its name and type alone: what quarantine rests on, and the first evidence of `labels scan`.
 * Looks at no value: see detectors/.
 */

import type { Catalog, CatalogColumn } from "../../analysis/catalog.ts";
import { BoundedMap } from "../../policy/bounded-map.ts";
import { columnType, TYPE } from "../masks/column-type.ts";
import { isText } from "../masks/mask-expression.ts";

export interface Suspicion {
  /** The label to propose. */
  readonly label: string;
  /** Such as `its name says "social security"`. */
  readonly why: string;
}

/** What a value of the type may be. */
type Kind = "text" | "number" | "date" | "bytes" | "document" | "network" | "row" | "other";

interface Rule {
  readonly label: string;
  readonly kinds: readonly Kind[];
  /** Words in a row, as they stand in a name; without spaces they are one word too. */
  readonly words: string;
}

const SPOKEN: readonly Kind[] = ["text", "document"];
const NUMBERED: readonly Kind[] = ["text", "document", "number"];

const RULES: readonly Rule[] = [
  rule("pii.ssn", NUMBERED, "ssn, social security, social insurance, national insurance, nino, itin"),
  rule(
    "pii.nationalid",
    NUMBERED,
    "national id, identity number, identity card, id card, personal number, personal id, pesel, curp, cpf, aadhaar",
  ),
  rule("pii.taxid", NUMBERED, "tax id, tax number, taxpayer"),
  rule("pii.passport", NUMBERED, "passport"),
  rule(
    "pii.license",
    NUMBERED,
    "driver license, drivers license, driver licence, drivers licence, driving licence, driving license",
  ),
  rule("pii.email", SPOKEN, "email, e mail, mail address"),
  rule("pii.phone", NUMBERED, "phone, telephone, mobile, cell phone, cellphone, msisdn, fax"),
  rule(
    "pii.name",
    SPOKEN,
    "first name, last name, full name, middle name, given name, family name, maiden name, surname, forename, customer name, patient name, contact name, holder name, cardholder",
  ),
  rule("pii.address", [...SPOKEN, "row"], "address, street, postcode, postal code, zip code, zip, addr"),
  rule("pii.birthdate", [...SPOKEN, "date"], "birth date, birthdate, date of birth, dob, birthday, birth, born"),
  rule(
    "pii.health",
    [...SPOKEN, "row"],
    "diagnosis, diagnoses, medical, medication, prescription, blood type, allergies, allergy, disability",
  ),
  rule("pii.special", SPOKEN, "ethnicity, religion, sexual orientation, marital status, political"),
  rule("pii.card", NUMBERED, "card number, card no, credit card, cc number, cc num, ccnum, pan number, cvv, cvc"),
  rule("pii.account", NUMBERED, "iban, account number, account no, bank account, routing number, sort code"),
  rule("pay", NUMBERED, "salary, salaries, wage, wages, payroll, pay rate, compensation"),
  rule("pii.ip", ["text", "network"], "ip address, ip addr, client ip, remote ip, remote addr, ip"),
  rule("secret.password", [...SPOKEN, "bytes"], "password, passwd, pwd, passphrase, pass hash, pin code"),
  rule(
    "secret.token",
    [...SPOKEN, "bytes"],
    "token, secret, api key, apikey, access key, private key, secret key, credential, credentials, otp, totp, mfa seed",
  ),
];

/** Behind such a word a name speaks of something else: how many, when, whether. */
const ABOUT: ReadonlySet<string> = new Set([
  ...[
    "count",
    "at",
    "on",
    "flag",
    "type",
    "kind",
    "status",
    "state",
    "verified",
    "confirmed",
    "enabled",
    "required",
    "valid",
  ],
  ...[
    "template",
    "length",
    "expires",
    "expiry",
    "limit",
    "policy",
    "version",
    "format",
    "label",
    "category",
    "total",
    "id",
  ],
]);
/** Before all else: whether, how many. */
const ASKS: ReadonlySet<string> = new Set([
  "is",
  "has",
  "can",
  "num",
  "n",
  "count",
  "total",
  "max",
  "min",
  "allow",
  "requires",
]);

function rule(label: string, kinds: readonly Kind[], words: string): Rule {
  return { label, kinds, words };
}

/** @param table the relation's name: it says what `name`, `number` and the like are of. */
export function suspicionOf(column: CatalogColumn, table: string, catalog: Catalog): Suspicion | null {
  const declared = catalog.type(column.type);
  const names = [column.name, ...(declared?.kind === "d" ? [declared.name] : [])];
  // Nearly no name has such a word, and a catalog may have hundreds of thousands.
  if (![table, singular(table), ...names].some((name) => wordsOf(name).some((word) => FORMS.has(word)))) return null;
  const kinds = kindsOf(column, catalog);
  for (const [index, name] of names.entries()) {
    const found = namesWhat(name, kinds) ?? (index === 0 ? namesWhat(`${singular(table)} ${name}`, kinds, name) : null);
    if (found !== null)
      return { label: found.label, why: `its ${index === 0 ? "name" : "domain"} says "${found.words}"` };
  }
  return null;
}

/** Words of a text, such as a comment, that name something sensitive. */
export function suspiciousWords(text: string, column: CatalogColumn, catalog: Catalog): Suspicion | null {
  const found = matching(wordsOf(text), kindsOf(column, catalog));
  return found === null ? null : { label: found.label, why: `its comment says "${found.words}"` };
}

/** Whether a value of the column may hold what detectors look for, once it is written as text. */
export function mayHoldText(column: CatalogColumn, catalog: Catalog): boolean {
  return [...kindsOf(column, catalog)].some((kind) => kind !== "date" && kind !== "bytes" && kind !== "other");
}

/** @param last the match has to reach into this part of the name. */
function namesWhat(name: string, kinds: ReadonlySet<Kind>, last?: string): { label: string; words: string } | null {
  const words = wordsOf(name);
  const about = last === undefined ? words : wordsOf(last);
  const found = matching(words, kinds, about);
  if (found === null) return null;
  const [first = "", end = ""] = [about[0], about.at(-1)];
  const isWholeName = found.words.split(" ").at(-1) === end; // "tax id" ends in a word that speaks of something else elsewhere
  if (ASKS.has(first) || (ABOUT.has(end) && !isWholeName)) return null;
  return found;
}

/** A form in which a phrase may stand in a name. */
interface Form {
  readonly order: number;
  readonly rule: Rule;
  readonly phrase: string;
  readonly words: readonly string[];
}

/** By their first word: a catalog has many names, and hardly any of them begins one. */
const FORMS: ReadonlyMap<string, readonly Form[]> = formsOf(RULES);

function formsOf(rules: readonly Rule[]): ReadonlyMap<string, readonly Form[]> {
  const forms = new Map<string, Form[]>();
  for (const [order, rule] of rules.entries()) {
    for (const phrase of rule.words.split(", ")) {
      const joined = phrase.replaceAll(" ", "");
      for (const text of new Set(joined.length >= 5 ? [phrase, joined] : [phrase])) {
        for (const end of ["", "s", "es"]) {
          const words = `${text}${end}`.split(" ");
          const [first = ""] = words;
          forms.set(first, [...(forms.get(first) ?? []), { order, rule, phrase, words }]);
        }
      }
    }
  }
  return forms;
}

/** Of several the first rule's. @param reaching words, one of which must be in what is found. */
function matching(
  words: readonly string[],
  kinds: ReadonlySet<Kind>,
  reaching: readonly string[] = words,
): { label: string; words: string } | null {
  let best: Form | null = null;
  for (const [at, word] of words.entries()) {
    for (const form of FORMS.get(word) ?? []) {
      if (best !== null && best.order <= form.order) continue;
      const isThere = form.words.every((each, index) => words[at + index] === each);
      if (!isThere || !form.rule.kinds.some((kind) => kinds.has(kind))) continue;
      if (form.words.some((each) => reaching.includes(each))) best = form;
    }
  }
  return best === null ? null : { label: best.rule.label, words: best.phrase };
}

/** The same names come again with every look at a catalog. */
const KNOWN_WORDS = new BoundedMap<readonly string[]>(20_000);
/** Names of the server are no longer; comments are. */
const MAX_NAME = 63;

/** `customerEMail_2` is customer, e, mail; `SSN` is ssn. */
function wordsOf(name: string): readonly string[] {
  const known = KNOWN_WORDS.get(name);
  if (known !== undefined) return known;
  const parted = name
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase();
  const words = parted.split(/[^\p{L}]+/u).filter((word) => word !== "");
  if (name.length <= MAX_NAME) KNOWN_WORDS.set(name, words);
  return words;
}

function singular(table: string): string {
  return table.replace(/s$/, "");
}

/** Of the base under domains and arrays; of a composite `row`. */
function kindsOf(column: CatalogColumn, catalog: Catalog): ReadonlySet<Kind> {
  let { base } = columnType(column, catalog);
  while (base.kind === "b" && base.element !== undefined) {
    ({ base } = columnType({ type: base.element }, catalog));
  }
  if (isText(base)) return new Set(["text"]);
  if (base.kind === "c") return new Set(["row"]);
  return new Set([KINDS.get(base.oid) ?? (base.oid >= 16_384 && base.name === "hstore" ? "document" : "other")]);
}

const [XML, MONEY] = [142, 790];
const [INET, CIDR] = [869, 650];
const KINDS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  ...[TYPE.int2, TYPE.int4, TYPE.int8, TYPE.numeric, TYPE.float4, TYPE.float8].map((oid) => [oid, "number"] as const),
  ...[TYPE.date, TYPE.timestamp, TYPE.timestamptz].map((oid) => [oid, "date"] as const),
  ...[TYPE.json, TYPE.jsonb, XML].map((oid) => [oid, "document"] as const),
  ...[INET, CIDR].map((oid) => [oid, "network"] as const),
  [TYPE.bytea, "bytes"],
  [MONEY, "number"],
]);
