/** What an attack of the twin-world corpus is: a short script of one or more sessions. Nothing here sends anything. */

/** One message or exchange. A bare string is a simple query of the first session. */
export type Step = string | QueryStep | ExtendedStep | CopyStep;

/** A simple query, in session `in` (1 where absent). */
export interface QueryStep {
  readonly query: string;
  readonly in?: number;
}

/** Parse, Bind, Describe, Execute, Sync. */
export interface ExtendedStep {
  readonly text: string;
  readonly values?: readonly (string | null)[];
  /** Results in binary format. */
  readonly binary?: boolean;
  /** Rows at a time: Execute is sent until the portal is done. */
  readonly limit?: number;
  /** Only Parse and Describe of the statement. */
  readonly describeOnly?: boolean;
  /** Name of the statement; Parse is left out where `again` is set. */
  readonly name?: string;
  readonly again?: boolean;
  readonly in?: number;
}

/** COPY … FROM STDIN with its data. */
export interface CopyStep {
  readonly copy: string;
  readonly data: string;
  readonly in?: number;
}

export interface Attack {
  /** `group/name`, unique. */
  readonly name: string;
  readonly tries: string;
  readonly steps: readonly Step[];
  /** It reads labelled values, or asks about them: most of these leak where nothing masks. */
  readonly read: boolean;
  /** Every step runs in a transaction that is rolled back, unless it is of several sessions or says so. */
  readonly open: boolean;
  /** It leaks through the gateway in this version, and why. */
  readonly known?: string;
}

type Script = readonly [tries: string, ...steps: Step[]];

/** As the first step: no transaction around the script, which then has to tidy up itself. */
export const OPEN = "-- open";

/** Attacks that read. */
export function reads(group: string, scripts: Readonly<Record<string, Script>>): Attack[] {
  return attacks(group, scripts, true);
}

/** Attacks that write, damage, or need rights that an ordinary role does not have. */
export function others(group: string, scripts: Readonly<Record<string, Script>>): Attack[] {
  return attacks(group, scripts, false);
}

function attacks(group: string, scripts: Readonly<Record<string, Script>>, read: boolean): Attack[] {
  return Object.entries(scripts).map(([name, [tries, ...steps]]) => ({
    name: `${group}/${name}`,
    tries,
    steps: steps.filter((step) => step !== OPEN),
    read,
    open: steps[0] === OPEN || steps.some((step) => typeof step !== "string" && (step.in ?? 1) > 1),
  }));
}
