/** Freezes on a real PostgreSQL: at every gateway within a second, at this one at once, over a restart, with and without the store. */

import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { type FreezeRegistry, openFreezeRegistry } from "../../src/store/freeze-registry.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const silent = pino({ level: "silent" });
const BOT = "https://idp.example.test#bot";
const REQUEST = { principalId: BOT, reason: "leaked token", by: "https://idp.example.test#ann" };

let server: TestPostgres;
let folder: string;
let url: Secret;
let databases = 0;
const closing: (() => Promise<void>)[] = [];

interface Gateway {
  readonly store: Store;
  readonly freezes: FreezeRegistry;
  readonly path: string;
  close(): Promise<void>;
}

/** What a gateway has of the store; `name` is its data folder. The table is read again by notice only, never by time. */
async function gateway(name: string): Promise<Gateway> {
  const store = await openStore(url, silent, { retryMs: 20, probeMs: 200 });
  const path = join(folder, name, "freezes.json");
  const freezes = await openFreezeRegistry({ store, path, logger: silent, clock: systemClock, rereadMs: 60_000 });
  const close = async (): Promise<void> => {
    await freezes.close();
    await store.close();
  };
  closing.push(close);
  return { store, freezes, path, close };
}

/** Resolves when `registry` has `principalId` frozen, or free. */
async function until(registry: FreezeRegistry, frozen: boolean, principalId = BOT): Promise<void> {
  while ((registry.isFrozen(principalId) !== null) !== frozen) await wait(2);
}

const inStore = (): Promise<string> =>
  server.psql("SELECT principal_id FROM postern.frozen_principals ORDER BY 1", `freezes_${databases}`);

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-freezes-"));
  await server.psql(`CREATE DATABASE freezes_${++databases}`);
  url = new Secret(server.url(`freezes_${databases}`));
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  await rm(folder, { recursive: true, force: true });
});

describe("a freeze put at one gateway", () => {
  it("is at another within a second, with its reason, and is told there once", async () => {
    const [a, b] = await Promise.all([gateway("a"), gateway("b")]);
    const told: string[] = [];
    b.freezes.onFrozen((freeze) => told.push(freeze.principalId));
    await a.freezes.freeze({ ...REQUEST, principalId: "warm-up" }); // both are listening from here on
    await until(b.freezes, true, "warm-up");
    const begun = performance.now();

    await a.freezes.freeze(REQUEST);
    await until(b.freezes, true);

    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(b.freezes.isFrozen(BOT)).toMatchObject({ reason: "leaked token", by: REQUEST.by });
    expect(told).toEqual(["warm-up", BOT]);
  });

  it("is lifted at all by the one that lifts it", async () => {
    const [a, b] = await Promise.all([gateway("a"), gateway("b")]);
    await a.freezes.freeze(REQUEST);
    await until(b.freezes, true);

    const lifted = await b.freezes.unfreeze(BOT);
    await until(a.freezes, false);

    expect(lifted).toBe(true);
    expect(await inStore()).toBe("");
  });

  it("keeps who and why when it is put again", async () => {
    const a = await gateway("a");
    await a.freezes.freeze(REQUEST);

    const again = await a.freezes.freeze({ ...REQUEST, reason: "another" });

    expect(again).toBe(false);
    expect(a.freezes.isFrozen(BOT)?.reason).toBe("leaked token");
  });

  it("is known to a gateway that starts later", async () => {
    const a = await gateway("a");
    await a.freezes.freeze(REQUEST);

    const late = await gateway("late");
    await until(late.freezes, true);

    expect(late.freezes.list().map((freeze) => freeze.principalId)).toEqual([BOT]);
  });
});

describe("a registry whose listening connection is killed", () => {
  it("connects again and reads what it missed", async () => {
    const [a, b] = await Promise.all([gateway("a"), gateway("b")]);
    await a.freezes.freeze({ ...REQUEST, principalId: "warm-up" });
    await until(b.freezes, true, "warm-up");

    // In one transaction nobody hears of the row: both connections are gone when the notice is due.
    await server.psql(
      `BEGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postern';
       INSERT INTO postern.frozen_principals VALUES ('${BOT}', 'r', 'b', now()); COMMIT`,
      `freezes_${databases}`,
    );

    await until(a.freezes, true);
    await until(b.freezes, true);
  });
});

