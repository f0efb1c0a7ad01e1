/** How a command ends: its exit status, and an error that names the cause and the next command. */

/** Exit statuses, as docs/reference/cli.md promises them. */
export const EXIT = {
  ok: 0,
  /** It failed, or a verification found something wrong. */
  failed: 1,
  /** The command line or the configuration cannot be used. */
  usage: 2,
  /** The gateway or an issuer said no. */
  denied: 3,
  /** What was asked for waits for someone. */
  pending: 4,
  /** The login, or what was asked for, has run out. */
  expired: 5,
} as const;

export type ExitName = keyof typeof EXIT;

/** A command that cannot do what it was asked. */
export class CliError extends Error {
  readonly exit: ExitName;
  /** What to do next, best a command; shown on a line of its own. */
  readonly next: string | undefined;

  constructor(exit: Exclude<ExitName, "ok">, message: string, next?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CliError";
    this.exit = exit;
    this.next = next;
  }
}
