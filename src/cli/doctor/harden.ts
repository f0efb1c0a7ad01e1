/** `doctor`: the second lock of each database: whether the gateway's role can read what it never needs to, and whether tokens can be made. */

import { tokenFunction } from "../../analysis/mask-function.ts";
import { PolicySource } from "../../gateway/policy-source.ts";
import { lockedRelations } from "../../masking/harden/locked-columns.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import { resolveLabels } from "../../masking/labels/spread.ts";
import { createLogger } from "../../telemetry/log.ts";
import { CatalogWatch } from "../../upstream/catalog-watch.ts";
import { rowsOf } from "../../upstream/own-questions.ts";
import { type UpstreamTarget, upstreamTarget } from "../../upstream/target.ts";
import { type Check, type DoctorFinding, type DoctorInput, ok, reasonOf, skip, warn } from "./finding.ts";

/** Columns that are named. */
const MAX_NAMED = 5;

export const checkHarden: Check = async (input) => {
  if (input.config.labels === undefined) return [];
  let labels: LabelSet | undefined;
  try {
    labels = new PolicySource(input.config).active?.labels;
  } catch {
    return []; // the policy's check says so
  }
  if (labels === undefined) return [];
  const found: DoctorFinding[] = [];
  for (const [name, database] of Object.entries(input.config.databases)) {
    for (const [role, config] of Object.entries(database.roles)) {
      const where = `${name}/${role}`;
      try {
        found.push(...(await lockOf(where, name, upstreamTarget(name, database, config), labels, input)));
      } catch (error) {
        found.push(skip("masks.lock", where, `the catalog could not be read: ${reasonOf(error)}`));
      }
    }
  }
  return found;
};

async function lockOf(
  where: string,
  database: string,
  target: UpstreamTarget,
  labels: LabelSet,
  { clock }: DoctorInput,
): Promise<readonly DoctorFinding[]> {
  const watch = await CatalogWatch.open({ target, logger: createLogger({ level: "fatal" }), clock });
  const catalog = watch.current;
  await watch.close();
  const map = resolveLabels(labels, catalog);
  const mend = `postern harden ${database} prints a migration`;
  const usesTokens = [...map].some(({ mask }) => mask.mask === "token");
  const found: DoctorFinding[] = [];
  if (usesTokens && tokenFunction(catalog) === null)
    found.push(warn("masks.token", where, "postern.token is not there: those columns are masked by constants", mend));
  if (usesTokens && tokenFunction(catalog) !== null) found.push(ok("masks.token", where, "tokens can be made"));
  const columns = lockedRelations(catalog, map, () => false).flatMap(({ relation, locked }) =>
    locked.map((column) => ({ relation, column })),
  );
  if (columns.length === 0) return found;
  const list = columns.map(({ relation, column }) => {
    const number = relation.columns.find(({ name }) => name === column)?.number ?? 0;
    return `(${relation.oid}::pg_catalog.oid, ${number}::pg_catalog.int2)`;
  });
  const rows = await rowsOf(
    target,
    `SELECT (pg_catalog.has_column_privilege(relation, number, 'SELECT'))::pg_catalog.text FROM (VALUES ${list.join(", ")}) AS asked (relation, number)`,
  );
  const open = columns.filter((_, index) => rows[index]?.[0] !== "false");
  if (open.length === 0) {
    const message = `the second lock is in force: the role may read none of ${columns.length} columns whose masks are constants`;
    return [...found, ok("masks.lock", where, message)];
  }
  const names = open.slice(0, MAX_NAMED).map(({ relation, column }) => `${relation.schema}.${relation.name}.${column}`);
  const more = open.length > MAX_NAMED ? ` and ${open.length - MAX_NAMED} more` : "";
  const message = `the role may read ${open.length} of ${columns.length} columns whose masks are constants, by itself: ${names.join(", ")}${more}`;
  return [...found, warn("masks.lock", where, message, `${mend} (--keep for labels that policy reveals)`)];
}
