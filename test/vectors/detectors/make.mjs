#!/usr/bin/env node
/**
 * Makes the vectors of the detectors: for each one cells that hold what it looks for, and cells that only look like it. The same
 * each time. Shares no code with src/masking/detectors: check digits are computed here again.
 *
 *   node test/vectors/detectors/make.mjs
 */

import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "./crc32.mjs";

const FEW = 200;
const here = (name) => new URL(name, import.meta.url);
const PHONES = JSON.parse(readFileSync(here("phones.json"), "utf8"));

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (from, to) => from + Math.floor(next() * (to - from + 1));
  const pick = (list) => list[int(0, list.length - 1)];
  const text = (alphabet, length) => Array.from({ length }, () => pick(alphabet)).join("");
  return { next, int, pick, text };
}

const DIGITS = "0123456789";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER = UPPER.toLowerCase();
const HEX = "0123456789abcdef";
const ALNUM = UPPER + LOWER + DIGITS;
const BASE64 = `${ALNUM}+/`;
const BASE64URL = `${ALNUM}-_`;

const FIRST = ["Ada", "Björn", "Chloé", "Deepak", "Elif", "Fatima", "Giulia", "Hiro", "Ines", "Jürgen", "Katarzyna", "Liam", "Mei", "Noah"];
const LAST = ["Ahmed", "Bauer", "Costa", "Dubois", "Eriksson", "Fischer", "Garcia", "Horvat", "Ivanova", "Jansen", "Kowalski", "Lopez", "O'Brien", "Patel"];
const PRODUCTS = ["desk lamp", "USB-C cable 2 m", "coffee grinder", "hiking boots 43", "A4 paper 80 g", "HDMI 2.1 switch", "27\" monitor"];
const CITIES = ["Berlin", "São Paulo", "Kraków", "Lyon", "Portland, OR", "東京", "Zürich", "Manchester"];

