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
  /** A permit on one of these will do as well, where nothing forbids it: the views that a leaf was reached through. */
  readonly orElse?: readonly PolicyResource[];
  /** A permit on all of these will do as well, where nothing forbids it: the leaves of a view. */
  readonly orElseAll?: readonly PolicyResource[];
  /** Of `set`: the setting, lower case. */
  readonly setting?: string;
  /** Of `listen` and `notify`. */
  readonly channel?: string;
}

/** What COPY of a query asks for beside the query's own requests: what it gives out is what the query reads. */
export function copiedOut(requests: readonly PolicyRequest[]): readonly PolicyRequest[] {
  return requests.filter(({ action }) => action === "select").map((request) => ({ ...request, action: "copyOut" }));
}

/**
 * The one name of a resource: the id of its Cedar entity, and what entries, refusals and commands say. Two different ones never
 * have one name: names may hold dots, quotes and line breaks, so parts are quoted as SQL quotes them.
 */
export function resourceName(resource: PolicyResource): string {
  switch (resource.kind) {
    case "label":
      return resource.name;
    case "database":
      return resource.database;
    case "schema":
      return `${databasePart(resource.database)}.${sqlName(resource.schema)}`;
    case "table":
      return `${databasePart(resource.database)}.${sqlName(resource.schema)}.${sqlName(resource.name)}`;
    case "function":
      return `${databasePart(resource.database)}.${sqlName(resource.schema)}.${functionPart(resource)}`;
  }
}

/** As entries have it: `table:shop.public.customers`, `function:shop.public.f(integer)`. */
export function resourceText(resource: PolicyResource): string {
  return `${resource.kind}:${resourceName(resource)}`;
}

/** `name(argument types)`, the name as SQL writes it; what is no function, such as a type with checks, has no arguments. */
function functionPart({ name, signature }: { readonly name: string; readonly signature: string }): string {
  const rest = signature.startsWith(name) ? signature.slice(name.length) : `(${signature})`;
  return `${sqlName(name)}${rest}`;
}

/** Names of configured databases often hold a hyphen; the first dot ends them all the same. */
function databasePart(name: string): string {
  return /^[^."()\p{C}\p{Z}]+$/u.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** As SQL would have to write it: a dot in a name is not a dot between names. */
function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
