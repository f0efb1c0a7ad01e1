/** A way to the same database: what clients need to take it, and which process trees it costs. */

import type { TargetName } from "./options.ts";

export interface Target {
  readonly name: TargetName;
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** An agent's token for Postern; the others trust loopback. */
  readonly password: string;
  /** Root process of what stands between client and server; none for direct. */
  readonly hop: number | undefined;
}

export interface RunningTarget {
  readonly target: Target;
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>;
}

/** A target that cannot take part; the message says why. */
export class TargetUnavailable extends Error {
  override readonly name = "TargetUnavailable";
}
