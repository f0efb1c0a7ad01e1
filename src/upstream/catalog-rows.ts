/** Reads values of a catalog query's row, which the server writes as text: strictly, since what is misread is misjudged. */

import { GatewayError } from "../base/errors.ts";
import type { CatalogRow } from "./catalog-connection.ts";

/** A cursor over one row. All methods throw {@link GatewayError} where the value is not of that kind. */
export class RowReader {
  readonly #row: CatalogRow;
  #at = 0;

  constructor(row: CatalogRow) {
    this.#row = row;
  }

  textOrNull(): string | null {
    const value = this.#row[this.#at];
    if (value === undefined) throw this.#unexpected("missing");
    this.#at += 1;
    return value;
  }

  text(): string {
    return this.textOrNull() ?? this.#refuse("NULL");
  }

  /** An OID or another count, from 0. */
  number(): number {
    return this.#integer(this.text());
  }

  /** Undefined: NULL. */
  numberOrNone(): number | undefined {
    const text = this.textOrNull();
    return text === null ? undefined : this.#integer(text);
  }

  /** Undefined: NULL. */
  textOrNone(): string | undefined {
    return this.textOrNull() ?? undefined;
  }

  /** Numbers with spaces between, as oidvector is printed; empty: none. */
  numbers(): number[] {
    const text = this.text();
    return text === "" ? [] : text.split(" ").map((part) => this.#integer(part));
  }

  boolean(): boolean {
    const text = this.text();
    if (text === "t") return true;
    return text === "f" ? false : this.#refuse("not a boolean");
  }

  /** One of a few words; a "char" of the catalog, for example. */
  oneOf<T extends string>(words: readonly T[]): T {
    const text = this.text();
    return words.find((word) => word === text) ?? this.#refuse("not one of those that are known");
  }

  #integer(text: string): number {
    const value = Number(text);
    return /^\d{1,15}$/.test(text) ? value : this.#refuse("not a number");
  }

  #refuse(problem: string): never {
    this.#at -= 1;
    throw this.#unexpected(problem);
  }

  #unexpected(problem: string): GatewayError {
    return new GatewayError("UPSTREAM_UNSUPPORTED", "the upstream's catalog is not as expected", {
      cause: new Error(`value ${this.#at + 1} of [${this.#row.slice(0, 3).join(", ")}, …]: ${problem}`),
    });
  }
}
