import { describe, expect, it } from "vitest";
import { type PolicyResource, resourceText } from "../../analysis/requests.ts";
import { resourceEntity } from "../../policy/entities.ts";
import { canonicalEntity } from "../../policy/entity-names.ts";
import { parseResourceText } from "./resource-text.ts";

const NAMES = [
  "orders",
  "shop-eu",
  "Orders",
  "a.b",
  'a"b',
  '"',
  "a(b)",
  "line\nbreak",
  "é",
  "a b",
  "$x",
  ".",
  "schema:x",
  "x)",
];

function resources(): readonly PolicyResource[] {
  const all: PolicyResource[] = [];
  for (const name of NAMES) {
    for (const other of NAMES) {
      all.push({ kind: "schema", database: name, schema: other });
      all.push({ kind: "table", database: "shop", schema: name, name: other, relationKind: "r" });
      for (const args of ["()", "(integer)", '(a integer, "B c" "s.t"."x"[])', ""]) {
        all.push({ kind: "function", database: name, schema: "public", name: other, signature: `${other}${args}` });
      }
    }
    all.push({ kind: "database", database: name }, { kind: "label", name });
  }
  return all;
}

describe("a resource as entries name it", () => {
  it("is read back into what was asked, whatever its names hold", () => {
    for (const resource of resources()) expect(parseResourceText(resourceText(resource))).toEqual(resource);
  });

  it("is written by no two resources alike", () => {
    const all = resources();

    expect(new Set(all.map(resourceText)).size).toBe(all.length);
  });

  it("is the id of its entity in policies, which is read back from there too", () => {
    for (const resource of resources()) {
      const { uid } = resourceEntity(resource, {});
      expect(resourceText(resource)).toBe(`${resource.kind}:${uid.id}`);
      if (resource.kind !== "label" && resource.kind !== "function") expect(canonicalEntity(uid, {})?.uid).toEqual(uid);
    }
  });

  it.each([
    ['database:"shop-eu"', { kind: "database", database: "shop-eu" }],
    ['schema:"shop-eu".public', { kind: "schema", database: "shop-eu", schema: "public" }],
    ['table:"Shop"."X".y', { kind: "table", database: "Shop", schema: "X", name: "y", relationKind: "r" }],
    ['table:"a.b".public.y', { kind: "table", database: "a.b", schema: "public", name: "y", relationKind: "r" }],
  ])("is read as older gateways wrote it: %s", (text, resource) => {
    expect(parseResourceText(text)).toEqual(resource);
  });

  it.each([
    "",
    "table",
    "table:",
    "table:shop.public",
    "table:shop.public.orders.x",
    "table:shop.public.Orders",
    'table:shop.public."orders"',
    'table:shop.public."orders',
    "table:shop.public.orders()",
    "table: shop.public.orders",
    "schema:shop",
    "function:shop.public.f(",
    "function:shop.public.f integer)",
    "relation:shop.public.orders",
    "label:",
    "Table:shop.public.orders",
  ])("is refused where nothing writes it so: %j", (text) => {
    expect(parseResourceText(text)).toBeNull();
  });
});
