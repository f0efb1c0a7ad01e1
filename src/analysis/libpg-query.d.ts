/** The Emscripten loader inside libpg-query: unlike the package's own entry it makes as many instances as one asks for, and takes bytes. */

interface LibpgQueryModule {
  /** Replaced when the memory grows: never keep it. */
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(size: number): number;
  _free(pointer: number): void;
  /** @param text pointer to NUL-terminated UTF-8. @returns pointer to PgQueryParseResult {char* parse_tree; char* stderr_buffer; PgQueryError* error}. */
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
}

type LoadLibpgQuery = (options: {
  readonly print: (line: string) => void;
  readonly printErr: (line: string) => void;
}) => Promise<LibpgQueryModule>;

declare module "libpg-query-15/wasm/libpg-query.js" {
  const load: LoadLibpgQuery;
  export = load;
}
declare module "libpg-query-16/wasm/libpg-query.js" {
  const load: LoadLibpgQuery;
  export = load;
}
declare module "libpg-query-17/wasm/libpg-query.js" {
  const load: LoadLibpgQuery;
  export = load;
}
declare module "libpg-query-18/wasm/libpg-query.js" {
  const load: LoadLibpgQuery;
  export = load;
}
