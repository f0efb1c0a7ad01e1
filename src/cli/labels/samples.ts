/**
 * Looks at values of a database for what detectors know, comments and rules of other tools. A value is read, looked at and forgotten:
 * counts are all that leaves here.
 */

import type { Catalog, CatalogColumn, CatalogRelation } from "../../analysis/catalog.ts";
import { DetectorSet } from "../../masking/detectors/detector-set.ts";
import type { DetectorName } from "../../masking/detectors/finding.ts";
import type { DetectorConfig } from "../../masking/detectors/settings.ts";
import type { AnonRule } from "../../masking/labels/anon.ts";
import { isLabelled } from "../../masking/labels/label-edges.ts";
import type { ValueEvidence } from "../../masking/labels/proposals.ts";
import { mayHoldText } from "../../masking/labels/suspicion.ts";
import { quoted } from "../../masking/masks/column-type.ts";
import { CatalogConnection, type CatalogRow } from "../../upstream/catalog-connection.ts";
import { BEGIN, COMMIT } from "../../upstream/catalog-queries.ts";
import { rowsOf } from "../../upstream/own-questions.ts";
import type { UpstreamTarget } from "../../upstream/target.ts";
import type { CliContext } from "../context.ts";

/** So much of a value is looked at, in characters. */
const MAX_CHARACTERS = 2_048;
/** Tables and materialized views: to read a view runs whatever it calls. */
const SAMPLED_KINDS: ReadonlySet<string> = new Set(["r", "m"]);

export interface Samples {
  /** By relation, then attribute number. */
  readonly columns: ReadonlyMap<number, ReadonlyMap<number, ValueEvidence>>;
  /** Names of relations that could not be read. */
  readonly unread: readonly string[];
}

/** The first `rows` rows of every table, as the server gives them. @throws {GatewayError} where the server is away from the start. */
export async function sampleValues(
  context: CliContext,
  target: UpstreamTarget,
  catalog: Catalog,
  detectors: DetectorConfig,
  rows: number,
): Promise<Samples> {
  const set = new DetectorSet(detectors);
  const columns = new Map<number, ReadonlyMap<number, ValueEvidence>>();
  const unread: string[] = [];
  let connection = await CatalogConnection.open(target, context.signal);
  try {
    for (const relation of catalog.data.relations) {
      const looked = sampledColumns(relation, catalog);
      if (looked.length === 0) continue;
      if (!connection.usable) connection = await CatalogConnection.open(target, context.signal);
      try {
        columns.set(relation.oid, await sampleRelation(connection, relation, looked, set, rows));
      } catch {
        // One that this role may not read, or that another holds locked: an error ends the connection, and the next is opened.
        unread.push(`${relation.schema}.${relation.name}`);
      }
    }
  } finally {
    await connection.close();
  }
  return { columns, unread };
}

function sampledColumns(relation: CatalogRelation, catalog: Catalog): readonly CatalogColumn[] {
  if (!isLabelled(relation) || !SAMPLED_KINDS.has(relation.kind)) return [];
  return relation.columns.filter((column) => mayHoldText(column, catalog));
}

async function sampleRelation(
  connection: CatalogConnection,
  { schema, name }: CatalogRelation,
  columns: readonly CatalogColumn[],
  detectors: DetectorSet,
  rows: number,
): Promise<ReadonlyMap<number, ValueEvidence>> {
  const counts = columns.map(() => ({ looked: 0, hits: new Map<DetectorName, number>() }));
  const texts = columns.map(
    ({ name: column }) => `pg_catalog.left(CAST(${quoted(column)} AS pg_catalog.text), ${MAX_CHARACTERS})`,
  );
  const sql = `SELECT ${texts.join(", ")} FROM ONLY ${quoted(schema)}.${quoted(name)} LIMIT ${rows}`;
  const row = (values: CatalogRow): void => {
    for (const [index, value] of values.entries()) {
      const count = counts[index];
      if (count === undefined || value === null) continue;
      count.looked++;
      const kinds = new Set(detectors.scan(new TextEncoder().encode(value)).map(({ detector }) => detector));
      for (const kind of kinds) count.hits.set(kind, (count.hits.get(kind) ?? 0) + 1);
    }
  };
  await connection.query([...BEGIN.map((text) => ({ sql: text })), { sql, row }, { sql: COMMIT }]);
  return new Map(columns.map(({ number }, index) => [number, counts[index] ?? { looked: 0, hits: new Map() }]));
}

const COMMENTS = `SELECT objoid, objsubid, description FROM pg_catalog.pg_description
  WHERE classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objsubid > 0 AND objoid >= 16384`;

/** Comments of columns, by {@link columnKey}. */
export async function columnComments(target: UpstreamTarget): Promise<ReadonlyMap<string, string>> {
  const rows = await rowsOf(target, COMMENTS);
  return new Map(rows.map(([relation, column, text]) => [columnKey(Number(relation), Number(column)), text ?? ""]));
}

const SECURITY_LABELS = `SELECT objoid, objsubid, label FROM pg_catalog.pg_seclabel
  WHERE provider = 'anon' AND classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objsubid > 0 ORDER BY 1, 2`;

/** Rules of PostgreSQL Anonymizer on columns. */
export async function anonRules(target: UpstreamTarget): Promise<readonly AnonRule[]> {
  const rows = await rowsOf(target, SECURITY_LABELS);
  return rows.map(([relation, column, text]) => {
    return { relation: Number(relation), column: Number(column), text: text ?? "" };
  });
}

export function columnKey(relation: number, column: number): string {
  return `${relation} ${column}`;
}
