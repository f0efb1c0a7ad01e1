/** Time as an argument: stages take a Clock and never ask the system, so that tests can hold it still. */

export interface Clock {
  /** Milliseconds since the Unix epoch, may step. For token times and what people read. */
  nowMs(): number;
  /** Microseconds since the Unix epoch, may step. For the log's `ts`. */
  nowMicros(): number;
  /** Milliseconds from an arbitrary start, never steps back. For durations and deadlines. */
  monotonicMs(): number;
}

/** Milliseconds of the processor that this process has used, all its threads together. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowMicros: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  monotonicMs: () => performance.now(),
};
