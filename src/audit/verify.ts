/**
 * `postern audit verify`: everything that can be known of a `log` folder by someone who has only it: each log's leaves, tiles,
 * root and signature, what holds between its entries, and the registry. Needs src/audit and src/base alone. Names each thing
 * that is wrong in a sentence; mends nothing.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isMissing, TEMPORARY_PREFIX } from "./atomic-file.ts";
import { parseVkey } from "./checkpoint.ts";
import { listSegmentsSync } from "./segment.ts";
import { type Findings, type VerifiedLog, verifyOneLog } from "./verify-log.ts";
import { CrossCheck, checkEnd, REGISTRY, RegistryRecords } from "./verify-registry.ts";

export interface VerifyOptions {
  /** Verifier keys that are trusted; without any, each log's own `log.vkey` is taken, which proves integrity, not origin. */
  readonly keys?: readonly string[];
  /** Called with the entries read since the last call. */
  readonly onProgress?: (entries: number) => void;
}

export interface LogReport {
  /** Folder below the `log` folder. */
  readonly name: string;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

export interface Report {
  /** Nothing is wrong. */
  readonly ok: boolean;
  /** A sentence for each thing that is wrong, with the file or log it is about. */
  readonly problems: readonly string[];
  /** What a reader should know, and what is not wrong. */
  readonly warnings: readonly string[];
  readonly logs: readonly LogReport[];
  /** Entries read, in all logs. */
  readonly entries: number;
}

/** More than these are counted, not listed. */
const MAX_LISTED = 1000;
/** A gateway that writes meanwhile can make two logs seem not to agree: then all is read again. */
const MAX_READINGS = 3;

/**
 * Verifies the `log` folder of a data folder. Bounded memory: a few tiles, the open sessions, one record a log.
 * @throws {MalformedNote} where one of `keys` is no verifier key; else what is wrong is in the report.
 */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<Report> {
  for (let reading = 1; ; reading++) {
    const before = checkpointOf(folder, REGISTRY);
    const report = await readAll(folder, options);
    if (report.ok || reading === MAX_READINGS || checkpointOf(folder, REGISTRY) === before) return report;
  }
}

async function readAll(folder: string, { keys, onProgress }: VerifyOptions): Promise<Report> {
  const trusted = keys === undefined || keys.length === 0 ? undefined : keys.map(parseVkey);
  const findings = new Sentences();
  if (trusted === undefined) findings.warning("no key was given: the logs' own keys prove integrity, not origin");
  let entries = 0;
  const progress = (count: number) => {
    entries += count;
    onProgress?.(count);
  };
  const logs: LogReport[] = [];
  const names = listLogs(folder, findings);
  const records = new RegistryRecords(findings);
  const registry = names.includes(REGISTRY)
    ? await verifyOneLog(folder, REGISTRY, trusted, findings, {
        entry: (index, entry) => records.note(index, entry),
        progress,
      })
    : undefined;
  if (registry !== undefined) logs.push(reportOf(REGISTRY, registry));
  for (const name of names) {
    if (name === REGISTRY) continue;
    const summary = records.logs.get(name);
    const cross = new CrossCheck(folder, name, summary, registry?.head.size ?? 0, findings, progress);
    const log = await verifyOneLog(folder, name, trusted, findings, registry === undefined ? { progress } : cross);
    if (log === undefined) continue;
    logs.push(reportOf(name, log));
    if (registry === undefined) continue;
    await cross.end(log.head.size);
    if (summary !== undefined) checkEnd(name, log, summary, registry.staged, findings);
    else if (log.head.size > 0) findings.problem(`${name} is not in the registry`);
  }
  for (const [name, { origin, last }] of records.logs) {
    if (!names.includes(name))
      findings.problem(`${name} is missing: the registry knows ${origin} with ${last.size} entries`);
  }
  if (!names.includes(REGISTRY)) findings.problem(`${REGISTRY} is missing: whole logs may have vanished`);
  checkJournal(folder, logs, findings);
  return { ok: findings.problems.length === 0, problems: findings.all, warnings: findings.warnings, logs, entries };
}

function reportOf(name: string, { head }: VerifiedLog): LogReport {
  return { name, origin: head.origin, size: head.size, root: Buffer.from(head.root).toString("base64") };
}

/** The folders of logs; says what else there is. */
function listLogs(folder: string, findings: Findings): readonly string[] {
  const names: string[] = [];
  try {
    for (const name of readdirSync(folder).sort()) {
      if (name.startsWith(TEMPORARY_PREFIX)) findings.warning(`${name} is a log that was not made to its end`);
      else if (statSync(join(folder, name)).isDirectory()) names.push(name);
      else findings.problem(`${name} does not belong here`);
    }
  } catch (error) {
    findings.problem(isMissing(error) ? `${folder} is missing` : `${folder} cannot be read`);
  }
  return names;
}

/** Where the journal lies beside the folder: it must not begin behind the end of the log that it leads to. */
function checkJournal(folder: string, logs: readonly LogReport[], findings: Findings): void {
  try {
    const instance = readFileSync(join(folder, "..", "instance"), "utf8").trim();
    const [first] = listSegmentsSync(join(folder, "..", "journal"));
    const log = logs.find(({ name }) => name === instance);
    if (first === undefined || log === undefined || first.firstSeq <= log.size) return;
    findings.problem(
      `${instance}/checkpoint is an older one: it has ${log.size} entries, and the journal begins at ${first.firstSeq}`,
    );
  } catch (error) {
    if (!isMissing(error)) throw error; // a copy of the log folder alone is what an auditor has
  }
}

function checkpointOf(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name, "checkpoint"), "latin1");
  } catch {
    return "";
  }
}

class Sentences implements Findings {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  #more = 0;

  get all(): readonly string[] {
    return this.#more === 0 ? this.problems : [...this.problems, `and ${this.#more} more problems`];
  }

  problem(text: string): void {
    if (this.problems.length < MAX_LISTED) this.problems.push(text);
    else this.#more += 1;
  }

  warning(text: string): void {
    if (this.warnings.length < MAX_LISTED) this.warnings.push(text);
  }
}
