/** Entry of a worker thread of worker-pool.ts: parses one text after the other until one breaks the grammar. */

import { parentPort, workerData } from "node:worker_threads";
import { Grammar, MAJORS } from "./grammar.ts";
import type { ParseFailure } from "./parsed-statement.ts";
import { parseChecked } from "./parser.ts";
import { isNode } from "./tree.ts";
import type { ParseReply, ParseRequest } from "./worker-pool.ts";

const TOO_COMPLEX: ParseFailure = { ok: false, sqlstate: "54001", message: "stack depth limit exceeded" };

function parse(grammar: Grammar, text: Uint8Array): ParseReply {
  try {
    return { type: "parsed", outcome: parseChecked(grammar, text), broken: false };
  } catch {
    return { type: "parsed", outcome: TOO_COMPLEX, broken: true };
  }
}

const data: unknown = workerData;
const major = MAJORS.find((known) => isNode(data) && data["major"] === known);
if (parentPort === null || major === undefined) throw new Error("not a thread of the parser's pool");
const port = parentPort;
const grammar = await Grammar.load(major);
port.on("message", (request: ParseRequest) => port.postMessage(parse(grammar, request.text)));
port.postMessage({ type: "ready" } satisfies ParseReply);
