/** The demo's sample data: how much there is, where the personal data is, and that it is the same everywhere. */

import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createShop, newShopPasswords, type Shop, shopDamage } from "../../src/demo/shop.ts";
import { makeShopRows } from "../../src/demo/shop-rows.ts";
import { queryAsText, startPostgres, type TestPostgres } from "../support/postgres.ts";

const SMALL = { customers: 200, orders: 400, products: 20, employees: 12 };

describe("the demo's shop", () => {
  let server: TestPostgres;
  let shop: Shop;
  beforeAll(async () => {
    server = await startPostgres();
    shop = await createShop(server.url());
  });
  afterAll(() => server.stop());

  it("holds at least 5,000 customers and 20,000 orders with their items and payments", async () => {
    const counts = await server.psql(
      "SELECT count(*) >= 5000, (SELECT count(*) >= 20000 FROM orders), (SELECT count(*) >= 20000 FROM order_items), (SELECT count(*) >= 10000 FROM payments) FROM customers",
      "shop",
    );

    expect(counts).toBe("t|t|t|t");
  });

  it("carries personal data in columns, in jsonb, in arrays and in free text", async () => {
    const found = await server.psql(
      `SELECT count(*) FILTER (WHERE email IS NOT NULL AND phone ~ '^\\+' AND ssn ~ '^\\d{3}-\\d{2}-\\d{4}$' AND date_of_birth IS NOT NULL AND iban IS NOT NULL) = count(*),
              bool_and(profile->'identity'->>'ssn' = ssn AND profile->'contact'->>'email' = email),
              count(*) FILTER (WHERE cardinality(previous_emails) > 0) > 1000,
              count(*) FILTER (WHERE notes ~ '@example') > 500,
              count(*) FILTER (WHERE notes ~ '(\\d{4} ){3}\\d{4}') > 500,
              count(*) FILTER (WHERE notes ~ '\\+\\d{2}') > 500
       FROM customers`,
      "shop",
    );

    expect(found).toBe("t|t|t|t|t|t");
  });

  it("reaches them through the analyst view and a materialized view too", async () => {
    const found = await server.psql(
      "SELECT (SELECT count(*) FROM analyst WHERE email LIKE '%@example.%') >= 5000, (SELECT count(*) FROM country_sales WHERE first_buyer LIKE '%@%') > 50",
      "shop",
    );

    expect(found).toBe("t|t");
  });

  it("has numbers that pass their own checks: cards by Luhn, IBANs by MOD 97-10", () => {
    const { customers } = makeShopRows(SMALL, 7);

    const cards = customers.map(({ card_number }) => String(card_number));
    const ibans = customers.map(({ iban }) => String(iban));

    expect(cards.filter((card) => !passesLuhn(card))).toEqual([]);
    expect(ibans.filter((iban) => !passesMod97(iban))).toEqual([]);
  });

  it("is the same for the same seed, and another for another", () => {
    const print = (seed: number): string =>
      createHash("sha256")
        .update(JSON.stringify(makeShopRows(SMALL, seed)))
        .digest("hex");

    expect(print(1)).toBe(print(1));
    expect(print(1)).not.toBe(print(2));
  });

  it("lets the agent read and write, the analyst read, and neither make or drop a table", async () => {
    const as = (role: "agent" | "analyst"): string =>
      server.url("shop").replace(`postgres:${server.password}`, `${role}:${shop.passwords[role].reveal()}`);
    const attempt = async (role: "agent" | "analyst", sql: string): Promise<string> =>
      queryAsText(as(role), sql).catch((error: Error) => error.message);

    expect(await attempt("agent", "INSERT INTO orders (customer_id) VALUES (1) RETURNING status")).toBe("cart");
    expect(await attempt("agent", "DROP TABLE orders")).toContain("must be owner");
    expect(await attempt("agent", "CREATE TABLE mine ()")).toContain("permission denied");
    expect(await attempt("analyst", "SELECT count(*) > 0 FROM analyst")).toBe("t");
    expect(await attempt("analyst", "DELETE FROM orders")).toContain("permission denied");
    expect(await server.psql("SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'")).toBe("0");
  });

  it("counts as whole while its tables and roles are there, and as damaged when one is gone", async () => {
    await using other = await startPostgres();
    const { passwords } = await createShop(other.url(), { size: SMALL });

    const whole = await shopDamage(other.url(), passwords);
    const wrongPassword = await shopDamage(other.url(), newShopPasswords());
    await other.psql("DROP TABLE payments", "shop");
    const damaged = await shopDamage(other.url(), passwords);

    expect(whole).toBeNull();
    expect(wrongPassword).toContain("password authentication failed");
    expect(damaged).toBe("it lacks payments");
  });
});

function passesLuhn(card: string): boolean {
  const digits = [...card].reverse().map(Number);
  const sum = digits.reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0);
  return sum % 10 === 0;
}

function passesMod97(iban: string): boolean {
  const moved = iban.slice(4) + iban.slice(0, 4);
  return BigInt([...moved].map((c) => Number.parseInt(c, 36)).join("")) % 97n === 1n;
}