function luhn(body) {
  let sum = 0;
  [...body].reverse().forEach((digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return String((10 - (sum % 10)) % 10);
}

function group(text, sizes, separator) {
  const parts = [];
  let at = 0;
  for (const size of sizes) parts.push(text.slice(at, (at += size)));
  return parts.join(separator);
}

function mod97(country, bban) {
  const expanded = [...`${bban}${country}00`].map((c) => Number.parseInt(c, 36)).join("");
  let rest = 0;
  for (const digit of expanded) rest = (rest * 10 + Number(digit)) % 97;
  return String(98 - rest).padStart(2, "0");
}

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Places where people keep such things: each makes a cell of a value. */
const PLACES = {
  any: [
    (v) => v,
    (v) => v,
    (v) => ` ${v} `,
    (v) => `"${v}"`,
    (v) => `(${v})`,
    (v, r) => `${r.pick(FIRST)} ${r.pick(LAST)}, ${v}`,
    (v, r) => `{"id": ${r.int(1, 9999)}, "value": "${v}"}`,
    (v, r) => `${r.int(1, 900)},${v},${r.pick(CITIES)}`,
    (v, r) => `${r.int(1, 900)}\t${v}\t${r.pick(LAST)}`,
    (v) => `value=${v};`,
    (v) => `<td>${v}</td>`,
    (v) => `see ${v}.`,
    (v) => `first line\n${v}\nlast line`,
    (v) => `Notiz: ${v} (bitte prüfen)`,
    (v) => `連絡先：${v}。`,
  ],
};

const place = (r, value, more = []) => r.pick([...PLACES.any, ...more])(value, r);

function timestamp(r) {
  const two = (n) => String(n).padStart(2, "0");
  const [y, mo, d, h, mi, s] = [r.int(1990, 2030), r.int(1, 12), r.int(1, 28), r.int(0, 23), r.int(0, 59), r.int(0, 59)];
  return r.pick([
    `${y}-${two(mo)}-${two(d)} ${two(h)}:${two(mi)}:${two(s)}`,
    `${y}-${two(mo)}-${two(d)}T${two(h)}:${two(mi)}:${two(s)}.${r.text(DIGITS, 6)}Z`,
    `${y}${two(mo)}${two(d)}${two(h)}${two(mi)}${two(s)}`,
    `${two(d)}.${two(mo)}.${y} ${two(h)}:${two(mi)}`,
    `${two(mo)}/${two(d)}/${y}`,
    String(1_500_000_000 + r.int(0, 400_000_000)),
    `1${r.text("5678", 1)}${r.text(DIGITS, 11)}`,
    `${y}-${two(mo)}-${two(d)} ${two(h)}-${two(mi)}-${two(s)}`,
  ]);
}

const uuid = (r) => group(r.text(HEX, 32), [8, 4, 4, 4, 12], "-");

function price(r) {
  const [a, b, c] = [r.int(1, 999), r.text(DIGITS, 3), r.text(DIGITS, 2)];
  return r.pick([
    `$${a},${b}.${c}`,
    `${a}.${b},${c} €`,
    `€ ${a} ${b} ${r.text(DIGITS, 3)}`,
    `${a} ${b} ${r.text(DIGITS, 3)},${c} PLN`,
    `${a}'${b}.${c} CHF`,
    `$${a} ${b} ${r.text(DIGITS, 4)}`,
    `£${a},${b},${r.text(DIGITS, 3)}`,
    `USD ${a}${b}.${c}`,
    `${a}${b}${r.text(DIGITS, 4)}.${c}`,
    `0.${r.text(DIGITS, 16)}`,
    `-${a}${b}.${r.text(DIGITS, 12)}`,
    `${a}.${r.text(DIGITS, 15)}e+${c}`,
  ]);
}

/** What tables are full of, and holds nothing: a negative of every detector. */
const ORDINARY = [
  (r) => `${r.pick(FIRST)} ${r.pick(LAST)}`,
  (r) => `${r.pick(PRODUCTS)}, ${r.int(1, 40)} pcs`,
  (r) => `${r.int(1, 200)} Main Street, ${r.pick(CITIES)}`,
  uuid,
  timestamp,
  price,
  (r) => r.text(HEX, r.pick([32, 40, 64])),
  (r) => `sha256:${r.text(HEX, 64)}`,
  (r) => r.text(BASE64, r.int(20, 80)),
  (r) => `v${r.int(0, 20)}.${r.int(0, 99)}.${r.int(0, 99)}-rc.${r.int(1, 9)}`,
  (r) => `ORD-${r.int(2015, 2026)}-${r.text(DIGITS, 6)}`,
  (r) => `SKU ${r.text(UPPER, 3)}-${r.text(DIGITS, 4)}-${r.text(UPPER, 2)}`,
  (r) => `https://shop.example/products/${r.text(DIGITS, 7)}?page=${r.int(1, 90)}#reviews`,
  (r) => `ISBN 978-${r.text(DIGITS, 1)}-${r.text(DIGITS, 2)}-${r.text(DIGITS, 6)}-${r.text(DIGITS, 1)}`,
  (r) => `EAN 4${r.text(DIGITS, 12)}`,
  (r) => `lat ${r.int(-89, 89)}.${r.text(DIGITS, 6)}, lon ${r.int(-179, 179)}.${r.text(DIGITS, 6)}`,
  (r) => `${r.int(100, 999)}-${r.int(100, 999)}`,
  (r) => `GET /api/v1/items/${r.int(1, 9999)} ${r.pick([200, 201, 404, 500])} ${r.int(1, 900)}ms`,
  (r) => `{"a": ${r.int(0, 99999)}, "b": [${r.int(0, 9)}, ${r.next().toFixed(12)}], "c": null}`,
  (r) => `The customer asked on ${timestamp(r)} for ${r.int(2, 9)} × ${r.pick(PRODUCTS)} at ${price(r)}.`,
  (r) => `1Z${r.text(ALNUM.slice(0, 26) + DIGITS, 16)}`,
  (r) => `RR${r.text(DIGITS, 9)}DE`,
  (r) => `invoice ${r.int(2019, 2026)}/${r.text(DIGITS, 5)}`,
  (r) => `MAC ${group(r.text(HEX, 12), [2, 2, 2, 2, 2, 2], ":")}`,
  (r) => `SELECT count(*) FROM orders WHERE id > ${r.int(1, 1e9)} AND total::numeric > ${r.int(1, 999)}.5`,
  (r) => `\\x${r.text(HEX, r.int(16, 60))}`,
];

const CARD_FORMS = [
  [["4"], 16, [4, 4, 4, 4]],
  [["51", "52", "53", "54", "55", "2221", "2500", "2720"], 16, [4, 4, 4, 4]],
  [["34", "37"], 15, [4, 6, 5]],
  [["6011", "644", "65"], 16, [4, 4, 4, 4]],
  [["300", "305", "36", "38"], 14, [4, 6, 4]],
  [["3528", "3589"], 16, [4, 4, 4, 4]],
  [["62"], 16, [4, 4, 4, 4]],
  [["5018", "6304", "6759"], 16, [4, 4, 4, 4]],
  [["2200", "2204"], 16, [4, 4, 4, 4]],
  [["4", "62"], 19, [4, 4, 4, 4, 3]],
];

function card(r) {
  const [prefixes, length, sizes] = r.next() < 0.6 ? r.pick(CARD_FORMS.slice(0, 3)) : r.pick(CARD_FORMS);
  const prefix = r.pick(prefixes);
  const body = prefix + r.text(DIGITS, length - prefix.length - 1);
  return { digits: body + luhn(body), sizes };
}

const FULL_WIDTH = (text) => text.replace(/\d/g, (d) => String.fromCodePoint(0xff10 + Number(d)));
const ARABIC = (text) => text.replace(/\d/g, (d) => String.fromCodePoint(0x660 + Number(d)));

function writtenCard(r) {
  const { digits, sizes } = card(r);
  return r.pick([
    () => digits,
    () => digits,
    () => group(digits, sizes, " "),
    () => group(digits, sizes, " "),
    () => group(digits, sizes, "-"),
    () => group(digits, sizes, "\u00a0"),
    () => group(digits, sizes, "\u2011"),
    () => group(digits, sizes, "\u200b"),
    () => FULL_WIDTH(digits),
    () => ARABIC(group(digits, sizes, " ")),
  ])();
}

const IBAN_BBANS = {
  DE: (r) => r.text(DIGITS, 18),
  GB: (r) => r.text(UPPER, 4) + r.text(DIGITS, 14),
  FR: (r) => r.text(DIGITS, 10) + r.text(UPPER + DIGITS, 11) + r.text(DIGITS, 2),
  NL: (r) => r.text(UPPER, 4) + r.text(DIGITS, 10),
  NO: (r) => r.text(DIGITS, 11),
  ES: (r) => r.text(DIGITS, 20),
  IT: (r) => r.text(UPPER, 1) + r.text(DIGITS, 10) + r.text(UPPER + DIGITS, 12),
  PL: (r) => r.text(DIGITS, 24),
  CH: (r) => r.text(DIGITS, 5) + r.text(UPPER + DIGITS, 12),
  MT: (r) => r.text(UPPER, 4) + r.text(DIGITS, 5) + r.text(UPPER + DIGITS, 18),
  SA: (r) => r.text(DIGITS, 2) + r.text(UPPER + DIGITS, 18),
  BR: (r) => r.text(DIGITS, 23) + r.text(UPPER, 1) + r.text(UPPER + DIGITS, 1),
};

function iban(r) {
  const country = r.pick(Object.keys(IBAN_BBANS));
  const bban = IBAN_BBANS[country](r);
  return country + mod97(country, bban) + bban;
}

const inFours = (text, separator) => text.match(/.{1,4}/g).join(separator);

function ssn(r) {
  let area = 0;
  while (area === 0 || area === 666) area = r.int(1, 899);
  return [String(area).padStart(3, "0"), String(r.int(1, 99)).padStart(2, "0"), String(r.int(1, 9999)).padStart(4, "0")];
}

const DOMAINS = ["example.com", "example.org", "mail.example.co.uk", "post.example.de", "example.museum", "xn--bcher-kva.example", "büro.example", "a-b.example.io"];

function email(r) {
  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[^a-z']/g, "");
  const [first, last] = [plain(r.pick(FIRST)), plain(r.pick(LAST))];
  const local = r.pick([`${first}.${last}`, `${first}_${last}${r.int(1, 99)}`, `${first[0]}${last}`, `${first}+news`, `${first}-${last}`, `jürgen.${last}`, `${r.int(1000, 99999)}`]);
  return r.pick([`${local}@${r.pick(DOMAINS)}`, `${local}@${r.pick(DOMAINS)}`.toUpperCase(), `${local}@${r.pick(DOMAINS)}`]);
}

const nanp = (r) => [`${r.int(2, 9)}${r.int(0, 8)}${r.pick("023456789")}`, "555", `01${r.text(DIGITS, 2)}`];

function phone(r) {
  const [a, b, c] = nanp(r);
  const [, e164, international, national] = r.pick(PHONES);
  const known = PHONES.filter(([country]) => KNOWN_NATIONAL.has(country));
  return r.pick([
    () => e164,
    () => international,
    () => international,
    () => international.replaceAll(" ", "-"),
    () => international.replaceAll(" ", "."),
    () => international.replace("+", "00"),
    () => `(${a}) ${b}-${c}`,
    () => `${a}-${b}-${c}`,
    () => `${a}.${b}.${c}`,
    () => `1-${a}-${b}-${c}`,
    () => `+1 (${a}) ${b}-${c}`,
    () => `+1${a}${b}${c}`,
    () => r.pick(known)[3],
    () => r.pick(known)[3],
    // Five digits of an island are no number that anybody could tell from others.
    () => (national.replace(/\D/g, "").length > 7 ? `tel: ${national}` : e164),
  ])();
}
/** Countries whose own way of writing is common outside of them. */
const KNOWN_NATIONAL = new Set("US CA GB DE FR NL BE CH AT SE AU NZ JP KR CN BR RU IE".split(" "));

const claims = (r) => ({ sub: r.text(DIGITS, 8), name: `${r.pick(FIRST)} ${r.pick(LAST)}`, iat: r.int(1.5e9, 1.9e9) });
function jwt(r) {
  const header = r.pick([{ alg: "HS256", typ: "JWT" }, { typ: "JWT", alg: "RS256", kid: r.text(HEX, 8) }, { kid: uuid(r), alg: "ES256" }, { alg: "none" }]);
  if (r.next() < 0.12) {
    const encrypted = { alg: "dir", enc: "A256GCM" };
    return `${base64url(encrypted)}..${r.text(BASE64URL, 16)}.${r.text(BASE64URL, 60)}.${r.text(BASE64URL, 22)}`;
  }
  return `${base64url(header)}.${base64url(claims(r))}.${header.alg === "none" ? "" : r.text(BASE64URL, r.pick([43, 43, 86]))}`;
}

function pem(r) {
  const kind = r.pick(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED ", "DSA "]);
  const lines = Array.from({ length: r.int(1, 5) }, () => r.text(BASE64, 64));
  if (lines.length > 1) lines.push(`${r.text(BASE64, r.int(2, 30))}==`);
  const headers = kind === "RSA " && r.next() < 0.3 ? ["Proc-Type: 4,ENCRYPTED", `DEK-Info: AES-128-CBC,${r.text(HEX.toUpperCase(), 32)}`, ""] : [];
  const pgp = r.next() < 0.1;
  const name = pgp ? "PGP PRIVATE KEY BLOCK" : `${kind}PRIVATE KEY`;
  const all = [`-----BEGIN ${name}-----`, ...(pgp ? ["Version: GnuPG v2", ""] : headers), ...lines, `-----END ${name}-----`];
  const cut = r.next() < 0.1 ? all.slice(0, -1) : all;
  return cut.join(r.pick(["\n", "\n", "\r\n", "\\n", " "]));
}

const githubToken = (r) => {
  const body = r.text(ALNUM, 30);
  return r.pick([`${r.pick(["ghp", "gho", "ghu", "ghs", "ghr"])}_${body}${crc32(body)}`, `github_pat_${r.text(ALNUM, 22)}_${r.text(ALNUM, 59)}`]);
};

const FIELDS = {
  "aws-key": (r) => r.pick(["AKIA", "ASIA"]) + r.text(`${UPPER}234567`, 16),
  "gcp-key": (r) => r.pick([`AIza${r.text(BASE64URL, 34)}x`, `GOCSPX-${r.text(BASE64URL, 27)}y`, `ya29.a0${r.text(BASE64URL, 120)}z`]),
  "azure-key": (r) => `${r.text(ALNUM, 3)}8Q~${r.text(ALNUM, 34)}`,
  "github-token": githubToken,
  "slack-token": (r) => r.pick([`xoxb-${r.text(DIGITS, 12)}-${r.text(DIGITS, 13)}-${r.text(ALNUM, 24)}`, `xoxp-${r.text(DIGITS, 11)}-${r.text(DIGITS, 11)}-${r.text(DIGITS, 12)}-${r.text(HEX, 32)}`, `xapp-1-A${r.text(UPPER + DIGITS, 10)}-${r.text(DIGITS, 13)}-${r.text(HEX, 64)}`]),
  "stripe-key": (r) => r.pick([`sk_live_${r.text(ALNUM, r.pick([24, 99]))}`, `rk_live_${r.text(ALNUM, 24)}`, `sk_test_${r.text(ALNUM, 24)}`, `whsec_${r.text(ALNUM, 32)}`]),
  "api-key": (r) =>
    r.pick([
      () => `sk-proj-${r.text(BASE64URL, 120)}w`,
      () => `sk-${r.text(ALNUM, 20)}T3BlbkFJ${r.text(ALNUM, 20)}`,
      () => `sk-ant-api03-${r.text(BASE64URL, 93)}AA`,
      () => `hf_${r.text(UPPER + LOWER, 34)}`,
      () => {
        const body = r.text(ALNUM, 30);
        return `npm_${body}${crc32(body)}`;
      },
      () => `pypi-AgEIcHlwaS5vcmc${r.text(BASE64URL, 140)}q`,
      () => `glpat-${r.text(BASE64URL, 19)}k`,
      () => `dop_v1_${r.text(HEX, 64)}`,
      () => `shpat_${r.text(HEX, 32)}`,
      () => `lin_api_${r.text(ALNUM, 40)}`,
      () => `AGE-SECRET-KEY-1${r.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)}`,
    ])(),
};

/** Passwords as people and generators make them. */
const password = (r) => r.pick([() => `${r.pick(["Sommer", "Winter", "hunter", "dragon"])}${r.int(10, 9999)}`, () => `${r.text(ALNUM, 7)}7${r.text(ALNUM, 8)}`, () => `${r.text(LOWER, 5)}!${r.text(DIGITS, 3)}`, () => `${r.text(ALNUM, 6)}#4$${r.text(ALNUM, 4)}`, () => `correct-horse-${r.int(10, 99)}`])();
const urlPassword = (r) => r.pick([() => r.text(ALNUM, r.int(4, 20)), () => `${r.text(LOWER, 4)}%21${r.text(DIGITS, 4)}`, () => `p@${r.text(ALNUM, 6)}`])();
const user = (r) => r.pick(["app", "root", "svc_shop", "admin", "reporting"]);
const host = (r) => r.pick(["db.internal", "db2", "db-1.example.com", "localhost", "[::1]"]);

function connection(r) {
  const [u, h, p, up] = [user(r), host(r), password(r), urlPassword(r)];
  const [cell, secret] = r.pick([
    [`postgres://${u}:${up}@${h}:5432/shop`, up],
    [`postgresql://${u}:${up}@${h}/shop?sslmode=require`, up],
    [`mysql://${u}:${up}@${h}:3306/shop`, up],
    [`mongodb+srv://${u}:${up}@cluster0.example.net/?retryWrites=true`, up],
    [`redis://:${up}@${h}:6379/0`, up],
    [`amqps://${u}:${up}@mq.example.com/vhost`, up],
    [`Server=${h};Database=shop;User Id=${u};Password=${p};Encrypt=true`, p],
    [`Data Source=${h};Initial Catalog=shop;uid=${u};pwd=${p}`, p],
    [`host=${h} port=5432 dbname=shop user=${u} password=${p}`, p],
    [`host=${h} dbname=shop user=${u} password='${p} x'`, `${p} x`],
    [`jdbc:postgresql://${h}/shop?user=${u}&password=${p.replace(/[#$]/g, "A")}`, p.replace(/[#$]/g, "A")],
    [`Password=${p};Server=${h};User Id=${u}`, p],
  ]);
  return [r.pick([(c) => c, (c) => `DATABASE_URL=${c}`, (c) => `cannot connect with ${c}`, (c) => `- ${c}\n`])(cell), secret];
}

function assigned(r) {
  const p = password(r);
  const t = `${r.text(ALNUM, 11)}5${r.text(ALNUM, 20)}`;
  return r.pick([
    [`DB_PASSWORD=${p}`, p],
    [`{"user": "bob", "password": "${p}"}`, p],
    [`{\\"password\\": \\"${p}\\"}`, p],
    [`password: ${p}`, p],
    [`his password is in the note: pwd=${p}`, p],
    [`curl -H "Authorization: Bearer ${t}" https://api.example.com`, t],
    [`Authorization: Basic ${Buffer.from(`bob:${p}`).toString("base64")}`, Buffer.from(`bob:${p}`).toString("base64")],
    [`api_key = "${t}"`, t],
    [`CLIENT_SECRET=${t}`, t],
    [`{"access_token":"${t}","expires_in":3600}`, t],
    [`export ENCRYPTION_KEY='${t}'`, t],
    [`smtp.password=${p}`, p],
    [`new user carla, passwd ${p}`, p],
    [`Passwort: ${p}`, p],
  ]);
}

function checkedDigit(text) {
  let sum = 0;
  [...text].forEach((c, index) => {
    const value = c === "<" ? 0 : Number.parseInt(c, 36);
    sum += value * [7, 3, 1][index % 3];
  });
  return String(sum % 10);
}

function zone(r, break_) {
  const name = (text) => text.toUpperCase().normalize("NFD").replace(/[^A-Z]/g, "");
  const isShort = r.next() < 0.3;
  const length = isShort ? 36 : 44;
  const number = r.text(UPPER + DIGITS, 9);
  const birth = `${r.text(DIGITS, 1)}${r.text(DIGITS, 1)}0${r.int(1, 9)}1${r.text(DIGITS, 1)}`;
  const expiry = `3${r.text(DIGITS, 1)}0${r.int(1, 9)}2${r.text("01234567", 1)}`;
  const first = `${isShort ? "I" : "P"}<UTO${name(r.pick(LAST))}<<${name(r.pick(FIRST))}`.padEnd(length, "<");
  const second = `${number}${checkedDigit(number)}UTO${birth}${checkedDigit(birth)}${r.pick("MF<")}${expiry}${checkedDigit(expiry)}`;
  return `${first}${break_}${second.padEnd(length - 1, "<")}0`;
}

/** A cell and what is to be found in it, by detector. */
const cell = (text, find = {}) => ({ cell: text, find });
const wrong = (digit) => String((Number(digit) + 5) % 10);

/** Per detector: [a cell that holds one, a cell that only looks so]. */
const KINDS = {
  card: [
    (r) => {
      const value = writtenCard(r);
      const places = [(v) => `card ${v} exp 12/${r.int(26, 33)} cvc ${r.text(DIGITS, 3)}`, (v) => `paid by visa ${v}`, (v) => `${v} ${r.int(10, 99)}/27`];
      return cell(place(r, value, places), { card: [value] });
    },
    (r) => {
      const { digits, sizes } = card(r);
      const broken = digits.slice(0, -1) + wrong(digits.at(-1));
      return cell(
        r.pick([
          () => place(r, broken),
          () => group(broken, sizes, " "),
          () => `order ${r.text("1789", 1)}${r.text(DIGITS, 15)}`,
          () => `${digits}${r.text(DIGITS, r.int(5, 9))}`,
          () => `0.${digits}`,
          () => `${r.text(LOWER, 2)}${digits}`,
          () => `${digits}${r.text(UPPER, 1)}`,
          () => `${r.text(HEX, 8)}-${digits}`,
          () => `IMG_${digits}.jpg`,
          () => `${r.text("1789", 1)}${r.text(DIGITS, 17)}`,
          () => r.text("12789", 1) + r.text(DIGITS, 12),
          () => `4${r.text(DIGITS, 12)}`,
          () => group(digits, [3, 5, 4, digits.length - 12], " "),
        ])(),
      );
    },
  ],
  ssn: [
    (r) => {
      const [a, g, s] = ssn(r);
      const named = r.pick([`SSN: ${a}${g}${s}`, `social security number ${a}${g}${s}`, `{"ssn":"${a}${g}${s}"}`, `ssn=${a}.${g}.${s}`]);
      const bare = r.pick([`${a}-${g}-${s}`, `${a}-${g}-${s}`, `${a} ${g} ${s}`, `${a}\u2010${g}\u2010${s}`, `9${a.slice(1)}-7${g[1]}-${s}`]);
      const text = r.next() < 0.25 ? named : place(r, bare, [(v) => `employee ${v} since 2019`]);
      return cell(text, { ssn: [r.next() < 2 && text === named ? named.match(/\d{3}\.?\d{2}\.?\d{4}/)[0] : bare] });
    },
    (r) => {
      const [a, g, s] = ssn(r);
      return cell(
        r.pick([
          () => `000-${g}-${s}`,
          () => `666-${g}-${s}`,
          () => `9${a.slice(1)}-1${g[1]}-${s}`,
          () => `${a}-00-${s}`,
          () => `${a}-${g}-0000`,
          () => `${a}${g}${s}`,
          () => `${g}-${a}-${s}`,
          () => `${a}-${g}-${s}-${g}`,
          () => `PN-${a}-${g}-${s}`,
          () => `${a}-${g}-${s}${r.text(DIGITS, 1)}`,
          () => `${a}-${g}-${s}X`,
          () => `EIN ${g}-${a}${s}`,
          () => `${a}.${g}.${s}`,
          () => `${a} ${g} ${s} ${r.int(100, 999)}`,
          () => `CAS ${r.int(50, 9999)}-${g}-${r.int(0, 9)}`,
          () => `${a}/${g}/${s}`,
        ])(),
      );
    },
  ],
  iban: [
    (r) => {
      const value = iban(r);
      const written = r.pick([value, value, inFours(value, " "), inFours(value, " "), inFours(value, "-"), value.toLowerCase()]);
      return cell(place(r, written, [(v) => `IBAN ${v}`, (v) => `Bitte auf ${v} überweisen`]), { iban: [written] });
    },
    (r) => {
      const value = iban(r);
      const digit = value.search(/\d(?=\D*$)/);
      const broken = value.slice(0, digit) + wrong(value[digit]) + value.slice(digit + 1);
      return cell(
        r.pick([
          () => place(r, broken),
          () => inFours(broken, " "),
          () => value.slice(0, -2),
          () => `${value}${r.text(DIGITS, 2)}`,
          () => `X${value}`,
          () => `QQ${value.slice(2)}`,
          () => `DE${r.text(DIGITS, 9)}`,
          () => `${r.pick(["FR", "IT", "NL", "GB"])}${r.text(DIGITS, 11)}`,
          () => `SE${r.text(DIGITS, 2)}-${r.text(ALNUM, 12)}`,
          () => `AT${r.text(DIGITS, 2)} ${r.text(DIGITS, 4)} ${r.text(DIGITS, 4)}`,
          () => `gb${value.slice(2, 4)}NWBK${r.text(DIGITS, 14)}`,
          () => `${r.text(UPPER, 2)}${r.text(DIGITS, 2)}${r.text(UPPER, 4)}${r.text(DIGITS, 6)}`,
        ])(),
      );
    },
  ],
  email: [
    (r) => {
      const value = email(r);
      return cell(place(r, value, [(v) => `mailto:${v}`, (v) => `<${v}>`, (v) => `please write to ${v}, thanks`, (v) => `${r.pick(LAST)} <${v}>;`, (v) => `请联系${v}谢谢`]), { email: [value] });
    },
    (r) =>
      cell(
        r.pick([
          () => `@${r.text(LOWER, 8)}`,
          () => `${r.text(LOWER, 5)}@${r.text(LOWER, 6)}`,
          () => `logo@${r.int(2, 3)}x.png`,
          () => `lodash@4.${r.int(0, 99)}.${r.int(0, 99)}`,
          () => `git@github.example.com:acme/${r.text(LOWER, 6)}.git`,
          () => `ssh://deploy@host-${r.int(1, 9)}.example.com/srv`,
          () => `${r.text(LOWER, 4)}@@example.com`,
          () => `${r.text(LOWER, 4)}.@example.com`,
          () => `a..${r.text(LOWER, 4)}@example.com`,
          () => `${r.text(LOWER, 4)}@-example`,
          () => `${r.text(LOWER, 4)}@example.c`,
          () => `${r.text(LOWER, 5)} @ example.com`,
          () => `${r.text(LOWER, 5)} at example dot com`,
          () => `${r.text(LOWER, 4)}@[10.0.0.${r.int(256, 999)}]`,
          () => `root@db-${r.int(1, 20)}:~# ls`,
          () => `SELECT @x.y, @@version`,
          () => `@angular/core@${r.int(10, 19)}.0.0`,
          () => `${r.int(2, 40)} pcs @ ${r.int(1, 40)}.99`,
        ])(),
      ),
  ],
  phone: [
    (r) => {
      const value = phone(r);
      const expected = value.replace(/^tel: /, "");
      return cell(value.startsWith("tel") ? value : place(r, value, [(v) => `Tel. ${v}`, (v) => `call me at ${v} after 5`, (v) => `mobile ${v}, office closed`]), { phone: [expected] });
    },
    (r) => {
      const [a, b, c] = [r.text(DIGITS, 3), r.text(DIGITS, 3), r.text(DIGITS, 4)];
      return cell(
        r.pick([
          () => price(r),
          () => timestamp(r),
          () => timestamp(r),
          () => `${r.int(256, 999)}.${r.int(1, 255)}.${r.int(1, 255)}.${r.int(1, 255)}`,
          () => `+${r.int(1, 99999)}`,
          () => `+999 ${a} ${b} ${c}`,
          () => `+1 011 ${b} ${c}`,
          () => `+1 (155) ${b}-${c}`,
          () => `1${a.slice(1)}-${b}-${c}`,
          () => `${a}-${b}-${c}-${a}`,
          () => `${a}${b}${c}`,
          () => `${a}${b}${c}${a}`,
          () => `ISBN ${r.pick(["978", "979"])}-3-16-${r.text(DIGITS, 6)}-0`,
          () => `${r.text(DIGITS, 4)} ${r.text(DIGITS, 4)} ${r.text(DIGITS, 4)}`,
          () => `${r.int(1, 99)} x ${r.int(100, 999)} x ${r.int(100, 999)} mm`,
          () => `$${r.int(200, 999)} ${b} ${c}`,
          () => `${r.int(2, 9)}00 ${b} ${c} €`,
          () => `${a},${b},${c}`,
          () => `lot ${a}/${b}/${c}/${a}`,
          () => `x${a}-${b}-${c}`,
          () => `${r.int(10, 99)}-${a}${c}`,
          () => `${r.int(2, 9)}.${a}.${b}.${r.int(0, 99)}`,
          () => `${r.int(1900, 2030)} ${r.int(1900, 2030)} ${r.int(1900, 2030)}`,
          () => `${a} ${b} ${r.text(DIGITS, 3)}`,
          () => `(${r.int(1, 99)}) ${a} ${b}`,
          () => `DE${a}${b}${a}`,
          () => `${r.int(1, 9)}e+${a}${b}`,
          () => `#${a}-${b}`,
        ])(),
      );
    },
  ],
  "travel-document": [
    (r) => {
      const value = zone(r, r.pick(["\n", "\n", "\r\n", " ", "\\n"]));
      return cell(r.pick([(v) => v, (v) => `MRZ:\n${v}\n`, (v) => `{"mrz":"${v}"}`, (v) => `scan "${v}" ok`])(value), { "travel-document": [value] });
    },
    (r) => {
      const value = zone(r, "\n");
      const at = value.indexOf("\n") + 10;
      return cell(
        r.pick([
          () => value.slice(0, at) + wrong(value[at]) + value.slice(at + 1),
          () => value.slice(0, -1),
          () => value.slice(0, value.indexOf("\n")),
          () => `P<${r.text(LOWER, 10)}>`,
          () => `if (P<Q && I<${r.int(1, 99)}) return;`,
          () => `<P<P<P<${r.text(UPPER, 40)}`,
          () => `passport ${r.text(UPPER, 1)}${r.text(DIGITS, 8)}`,
          () => value.toLowerCase(),
        ])(),
      );
    },
  ],
  jwt: [
    (r) => {
      const value = jwt(r);
      return cell(r.pick([(v) => v, (v) => `"${v}"`, (v) => `token ${v} expires soon`, (v) => `{"t":"${v}"}`, (v) => `https://app.example/cb#id=${v}&state=1`, (v) => `first\n${v}\n`])(value), { jwt: [value] });
    },
    (r) => {
      const value = jwt(r);
      return cell(
        r.pick([
          () => value.split(".").slice(0, 2).join("."),
          () => base64url({ hello: "world", n: r.int(1, 99) }),
          () => `${base64url({ typ: "x", n: r.int(1, 99) })}.${r.text(BASE64URL, 20)}.${r.text(BASE64URL, 20)}`,
          () => `x${value}`,
          () => `eyJ${r.text(BASE64URL, 30)}.${r.text(BASE64URL, 20)}.${r.text(BASE64URL, 20)}`,
          () => `eyJ.eyJ.${r.text(BASE64URL, 8)}`,
          () => `${r.text(BASE64URL, 20)}.${r.text(BASE64URL, 20)}.${r.text(BASE64URL, 20)}`,
          () => value.replace(".", " . "),
        ])(),
      );
    },
  ],
  "private-key": [
    (r) => {
      const value = pem(r);
      return cell(r.pick([(v) => v, (v) => `${v}\n`, (v) => `{"type": "service_account", "private_key": "${v}"}`, (v) => `deploy key:\n\n${v}`])(value), { "private-key": [value] });
    },
    (r) => {
      const body = Array.from({ length: 3 }, () => r.text(BASE64, 64)).join("\n");
      return cell(
        r.pick([
          () => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`,
          () => `-----BEGIN ${r.pick(["", "RSA "])}PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`,
          () => `files begin with -----BEGIN ${r.pick(["RSA ", "EC ", ""])}PRIVATE KEY----- and then have base64`,
          () => `-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----`,
          () => `-----BEGIN RSA PRIVATE KEY-----\n<your key here, ${r.int(1, 99)}>\n-----END RSA PRIVATE KEY-----`,
          () => `ssh-ed25519 ${r.text(BASE64, 68)} bob@host`,
          () => `--- BEGIN PRIVATE KEY ---\n${body}`,
          () => `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${body}\n-----END PGP PUBLIC KEY BLOCK-----`,
          () => `${"-".repeat(r.int(20, 60))}\n${r.pick(PRODUCTS)}\n${"-".repeat(20)}`,
        ])(),
      );
    },
  ],
  "aws-key": [
    (r) => {
      const id = FIELDS["aws-key"](r);
      const secret = `${r.text(BASE64, 20)}/${r.text(ALNUM, 19)}`;
      return r.pick([
        () => cell(place(r, id), { "aws-key": [id] }),
        () => cell(`${id},${secret}`, { "aws-key": [id, secret] }),
        () => cell(`aws_access_key_id = ${id}\naws_secret_access_key = ${secret}`, { "aws-key": [id, secret] }),
        () => cell(`AWS_SECRET_ACCESS_KEY=${secret}`, { "aws-key": [secret] }),
        () => cell(`{"AccessKeyId":"${id}","SecretAccessKey":"${secret}"}`, { "aws-key": [id, secret] }),
      ])();
    },
    (r) => {
      const id = FIELDS["aws-key"](r);
      return cell(
        r.pick([
          () => id.slice(0, -r.int(1, 4)),
          () => `${id}${r.text(UPPER, 2)}`,
          () => `X${id}`,
          () => id.toLowerCase(),
          () => `AKIA${"X".repeat(16)}`,
          () => `AROA${r.text(UPPER, 16)}`,
          () => `arn:aws:iam::${r.text(DIGITS, 12)}:role/deploy`,
          () => r.text(BASE64, 40),
          () => `ASIA PACIFIC ${r.text(UPPER, 8)}`,
          () => `SecretAccessKey: <hidden ${r.int(1, 9)}>`,
        ])(),
      );
    },
  ],
  "azure-key": [
    (r) => {
      const account = `${r.text(BASE64, 86)}==`;
      const shared = `${r.text(BASE64, 43)}=`;
      const client = FIELDS["azure-key"](r);
      return r.pick([
        () => cell(`DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${account};EndpointSuffix=core.windows.net`, { "azure-key": [account] }),
        () => cell(`Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${shared}`, { "azure-key": [shared] }),
        () => cell(place(r, client), { "azure-key": [client] }),
        () => cell(`AZURE_TENANT=${uuid(r)}\nAZURE_VALUE=${client}`, { "azure-key": [client] }),
        () => {
          const signature = encodeURIComponent(shared);
          return cell(`https://shop.blob.core.windows.net/c/f.txt?sv=2024-11-04&se=2027-01-01&sr=b&sp=r&sig=${signature}`, { "azure-key": [signature] });
        },
      ])();
    },
    (r) =>
      cell(
        r.pick([
          () => `AccountKey=${r.text(BASE64, 20)}==`,
          () => `AccountKey=<key ${r.int(1, 99)}>`,
          () => `sig=${r.text(BASE64, r.int(8, 30))}`,
          () => `${r.text(ALNUM, 3)}9Q~${r.text(ALNUM, 34)}`,
          () => `${r.text(ALNUM, 3)}8Q~${r.text(ALNUM, 12)}`,
          () => `x8Q~ y ${r.text(ALNUM, 8)}`,
          () => `~/Q~/${r.text(LOWER, 9)}`,
          () => `SharedAccessKeyName=Root${r.int(1, 99)}`,
          () => uuid(r),
        ])(),
      ),
  ],
  "connection-string": [
    (r) => {
      const [text, secret] = connection(r);
      return cell(text, { "connection-string": [secret] });
    },
    (r) =>
      cell(
        r.pick([
          () => `postgres://${user(r)}@${host(r)}:5432/shop`,
          () => `postgres://${host(r)}:5432/shop${r.int(1, 9)}`,
          () => `postgresql://user:<password>@${host(r)}/db${r.int(1, 9)}`,
          () => `mysql://root:\${MYSQL_PASSWORD}@${host(r)}/db${r.int(1, 9)}`,
          () => `Server=${host(r)};Database=shop${r.int(1, 99)};Integrated Security=true`,
          () => `host=${host(r)} user=${user(r)} dbname=shop${r.int(1, 99)}`,
          () => `Server=${host(r)};User Id=app;Password={0};n=${r.int(1, 99)}`,
          () => `host=${host(r)} password=*** user=app${r.int(1, 9)}`,
          () => `redis://${host(r)}:6379/${r.int(0, 9)}`,
          () => `Server=a;Password=;Database=b${r.int(1, 99)}`,
          () => `server = ${r.text(LOWER, 5)}, password policy = strong`,
        ])(),
      ),
  ],
  "url-password": [
    (r) => {
      const p = urlPassword(r);
      const url = r.pick([`https://${user(r)}:${p}@example.com/x`, `ftp://${user(r)}:${p}@${host(r)}/in`, `http://bob:${p}@proxy:8080`, `sftp://${user(r)}:${p}@files.example.org`, `https://oauth2:${p}@git.example.com/acme/shop.git`, `smtp://mailer:${p}@smtp.example.com:587`]);
      return cell(r.pick([(v) => v, (v) => `git clone ${v}`, (v) => `proxy="${v}"`, (v) => `see <${v}> today`, (v) => `["${v}"]`])(url), { "url-password": [p] });
    },
    (r) =>
      cell(
        r.pick([
          () => `https://example.com:8443/p/${r.text(LOWER, 6)}`,
          () => `https://bob@example.com/${r.int(1, 99)}`,
          () => `https://example.com/a:b@c/${r.int(1, 99)}`,
          () => `https://example.com/?q=a:${r.int(1, 99)}@b`,
          () => `http://user:password@example.com/${r.int(1, 99)}`,
          () => `http://<user>:<pass>@host/${r.int(1, 99)}`,
          () => `http://\${USER}:\${PASS}@host/${r.int(1, 99)}`,
          () => `ratio 3:4, mail: x ${r.int(1, 99)}://`,
          () => `file:///home/bob:${r.int(1, 99)}/x`,
          () => `https://[2001:db8::${r.text(HEX, 2)}]:80/`,
          () => `C://Users/bob:${r.int(1, 99)}@x`,
        ])(),
      ),
  ],
  "assigned-secret": [
    (r) => {
      const [text, secret] = assigned(r);
      return cell(text, { "assigned-secret": [secret] });
    },
    (r) =>
      cell(
        r.pick([
          () => `password: required (at least ${r.int(8, 20)} characters)`,
          () => `Password: ${r.pick(["required", "expired", "string", "incorrect", "unchanged"])}`,
          () => `password = os.environ["DB_PASS_${r.int(1, 9)}"]`,
          () => `password=\${DB_PASSWORD_${r.int(1, 9)}}`,
          () => `the password policy: minimum ${r.int(8, 20)}`,
          () => `"password": "********", "n": ${r.int(1, 99)}`,
          () => `{"password": null, "n": ${r.int(1, 99)}}`,
          () => `<input type="password" name="pw${r.int(1, 9)}">`,
          () => `password_reset_at: ${r.int(2019, 2026)}-01-01`,
          () => `forgot password? page ${r.int(1, 99)}`,
          () => `token: ${r.pick(["Bearer", "identifier", "EOF"])} at line ${r.int(1, 99)}`,
          () => `secret = true, count = ${r.int(1, 99)}`,
          () => `api_key: <your key ${r.int(1, 9)}>`,
          () => `Authorization: Bearer <token${r.int(1, 9)}>`,
          () => `the secret: a pinch of salt and ${r.int(2, 9)} eggs`,
          () => `next_page_token=${r.int(1, 99)}`,
          () => `Passwort: geändert am ${r.int(1, 28)}. Mai`,
          () => `secret: ${r.text(DIGITS, 18)}`,
        ])(),
      ),
  ],
  "ip-address": [
    (r) => {
      const value = [r.int(1, 255), r.int(0, 255), r.int(0, 255), r.int(1, 254)].join(".");
      return cell(place(r, value, [(v) => `from ${v}:${r.int(1024, 65535)}`, (v) => `${v}/24`, (v) => `http://${v}/x`]), { "ip-address": [value] });
    },
    (r) =>
      cell(
        r.pick([
          () => `${r.int(256, 999)}.${r.int(1, 255)}.${r.int(1, 255)}.${r.int(1, 255)}`,
          () => `${r.int(1, 255)}.${r.int(1, 255)}.${r.int(1, 255)}`,
          () => `${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}`,
          () => `version ${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}`,
          () => `0${r.int(1, 9)}.0${r.int(1, 9)}.0${r.int(1, 9)}.0${r.int(1, 9)}`,
          () => `v${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}.${r.int(1, 9)}`,
          () => `build ${r.int(10, 99)}.0.${r.int(100, 255)}.${r.int(1, 99)}`,
          () => `1.3.6.1.4.1.${r.int(1, 9999)}`,
          () => `${r.int(1, 31)}.${r.int(1, 12)}.${r.int(1950, 2020)}`,
        ])(),
      ),
  ],
  "birth-date": [
    (r) => {
      const two = (n) => String(n).padStart(2, "0");
      const [y, m, d] = [r.int(1930, 2012), r.int(1, 12), r.int(1, 28)];
      const value = r.pick([`${y}-${two(m)}-${two(d)}`, `${two(d)}.${two(m)}.${y}`, `${m}/${d}/${y}`, `${two(m)}/${two(d)}/${y}`]);
      return cell(r.pick([(v) => `born ${v} in Graz`, (v) => `DOB: ${v}`, (v) => `{"date_of_birth": "${v}"}`, (v) => `geb. ${v}`, (v) => `birthdate=${v}`, (v) => `Date of birth ${v}`])(value), { "birth-date": [value] });
    },
    (r) => {
      const [y, m, d] = [r.int(1930, 2012), r.int(1, 9), r.int(1, 28)];
      return cell(
        r.pick([
          () => `${y}-0${m}-${d}`,
          () => `shipped ${d}.0${m}.${y}`,
          () => `born ${y}`,
          () => `born 1${y}-0${m}-${d}`,
          () => `DOB: ${y}-13-${d}`,
          () => `DOB: ${y}-0${m}-32`,
          () => `born ${d}.${m}.17${String(y).slice(2)}`,
          () => `born in a town of ${d}-${m}-${y} people`.replace(/-/g, ","),
          () => `updated ${m}/${d}/${y}`,
        ])(),
      );
    },
  ],
};

const PREFIX = /^(AIza|GOCSPX-|ya29\.|gh[pousr]_|github_pat_|xox[bp]-|xapp-|[sr]k_(live|test)_|whsec_|sk-(proj-|ant-)?|hf_|npm_|pypi-|glpat-|dop_v1_|shpat_|lin_api_|AGE-SECRET-KEY-1)/;

/** Keys that say by their prefix whose they are. */
for (const name of ["gcp-key", "github-token", "slack-token", "stripe-key", "api-key"]) {
  KINDS[name] = [
    (r) => {
      if (name === "slack-token" && r.next() < 0.2) {
        const secret = `T${r.text(UPPER + DIGITS, 10)}/B${r.text(UPPER + DIGITS, 10)}/${r.text(ALNUM, 24)}`;
        return cell(`https://hooks.slack.com/services/${secret}`, { [name]: [secret] });
      }
      const value = FIELDS[name](r);
      return cell(place(r, value, [(v) => `TOKEN="${v}"`, (v) => `https://x:${v}@git.example.com/a.git`].slice(0, 1)), { [name]: [value] });
    },
    (r) => {
      const value = FIELDS[name](r);
      const prefix = PREFIX.exec(value)[0];
      return cell(
        r.pick([
          () => value.slice(0, prefix.length + r.int(3, 8)),
          () => prefix + "x".repeat(value.length - prefix.length),
          () => `q${value.slice(0, prefix.length + 12)}`,
          () => `${prefix}<your key ${r.int(1, 99)}>`,
          () => `keys begin with ${prefix} and are ${r.int(20, 90)} characters long`,
          () => `Q${value}`,
          () => value.slice(prefix.length),
          () => `${prefix}${r.text(LOWER, 4)}_${r.text(LOWER, 4)}`,
        ])(),
      );
    },
  ];
}

/** @returns lines of JSON by file name, without the hand-written ones. */
export function makeVectors() {
  const files = {};
  Object.entries(KINDS).forEach(([name, [positive, negative]], index) => {
    const r = chance(1000 + index);
    files[`${name}.jsonl`] = lines([...unique(() => positive(r)), ...unique(() => negative(r))]);
  });
  const r = chance(1);
  files["ordinary.jsonl"] = lines([...Array(3)].flatMap(() => unique(() => cell(r.pick(ORDINARY)(r)))));
  return files;
}

function unique(make) {
  const cells = new Map();
  for (let tries = 0; cells.size < FEW; tries++) {
    if (tries > FEW * 50) throw new Error(`only ${cells.size} different cells: ${[...cells.keys()][0]}`);
    const one = make();
    cells.set(one.cell, one);
  }
  return [...cells.values()];
}

/** One character of each secret is written as an escape: scanners of repositories take the made ones for real. */
function lines(cells) {
  return `${cells.map(({ cell: text, find }) => JSON.stringify({ cell: broken(text, find), find: mapValues(find) }).replaceAll("\ue000", "\\u00")).join("\n")}\n`;
}

const SECRETS = ["jwt", "private-key", "aws-key", "gcp-key", "azure-key", "github-token", "slack-token", "stripe-key", "api-key", "connection-string", "url-password", "assigned-secret"];
const escapeOne = (secret) => secret.slice(0, 2) + [...secret].slice(2, 3).map((c) => (c.charCodeAt(0) < 0x80 && c >= " " ? `\ue000${c.charCodeAt(0).toString(16).padStart(2, "0")}` : c)).join("") + secret.slice(3);

function broken(text, find) {
  let result = text;
  for (const name of SECRETS) for (const secret of find[name] ?? []) result = result.replace(secret, () => escapeOne(secret));
  return result;
}

function mapValues(find) {
  return Object.fromEntries(Object.entries(find).map(([name, secrets]) => [name, SECRETS.includes(name) ? secrets.map(escapeOne) : secrets]));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, text] of Object.entries(makeVectors())) writeFileSync(here(name), text);
}
