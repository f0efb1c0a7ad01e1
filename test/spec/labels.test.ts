/** Labels over real catalogs: every way that a value takes through a database carries its label, on PostgreSQL 15 and 18. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Catalog } from "../../src/analysis/catalog.ts";
import { compileLabels } from "../../src/masking/labels/compile.ts";
import type { LabelMap, Reason } from "../../src/masking/labels/label-map.ts";
import { resolveLabels } from "../../src/masking/labels/spread.ts";
import { maskText } from "../../src/masking/masks/mask.ts";
import { maskExpression, safeMaskExpression } from "../../src/masking/masks/mask-expression.ts";
import { catalogOf } from "../support/catalogs.ts";
import { LABELS_SCHEMA } from "../support/labels-schema.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const MASKS = `
quarantine: off
masks:
  ssn: redact
  mail: { mask: partial, show: 4 }
  pay: "null"
  chip: redact
  other: redact
`;

describe.each([15, 18] as const)("labels on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let catalog: Catalog;
  beforeAll(async () => {
    server = await startPostgres({ version });
    await server.psql(LABELS_SCHEMA);
    catalog = await catalogOf(server);
  });
  afterAll(() => server.stop());

  const nameOf = (relation: number, column: number): string => {
    const found = catalog.relation(relation);
    return `${found?.name}.${found?.columns.find(({ number }) => number === column)?.name ?? column}`;
  };
  const resolve = (yaml: string): LabelMap => resolveLabels(compileLabels(MASKS + yaml, "labels.yaml"), catalog);
  /** `table.column labels mask` of all that is labelled. */
  const shown = (map: LabelMap): readonly string[] =>
    [...map]
      .map(({ relation, column, labels, mask }) => `${nameOf(relation, column)} ${labels.join("+")} ${maskText(mask)}`)
      .sort();
  const chain = (reasons: readonly Reason[] | undefined): string =>
    (reasons ?? [])
      .map((reason) => {
        const at = nameOf(reason.relation, reason.column);
        return "from" in reason ? `${at} by ${reason.by} of` : `${at} by ${reason.by} ${reason.text}`;
      })
      .join(" ");
  const why = (map: LabelMap, table: string, column: string): string => {
    const relation = catalog.relationByName("shop", table);
    const number = relation?.columns.find(({ name }) => name === column)?.number ?? 0;
    return chain(map.column(relation?.oid ?? 0, number)?.why[0]);
  };

  it("go on to whatever views show of the column, and materialised views keep: copies with the mask, the rest by default", () => {
    expect(shown(resolve("columns: { test.shop.customers.ssn: ssn }"))).toEqual([
      "asks.known ssn default",
      "both.a ssn redact",
      "customers.ssn ssn redact",
      "deep.v ssn redact",
      "joined.ssn ssn redact",
      "kept.ssn ssn redact",
      "kept.top ssn default",
      "listed.a ssn redact",
      "places.old ssn default",
      "plain.shout ssn default",
      "rows.c ssn default",
      "rows.whole ssn default",
    ]);
  });

  it("go on through views over views, generated columns, functions and the expressions of indexes", () => {
    const map = resolve("columns: { test.shop.customers.email: mail }");

    expect(shown(map)).toEqual([
      "above.mail mail partial (4 from end)",
      "customers.domain mail default",
      "customers.email mail partial (4 from end)",
      "joined.domain mail default",
      "joined.email mail partial (4 from end)",
      "lateral.e mail partial (4 from end)",
      "lateral.w mail default",
      "places.old mail default",
      "plain.email mail partial (4 from end)",
      "rows.c mail default",
      "rows.whole mail default",
      "shouted.2 mail default",
    ]);
    expect(why(map, "above", "mail")).toBe(
      "above.mail by copy of plain.email by copy of customers.email by pattern test.shop.customers.email",
    );
    expect(why(map, "joined", "domain")).toBe(
      "joined.domain by copy of customers.domain by computation of customers.email by pattern test.shop.customers.email",
    );
  });

  it.runIf(version >= 18)(
    "go on to virtual generated columns, whose expression no statement's tree shows",
    async () => {
      await server.psql("CREATE TABLE shop.modern (ssn text, tail text GENERATED ALWAYS AS (right(ssn, 4)) VIRTUAL)");
      catalog = await catalogOf(server);

      const map = resolve("columns: { test.shop.modern.ssn: ssn }");

      expect(shown(map)).toEqual(["modern.ssn ssn redact", "modern.tail ssn default"]);
      await server.psql("DROP TABLE shop.modern");
      catalog = await catalogOf(server);
    },
  );

  it("go on to partitions and children, and from them to what they belong to", () => {
    const partitions = ["people.phone", "people_1.phone", "people_2.phone"].map((name) => `${name} ssn redact`);

    expect(shown(resolve("columns: { test.shop.people.phone: ssn }"))).toEqual(partitions);
    expect(shown(resolve("columns: { test.shop.people_1.phone: ssn }"))).toEqual(partitions);
    expect(shown(resolve("columns: { test.shop.dogs.chip: chip }"))).toEqual([
      "dogs.chip chip redact",
      "tagged.chip chip redact",
    ]);
    expect(shown(resolve("columns: { test.shop.cats.chip: chip }"))).toEqual(["cats.chip chip redact"]);
  });

  it("cover a column as a whole whose type holds what is labelled: composite, array, domain, row of a table", () => {
    const map = resolve("columns: { test.shop.address.street: ssn }");

    expect(shown(map)).toEqual([
      "address.street ssn redact",
      "places.at ssn default",
      "places.home ssn default",
      "places.many ssn default",
    ]);
    expect(why(map, "places", "many")).toBe(
      "places.many by containment of address.street by pattern test.shop.address.street",
    );
  });

  it("are all there where several meet, under the strictest of their masks", () => {
    const map = resolve("columns: { test.shop.customers.ssn: ssn, test.shop.orders.note: pay }");
    const { oid = 0, columns = [] } = catalog.relationByName("shop", "both") ?? {};

    expect(columns.map(({ number }) => map.column(oid, number)).map((one) => one && [one.labels, one.mask])).toEqual([
      [["pay", "ssn"], { mask: "null" }],
      undefined,
    ]);
  });

  it("are those of the narrowest pattern, and of all of them where none is", () => {
    const narrow = resolve("columns: { 'test.shop.*.ssn': other, test.shop.customers.ssn: ssn }");
    const crossed = resolve("columns: { 'test.shop.*.ssn': other, 'test.*.customers.ssn': ssn }");

    expect(shown(narrow)).toContain("customers.ssn ssn redact");
    expect(narrow.conflicts).toEqual([]);
    expect(shown(crossed)).toContain("customers.ssn other+ssn redact");
    expect(crossed.conflicts.map(({ message, relation, column }) => `${nameOf(relation, column)} ${message}`)).toEqual([
      "customers.ssn gets more than one label: other by test.shop.*.ssn (line 9), ssn by test.*.customers.ssn (line 9)",
    ]);
  });

  it("do not go on to a computed column of which an operator says something else, and do to a copied one", () => {
    const map = resolve(
      `columns: { test.shop.customers.email: mail, test.shop.customers.domain: public, test.shop.plain.email: public }`,
    );

    expect(shown(map).filter((line) => line.includes("domain"))).toEqual([]);
    expect(shown(map)).toContain("plain.email mail partial (4 from end)");
    expect(map.conflicts.map(({ message }) => message)).toEqual([
      "is public, and the same value is mail where it comes from",
    ]);
  });

  it("belong to their database alone", () => {
    expect(shown(resolve("columns: { other.shop.customers.ssn: ssn }"))).toEqual([]);
    expect(shown(resolve("databases: { other: { columns: { shop.customers.ssn: ssn } } }"))).toEqual([]);
    expect(shown(resolve("databases: { test: { columns: { shop.customers.ssn: ssn } } }"))).toContain(
      "customers.ssn ssn redact",
    );
    expect(shown(resolve("columns: { '*.*.*.*': ssn }")).filter((line) => line.startsWith("pg_"))).toEqual([]);
  });

  it("have an epoch that moves with the file and with the catalog", async () => {
    const before = resolve("columns: { test.shop.customers.ssn: ssn }");
    const again = resolve("columns: { test.shop.customers.ssn: ssn }");
    const other = resolve("columns: { test.shop.customers.ssn: other }");
    await server.psql("CREATE TABLE shop.newcomer (ssn text)");
    const later = resolveLabels(compileLabels(MASKS, "labels.yaml"), await catalogOf(server));
    await server.psql("DROP TABLE shop.newcomer");

    expect(again.epoch).toBe(before.epoch);
    expect(new Set([before.epoch, other.epoch, later.epoch]).size).toBe(3);
  });

  it("quarantine what looks sensitive and nobody has spoken of, wherever its values go", () => {
    const yaml = MASKS.replace("quarantine: off", "quarantine: on");
    const map = resolveLabels(
      compileLabels(`${yaml}columns: { test.shop.customers.ssn: ssn, test.shop.customers.name: public }`, "l"),
      catalog,
    );
    const quarantined = shown(map).filter((line) => line.includes("quarantine"));

    expect(quarantined).toContain("customers.email quarantine default");
    expect(quarantined).toContain("customers.salary quarantine default");
    expect(quarantined).toContain("above.mail quarantine default");
    expect(quarantined).toContain("places.at quarantine default");
    expect(quarantined).toContain("people_1.phone quarantine default");
    expect(quarantined.filter((line) => /^customers\.(ssn|name|id|country)/.test(line))).toEqual([]);
    expect(shown(map).filter((line) => line.startsWith("looks"))).toEqual([]); // it holds nothing itself
    expect(why(map, "customers", "email")).toBe('customers.email by quarantine its name says "email"');
  });

  it("have masks that the server takes for every labelled column of every table and view", async () => {
    const map = resolve("columns: { '*.*.*.*': mail }");
    const tables = catalog.data.relations.filter(({ schema, kind }) => schema === "shop" && "rpvm".includes(kind));
    for (const { oid, name, columns } of tables) {
      const masks = columns.map((column) => {
        const label = map.column(oid, column.number);
        if (label === undefined) throw new Error(`${name}.${column.name} has no label`);
        return safeMaskExpression(`"${column.name}"`, column, label.mask, catalog);
      });
      await server.psql(`REFRESH MATERIALIZED VIEW shop.kept; SELECT ${masks.join(", ")} FROM shop."${name}"`);
    }
    const id = catalog.relationByName("shop", "orders")?.columns[0];
    if (id === undefined) throw new Error("there is no column");
    expect(maskExpression('"id"', id, { mask: "partial", show: 4, from: "end", fill: "" }, catalog).ok).toBe(false);
    expect(safeMaskExpression('"id"', id, { mask: "redact" }, catalog)).toBe('CAST(NULL AS "pg_catalog"."int4")');
  });
});
