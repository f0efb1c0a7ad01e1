import { describe, expect, it } from "vitest";
import { type PolicyResource, resourceText } from "../../analysis/requests.ts";
import { parseResourceText } from "./resource-text.ts";

const NAMES = ["orders", "Orders", "a.b", 'a"b', '"', "a(b)", "line\nbreak", "é", "a b", "$x", ".", "schema:x", "x)"];

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
