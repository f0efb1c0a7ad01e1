/** verifier/postern_verify.py against logs made from the specification by bench/sample-log.ts, which shares nothing with src/audit. */

import { spawn, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { makeRegistry, makeSigner, SampleClock, SampleGateway, SampleLog } from "../../bench/sample-log.ts";

const VERIFIER = join(import.meta.dirname, "../../verifier/postern_verify.py");

// Postern needs Node alone; its verifier needs Python. Without it these are skipped by name.
const withPython = describe.skipIf(spawnSync("python3", ["--version"]).status !== 0);

interface Outcome {
  readonly status: number;
  readonly findings: readonly string[];
  readonly warnings: string;
}

/** Runs the verifier as an auditor does. */
async function verify(...args: readonly string[]): Promise<Outcome> {
  const child = spawn("python3", ["-B", VERIFIER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const status = await new Promise<number>((resolve, reject) =>
    child.once("error", reject).once("close", (code) => resolve(code ?? -1)),
  );
  const findings = status === 1 ? output.stdout.trimEnd().split("\n") : [];
  return { status, findings, warnings: output.stderr };
}

/** One Python process that verifies folder after folder: hundreds of damaged copies need no start of their own. */
const SERVE = `
import json, sys
sys.path.insert(0, sys.argv[1])
from postern_verify import verify_folder
for line in sys.stdin:
    findings = {}
    verify_folder(json.loads(line), None, lambda path, sentence: findings.setdefault(f"{path} {sentence}."))
    print(json.dumps(list(findings)), flush=True)
`;

class Inspector {
  readonly #python = spawn("python3", ["-B", "-c", SERVE, dirname(VERIFIER)], { stdio: ["pipe", "pipe", "inherit"] });
  readonly #answers = createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]();

  async inspect(folder: string): Promise<readonly string[]> {
    this.#python.stdin.write(`${JSON.stringify(folder)}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error("the verifier broke down");
    return z.array(z.string()).parse(JSON.parse(answer.value));
  }

  close(): void {
    this.#python.stdin.end();
  }
}

let scratch: string;
let inspector: Inspector;
let counter = 0;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "postern-verifier-"));
  inspector = new Inspector();
});
afterAll(async () => {
  inspector.close();
  await rm(scratch, { recursive: true, force: true });
});

const newFolder = (): string => join(scratch, String(counter++));

interface Told {
  readonly gateway: SampleGateway;
  readonly registry: SampleLog;
  readonly clock: SampleClock;
}

/** A gateway that has started and served two sessions, with more than a full tile of entries. */
function tell(statements = 110): Told {
  const clock = new SampleClock();
  const registry = makeRegistry("shop", clock);
  const gateway = new SampleGateway("shop/a1", registry, clock);
  gateway.open("ses_1");
  gateway.open("ses_2");
  for (let n = 0; n < statements; n++) gateway.statement(n % 3 === 0 ? "ses_2" : "ses_1");
  gateway.heartbeat();
  gateway.decide("ses_2", "refused");
  gateway.close("ses_1");
  gateway.close("ses_2");
  return { gateway, registry, clock };
}

async function write({ gateway, registry }: Told): Promise<string> {
  const folder = newFolder();
  await gateway.log.write(join(folder, "a1"));
  await registry.write(join(folder, "registry"));
  return folder;
}

async function copyOf(folder: string): Promise<string> {
  const copy = newFolder();
  await cp(folder, copy, { recursive: true });
  return copy;
}

async function filesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(folder.length + 1))
    .sort();
}

async function flip(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bit / 8) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  await writeFile(path, bytes);
}

