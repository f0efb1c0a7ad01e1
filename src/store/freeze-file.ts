/**
 * `<data>/freezes.json`: the freezes that this gateway knows, and those it could not yet tell the store. With it a gateway that
 * starts while the store is away still refuses whom it refused before. Decides nothing: see freeze-registry.ts.
 */

import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import { Freeze } from "./freezes.ts";

const Change = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("freeze"), freeze: Freeze }),
  /** `at` is that of the freeze that is lifted: another one, put elsewhere, is not meant. */
  z.strictObject({ kind: z.literal("unfreeze"), principalId: z.string(), at: z.string() }),
]);
/** Something decided at this gateway. */
export type FreezeChange = Readonly<z.infer<typeof Change>>;

const Content = z.strictObject({ v: z.literal(1), frozen: z.array(Freeze), pending: z.array(Change) });

export interface FreezeFileContent {
  /** All that are frozen as far as this gateway knows, `pending` included. */
  readonly frozen: readonly Freeze[];
  /** Oldest first. */
  readonly pending: readonly FreezeChange[];
}

/**
 * @returns nothing frozen where there is no file yet.
 * @throws {GatewayError} STORE_REFUSED where the file is there and cannot be read: to start without it might let a frozen principal in.
 */
export async function readFreezeFile(path: string): Promise<FreezeFileContent> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { frozen: [], pending: [] };
    throw unreadable(error);
  }
  try {
    return Content.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): GatewayError {
  return new GatewayError("STORE_REFUSED", "the freezes kept in the data folder (freezes.json) cannot be read", {
    hint: "Restore the file; or delete it, if the control store is up and holds every freeze.",
    cause,
  });
}

/** Replaces the file whole: a crash leaves the old one or the new one. */
export async function writeFreezeFile(path: string, content: FreezeFileContent): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const draft = `${path}.new`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ v: 1, ...content }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const handle = await open(folder, "r");
  try {
    await handle.sync(); // the rename itself, against a power cut
  } finally {
    await handle.close();
  }
}
