#!/usr/bin/env node
/**
 * Makes test/vectors/postgresql-regress/suite.jsonl.br anew: the statements of PostgreSQL's own regression suite, in its order, from
 * the unpacked sources of one or more majors (Debian's source packages postgresql-15 and postgresql-18: `apt-get source NAME`).
 *
 *   node test/support/make-regression-suite.mjs POSTGRESQL-SOURCE…
 *
 * A line is one script of the suite: {major, release, script, items}. An item is a statement's text, or an object with what psql does
 * with it besides. Of the data files that the suite loads by COPY the first rows are kept, as a script of the major 0.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { readPsqlScript } from "./psql-script.mjs";

const TARGET = fileURLToPath(new URL("../vectors/postgresql-regress/", import.meta.url));
/** Analysis is tested, not the planner: some rows of each table will do. */
const ROWS = 20;

const sources = process.argv.slice(2);
if (sources.length === 0) {
  process.stderr.write("usage: make-regression-suite.mjs POSTGRESQL-SOURCE…\n");
  process.exit(2);
}
const lines = sources.flatMap(scriptsOf);
lines.push({ major: 0, release: "", script: "data", items: dataOf(sources.at(-1)) });
const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const compressed = brotliCompressSync(text, {
  params: {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  },
});
writeFileSync(join(TARGET, "suite.jsonl.br"), compressed);
writeFileSync(join(TARGET, "COPYRIGHT"), readFileSync(join(sources.at(-1), "COPYRIGHT")));
process.stdout.write(`${lines.length} scripts, ${text.length} bytes, compressed ${compressed.length}\n`);

function scriptsOf(source) {
  const release = basename(source.replace(/\/$/, "")).replace(/^postgresql-/, "");
  const folder = join(source, "src/test/regress");
  const schedule = readFileSync(join(folder, "parallel_schedule"), "utf8");
  const names = [...schedule.matchAll(/^test:(.*)$/gm)].flatMap(([, group]) => group.trim().split(/\s+/));
  return names.map((script) => {
    // Not all are UTF-8; a script that is not is there for servers of another encoding.
    const sql = readFileSync(join(folder, "sql", `${script}.sql`), "utf8");
    const items = readPsqlScript(
      sql,
      new Map([
        ["abs_srcdir", "/regress"],
        ["abs_builddir", "/regress"],
        ["libdir", "/regress"],
        ["dlsuffix", ".so"],
        ["DBNAME", "postgres"],
        ["USER", "postgres"],
      ]),
    );
    return { major: Number.parseInt(release, 10), release, script, items };
  });
}

function dataOf(source) {
  const folder = join(source, "src/test/regress/data");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".data"))
    .map((name) => {
      const all = readFileSync(join(folder, name), "utf8").split("\n");
      return {
        file: name,
        rows: all
          .slice(0, ROWS)
          .map((row) => `${row}\n`)
          .join(""),
      };
    });
}
