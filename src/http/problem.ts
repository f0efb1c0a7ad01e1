/** Every refusal of the HTTP API: a catalogue, and the RFC 9457 answer made of it. Tells no cause: that is in the operator's log. */

/** Status and title of each problem; docs/reference/http.md lists them. */
export const PROBLEMS = {
  "bad-request": { status: 400, title: "The request is not as the API takes it" },
  "token-missing": { status: 401, title: "A token of a person is needed" },
  "token-rejected": { status: 401, title: "The token was not accepted" },
  "agent-token": { status: 403, title: "An agent's token opens nothing here" },
  "principal-frozen": { status: 403, title: "This principal is frozen" },
  "role-missing": { status: 403, title: "Your groups do not give the role that this needs" },
  "origin-refused": { status: 403, title: "The request came from another site" },
  "not-found": { status: 404, title: "There is nothing here" },
  "method-refused": { status: 405, title: "This address does not take that method" },
  "session-closed": { status: 409, title: "The session has ended already" },
  "session-elsewhere": { status: 409, title: "The session is at another gateway" },
  "approval-ended": { status: 409, title: "The request has ended already" },
  "approval-refused": { status: 403, title: "This is not for you to decide" },
  "approval-changed": { status: 409, title: "You were shown something else" },
  "own-principal": { status: 409, title: "You would lock yourself out" },
  "body-too-large": { status: 413, title: "The body is larger than the API takes" },
  "body-type": { status: 415, title: "The body must be JSON" },
  "host-refused": { status: 421, title: "This gateway is not known under that name" },
  "rate-limited": { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Something inside the gateway broke" },
  "audit-unavailable": { status: 503, title: "The audit log cannot be written: nothing was done" },
  "store-unavailable": { status: 503, title: "The control store is away" },
  timeout: { status: 503, title: "The answer took too long" },
} as const satisfies Readonly<Record<string, { status: number; title: string }>>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemOptions {
  readonly detail?: string | undefined;
  /** The next step. */
  readonly hint?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the operator's log only. */
  readonly cause?: unknown;
}

/** Thrown by routes and guards, answered by server.ts. Detail and hint are told to the client. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(PROBLEMS[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HttpProblem";
    this.code = code;
    this.options = options;
  }
}

/** The answer for `problem`. */
export function problemResponse(problem: HttpProblem): Response {
  const { status, title } = PROBLEMS[problem.code];
  const { detail, hint, headers } = problem.options;
  const body = { type: `urn:postern:problem:${problem.code}`, code: problem.code, title, status, detail, hint };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json" },
  });
}
