/** Where the gateway's time goes: self time by function, from V8's sampling profiles. */

import { z } from "zod";
import { columns } from "./numbers.ts";

const Profile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

/** The integrator's thread waits in Atomics.wait(), which V8 counts as running. */
const NOT_BUSY = /^(\(idle\)|\(program\)|sleep dist\/audit\/integrator-shared\.js:\d+)$/;

/** The functions with the most self time of one profile, with their share of the time that the thread was busy. */
export function topFunctions(text: string, count: number): string {
  const { nodes, samples, timeDeltas } = Profile.parse(JSON.parse(text));
  const names = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
  const selfUs = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? "unknown";
    selfUs.set(name, (selfUs.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const busy = [...selfUs].filter(([name]) => !NOT_BUSY.test(name));
  const busyUs = busy.reduce((sum, [, us]) => sum + us, 0);
  const allUs = timeDeltas.reduce((sum, us) => sum + us, 0);
  const rows = busy
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, us]) => [name, `${(us / 1000).toFixed(0)} ms`, `${((us * 100) / busyUs).toFixed(1)} %`]);
  const head = `busy ${(busyUs / 1e6).toFixed(1)} s of ${(allUs / 1e6).toFixed(1)} s`;
  return columns([[head, "self", "of busy"], ...rows]);
}

function describe(frame: { functionName: string; url: string; lineNumber: number }): string {
  const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
  const place = frame.url.replace(/^.*\/(dist|node_modules)\//, "$1/");
  return place === "" ? name : `${name} ${place}:${frame.lineNumber + 1}`;
}