withPython("a log folder that nobody touched", () => {
  it("verifies, with a warning when the keys are its own", async () => {
    const told = tell();
    told.gateway.stop();
    const folder = await write(told);

    const own = await verify(folder);
    const given = await verify(folder, "--key", told.gateway.log.signer.vkey, told.registry.signer.vkey);

    expect(own).toMatchObject({ status: 0, findings: [] });
    expect(own.warnings).toContain("integrity, not origin");
    expect(given).toEqual({ status: 0, findings: [], warnings: "" });
  });

  it("verifies under the registry's key alone, which vouches for the keys of its logs", async () => {
    const told = tell();
    const folder = await write(told);

    expect(await verify(folder, "--key", told.registry.signer.vkey)).toMatchObject({ status: 0 });
    expect(await verify(folder, "--key", makeSigner("shop/registry").vkey)).toMatchObject({ status: 1 });
  });

  it.each([0, 1, 2, 255, 256, 257, 511, 512, 513])("verifies at %i entries beyond its first two", async (more) => {
    const clock = new SampleClock();
    const registry = makeRegistry("shop", clock);
    const gateway = new SampleGateway("shop/a1", registry, clock);
    for (let n = 0; n < more; n++) gateway.write("alarm.raised", { name: "sample", detail: `number ${n}` });

    expect(await verify(await write({ gateway, registry, clock }))).toMatchObject({ status: 0 });
  });

  it("verifies with what a gateway killed at work leaves behind", async () => {
    const told = tell();
    const folder = await write(told);
    const size = told.gateway.log.entries.length;
    await writeFile(join(folder, "a1/.tmp-checkpoint"), "half a check");
    await mkdir(join(folder, "a1/tile/0/000.p"));
    await writeFile(join(folder, "a1/tile/0/000.p/3"), Buffer.concat(told.gateway.log.leaves.slice(0, 3)));
    told.gateway.write("alarm.raised", { name: "later", detail: "not yet in the checkpoint" });
    await writeFile(join(folder, "a1/checkpoint.next"), told.gateway.log.checkpoint());
    await writeFile(join(folder, `a1/tile/0/001.p/${size - 255}`), Buffer.concat(told.gateway.log.leaves.slice(256)));

    expect(await verify(folder)).toMatchObject({ status: 0, findings: [] });

    await rm(join(folder, "a1/checkpoint.next"));
    expect((await verify(folder)).findings).toEqual([
      expect.stringMatching(/^a1\/tile\/0\/001.p\/\d+ lies beyond .* an older one/),
    ]);
  });

  it("verifies with numbers and names that only RFC 8785 in full writes alike", async () => {
    const told = tell(1);
    const counters = {
      "\u{1f600}": 1,
      "\ufb33": 2,
      é: 3,
      a: 1e21,
      b: 1e-7,
      c: 0.000001,
      d: 123456789012345680000,
      e: 5e-324,
    };
    told.gateway.write("alarm.raised", { name: "numbers", detail: "", counters });

    expect(await verify(await write(told))).toMatchObject({ status: 0, findings: [] });
  });
});

withPython("a log folder in which one file was changed", () => {
  let folder: string;
  let files: readonly string[];
  beforeAll(async () => {
    const told = tell();
    told.gateway.stop();
    folder = await write(told);
    files = await filesOf(folder);
  });

  /** Changes each file in turn in one copy, and puts it back. */
  async function eachFile(change: (path: string, round: number) => Promise<void>, rounds: number): Promise<void> {
    const copy = await copyOf(folder);
    for (const file of files) {
      for (let round = 0; round < rounds; round++) {
        await change(join(copy, file), round);
        expect(await inspector.inspect(copy), `round ${round}`).toContainEqual(expect.stringContaining(`${file} `));
        await cp(join(folder, file), join(copy, file));
      }
    }
  }

  it("is named when any bit of it is flipped", async () => {
    // Primes apart, so that bits of every kind of field are met: lengths, text, hashes, base64, line ends.
    await eachFile((path, round) => flip(path, round * 7919 + 13), 12);
  });

  it("is named when its last bit or its first is flipped", async () => {
    await eachFile(async (path, round) => flip(path, round === 0 ? 0 : (await readFile(path)).length * 8 - 1), 2);
  });

  it("is named when it is removed", () => eachFile((path) => rm(path), 1));

  it("is named when it is cut off", async () => {
    await eachFile(async (path, round) => truncate(path, round === 0 ? 0 : (await readFile(path)).length - 1), 2);
  });

  it("is named when it has grown", () => eachFile(async (path) => writeFile(path, "\0", { flag: "a" }), 1));

  it("is the only one named, where the others confirm each other", async () => {
    for (const file of files.filter((path) => path.includes("tile/"))) {
      const copy = await copyOf(folder);
      await flip(join(copy, file), 99 * 8);

      expect(await inspector.inspect(copy), file).toEqual([expect.stringContaining(`${file} `)]);
    }
  });

  it("is named when it is a stranger", async () => {
    for (const file of [
      "notes.txt",
      "a1/notes.txt",
      "a1/tile/0/1",
      "a1/tile/0/x000/000",
      "a1/tile/0/000.p/256",
      "registry/tile/3/000",
    ]) {
      const copy = await copyOf(folder);
      await mkdir(join(copy, file, ".."), { recursive: true });
      await writeFile(join(copy, file), "");

      expect((await verify(copy)).findings).toContainEqual(expect.stringContaining(`${file} `));
    }
  });

  it("is named when it is a leftover that is not the beginning of what replaced it", async () => {
    const copy = await copyOf(folder);
    await mkdir(join(copy, "a1/tile/0/000.p"));
    await writeFile(join(copy, "a1/tile/0/000.p/2"), Buffer.alloc(64));

    expect((await verify(copy)).findings).toEqual([
      "a1/tile/0/000.p/2 is not the beginning of the wider tile in its place.",
    ]);
  });
});

