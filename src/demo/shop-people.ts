/**
 * Invented people with the kinds of personal data that real tables hold, valid in form: numbers pass their checks (Luhn,
 * ISO 7064) and come from ranges kept for tests and fiction. Nobody here exists.
 */

import type { SeededRandom } from "./random.ts";

export interface Person {
  readonly fullName: string;
  readonly email: string;
  readonly phone: string;
  readonly ssn: string;
  readonly dateOfBirth: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: Country;
  readonly iban: string;
  readonly card: string;
}

export type Country = "US" | "GB" | "DE" | "NL";

// biome-ignore format: a table
const GIVEN = [
  "Ada", "Zoë", "Łukasz", "María", "Nguyễn", "Amara", "Jürgen", "Siobhán", "Mehmet", "Priya", "Chloé", "Björn", "Yuki",
  "Omar", "Fatima", "Ivan", "Grace", "Noah", "Emma", "Liam", "Sofia", "Kofi", "Ingrid", "Pedro", "Wei", "Aisha", "Tomáš",
  "Elena", "Hugo", "Naomi",
] as const;
// biome-ignore format: a table
const FAMILY = [
  "O'Brien", "Müller", "Nowak", "García", "Trần", "Okafor", "Schäfer", "Van den Berg", "Yılmaz", "Patel", "Lefèvre",
  "Lindström", "Tanaka", "Haddad", "Rossi", "Petrov", "Hopper", "Smith", "Johnson", "Williams", "Costa", "Mensah", "Dahl",
  "Silva", "Zhang", "Khan", "Dvořák", "Popescu", "Martin", "Cohen",
] as const;
const STREETS = ["Maple Street", "Station Road", "Lindenallee", "Kerkstraat", "Harbour View", "Mill Lane"] as const;
const CITIES = {
  US: ["Springfield", "Portland", "Austin"],
  GB: ["Leeds", "Bristol", "Glasgow"],
  DE: ["Köln", "Leipzig", "München"],
  NL: ["Utrecht", "Delft", "Zwolle"],
} as const;
const COUNTRIES = ["US", "US", "GB", "DE", "NL"] as const;
const MAIL_HOSTS = ["example.com", "example.net", "example.org"] as const; // RFC 2606: nobody's

/** @param id makes the address unique. */
export function makePerson(random: SeededRandom, id: number): Person {
  const given = random.pick(GIVEN);
  const family = random.pick(FAMILY);
  const country = random.pick(COUNTRIES);
  return {
    fullName: `${given} ${family}`,
    email: emailAddress(random, `${given}.${family}${id}`),
    phone: phoneNumber(random, country),
    ssn: socialSecurityNumber(random),
    dateOfBirth: isoDate(Date.UTC(1940, 0, 1), random.below(65 * 365)),
    street: `${random.between(1, 240)} ${random.pick(STREETS)}`,
    city: random.pick(CITIES[country]),
    postalCode: postalCode(random, country),
    country,
    iban: iban(random, country === "US" ? "DE" : country),
    card: cardNumber(random),
  };
}

export function emailAddress(random: SeededRandom, name: string): string {
  const local = name
    .normalize("NFD")
    .replace(/ł/gi, "l")
    .replace(/ı/g, "i")
    .replace(/[^a-zA-Z0-9.]/g, "");
  return `${local.toLowerCase()}@${random.pick(MAIL_HOSTS)}`;
}

/** Numbers kept for fiction: 555-0100 to 0199, Ofcom's 07700 900000 to 900999, 030 23125 000 to 999, 020 numbers of no one. */
export function phoneNumber(random: SeededRandom, country: Country): string {
  if (country === "US") return `+1 ${random.pick(["202", "303", "415", "512", "617"])} 555 01${random.digits(2)}`;
  if (country === "GB") return `+44 7700 900${random.digits(3)}`;
  if (country === "DE") return `+49 30 23125${random.digits(3)}`;
  return `+31 20 555 0${random.digits(3)}`;
}

function socialSecurityNumber(random: SeededRandom): string {
  const pad = (value: number, width: number): string => String(value).padStart(width, "0");
  return `${pad(random.between(1, 665), 3)}-${pad(random.between(1, 99), 2)}-${pad(random.between(1, 9999), 4)}`;
}

function postalCode(random: SeededRandom, country: Country): string {
  if (country === "GB") return `${random.pick(["LS", "BS", "G"])}${random.between(1, 9)} ${random.between(1, 9)}AB`;
  if (country === "NL") return `${random.between(1000, 9999)} ${random.pick(["AB", "CD", "XZ"])}`;
  return random.digits(5);
}

/** An IBAN of a bank that does not exist, with right check digits. Source: ISO 13616-1; ISO 7064, MOD 97-10. */
function iban(random: SeededRandom, country: Exclude<Country, "US">): string {
  const account = {
    DE: () => `99999999${random.digits(10)}`,
    GB: () => `TEST999999${random.digits(8)}`,
    NL: () => `TEST0${random.digits(9)}`,
  };
  const bban = account[country]();
  const numeric = `${bban}${country}00`.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  return `${country}${String(98n - (BigInt(numeric) % 97n)).padStart(2, "0")}${bban}`;
}

// biome-ignore format: a table
const CARD_RANGES = [["424242", 16], ["400005", 16], ["555555", 16], ["222300", 16], ["378282", 15]] as const;

/** From payment providers' test ranges (Visa, Mastercard, American Express), with the right last digit. Source: ISO/IEC 7812-1, annex B. */
export function cardNumber(random: SeededRandom): string {
  const [prefix, length] = random.pick(CARD_RANGES);
  const body = prefix + random.digits(length - prefix.length - 1);
  return body + luhnDigit(body);
}

function luhnDigit(body: string): number {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body[body.length - 1 - i]);
    sum += i % 2 === 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return (10 - (sum % 10)) % 10;
}

/** The card as people write it: in groups. */
export function spacedCard(card: string): string {
  return card.length === 15
    ? `${card.slice(0, 4)} ${card.slice(4, 10)} ${card.slice(10)}`
    : (card.match(/.{4}/g) ?? [card]).join(" ");
}

/** `days` after `fromMs`, as YYYY-MM-DD. */
export function isoDate(fromMs: number, days: number): string {
  return new Date(fromMs + days * 86_400_000).toISOString().slice(0, 10);
}
