/** The control store on a real PostgreSQL: migrations, and a server that is away at the start, goes and comes back. */

import pg from "pg";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { checksum, migrate } from "../../src/store/migrate.ts";
import { MIGRATIONS } from "../../src/store/migrations/all.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const silent = pino({ level: "silent" });
const QUICK: StoreOptions = { retryMs: 20, probeMs: 50 };

let server: TestPostgres;
let databases = 0;

async function emptyDatabase(): Promise<Secret> {
  const name = `store_${++databases}`;
  await server.psql(`CREATE DATABASE ${name}`);
  return new Secret(server.url(name));
}

async function opened<T>(url: Secret, work: (store: Store) => Promise<T>, options = QUICK): Promise<T> {
  const store = await openStore(url, silent, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const versions = (store: Store) =>
  store.run(async (q) => (await q.query("SELECT version, checksum FROM postern.migrations ORDER BY version")).rows);

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
});

describe("a control store that is empty", () => {
  it("is migrated when it is opened, with the checksum of each migration", async () => {
    const url = await emptyDatabase();

    const applied = await opened(url, versions);

    expect(applied).toEqual(MIGRATIONS.map((each) => ({ version: each.version, checksum: checksum(each) })));
  });

  it("keeps all that it makes in the schema postern", async () => {
    const url = await emptyDatabase();

    await opened(url, async () => {});

    const client = new pg.Client({ connectionString: url.reveal() });
    await client.connect();
    const found = await client.query(
      "SELECT DISTINCT relnamespace::regnamespace::text AS schema FROM pg_class WHERE oid >= 16384 AND relkind <> 't' AND relnamespace::regnamespace::text !~ '^pg_toast'",
    );
    await client.end();
    expect(found.rows).toEqual([{ schema: "postern" }]);
  });

  it("is migrated once by several gateways that start at the same moment", async () => {
    const url = await emptyDatabase();

    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore(url, silent, QUICK)));
    const phases = stores.map((store) => store.state.phase);
    const first = stores[0];
    const applied = first === undefined ? [] : await versions(first);
    await Promise.all(stores.map((store) => store.close()));

    expect(phases).toEqual(Array(6).fill("up"));
    expect(applied).toHaveLength(MIGRATIONS.length);
  });
});

describe("a migration that fails half way", () => {
  it("leaves nothing of itself and the ones before it in place", async () => {
    const url = await emptyDatabase();
    const broken = {
      version: MIGRATIONS.length + 1,
      name: "broken",
      sql: "CREATE TABLE postern.half (a int); SELECT 1/0",
    };

    await opened(url, async (store) => {
      const transact = store.transaction.bind(store);
      await expect(migrate(transact, [...MIGRATIONS, broken])).rejects.toThrow(/division by zero/);

      const half = await store.run((q) => q.query("SELECT to_regclass('postern.half') AS half"));
      expect(half.rows).toEqual([{ half: null }]);
      expect(await versions(store)).toHaveLength(MIGRATIONS.length);
    });
  });
});

describe("a control store of a newer Postern", () => {
  it("is refused with both versions named, and left as it is", async () => {
    const url = await emptyDatabase();
    const newer = { version: MIGRATIONS.length + 1, name: "of the future", sql: "CREATE TABLE postern.future (a int)" };
    await opened(url, async () => {}, { ...QUICK, migrations: [...MIGRATIONS, newer] });

    const opening = openStore(url, silent, QUICK);

    await expect(opening).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: `the control store has schema version ${newer.version}, and this Postern knows versions up to ${MIGRATIONS.length}`,
    });
  });
});