withPython("a log folder in which something was exchanged with an older copy", () => {
  it("is found out, whatever it was", async () => {
    const told = tell();
    const older = await write(told);
    for (let n = 0; n < 300; n++) told.gateway.write("alarm.raised", { name: "sample", detail: "more" });
    told.gateway.heartbeat(80_000_000);
    told.gateway.stop();
    const newer = await write(told);
    expect(await verify(newer)).toMatchObject({ status: 0, findings: [] });

    const expected = {
      "a1/checkpoint": "lies beyond the",
      "a1/tile": "is missing, empty or unreadable",
      a1: "an older copy, or cut off",
      "registry/checkpoint": "lies beyond the",
      registry: "an older copy, or cut off",
    };
    for (const [path, sentence] of Object.entries(expected)) {
      const copy = await copyOf(newer);
      await rm(join(copy, path), { recursive: true });
      await cp(join(older, path), join(copy, path), { recursive: true });

      const { status, findings } = await verify(copy);

      expect(status, path).toBe(1);
      expect(findings, path).toContainEqual(expect.stringContaining(sentence));
    }
  });

  it("is found out when all of it is from before an ordinary stop but the registry", async () => {
    const told = tell();
    const older = await write(told);
    told.gateway.stop();
    const newer = await write(told);

    const copy = await copyOf(newer);
    await rm(join(copy, "a1"), { recursive: true });
    await cp(join(older, "a1"), join(copy, "a1"), { recursive: true });
    expect((await verify(copy)).findings).toContainEqual(
      expect.stringMatching(/^a1\/checkpoint has \d+ entries where \d+ are on record/),
    );

    const other = await copyOf(newer);
    await rm(join(other, "registry"), { recursive: true });
    await cp(join(older, "registry"), join(other, "registry"), { recursive: true });
    expect((await verify(other)).findings).toContainEqual(
      expect.stringMatching(/^registry\/checkpoint does not cover the end of a1/),
    );
  });
});

withPython("a log folder from which a whole log is gone", () => {
  it("is told by the registry, or misses the registry", async () => {
    const folder = await write(tell());
    for (const [log, sentence] of [
      ["a1", /^a1 is missing: the registry records \d+ entries of shop\/a1/],
      ["registry", /^registry/],
    ] as const) {
      const copy = await copyOf(folder);
      await rename(join(copy, log), newFolder());

      const { status, findings } = await verify(copy);

      expect(status).toBe(1);
      expect(findings).toContainEqual(expect.stringMatching(sentence));
    }
  });

  it("is told where the registry never knew the log", async () => {
    const told = tell();
    const folder = await write(told);
    const stranger = new SampleGateway("shop/b2", makeRegistry("shop", told.clock), told.clock);
    await stranger.log.write(join(folder, "b2"));

    expect((await verify(folder)).findings).toEqual(["b2/checkpoint is of a log that the registry does not know."]);
  });
});

withPython("a log that was written anew with a key of one's own", () => {
  it("is told from the real one by the registry, and by a key that the auditor brought", async () => {
    const told = tell();
    const folder = await write(told);
    const forged = new SampleLog("shop/a1");
    for (const entry of told.gateway.log.entries) forged.append(entry.toString());
    await forged.write(join(folder, "a1"));

    expect((await verify(folder)).findings).toContain("a1/log.vkey is not the key that the registry has on record.");
    const keys = [told.gateway.log.signer.vkey, told.registry.signer.vkey];
    expect((await verify(folder, "--key", ...keys)).findings).toContain(
      "a1/checkpoint has no signature by a known key of shop/a1.",
    );
  });

  it("is told by the roots on record where the key is the real one", async () => {
    const told = tell();
    const forged = new SampleLog("shop/a1", told.gateway.log.signer);
    for (const entry of told.gateway.log.entries)
      forged.append(entry.toString().replace("ada@example.com", "eve@example.com"));
    const folder = await write(told);
    await rm(join(folder, "a1"), { recursive: true });
    await forged.write(join(folder, "a1"));

    expect((await verify(folder)).findings).toEqual([
      expect.stringMatching(/^a1\/checkpoint had another root at size \d+, which the registry has on record/),
    ]);
  });

  it("is told by the roots in heartbeats where the registry was rewritten", async () => {
    const told = tell();
    const forged = new SampleLog("shop/registry", told.registry.signer);
    for (const entry of told.registry.entries) forged.append(entry.toString().replace("T09:30:", "T09:29:"));
    const folder = await write(told);
    await forged.write(join(folder, "registry"));

    expect((await verify(folder)).findings).toEqual([
      expect.stringMatching(/^registry\/checkpoint had another root at size \d+, which a1 has on record/),
    ]);
  });
});

