/** Secrets and files that postern.yaml names: read, checked for who else may read them, turned into Secret. */

import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { Secret } from "../base/secret.ts";

/** How a secret is written: the text itself, or the file that holds it. */
export type SecretSource = string | { readonly file: string };

const LARGEST_SECRET_BYTES = 64 * 1024;

/** What was found, or why not; `warning` where it will do but should be mended. */
export interface FileReading<T> {
  readonly value?: T;
  readonly error?: string;
  readonly warning?: string;
}

/** @param folder of postern.yaml, absolute. */
export function absolutePath(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

/** The secret that `source` stands for. One line end at the end of a file is not part of it: editors put it there. */
export function readSecret(folder: string, source: SecretSource): FileReading<Secret> {
  if (typeof source === "string") return { value: new Secret(source) };
  const path = absolutePath(folder, source.file);
  const usable = checkFile(path, { private: true });
  if (usable.error !== undefined) return { error: usable.error };
  const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
  if (text === "") return { error: `the file ${path} is empty` };
  if (Buffer.byteLength(text) > LARGEST_SECRET_BYTES)
    return { error: `the file ${path} is over 64KiB: that is no secret` };
  if (text.includes("\0")) return { error: `the file ${path} holds a NUL byte` };
  return { value: new Secret(text), ...(usable.warning === undefined ? {} : { warning: usable.warning }) };
}

/** Whether the file at `path` (absolute) can be read; with `private`, also whether others than its owner can. */
export function checkFile(path: string, options: { readonly private: boolean }): FileReading<string> {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { error: `${path} is not a file` };
    accessSync(path, constants.R_OK);
    return { value: path, ...(options.private ? openToOthers(path, stat.mode) : {}) };
  } catch (error) {
    return { error: `cannot read ${path}: ${reason(error)}` };
  }
}

function openToOthers(path: string, mode: number): { warning?: string } {
  // Windows has no such bits: node reports 0o666 for every writable file there.
  if (process.platform === "win32" || (mode & 0o077) === 0) return {};
  const bits = (mode & 0o777).toString(8);
  return { warning: `${path} can be read by others than its owner (mode ${bits}): chmod 600 it` };
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EACCES: "permission denied",
    EISDIR: "it is a folder",
  };
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}
