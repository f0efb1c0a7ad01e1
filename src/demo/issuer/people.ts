/** Who exists in the demo: its people, its agents, and what each may do. Not secret, and nothing that a real installation would have. */

/** Audience of the tokens; what the gateway's configuration asks for. */
export const AUDIENCE = "postern";

/** The same as a resource indicator (RFC 8707), which must be a URI. */
export const RESOURCE = "urn:postern";

/** The public client that people log in with, by code flow and by device flow. */
export const CLI_CLIENT = "postern-cli";

export interface DemoPerson {
  readonly name: string;
  readonly title: string;
  readonly groups: readonly string[];
  readonly password: string;
}

function person(name: string, title: string, groups: readonly string[]): DemoPerson {
  return { name, title, groups, password: `${name}-demo` };
}

export const PEOPLE: readonly DemoPerson[] = [
  person("ada", "Ada, database administrator and reviewer", ["dba"]),
  person("bob", "Bob, database administrator and reviewer", ["dba"]),
  person("carol", "Carol, auditor", ["audit"]),
  person("dan", "Dan, administrator of the platform", ["platform"]),
  person("sam", "Sam, customer support", ["support"]),
];

export interface DemoAgent {
  readonly name: string;
  readonly groups: readonly string[];
  /** The person that it gets tokens for by token exchange; absent: it acts for itself. */
  readonly actsFor?: string;
}

export const AGENTS: readonly DemoAgent[] = [
  { name: "report-agent", groups: ["agents"] },
  { name: "support-agent", groups: ["agents"], actsFor: "sam" },
];

export function findPerson(name: string | undefined): DemoPerson | undefined {
  return PEOPLE.find((candidate) => candidate.name === name);
}

export function findAgent(name: string | undefined): DemoAgent | undefined {
  return AGENTS.find((candidate) => candidate.name === name);
}
