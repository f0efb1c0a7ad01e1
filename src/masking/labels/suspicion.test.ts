import { describe, expect, it } from "vitest";
import { Catalog, type CatalogColumn, type CatalogType } from "../../analysis/catalog.ts";
import { suspicionOf, suspiciousWords } from "./suspicion.ts";

const TYPES = {
  text: 25,
  int4: 23,
  int8: 20,
  bool: 16,
  date: 1082,
  timestamptz: 1184,
  jsonb: 3802,
  bytea: 17,
  inet: 869,
  numeric: 1700,
  "text[]": 1009,
  email_address: 20_000,
} as const;
const FUNCTIONS = { hasChecks: false, checks: [], input: 0, output: 0, receive: 0, send: 0 };

function type([name, oid]: readonly [string, number]): CatalogType {
  const base = { oid, schema: "pg_catalog", name, ...FUNCTIONS };
  if (name === "text[]") return { ...base, kind: "b", element: 25 };
  return name === "email_address" ? { ...base, kind: "d", base: 25 } : { ...base, kind: "b" };
}

const catalog = new Catalog({
  database: "d",
  serverVersion: 180_000,
  role: "r",
  epoch: "e",
  ...{ schemas: [], relations: [], functions: [], operators: [] },
  types: Object.entries(TYPES).map(type),
});

function column(name: string, of: keyof typeof TYPES): CatalogColumn {
  return { number: 1, name, type: TYPES[of], notNull: false, generated: "", identity: "", hasDefault: false };
}

describe("the look of a column", () => {
  it.each([
    ["ssn", "text", "t", "pii.ssn"],
    ["SSN", "int8", "t", "pii.ssn"],
    ["socialSecurityNumber", "text", "t", "pii.ssn"],
    ["social_security", "text", "t", "pii.ssn"],
    ["work_email", "text", "t", "pii.email"],
    ["emails", "text[]", "t", "pii.email"],
    ["home_addresses", "text[]", "t", "pii.address"],
    ["email", "text[]", "t", "pii.email"],
    ["EMail", "text", "t", "pii.email"],
    ["mobile_2", "text", "t", "pii.phone"],
    ["first_name", "text", "t", "pii.name"],
    ["firstname", "text", "t", "pii.name"],
    ["name", "text", "customers", "pii.name"],
    ["name", "text", "products", null],
    ["tax_id", "text", "t", "pii.taxid"],
    ["national_id", "int8", "t", "pii.nationalid"],
    ["dob", "date", "t", "pii.birthdate"],
    ["birth_date", "text", "t", "pii.birthdate"],
    ["card_number", "int8", "t", "pii.card"],
    ["salary", "numeric", "t", "pay"],
    ["client_ip", "inet", "t", "pii.ip"],
    ["password_hash", "text", "t", "secret.password"],
    ["api_key", "bytea", "t", "secret.token"],
    ["medical", "jsonb", "t", "pii.health"],
    ["contact", "email_address", "t", "pii.email"],
  ] as const)("says what %s of type %s in %s is: %s", (name, of, table, label) => {
    expect(suspicionOf(column(name, of), table, catalog)?.label ?? null).toBe(label);
  });

  it.each([
    ["email_verified", "bool"],
    ["email_verified", "text"],
    ["email_count", "int4"],
    ["is_mobile", "text"],
    ["password_changed_at", "timestamptz"],
    ["address_id", "text"],
    ["phone_type", "text"],
    ["token_count", "int4"],
    ["salary", "bool"],
    ["description", "text"],
    ["zipper", "text"],
    ["shipping", "text"],
    ["company", "text"],
    ["id", "int4"],
    ["created", "date"],
    ["max_salary", "numeric"],
  ] as const)("is not that of something sensitive: %s of type %s", (name, of) => {
    expect(suspicionOf(column(name, of), "t", catalog)).toBeNull();
  });

  it("is told with the words that make it, of names, domains and comments", () => {
    expect(suspicionOf(column("x_ssn", "text"), "t", catalog)?.why).toBe('its name says "ssn"');
    expect(suspicionOf(column("contact", "email_address"), "t", catalog)?.why).toBe('its domain says "email"');
    expect(suspiciousWords("The customer's e-mail, lower case", column("c", "text"), catalog)?.why).toBe(
      'its comment says "e mail"',
    );
    expect(suspiciousWords("Number of orders", column("c", "int4"), catalog)).toBeNull();
  });
});
