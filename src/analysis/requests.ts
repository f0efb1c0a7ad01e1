/**
 * What a statement asks for, in policy's words: one request for each (action, resource) that it touches. Analysis makes them,
 * policy decides them, entries carry them. Decides nothing.
 */

/** Design page policy, "Actions". */
export type PolicyAction =
  | "connect"
  | "select"
  | "copyOut"
  | "insert"
  | "update"
  | "delete"
  | "truncate"
  | "copyIn"
  | "writeLabelled"
  | "create"
  | "alter"
  | "drop"
  | "grant"
  | "comment"
  | "call"
  | "lock"
  | "set"
  | "listen"
  | "notify"
  | "maintain"
  | "reveal";

export type PolicyResource =
  | { readonly kind: "database"; readonly database: string }
  | { readonly kind: "schema"; readonly database: string; readonly schema: string }
  | {
      readonly kind: "table";
      readonly database: string;
      readonly schema: string;
      readonly name: string;
      /** pg_class.relkind: r, p, v, m, f, S. */
      readonly relationKind: string;
    }
  | {
      readonly kind: "function";
      readonly database: string;
      readonly schema: string;
      readonly name: string;
      /** `name(argument types)`, as pg_get_function_identity_arguments writes them. */
      readonly signature: string;
    }
  | { readonly kind: "label"; readonly name: string };

export interface PolicyRequest {
  readonly action: PolicyAction;
  /** Of `set`, `listen` and `notify` the database. */
  readonly resource: PolicyResource;
  /** Names of columns read or written, for the record; `*` is a whole row. */
  readonly columns?: readonly string[];
  /** Views it was reached through, outermost first, as `schema.name`. */
  readonly through?: readonly string[];
  /** A permit on one of these will do as well: the views that a leaf was reached through. */
  readonly orElse?: readonly PolicyResource[];
  /** Of `set`: the setting, lower case. */
  readonly setting?: string;
  /** Of `listen` and `notify`. */
  readonly channel?: string;
}
