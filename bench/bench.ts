/** What a row of the bench is given. */

import type { Options } from "./options.ts";
import type { Samples } from "./samples.ts";
import type { RunningGateway } from "./servers/gateway.ts";
import type { BenchServer } from "./servers/postgres.ts";
import type { Target } from "./target.ts";

export interface Bench {
  readonly options: Options;
  readonly projectPath: string;
  /** Those that run, direct first. */
  readonly targets: readonly Target[];
  /** The same over TLS, where they can. */
  readonly tlsTargets: readonly Target[];
  readonly server: BenchServer;
  readonly gateway: RunningGateway | undefined;
  readonly bulkRows: number;
  readonly samples: Samples;
  /** A line for who watches. */
  say(line: string): void;
}

/** Runs `measure` on each target in turn, again and again, each round beginning with another: what drifts hits all alike. */
export async function interleave(
  repetitions: number,
  targets: readonly Target[],
  measure: (target: Target, repetition: number) => Promise<void>,
): Promise<void> {
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(turn + repetition) % targets.length];
      if (target !== undefined) await measure(target, repetition);
    }
  }
}
