/**
 * Makes the call that Cedar is given for a principal, an action, a resource and a context: exactly what the policies can see and
 * nothing else, so that the call as text is the key of the cached decision.
 */

import type { CedarValueJson, EntityJson } from "@cedar-policy/cedar-wasm/nodejs";
import type { PolicyAction, PolicyRequest, PolicyResource } from "../analysis/requests.ts";
import { type Databases, resourceEntity } from "./entities.ts";
import type { Mentions } from "./mentions.ts";
import { ACTIONS } from "./schema.ts";

/** Who asks. */
export interface PolicyPrincipal {
  readonly kind: "agent" | "human";
  /** Stable printable name of the chain: identity's `Principal.id`. */
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly actor?: string;
  readonly groups: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
}

/** How it is asked. */
export interface PolicyContext {
  /** Groups whose approval it has; empty at the first decision. */
  readonly approvedBy: readonly string[];
  readonly hasWhere: boolean;
  /** No column of the target is compared with a constant or parameter. */
  readonly matchesAll: boolean;
  readonly inTransaction: boolean;
  readonly via: "wire" | "mcp" | "http";
  readonly purpose?: string;
  /** 0 to 23, UTC. */
  readonly hour: number;
  /** 0 (Sunday) to 6, UTC. */
  readonly weekday: number;
  readonly onBehalfOf?: string;
  readonly clientAddress: string;
}

/** The part of Cedar's call that a decision depends on. */
export interface CedarCall {
  readonly principal: { readonly type: string; readonly id: string };
  readonly action: { readonly type: string; readonly id: string };
  readonly resource: { readonly type: string; readonly id: string };
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

export function cedarCall(
  principal: EntityJson,
  { action, setting, channel }: Pick<PolicyRequest, "action" | "setting" | "channel">,
  resource: PolicyResource,
  context: PolicyContext,
  mentions: Mentions,
  databases: Databases,
): CedarCall {
  const object = resourceEntity(resource, databases);
  const uid = mentions.has(object.uid.id) ? object.uid : { type: object.uid.type, id: mentions.anonymous };
  const attributes = Object.entries(object.attributes).filter(([name]) => mentions.has(name));
  const actionUid = { type: "Action", id: action };
  const members = contextMembers(context, mentions);
  if (action === "set" && mentions.has("setting")) members["setting"] = setting ?? "";
  if ((action === "listen" || action === "notify") && mentions.has("channel")) members["channel"] = channel ?? "";
  return {
    principal: uidOf(principal),
    action: actionUid,
    resource: uid,
    context: members,
    entities: [
      principal,
      { uid, attrs: Object.fromEntries(attributes), parents: object.ancestors.filter(({ id }) => mentions.has(id)) },
      { uid: actionUid, attrs: {}, parents: groupOf(action) },
    ],
  };
}

/** What of a principal the policies can see. Groups that none names make no difference, nor does who it is where none asks. */
export function principalEntity(principal: PolicyPrincipal, mentions: Mentions): EntityJson {
  const { kind, id, issuer, subject, actor, groups, claims } = principal;
  const attributes: Record<string, string> = { issuer, subject, ...(actor === undefined ? {} : { actor }) };
  const tags = Object.entries(claims).filter(([name]) => mentions.allTags || mentions.has(name));
  const named = groups.filter((group) => mentions.has(group));
  return {
    uid: { type: kind === "agent" ? "Agent" : "Human", id: mentions.principals ? id : mentions.anonymous },
    attrs: Object.fromEntries(Object.entries(attributes).filter(([name]) => mentions.has(name))),
    parents: [...new Set(named)].sort().map((group) => ({ type: "Group", id: group })),
    tags: Object.fromEntries(tags.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function uidOf({ uid }: EntityJson): { readonly type: string; readonly id: string } {
  return "__entity" in uid ? uid.__entity : uid;
}

function groupOf(action: PolicyAction): EntityJson["parents"] {
  const { group } = ACTIONS[action];
  return group === undefined ? [] : [{ type: "Action", id: group }];
}

function contextMembers(context: PolicyContext, mentions: Mentions): Record<string, CedarValueJson> {
  const { approvedBy, purpose, onBehalfOf, clientAddress, hasWhere, matchesAll, inTransaction, via } = context;
  const members: Record<string, CedarValueJson> = {
    approvedBy: [...new Set(approvedBy)].sort(),
    ...{ hasWhere, matchesAll, inTransaction, via },
    ...{ hour: context.hour, weekday: context.weekday },
    ...(purpose === undefined ? {} : { purpose }),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    clientAddress: { __extn: { fn: "ip", arg: plainAddress(clientAddress) } },
  };
  return Object.fromEntries(Object.entries(members).filter(([name]) => mentions.has(name)));
}

/** As Cedar reads addresses: IPv4 seen through an IPv6 socket is IPv4, and the zone of a link-local address is none of its business. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "").replace(/%.*$/, "");
}
