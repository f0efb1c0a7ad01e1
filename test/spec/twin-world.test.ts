/** The corpus of attacks in two databases that differ in labelled values alone: they leak on plain PostgreSQL, and through the gateway nothing differs. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPostgres } from "../support/postgres.ts";
import {
  canariesIn,
  direct,
  runAttack,
  startTwinGateway,
  startWorld,
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
    for (const attack of READS) {
      const [a, b] = await both(direct(servers[0]!), direct(servers[1]!), attack);
      const again = canariesIn([...a, ...b]).length > 0 ? null : await runAttack(direct(servers[0]!), attack);
      if (verdictOf(a, b, again) !== "leaks") kept.push(attack.name);
    }

    expect(kept.length, kept.join(", ")).toBeLessThan(READS.length / 3);
  }, 300_000);
});

function both(
  a: () => ReturnType<ReturnType<typeof direct>>,
  b: typeof a,
  attack: Attack,
): Promise<[string[], string[]]> {
  return Promise.all([runAttack(a, attack), runAttack(b, attack)]);
}
