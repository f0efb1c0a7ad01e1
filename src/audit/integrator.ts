/**
 * The integrator's thread: wakes twice a second or when told, integrates what is on disk in the journal (integrate.ts),
 * and tells the log when it cannot. Blocks freely: nothing else runs in it.
 */

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { Integrator } from "./integrate.ts";
import { type FromIntegrator, type IntegratorStart, SharedProgress, type ToIntegrator } from "./integrator-shared.ts";
import { checkLogKey, loadLogKey } from "./key.ts";
import { OpenSessions } from "./open-sessions.ts";

const INTERVAL_MS = 500;
const CHECK_MS = 1000;

interface Given {
  readonly start: IntegratorStart;
  readonly inbox: MessagePort;
}

const { start, inbox }: Given = workerData;

function send(message: FromIntegrator): void {
  parentPort?.postMessage(message);
}

/** Messages that have come since the last look. The event loop does not turn while this thread sleeps. */
function receive(pending: Set<ToIntegrator["type"]>): void {
  for (let got = receiveMessageOnPort(inbox); got !== undefined; got = receiveMessageOnPort(inbox)) {
    const message: ToIntegrator = got.message;
    pending.add(message.type);
  }
}

async function openIntegrator(progress: SharedProgress): Promise<Integrator> {
  const { privateKey } = await loadLogKey(start.dataFolder, false);
  const options = { ...start, privateKey, clock: systemClock };
  const integrator = await Integrator.open(options, OpenSessions.from(start.sessions));
  progress.integrated = integrator.head.size;
  return integrator;
}

/** Does what is to be done now. @returns false at the end. @throws what the file system throws: then all is to be tried again. */
function work(integrator: Integrator, progress: SharedProgress, pending: Set<ToIntegrator["type"]>): boolean {
  integrator.integrate(progress.durable);
  progress.integrated = integrator.head.size;
  if (pending.delete("record")) {
    integrator.record();
    send({ type: "recorded", registry: registryOf(integrator) });
  }
  if (!pending.has("close")) return true;
  integrator.close(progress.durable);
  progress.integrated = integrator.head.size;
  send({ type: "closed", registry: registryOf(integrator) });
  return false;
}

async function run(): Promise<void> {
  const progress = new SharedProgress(start.memory);
  const integrator = await openIntegrator(progress);
  send({ type: "ready", registry: registryOf(integrator) });
  const pending = new Set<ToIntegrator["type"]>();
  let failed = false;
  let checkedMs = 0;
  for (let going = true; going; ) {
    const seen = progress.wakes();
    receive(pending);
    try {
      if (failed || systemClock.monotonicMs() - checkedMs >= CHECK_MS) {
        integrator.checkPlace();
        await checkLogKey(start.dataFolder);
        checkedMs = systemClock.monotonicMs();
      }
      going = work(integrator, progress, pending);
      if (failed) send({ type: "ok" });
      failed = false;
    } catch (error) {
      failed = true;
      send({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
      if (pending.has("close")) going = false; // the journal has it all: the next start goes on from there
    }
    if (going) progress.sleep(seen, INTERVAL_MS);
  }
  inbox.close();
}

function registryOf(integrator: Integrator) {
  const { size, root } = integrator.registryHead;
  return { size, root: Buffer.from(root).toString("base64") };
}

await run();
