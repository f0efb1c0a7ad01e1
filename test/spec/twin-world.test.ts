/** The corpus of attacks in two databases that differ in labelled values alone: they leak on plain PostgreSQL, and through the gateway nothing differs. */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { columnsNamed, maskedByOrigin, maskedByValue, valuesOf } from "../support/output-masking.ts";
import type { TestPostgres } from "../support/postgres.ts";
import {
  canariesIn,
  direct,
  runAttack,
  startTwinGateway,
  startWorld,
  TWIN_FOLDER,
  type TwinGateway,
  verdictOf,
} from "../support/twin-world.ts";
import { ATTACKS } from "../twin-world/all-attacks.ts";
import type { Attack } from "../twin-world/attack.ts";

const READS = ATTACKS.filter(({ read }) => read);

it("the corpus has more than 300 attacks, each by a name of its own", () => {
  expect(ATTACKS.length).toBeGreaterThan(300);
  expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length);
});

describe.each([15, 18] as const)("two worlds of PostgreSQL %i", (version) => {
  const servers: TestPostgres[] = [];
  const gateways: TwinGateway[] = [];
  beforeAll(async () => {
    servers.push(...(await Promise.all([startWorld(version, "a"), startWorld(version, "b")])));
    for (const server of servers) gateways.push(await startTwinGateway(server));
  });
  afterAll(async () => {
    for (const each of [...gateways, ...servers]) await each.stop();
  });

  it("differ through the gateway in no byte, and no canary shows", async () => {
    const leaks: string[] = [];
    const verdicts = new Map<string, number>();
    for (const attack of ATTACKS) {
      const [a, b] = await both(gateways[0]!.connect, gateways[1]!.connect, attack);
      const verdict = verdictOf(a, b);
      if (attack.read) tallyOf(attack)[verdict === "same" ? "answered" : verdict === "leaks" ? "leaked" : "refused"]++;
      const kind = verdict.slice(0, 7);
      verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
      const known = attack.known === undefined ? "" : ` (known: ${attack.known})`;
      const differs = a.findIndex((line, index) => line !== b[index]);
      if (verdict === "leaks" && known === "")
        leaks.push(`${attack.name} ${canariesIn([...a, ...b])} ${a[differs]} / ${b[differs]}`);
    }

    expect(leaks).toEqual([]);
    // Most are answered, and alike: the gateway does not hold by refusing all.
    expect(verdicts.get("same")).toBeGreaterThan(ATTACKS.length / 2);
  }, 300_000);

  it("leak in more than two thirds of the attacks that read, where nothing masks", async () => {
    const kept: string[] = [];
    const [columns, values] = [await columnsNamed(servers[0]!, LABELLED), await valuesIn(servers)];
    for (const attack of READS) {
      const [a, b] = await both(direct(servers[0]!), direct(servers[1]!), attack);
      const again = canariesIn([...a, ...b]).length > 0 ? null : await runAttack(direct(servers[0]!), attack);
      if (verdictOf(a, b, again) !== "leaks") kept.push(attack.name);
      const tally = tallyOf(attack);
      const leaks = (mask: (lines: readonly string[]) => string[]): boolean =>
        verdictOf(mask(a), mask(b), again === null ? null : mask(again)) === "leaks";
      tally.attacks++;
      if (leaks((lines) => [...lines])) tally.plain++;
      if (leaks((lines) => maskedByValue(lines, values))) tally.byValue++;
      if (leaks((lines) => maskedByOrigin(lines, columns))) tally.byOrigin++;
    }

    expect(kept.length, kept.join(", ")).toBeLessThan(READS.length / 3);
  }, 300_000);

  it.runIf(version === 18)("are in docs/comparison.md by what they come to, group by group", async () => {
    const page = await readFile(fileURLToPath(new URL("../../docs/comparison.md", import.meta.url)), "utf8");
    const rows = [...tallies].map(
      ([group, { attacks, plain, byValue, byOrigin, leaked, answered, refused }]) =>
        `| ${group} | ${attacks} | ${plain} | ${byValue} | ${byOrigin} | ${leaked} | ${answered} | ${refused} |`,
    );

    expect(page.split("\n").filter((line) => /^\| [a-z-]+ \| \d/.test(line))).toEqual(rows);
  });

  /** Of this server's attacks that read, by the group that is in their name. */
  const tallies = new Map<string, Tally>();

  function tallyOf({ name }: Attack): Tally {
    const group = name.split("/")[0] ?? "";
    const none = { attacks: 0, plain: 0, byValue: 0, byOrigin: 0, leaked: 0, answered: 0, refused: 0 };
    const tally = tallies.get(group) ?? none;
    tallies.set(group, tally);
    return tally;
  }
});

/** How many leak: on a plain server, with its answers masked by value and by origin, through the gateway; and what that does of the others. */
interface Tally {
  attacks: number;
  plain: number;
  byValue: number;
  byOrigin: number;
  leaked: number;
  answered: number;
  refused: number;
}

/** Columns of tables in labels.yaml, `schema.table.column`. */
const LABELLED = [...readFileSync(join(TWIN_FOLDER, "labels.yaml"), "utf8").matchAll(/^ {2}twin\.(\w+\.\w+\.\w+):/gm)]
  .flatMap(([, name]) => name ?? [])
  .filter((name) => !name.startsWith("tpch.") && !/\.(totals|filtering)\./.test(name));

async function valuesIn(servers: readonly TestPostgres[]): Promise<ReadonlySet<string>> {
  const sets = await Promise.all(servers.map((server) => valuesOf(server, LABELLED)));
  return new Set(sets.flatMap((set) => [...set]));
}

function both(
  a: () => ReturnType<ReturnType<typeof direct>>,
  b: typeof a,
  attack: Attack,
): Promise<[string[], string[]]> {
  return Promise.all([runAttack(a, attack), runAttack(b, attack)]);
}
