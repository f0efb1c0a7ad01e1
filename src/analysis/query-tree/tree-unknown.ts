/** The one way out for a tree that is not exactly as its major prints it: the statement is denied. */

import { GatewayError } from "../../base/errors.ts";

/**
 * A tree, or a place in one, that Postern does not know. The message names nodes and fields by the words of our own tables, and
 * a node's name where the server wrote one: never a name, alias or constant, which are the agent's text.
 */
export class TreeUnknown extends GatewayError {
  constructor(what: string) {
    super("CANNOT_JUDGE", `PostgreSQL's tree of this statement cannot be judged: ${what}`, {
      hint: "Write the statement in a plainer way. If it is plain already, tell Postern's operator: the server may be newer than this Postern.",
    });
    this.name = "TreeUnknown";
  }
}
