/**
 * The parts of oidc-provider 9 that the demo issuer uses: the package has no types of its own. Imported by file, because its index warns on Node 20,
 * on which these files run.
 */

declare module "oidc-provider/lib/provider.js" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  export interface Client {
    readonly clientId: string;
    readonly clientName?: string;
  }

  export interface Context {
    type: string;
    body: unknown;
    readonly oidc: {
      readonly client: Client;
      readonly account?: { readonly accountId: string };
      readonly params: Readonly<Record<string, string | undefined>>;
      readonly provider: Provider;
      readonly result?: { readonly login?: object };
      entity(name: string, value: object): void;
    };
  }

  export interface Token {
    readonly kind: string;
    readonly accountId?: string;
    readonly clientId?: string;
    readonly expiration: number;
    resourceServer: object;
    save(): Promise<string>;
  }

  export interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export interface InteractionDetails {
    readonly uid: string;
    readonly params: Readonly<Record<string, unknown>>;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly issuer: string;
    readonly AccessToken: new (
      properties: object,
    ) => Token;
    readonly Grant: new (
      properties: object,
    ) => Grant;
    readonly ResourceServer: new (
      identifier: string,
      info: object,
    ) => object;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
    on(event: "error" | "server_error", listener: (...values: readonly unknown[]) => void): this;
    registerGrantType(name: string, handler: (context: Context) => Promise<void>, parameters: readonly string[]): void;
  }
}

declare module "oidc-provider/lib/adapters/memory_adapter.js" {
  /** Storage of its own, shared by the providers that are given it. */
  export function createMemoryAdapter(): (model: string) => object;
}

declare module "oidc-provider/lib/helpers/errors.js" {
  export class InvalidGrant extends Error {
    constructor(description: string);
  }
  export class InvalidRequest extends Error {
    constructor(description: string);
  }
  export class InvalidTarget extends Error {}
}

declare module "oidc-provider/lib/helpers/interaction_policy/index.js" {
  import type { Context } from "oidc-provider/lib/provider.js";

  export class Check {
    static readonly REQUEST_PROMPT: true;
    static readonly NO_NEED_TO_PROMPT: false;
    constructor(reason: string, description: string, check: (context: Context) => boolean);
  }
  export interface Policy {
    get(name: string): { readonly checks: { add(check: Check): void } } | undefined;
    remove(name: string): void;
  }
  export function base(): Policy;
}