describe("a control store whose migration is not this Postern's", () => {
  it("is refused", async () => {
    const url = await emptyDatabase();
    await opened(url, async (store) => {
      await store.run((q) => q.query("UPDATE postern.migrations SET checksum = 'other' WHERE version = 1"));
    });

    await expect(openStore(url, silent, QUICK)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });
});

describe("a store.url that cannot be used", () => {
  it.each([
    "postgres://who:hunter2@host:notaport/x",
    "mysql://who:hunter2@host/x",
    "postgres://h/x?sslrootcert=/no/hunter2",
  ])("is refused without being repeated: %s", async (text) => {
    const error = await openStore(new Secret(text), silent).catch((caught: unknown) => caught);

    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  });
});

describe("a store.url with the wrong password", () => {
  it("is down with the server's code, and no line of the log holds a password", async () => {
    const url = await emptyDatabase();
    const lines: string[] = [];
    const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(line) });

    const store = await openStore(new Secret(url.reveal().replace(server.password, "planted-hunter2")), logger, QUICK);
    const { state } = store;
    await store.close();

    expect(state).toEqual({ phase: "down", reason: "28P01" });
    expect(lines.join("")).toContain("28P01");
    expect(lines.join("")).not.toContain("planted-hunter2");
  });
});

describe("a control store that is away at the start", () => {
  it("is opened as down, says why by a code alone, and is migrated when it comes", async () => {
    const url = await emptyDatabase();
    await server.pause();
    const store = await openStore(url, silent, QUICK);

    expect(store.state).toEqual({ phase: "down", reason: "ECONNREFUSED" });
    await expect(store.run((q) => q.query("SELECT 1"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    await server.start();
    await store.whenUp(AbortSignal.timeout(20_000));
    expect(await versions(store)).toHaveLength(MIGRATIONS.length);
    await store.close();
  });
});

describe("a control store that goes away while it is used", () => {
  it("is down as soon as someone meets it, and up again by itself", async () => {
    const url = await emptyDatabase();
    await opened(url, async (store) => {
      const phases: string[] = [];
      store.onState((state) => phases.push(state.phase));

      await server.pause();
      await expect(store.run((q) => q.query("SELECT 1"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(store.state.phase).toBe("down");
      await server.start();
      await store.whenUp(AbortSignal.timeout(20_000));

      expect(phases).toEqual(["down", "up"]);
    });
  });

  it("is found out by the probe where nobody uses it", async () => {
    const url = await emptyDatabase();
    await opened(url, async (store) => {
      const down = new Promise<void>((resolve) => {
        store.onState((state) => state.phase === "down" && resolve());
      });

      await server.pause();
      await down;
      await server.start();

      await store.whenUp(AbortSignal.timeout(20_000));
    });
  });

  it("rolls back the transaction that it interrupts and reports it as unavailable", async () => {
    const url = await emptyDatabase();
    await opened(url, async (store) => {
      const interrupted = store.transaction(async (q) => {
        await q.query("INSERT INTO postern.log_cursors (instance, next_index) VALUES ('x', 1)");
        const { rows } = await q.query("SELECT pg_backend_pid() AS pid");
        await server.psql(`SELECT pg_terminate_backend(${JSON.parse(JSON.stringify(rows))[0].pid})`);
        await q.query("SELECT 1");
      });

      await expect(interrupted).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      await store.whenUp(AbortSignal.timeout(20_000));
      const left = await store.run((q) => q.query("SELECT 1 FROM postern.log_cursors"));
      expect(left.rowCount).toBe(0);
    });
  });
});

describe("a store.url with sslmode=verify-full", () => {
  it("connects to the server whose certificate its authority signed, and to no other", async () => {
    await using tls = await startPostgres({ ssl: true, hba: ["hostssl all all 127.0.0.1/32 scram-sha-256"] });
    await using other = await startPostgres({ ssl: true });
    const ca = (path: string | undefined): string => encodeURIComponent(path ?? "");

    const right = await openStore(
      new Secret(`${tls.url()}?sslmode=verify-full&sslrootcert=${ca(tls.tls?.caPath)}`),
      silent,
      QUICK,
    );
    const wrong = await openStore(
      new Secret(`${tls.url()}?sslmode=verify-full&sslrootcert=${ca(other.tls?.caPath)}`),
      silent,
      QUICK,
    );
    const phases = [right.state.phase, wrong.state.phase];
    await right.close();
    await wrong.close();

    expect(phases).toEqual(["up", "down"]);
  });
});