withPython("a checkpoint that is signed, but not as it should be", () => {
  it.each([
    [
      "a second valid form of its signature",
      (note: string) => note.replace(/(\S+)\n$/, (_, text: string) => `${malleate(text)}\n`),
      "does not verify",
    ],
    ["a signature line without a signature", (note: string) => `${note}— shop/a1\n`, "is not a signed note"],
    ["a size with a leading zero", (note: string) => note.replace(/\n(\d+)\n/, "\n0$1\n"), "is not a signed note"],
    ["a line end of another kind", (note: string) => note.replace("\n", "\r\n"), "is not a signed note"],
    [
      "base64 with other bits behind the end",
      (note: string) => note.replace(/=\n\n/, (end) => end.replace("=", "")),
      "canonical base64",
    ],
  ])("is refused with %s", async (_, change, sentence) => {
    const told = tell(2);
    const folder = await write(told);
    await writeFile(join(folder, "a1/checkpoint"), change(told.gateway.log.checkpoint()));

    expect((await verify(folder)).findings).toContainEqual(
      expect.stringMatching(new RegExp(`^a1/checkpoint .*${sentence}`)),
    );
  });

  it("is taken with a witness's signature beside its own", async () => {
    const told = tell(2);
    const folder = await write(told);
    await writeFile(
      join(folder, "a1/checkpoint"),
      `${told.gateway.log.checkpoint()}— witness.example ${Buffer.alloc(76, 7).toString("base64")}\n`,
    );

    expect(await verify(folder)).toMatchObject({ status: 0 });
  });
});

/** The same signature with the group's order added to its scalar: RFC 8032, section 5.1.7, demands that it be refused. */
function malleate(text: string): string {
  const bytes = Buffer.from(text, "base64");
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const scalar = BigInt(`0x${Buffer.from(bytes.subarray(36)).reverse().toString("hex")}`) + order;
  Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").reverse().copy(bytes, 36);
  return bytes.toString("base64");
}

