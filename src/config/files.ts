/** Files that postern.yaml names: made absolute, checked, and reported at the key that names them. */

import { Secret } from "../base/secret.ts";
import type { DocumentPath } from "./json-schema.ts";
import { absolutePath, checkFile, type FileReading, readSecret, type SecretSource } from "./secrets.ts";

/** Takes what is wrong with the value at `path`. */
export type Report = (severity: "error" | "warning", path: DocumentPath, message: string, suggestion?: string) => void;

/** Resolves the paths and secrets of one postern.yaml. */
export class FileResolver {
  readonly #folder: string;
  readonly #report: Report;
  readonly #onInline: (path: DocumentPath, text: string) => void;

  /**
   * @param folder of postern.yaml, absolute: where relative paths start.
   * @param onInline takes each secret that the document itself holds.
   */
  constructor(folder: string, report: Report, onInline: (path: DocumentPath, text: string) => void) {
    this.#folder = folder;
    this.#report = report;
    this.#onInline = onInline;
  }

  absolute(path: string): string {
    return absolutePath(this.#folder, path);
  }

  /** Absolute path of a file that must be readable now. Its contents are read by the part that uses them, again at each reload. */
  readable(path: DocumentPath, value: string): string {
    return this.#told(path, checkFile(this.absolute(value), { private: false })) ?? this.absolute(value);
  }

  /** As `readable`, with a warning where others than the owner can read it too. */
  privateKey(path: DocumentPath, value: string): string {
    return this.#told(path, checkFile(this.absolute(value), { private: true })) ?? this.absolute(value);
  }

  secret(path: DocumentPath, source: SecretSource): Secret {
    if (typeof source === "string") this.#onInline(path, source);
    const place = typeof source === "string" ? path : [...path, "file"];
    return this.#told(place, readSecret(this.#folder, source)) ?? new Secret("");
  }

  #told<T>(path: DocumentPath, reading: FileReading<T>): T | undefined {
    if (reading.error !== undefined) this.#report("error", path, reading.error);
    if (reading.warning !== undefined) this.#report("warning", path, reading.warning);
    return reading.value;
  }
}
