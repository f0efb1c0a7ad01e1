/**
 * How the statements of this folder are written down: the text, what it touches as PostgreSQL resolves it, and what policy/agents.cedar says of that.
 * Data only: `policy-truth.test.ts` compares it with servers, `policy-table.test.ts` with the gateway.
 */

export type Major = 15 | 16 | 17 | 18;

/**
 * permit and deny: by the policy. never: whatever the policy says, since no policy can judge it or ought to allow it; the
 * gateway may then have no requests on record.
 */
export type Verdict = "permit" | "deny" | "never";

export interface CaseOptions {
  /** Majors that know the statement; all where absent. */
  readonly majors?: readonly Major[];
  /** Sent before it, in the same transaction; the agent may do all of it. */
  readonly setup?: readonly string[];
  /** What is sent before it is in a transaction of its own, that has committed. */
  readonly committed?: true;
  /** SQLSTATE with which the server answers the superuser who runs it in a transaction block: 25001 where it must not be in one. */
  readonly error?: string;
  /** Its group; agents where absent. Builders may do everything outside of schema hr. */
  readonly as?: "builders";
  /** SQLSTATE of an error that the upstream role gets though policy permits: it owns nothing. */
  readonly roleError?: string;
  /** Whose statement it is where the server is asked for the truth; the superuser's where absent: row security skips that one. */
  readonly truthAs?: "shop_app";
  /** What SQL functions in it touch, which the server puts in place of the call when it plans: `select orders`. */
  readonly planned?: string;
  /** What the gateway does not do of it yet: then only the servers are asked. */
  readonly pending?: string;
  /** Needs a server with the setting in postgresql.conf, a second session or the like: not sent to servers. */
  readonly unsent?: string;
}

export interface PolicyCase extends CaseOptions {
  readonly sql: string;
  readonly verdict: Verdict;
  /** `action resource`, sorted, as entries have them: `select table:shop.public.orders`. Null: not said. */
  readonly requests: readonly string[] | null;
}

/** @param touched `select orders; insert hr.customers; call f(integer); create @public; set @`, or null where it is not said. */
export const permit = (sql: string, touched: string | null, options: CaseOptions = {}): PolicyCase =>
  policyCase("permit", sql, touched, options);
export const deny = (sql: string, touched: string | null, options: CaseOptions = {}): PolicyCase =>
  policyCase("deny", sql, touched, options);
export const never = (sql: string, touched: string | null, options: CaseOptions = {}): PolicyCase =>
  policyCase("never", sql, touched, options);

function policyCase(verdict: Verdict, sql: string, touched: string | null, options: CaseOptions): PolicyCase {
  return { ...options, sql, verdict, requests: touched === null ? null : requestTexts(touched) };
}

/** Writes out the short form. */
export function requestTexts(touched: string): string[] {
  const parts = touched.split(";").map((part) => part.trim());
  return parts
    .filter((part) => part !== "")
    .map((part) => {
      const space = part.indexOf(" ");
      return `${part.slice(0, space)} ${resource(part.slice(space + 1))}`;
    })
    .sort();
}

function resource(short: string): string {
  if (short === "@") return "database:shop";
  if (short.startsWith("@")) return `schema:shop.${short.slice(1)}`;
  const kind = short.includes("(") ? "function" : "table";
  const name = short.split("(")[0] ?? "";
  return `${kind}:shop.${name.includes(".") ? "" : "public."}${short}`;
}
