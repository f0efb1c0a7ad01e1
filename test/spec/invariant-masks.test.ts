/** The masks that Postern writes, on columns of all types that have one: the checker knows each by its template, wherever it stands. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Catalog, CatalogRelation } from "../../src/analysis/catalog.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import {
  checkInvariant,
  type LabelledColumns,
  type MaskForm,
  maskTemplate,
} from "../../src/masking/invariant/check-invariant.ts";
import { quoted } from "../../src/masking/masks/column-type.ts";
import { type MaskSpec, UNITS } from "../../src/masking/masks/mask.ts";
import { maskExpression } from "../../src/masking/masks/mask-expression.ts";
import { catalogOf } from "../support/catalogs.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TreeClient } from "../support/query-trees.ts";

const COLUMNS = `
  a text, b varchar, c varchar(7), d char(5), e name, f text COLLATE "C", g varchar(9) COLLATE "POSIX", h m.word, i m.strict,
  j date, k timestamp, l timestamp(0), n timestamptz, o timestamptz(3), p int2, q int4, r int8, s numeric, t numeric(6, 2),
  u float4, v float8, w m.born, x m.paid, y m.citext, "odd ""name" text, gone int, z m.pure`;
const SCHEMA = `
  CREATE ROLE agent LOGIN; CREATE SCHEMA m; CREATE EXTENSION citext SCHEMA m;
  CREATE DOMAIN m.word AS varchar(5) COLLATE "C"; CREATE DOMAIN m.strict AS varchar(9) CHECK (VALUE ~ '^x');
  CREATE DOMAIN m.born AS date CHECK (VALUE > '1900-01-02'); CREATE DOMAIN m.paid AS int; CREATE DOMAIN m.pure AS numeric(4, 1);
  CREATE TABLE m.whole (id int, ${COLUMNS}); ALTER TABLE m.whole DROP COLUMN gone;
  CREATE VIEW m.view AS SELECT * FROM m.whole WHERE id > 0;
  CREATE VIEW m.over AS SELECT v.*, w.id AS other FROM m.view v LEFT JOIN m.whole w ON w.id = v.id;
  GRANT USAGE ON SCHEMA m TO agent; GRANT SELECT ON ALL TABLES IN SCHEMA m TO agent;`;

const SPECS: readonly MaskSpec[] = [
  { mask: "partial", show: 4, from: "end", fill: "***" },
  { mask: "partial", show: 1, from: "start", fill: "" },
  ...UNITS.map((to): MaskSpec => ({ mask: "generalise", to, width: 10 })),
  { mask: "redact" },
];

describe.each(POSTGRES_VERSIONS)("masks in trees of PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let client: TreeClient;
  let catalog: Catalog;
  beforeAll(async () => {
    server = await startPostgres({ version: major, hba: ["host all all 127.0.0.1/32 trust"] });
    await server.psql(SCHEMA);
    client = await TreeClient.connect(server.port, "agent");
    catalog = await catalogOf(server);
  });
  afterAll(async () => {
    client?.[Symbol.dispose]();
    await server?.stop();
  });
  const read = async (sql: string) => readQueryTree(await client.tree(sql), major);
  const relation = (name: string): CatalogRelation => {
    const found = catalog.relationByName("m", name);
    if (found === undefined) throw new Error(`there is no m.${name}`);
    return found;
  };

  /** Masks of the columns that can have this one, by the columns' names. */
  const masksOf = (spec: MaskSpec): ReadonlyMap<string, string> => {
    const columns = relation("whole").columns.filter(({ name }) => name !== "id" && name !== "other");
    const made = columns.map(
      (column) => [column.name, maskExpression(quoted(column.name), column, spec, catalog)] as const,
    );
    return new Map(made.flatMap(([name, result]) => (result.ok ? [[name, result.sql]] : [])));
  };

  /** As a gateway would have it: of the table and of the views that hand it on. */
  const formsOf = async (masks: ReadonlyMap<string, string>, spec: MaskSpec): Promise<LabelledColumns> => {
    const forms = new Map<string, MaskForm>();
    for (const name of ["whole", "view", "over"]) {
      const { oid, columns } = relation(name);
      for (const column of columns) {
        const mask = masks.get(column.name);
        if (mask === undefined) continue;
        const tree = await read(`SELECT ${mask} FROM m.${name}`);
        const isConstant = spec.mask === "redact";
        const form = isConstant
          ? ({ kind: "constant" } as const)
          : ({ kind: "expression", template: maskTemplate(tree) } as const);
        forms.set(`${oid} ${column.number}`, form);
      }
    }
    const oids = new Set([...forms.keys()].map((key) => Number(key.split(" ")[0])));
    return {
      formOf: (oid, column) => forms.get(`${oid} ${column}`),
      isLabelled: (oid) => oids.has(oid),
      makesMasks: () => false,
    };
  };

  it.each(SPECS)("are known wherever they stand, and nothing else is: %o", async (spec) => {
    const masks = masksOf(spec);
    const labelled = await formsOf(masks, spec);
    const names = [...masks.keys()].map(quoted);
    const list = [...masks].map(([name, sql]) => `${sql} AS ${quoted(name)}`).join(", ");
    const broken = async (sql: string) => [
      ...new Set(checkInvariant(await read(sql), labelled).map(({ rule }) => rule)),
    ];

    expect(masks.size).toBeGreaterThan(3);
    for (const name of ["whole", "view", "over"]) {
      const masked = `(SELECT id, ${list} FROM m.${name}) AS "T"`;
      expect(await broken(`SELECT * FROM ${masked}`)).toEqual([]);
      expect(await broken(`SELECT "T", max(id) FROM ${masked} GROUP BY "T" ORDER BY 1`)).toEqual([]);
      expect(
        await broken(
          `SELECT ${names.map((one) => `"T".${one}`).join(" || '' || ")} FROM m.whole w LEFT JOIN ${masked} USING (id)`,
        ),
      ).toEqual([]);
      expect(
        await broken(
          `SELECT ${list}, count(*) FROM m.${name} GROUP BY ${names.map((_, index) => index + 1).join(", ")}`,
        ),
      ).toEqual([]);
      expect(await broken(`SELECT (SELECT s.first FROM (SELECT ${list}) s (first) LIMIT 1) FROM m.${name}`)).toEqual(
        [],
      );
      expect(await broken(`SELECT ${names.join(", ")} FROM m.${name}`)).toEqual(["not shown"]);
      for (const column of names) {
        const bare = spec.mask === "redact" ? "no trace of a constant's column" : "only inside its mask";
        expect(await broken(`SELECT CAST(${column} AS pg_catalog.text) || '' FROM m.${name}`), column).toEqual([bare]);
      }
    }
  });

  it("are not each other's", async () => {
    const [one, ...others] = SPECS.filter(({ mask }) => mask !== "redact");
    for (const spec of others) {
      const labelled = await formsOf(masksOf(spec), spec);
      for (const [name, sql] of masksOf(one ?? spec)) {
        const form = labelled.formOf(
          relation("whole").oid,
          relation("whole").columns.find((column) => column.name === name)?.number ?? 0,
        );
        const rules = checkInvariant(await read(`SELECT ${sql} FROM m.whole`), labelled).map(({ rule }) => rule);
        expect(rules, `${name} ${sql}`).toEqual(form === undefined ? [] : ["only inside its mask"]);
      }
    }
  });
});
