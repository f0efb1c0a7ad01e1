/** The shop's rows, made from a seed: the same on every machine. Pure; loading them is shop.ts. */

import { SeededRandom } from "./random.ts";
import { cardNumber, emailAddress, isoDate, makePerson, type Person, phoneNumber, spacedCard } from "./shop-people.ts";
import type { TableName } from "./shop-schema.ts";

export interface ShopSize {
  readonly customers: number;
  readonly orders: number;
  readonly products: number;
  readonly employees: number;
}

/** What the demo has. */
export const FULL_SIZE: ShopSize = { customers: 5_000, orders: 20_000, products: 300, employees: 120 };

export type Value = string | number | null | readonly string[] | { readonly [key: string]: Value | readonly Value[] };
/** One row, by column name. */
export type Row = Readonly<Record<string, Value>>;

const START_MS = Date.UTC(2022, 0, 1);
const DAYS = 3 * 365;

/** All rows of all tables. Order matters nowhere but between tables: see TABLES. */
export function makeShopRows(size: ShopSize, seed: number): Record<TableName, Row[]> {
  const random = new SeededRandom(seed);
  const people = count(size.customers).map((id) => makePerson(random, id));
  const products = count(size.products).map((id) => makeProduct(random, id));
  const sales = count(size.orders).map((id) => makeSale(random, id, people, products));
  return {
    products,
    customers: people.map((person, index) => makeCustomer(random, index + 1, person)),
    orders: sales.map((sale) => sale.order),
    order_items: sales.flatMap((sale) => sale.items),
    payments: sales
      .flatMap((sale) => (sale.payment === null ? [] : [sale.payment]))
      .map((row, i) => ({ id: i + 1, ...row })),
    employees: count(size.employees).map((id) => makeEmployee(random, id)),
  };
}

function count(size: number): readonly number[] {
  return Array.from({ length: size }, (_, index) => index + 1);
}

function timestamp(random: SeededRandom): string {
  return new Date(START_MS + random.below(DAYS * 86_400) * 1000).toISOString();
}

function makeCustomer(random: SeededRandom, id: number, person: Person): Row {
  return {
    id,
    full_name: person.fullName,
    email: person.email,
    phone: person.phone,
    ssn: person.ssn,
    date_of_birth: person.dateOfBirth,
    address: `${person.street}, ${person.postalCode} ${person.city}`,
    city: person.city,
    country: person.country,
    iban: person.iban,
    card_number: person.card,
    profile: {
      contact: { email: person.email, phone: person.phone, backup: [emailAddress(random, `backup.${id}`)] },
      identity: { ssn: person.ssn, passport: `X${random.digits(8)}` },
      newsletter: random.pick(["daily", "weekly", "never"]),
      devices: [{ ip: `192.0.2.${random.below(256)}`, agent: random.pick(["iOS", "Android", "Firefox"]) }],
    },
    previous_emails: count(random.below(4)).map((n) => emailAddress(random, `old${n}.${id}`)),
    notes: makeNote(random, person),
    created_at: timestamp(random),
  };
}

/** What support staff type: two notes in three hold personal data that no column name warns of. */
function makeNote(random: SeededRandom, person: Person): string | null {
  const other = phoneNumber(random, person.country);
  return random.pick([
    null,
    "Prefers delivery in the evening.",
    `Called from ${other}, wants invoices at ${emailAddress(random, person.fullName)} from now on.`,
    `Paid by phone with card ${spacedCard(person.card)}, expiry 0${random.between(1, 9)}/29.`,
    `Identity checked: SSN ${person.ssn}, born ${person.dateOfBirth}.`,
    `Refund to ${person.iban}; partner ${random.pick(["Alex", "Kim", "Sam"])} may call (${other}). Says: "don't use ${cardNumber(random)}".`,
  ]);
}

const CATEGORIES = {
  Kitchen: ["Kettle", "Pan", "Knife"],
  Office: ["Lamp", "Chair", "Notebook"],
  Garden: ["Hose", "Spade", "Bench"],
  Travel: ["Backpack", "Adapter", "Pillow"],
} as const;

function makeProduct(random: SeededRandom, id: number): Row & { readonly id: number; readonly price: string } {
  const category = random.pick(["Kitchen", "Office", "Garden", "Travel"]);
  const thing = random.pick(CATEGORIES[category]);
  return {
    id,
    sku: `${category.slice(0, 3).toUpperCase()}-${String(id).padStart(4, "0")}`,
    name: `${random.pick(["Plain", "Fine", "Folding", "Tall", "Sturdy"])} ${thing.toLowerCase()} no. ${id}`,
    category,
    price: euros(random.between(300, 25_000)),
    stock: random.below(500),
    tags: [category.toLowerCase(), random.pick(["new", "sale", "classic"])],
  };
}

function euros(cents: number): string {
  return (cents / 100).toFixed(2);
}

interface Sale {
  readonly order: Row;
  readonly items: readonly Row[];
  readonly payment: Row | null;
}

type Product = ReturnType<typeof makeProduct>;

function makeSale(random: SeededRandom, id: number, people: readonly Person[], products: readonly Product[]): Sale {
  const customer = random.below(people.length);
  const person = people[customer];
  const status = random.pick(["cart", "placed", "paid", "shipped", "delivered", "delivered", "delivered", "returned"]);
  let cents = 0;
  const items = count(random.between(1, 4)).map((line) => {
    const product = products[random.below(products.length)];
    const quantity = random.between(1, 3);
    const price = product?.price ?? "0.00";
    cents += Math.round(Number(price) * 100) * quantity;
    return { order_id: id, line, product_id: product?.id ?? 1, quantity, unit_price: price };
  });
  const placed = timestamp(random);
  const order = {
    id,
    customer_id: customer + 1,
    status,
    total: euros(cents),
    ship_to:
      person === undefined
        ? null
        : { name: person.fullName, street: person.street, city: person.city, phone: person.phone },
    note: random.chance(5) ? `Ring ${person?.phone ?? ""} on arrival` : null,
    placed_at: placed,
  };
  const unpaid = status === "cart" || status === "placed" || person === undefined;
  return { order, items, payment: unpaid ? null : makePayment(random, id, person, euros(cents), placed) };
}

function makePayment(random: SeededRandom, order: number, person: Person, amount: string, paidAt: string): Row {
  const byCard = random.chance(75);
  return {
    order_id: order,
    method: byCard ? "card" : "sepa",
    amount,
    card_number: byCard ? person.card : null,
    iban: byCard ? null : person.iban,
    provider_reply: {
      status: "succeeded",
      payer: { name: person.fullName, email: person.email },
      reference: `pay_${random.digits(10)}`,
    },
    paid_at: paidAt,
  };
}

function makeEmployee(random: SeededRandom, id: number): Row {
  const person = makePerson(random, id);
  const department = random.pick(["Sales", "Support", "Engineering", "Finance", "Warehouse"]);
  return {
    id,
    full_name: person.fullName,
    email: emailAddress(random, `staff${id}.${person.fullName}`),
    title: id <= 5 ? "Head" : random.pick(["Associate", "Specialist", "Lead"]),
    department,
    manager_id: id <= 5 ? null : random.between(1, 5),
    salary: euros(random.between(3_200_000, 14_000_000)),
    ssn: person.ssn,
    hired_on: isoDate(Date.UTC(2015, 0, 1), random.below(3_600)),
  };
}
