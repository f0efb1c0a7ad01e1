/**
 * PostgreSQL's own grammar of one major, as WebAssembly: one instance, bytes in, tree or error out. Checks nothing before and
 * survives nothing after: whatever is thrown here has damaged the instance, and parser.ts lets go of it.
 */

import { Buffer } from "node:buffer";
import type { ParseFailure } from "./parsed-statement.ts";
import { sqlstateOf } from "./sqlstate.ts";

export type Major = 15 | 16 | 17 | 18;

export const MAJORS: readonly Major[] = [15, 16, 17, 18];

export type GrammarOutcome = { readonly ok: true; readonly tree: unknown } | ParseFailure;

export class Grammar {
  readonly #major: Major;
  readonly #module: LibpgQueryModule;

  private constructor(major: Major, module: LibpgQueryModule) {
    this.#major = major;
    this.#module = module;
  }

  static async load(major: Major): Promise<Grammar> {
    const { default: load } = await importModule(major);
    // What the C library prints is about its own trouble and could quote the text: nowhere.
    return new Grammar(major, await load({ print: () => {}, printErr: () => {} }));
  }

  /**
   * @param text well-formed UTF-8 without NUL (text.ts).
   * @throws anything, where the parse did not come to a plain end: stack overflow, memory, a result that cannot be read.
   */
  parse(text: Uint8Array): GrammarOutcome {
    const module = this.#module;
    const pointer = module._malloc(text.length + 1);
    module.HEAPU8.set(text, pointer);
    module.HEAPU8[pointer + text.length] = 0;
    const result = module._wasm_parse_query_raw(pointer);
    const tree = this.#pointerAt(result);
    const error = this.#pointerAt(result + 8);
    const outcome: GrammarOutcome =
      error === 0 ? { ok: true, tree: JSON.parse(this.#textAt(tree)) } : this.#failure(error);
    module._wasm_free_parse_result(result);
    module._free(pointer);
    return outcome;
  }

  /** PgQueryError {char* message; char* funcname; char* filename; int lineno; int cursorpos; char* context}; cursorpos counts characters from 1. */
  #failure(error: number): ParseFailure {
    const message = this.#textAt(this.#pointerAt(error));
    const position = this.#pointerAt(error + 16);
    const sqlstate = sqlstateOf(message, this.#textAt(this.#pointerAt(error + 8)), this.#major);
    return position > 0 ? { ok: false, sqlstate, message, position } : { ok: false, sqlstate, message };
  }

  #pointerAt(address: number): number {
    return this.#module.HEAPU32[address >> 2] ?? 0;
  }

  #textAt(pointer: number): string {
    if (pointer === 0) return "";
    const heap = this.#module.HEAPU8;
    return Buffer.from(heap.buffer, pointer, heap.indexOf(0, pointer) - pointer).toString();
  }
}

function importModule(major: Major): Promise<{ readonly default: LoadLibpgQuery }> {
  switch (major) {
    case 15:
      return import("libpg-query-15/wasm/libpg-query.js");
    case 16:
      return import("libpg-query-16/wasm/libpg-query.js");
    case 17:
      return import("libpg-query-17/wasm/libpg-query.js");
    case 18:
      return import("libpg-query-18/wasm/libpg-query.js");
  }
}