withPython("a log whose gateway did not keep the rules", () => {
  type Story = (told: Told) => void;
  const raw =
    (entry: string): Story =>
    (told) => {
      const ts = told.clock.next();
      told.gateway.log.append(entry.replace("TS", ts).replace("SEQ", String(told.gateway.log.entries.length)));
    };
  const stories: readonly [string, Story, RegExp][] = [
    [
      "leaves a number out",
      raw('{"detail":"","name":"n","seq":99999,"ts":"TS","type":"alarm.raised","v":1}'),
      /has another seq/,
    ],
    [
      "writes a number as true",
      raw('{"detail":"","name":"n","seq":SEQ,"ts":"TS","type":"alarm.raised","v":true}'),
      /has no version/,
    ],
    [
      "writes white space",
      raw('{"detail":"", "name":"n","seq":SEQ,"ts":"TS","type":"alarm.raised","v":1}'),
      /not canonical JSON/,
    ],
    [
      "writes members out of order",
      raw('{"name":"n","detail":"","seq":SEQ,"ts":"TS","type":"alarm.raised","v":1}'),
      /not canonical JSON/,
    ],
    [
      "writes a member twice",
      raw('{"detail":"","detail":"","name":"n","seq":SEQ,"ts":"TS","type":"alarm.raised","v":1}'),
      /not canonical JSON/,
    ],
    [
      "writes an escape that is not needed",
      raw('{"detail":"\\u0041","name":"n","seq":SEQ,"ts":"TS","type":"alarm.raised","v":1}'),
      /not canonical JSON/,
    ],
    [
      "writes a lone surrogate",
      raw('{"detail":"\\ud800","name":"n","seq":SEQ,"ts":"TS","type":"alarm.raised","v":1}'),
      /not canonical JSON/,
    ],
    ["writes 1.0", raw('{"backMs":1.0,"seq":SEQ,"ts":"TS","type":"alarm.clock_stepped","v":1}'), /not canonical JSON/],
    ["writes -0", raw('{"backMs":-0,"seq":SEQ,"ts":"TS","type":"alarm.clock_stepped","v":1}'), /not canonical JSON/],
    [
      "writes a whole number that no double holds",
      raw('{"backMs":9007199254740993,"seq":SEQ,"ts":"TS","type":"alarm.clock_stepped","v":1}'),
      /not canonical JSON/,
    ],
    ["writes NaN", raw('{"backMs":NaN,"seq":SEQ,"ts":"TS","type":"alarm.clock_stepped","v":1}'), /not canonical JSON/],
    [
      "writes 1e999",
      raw('{"backMs":1e999,"seq":SEQ,"ts":"TS","type":"alarm.clock_stepped","v":1}'),
      /not canonical JSON/,
    ],
    ["writes no JSON", raw("nothing"), /not canonical JSON/],
    ["writes deep nesting", raw("[".repeat(30_000)), /not canonical JSON/],
    ["writes a list", raw("[1]"), /or not an object/],
    [
      "writes a session that is none",
      raw('{"seq":SEQ,"session":[],"sessionSeq":0,"ts":"TS","type":"statement.decided","v":1}'),
      /is not what its type must be/,
    ],
    [
      "dates in another form",
      raw('{"detail":"","name":"n","seq":SEQ,"ts":"2026-03-01T10:30:00Z","type":"alarm.raised","v":1}'),
      /not in UTC with microseconds/,
    ],
    [
      "dates on no day",
      raw('{"detail":"","name":"n","seq":SEQ,"ts":"2027-02-30T10:30:00.000000Z","type":"alarm.raised","v":1}'),
      /is not what its type must be/,
    ],
    [
      "goes back in time",
      ({ gateway }) => gateway.write("alarm.raised", { name: "n", detail: "" }, 0),
      /not later than/,
    ],
    [
      "counts a session's statements wrong",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.statement("ses_3");
        gateway.close("ses_3", 2);
      },
      /says 2 statements of session ses_3: the log has 1/,
    ],
    [
      "leaves a statement without outcome",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.decide("ses_3", "permitted");
        gateway.close("ses_3");
      },
      /statements \[1\] have no outcome/,
    ],
    ["opens a session twice", ({ gateway }) => gateway.open("ses_1"), /opens one again/],
    ["goes on in a closed session", ({ gateway }) => gateway.decide("ses_1", "refused"), /a session that is not open/],
    [
      "leaves a session open when it stops",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.stop();
      },
      /these sessions are not closed: ses_3/,
    ],
    [
      "leaves a session open when it starts again",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.start();
      },
      /these sessions are not closed: ses_3/,
    ],
    ["misses a heartbeat", ({ gateway }) => gateway.heartbeat(151_000_000), /a heartbeat is missing/],
    [
      "puts session members where they do not belong",
      ({ gateway }) => gateway.write("alarm.raised", { session: "ses_1", sessionSeq: 4 }),
      /members of a session/,
    ],
    [
      "skips a number in a session",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.write("session.closed", { session: "ses_3", sessionSeq: 2, statements: 0 });
      },
      /the next sessionSeq/,
    ],
    [
      "finishes what it did not begin",
      ({ gateway }) => {
        gateway.open("ses_3");
        gateway.write("statement.finished", { session: "ses_3", sessionSeq: 1, statement: 7 });
      },
      /not under way/,
    ],
    [
      "names another log as its own",
      ({ gateway }) => gateway.write("gateway.started", { origin: "shop/b2" }),
      /names another log/,
    ],
    ["names another key", ({ gateway }) => gateway.write("key.created", { purpose: "log", vkey: "x" }), /another key/],
    [
      "keeps a registry of its own",
      ({ gateway }) => gateway.write("log.updated", { origin: "x", size: 0, root: "AAAA" }),
      /belongs into the registry only/,
    ],
  ];

  it.each(stories)("is found out when it %s", async (_, story, sentence) => {
    const told = tell(1);
    story(told);

    expect(await inspector.inspect(await write(told))).toEqual([expect.stringMatching(sentence)]);
  });

  it("is not blamed for silence while the log could not be written", async () => {
    const told = tell(1);
    told.gateway.write("alarm.log_interrupted", { reason: "disk full", seconds: 400 }, 400_000_000);
    told.gateway.heartbeat();

    expect(await verify(await write(told))).toMatchObject({ status: 0, findings: [] });
  });

  it("is found out when it goes on after its end without being opened again", async () => {
    const told = tell(1);
    told.gateway.stop();
    told.gateway.start();

    expect((await verify(await write(told))).findings).toEqual([
      expect.stringMatching(/^registry\/checkpoint does not cover the end of a1/),
    ]);
  });

  it("is found out when the registry does not record the end", async () => {
    const told = tell(1);
    told.gateway.write("gateway.stopped", { reason: "sample" });

    expect((await verify(await write(told))).findings).toEqual([
      expect.stringMatching(/^registry\/checkpoint does not cover the end of a1/),
    ]);
  });
});