describe("a freeze while the store is away", () => {
  it("holds here at once, and reaches the store and the others when it is back", async () => {
    const [a, b] = await Promise.all([gateway("a"), gateway("b")]);
    await server.pause();

    await a.freezes.freeze(REQUEST);

    expect(a.freezes.isFrozen(BOT)?.reason).toBe("leaked token");
    expect(b.freezes.isFrozen(BOT)).toBeNull();
    await server.start();
    await until(b.freezes, true);
    expect(await inStore()).toBe(BOT);
  });

  it("holds in a gateway that starts again before the store is back, and reaches the store then", async () => {
    const a = await gateway("a");
    await server.pause();
    await a.freezes.freeze(REQUEST);
    await a.close();

    const again = await gateway("a");
    const atStart = again.freezes.isFrozen(BOT);
    await server.start();
    await again.store.whenUp(AbortSignal.timeout(20_000));
    const other = await gateway("b");
    await until(other.freezes, true);

    expect(atStart?.reason).toBe("leaked token");
    expect(await inStore()).toBe(BOT);
  });

  it("is gone everywhere when it was lifted before the store was back", async () => {
    const a = await gateway("a");
    await a.freezes.freeze(REQUEST);
    await server.pause();

    await a.freezes.unfreeze(BOT);
    expect(a.freezes.isFrozen(BOT)).toBeNull();
    await server.start();
    const b = await gateway("b");
    await a.freezes.freeze({ ...REQUEST, principalId: "later" }); // the store has heard all that came before
    await until(b.freezes, true, "later");

    expect(await inStore()).toBe("later");
    expect(b.freezes.isFrozen(BOT)).toBeNull();
  });
});

describe("a freeze that another gateway put", () => {
  it("holds in a gateway that starts again while the store is away", async () => {
    const [a, b] = await Promise.all([gateway("a"), gateway("b")]);
    await a.freezes.freeze(REQUEST);
    await until(b.freezes, true);
    await b.close();
    await server.pause();

    const again = await gateway("b");
    const atStart = again.freezes.isFrozen(BOT);
    await server.start();

    expect(atStart?.reason).toBe("leaked token");
  });

  it("is not lifted by one who meant an older freeze of the same principal", async () => {
    const a = await gateway("a");
    await a.freezes.freeze(REQUEST);
    // Lifted and put again elsewhere, unseen by a: its connections hear nothing of it.
    await server.psql(
      `UPDATE postern.frozen_principals SET frozen_at = now() + interval '1 hour', reason = 'second'`,
      `freezes_${databases}`,
    );

    await a.freezes.unfreeze(BOT);
    await until(a.freezes, true);

    expect(a.freezes.isFrozen(BOT)?.reason).toBe("second");
  });
});

describe("freezes.json", () => {
  it("is its owner's alone, and is replaced whole", async () => {
    const a = await gateway("a");

    await Promise.all(Array.from({ length: 20 }, (_, i) => a.freezes.freeze({ ...REQUEST, principalId: `p${i}` })));

    const content = JSON.parse(await readFile(a.path, "utf8"));
    expect((await stat(a.path)).mode & 0o777).toBe(0o600);
    expect(content.frozen).toHaveLength(20);
    expect(content.pending).toEqual([]);
  });

  it("that is damaged stops the start, rather than let a frozen principal in", async () => {
    const a = await gateway("a");
    await a.freezes.freeze(REQUEST);
    await a.close();
    await writeFile(a.path, (await readFile(a.path, "utf8")).slice(0, -20));

    await expect(gateway("a")).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });

  it("that cannot be written is told to who freezes only where the store cannot keep it either", async () => {
    const a = await gateway("a");
    await a.freezes.freeze({ ...REQUEST, principalId: "first" });
    await rm(join(folder, "a"), { recursive: true });
    await writeFile(join(folder, "a"), ""); // the data folder is a file now: nobody can write below it, root neither

    await a.freezes.freeze({ ...REQUEST, principalId: "second" });
    await server.pause();
    const third = a.freezes.freeze(REQUEST);

    await expect(third).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(a.freezes.isFrozen(BOT)?.reason).toBe("leaked token");
    await server.start();
  });
});
