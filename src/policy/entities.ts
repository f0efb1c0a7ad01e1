/** Principals and resources as Cedar entities: what they are, what they lie in, and what policies may ask of them. */

import { type PolicyResource, resourceName } from "../analysis/requests.ts";

export interface EntityId {
  readonly type: string;
  readonly id: string;
}

export interface ResourceEntity {
  readonly uid: EntityId;
  readonly attributes: Readonly<Record<string, string>>;
  /** All of them, not only the next: so one entity says what its chain would. */
  readonly ancestors: readonly EntityId[];
}

/** Databases as configured, by the name that agents ask for. */
export type Databases = Readonly<Record<string, { readonly environment: string }>>;

const RELATION_KINDS: Readonly<Record<string, string>> = {
  r: "table",
  p: "partitioned table",
  v: "view",
  m: "materialized view",
  f: "foreign table",
  S: "sequence",
};

/** What policies call a relation of this pg_class.relkind: `resource.kind == "view"`. */
export function relationKindWord(relationKind: string): string {
  return RELATION_KINDS[relationKind] ?? "table";
}

export function resourceEntity(resource: PolicyResource, databases: Databases): ResourceEntity {
  switch (resource.kind) {
    case "label":
      return { uid: { type: "Label", id: resource.name }, attributes: {}, ancestors: [] };
    case "database": {
      const [uid, ...ancestors] = databaseChain(resource.database, databases);
      return { uid, attributes: {}, ancestors };
    }
    case "schema": {
      const uid = schemaUid(resource.database, resource.schema);
      const ancestors = databaseChain(resource.database, databases);
      return { uid, attributes: { name: resource.schema }, ancestors };
    }
    case "table": {
      const { database, schema, name } = resource;
      const uid = { type: "Table", id: resourceName(resource) };
      const attributes = { schema, name, kind: relationKindWord(resource.relationKind) };
      return { uid, attributes, ancestors: schemaChain(database, schema, databases) };
    }
    case "function": {
      const { database, schema, name } = resource;
      const uid = { type: "Function", id: resourceName(resource) };
      return { uid, attributes: { schema, name }, ancestors: schemaChain(database, schema, databases) };
    }
  }
}

function schemaChain(database: string, schema: string, databases: Databases): readonly EntityId[] {
  return [schemaUid(database, schema), ...databaseChain(database, databases)];
}

function schemaUid(database: string, schema: string): EntityId {
  return { type: "Schema", id: resourceName({ kind: "schema", database, schema }) };
}

function databaseChain(database: string, databases: Databases): readonly [EntityId, ...EntityId[]] {
  const uid = { type: "Database", id: database };
  const environment = Object.hasOwn(databases, database) ? databases[database]?.environment : undefined;
  return environment === undefined ? [uid] : [uid, { type: "Environment", id: environment }];
}