withPython("a .tlog-proof that the verifier is given", () => {
  it("shows that its entry is in the log, and nothing else does", async () => {
    const { gateway } = tell();
    const { log } = gateway;
    const paths = { proof: newFolder(), entry: newFolder(), vkey: log.signer.vkey };
    const attempt = async (
      proof: string,
      entry: Uint8Array = log.entries[200] ?? Buffer.alloc(0),
      vkey = paths.vkey,
    ) => {
      await writeFile(paths.proof, proof);
      await writeFile(paths.entry, entry);
      return (await verify("--proof", paths.proof, "--entry", paths.entry, "--key", vkey)).status;
    };
    const proof = log.proof(200);

    expect(await attempt(proof)).toBe(0);
    expect(await attempt(proof, log.entries[201])).toBe(1);
    expect(await attempt(proof.replace("index 200", "index 201"))).toBe(1);
    expect(await attempt(proof.replace("index 200", "index 0200"))).toBe(1);
    expect(await attempt(proof.replace(/\n[^\n]+\n\n/, "\n\n"))).toBe(1);
    expect(await attempt(proof.replace(/\n([^\n]+)\n\n/, "\n$1\n$1\n\n"))).toBe(1);
    expect(await attempt(log.proof(201))).toBe(1);
    expect(await attempt(proof, undefined, makeSigner("shop/a1").vkey)).toBe(1);
  });

  it("is shown for each place of trees of many sizes", async () => {
    const log = new SampleLog("shop/a1");
    for (const size of [1, 2, 3, 7, 8, 11]) {
      while (log.entries.length < size) log.append({ n: log.entries.length });
      for (const index of new Set([0, size >> 1, size - 1])) {
        const [proof, entry] = [newFolder(), newFolder()];
        await writeFile(proof, log.proof(index));
        await writeFile(entry, log.entries[index] ?? "");

        expect(
          await verify("--proof", proof, "--entry", entry, "--key", log.signer.vkey),
          `${index} of ${size}`,
        ).toMatchObject({ status: 0 });
      }
    }
  });

  it("may carry an extra line, which shows nothing", async () => {
    const { gateway } = tell(2);
    const [proof, entry] = [newFolder(), newFolder()];
    await writeFile(proof, gateway.log.proof(3).replace("\nindex", "\nextra AAAA\nindex"));
    await writeFile(entry, gateway.log.entries[3] ?? "");

    expect((await verify("--proof", proof, "--entry", entry, "--key", gateway.log.signer.vkey)).status).toBe(0);
  });
});

withPython("a verifier that was called wrongly", () => {
  it("exits with 2", async () => {
    expect((await verify()).status).toBe(2);
    expect((await verify(join(scratch, "nowhere"))).status).toBe(2);
    expect((await verify(scratch, "--key", "no key")).status).toBe(2);
    expect((await verify("--proof", "x")).status).toBe(2);
  });
});

withPython("a log of three levels of tiles", () => {
  it("verifies, and a flipped bit in its upper levels is named", async () => {
    const folder = await write(tell(22_000));

    expect(await verify(folder)).toMatchObject({ status: 0, findings: [] });
    for (const file of ["a1/tile/1/000", "a1/tile/2/000.p/1", "a1/tile/1/001.p/1", "a1/tile/0/100"]) {
      await flip(join(folder, file), 8 * 11);
      expect(await inspector.inspect(folder), file).toEqual([expect.stringContaining(`${file} `)]);
      await flip(join(folder, file), 8 * 11);
    }
  });
});
