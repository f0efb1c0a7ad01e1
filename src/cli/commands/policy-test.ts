/** `postern policy test`: the table tests of a policy folder, each statement resolved by the server or a saved catalog. */

import type { Command } from "commander";
import type { FunctionListing } from "../../analysis/functions.ts";
import type { PolicyProblem } from "../../policy/problem.ts";
import { type PolicyTestResult, type ResolvedStatement, runPolicyTests } from "../../policy/run-table-tests.ts";
import { type PolicyTest, parsePolicyTests } from "../../policy/table-tests.ts";
import { type ConfigOptions, configOption, examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note, printData } from "../output.ts";
import {
  found,
  type PolicyConfig,
  type PolicyFolder,
  policyConfig,
  problemLine,
  readPolicyFolder,
  usableFolder,
} from "../policy/folder.ts";
import { Resolver } from "../policy/resolver.ts";
import { offlineSource, savedCatalog, targetOf, withServer } from "../policy/source.ts";
import { paint, visible } from "../text.ts";

interface TestOptions extends ConfigOptions, FormatOptions {
  readonly catalog?: string;
  readonly database?: string;
  readonly role?: string;
}

export function addPolicyTest(group: Command, context: CliContext): void {
  const command = group
    .command("test")
    .summary("run the policy's table tests")
    .description(
      "Runs the table tests *.test.yaml of the policy folder: who asks for what, and what is to be decided. Statements are resolved by the server (--database) or by a saved catalog (--catalog), which is an approximation; tests that list their requests need neither. Exit status 1 if any fails.",
    )
    .argument("[folder]", "the policy's folder (default: that of --config)")
    .option("--catalog <file>", "a catalog that policy catalog save wrote")
    .option("--database <name>", "the database that resolves statements, as the configuration names it")
    .option("--role <name>", "upstream role, as the configuration names it (default: the database's own)")
    .addOption(configOption(context.env))
    .addOption(formatOption())
    .action((folder: string | undefined, options: TestOptions) => test(context, folder, options));
  examples(command, [
    ["postern policy test --catalog shop.json", "in continuous integration, without a server"],
    ["postern policy test --database shop", "by the server's own trees"],
  ]);
}

async function test(context: CliContext, named: string | undefined, options: TestOptions): Promise<void> {
  const config = policyConfig(context, options.config, options.database !== undefined);
  const folder = readPolicyFolder(context, named, config, options.config);
  const { set, listings } = usableFolder(context, folder, config);
  const tests = readTests(context, folder);
  const answers = await resolveAll(context, tests, options, config, listings);
  const results = runPolicyTests(tests, set, (statement, { database }) => {
    const answer = answers.get(key(database, statement));
    if (answer instanceof Error) throw answer;
    return answer ?? unresolved(options);
  });
  print(context, folder, results, options);
  const failed = results.filter(({ passed }) => !passed).length;
  if (failed === 0) return;
  throw new CliError(
    "failed",
    `${failed} of ${results.length} tests failed`,
    "why each decision fell so: postern policy explain",
  );
}

function readTests(context: CliContext, folder: PolicyFolder): readonly PolicyTest[] {
  const problems: PolicyProblem[] = [];
  const tests = folder.tests.flatMap(({ name, text }) => found(problems, () => parsePolicyTests(name, text)) ?? []);
  for (const problem of problems) note(context, problemLine(folder, problem));
  if (problems.length > 0)
    throw new CliError("usage", `the tests in ${folder.shown} cannot be used`, "mend them, then run them again");
  if (tests.length === 0)
    throw new CliError(
      "usage",
      `there are no tests in ${folder.shown}`,
      "they are files *.test.yaml: docs/guides/policy.md",
    );
  return tests;
}

type Answers = ReadonlyMap<string, ResolvedStatement | Error>;

/** Each statement once. */
async function resolveAll(
  context: CliContext,
  tests: readonly PolicyTest[],
  { catalog, database, role }: TestOptions,
  { config }: PolicyConfig,
  listings: readonly FunctionListing[],
): Promise<Answers> {
  if (catalog !== undefined && database !== undefined)
    throw new CliError("usage", "--catalog and --database are two ways of resolving statements", "give one");
  if (catalog !== undefined) {
    const source = offlineSource(savedCatalog(context, catalog), listings);
    return answersOf(await Resolver.open(source), tests, source.catalog.database);
  }
  if (database === undefined || config === undefined) return new Map();
  return withServer(context, targetOf(config, database, role), listings, async (source) =>
    answersOf(await Resolver.open(source), tests, database),
  );
}

async function answersOf(resolver: Resolver, tests: readonly PolicyTest[], database: string): Promise<Answers> {
  const answers = new Map<string, ResolvedStatement | Error>();
  for (const test of tests) {
    if (test.statement === undefined || test.database !== database || answers.has(key(database, test.statement)))
      continue;
    answers.set(key(database, test.statement), await answerOf(resolver, test.statement));
  }
  return answers;
}

async function answerOf(resolver: Resolver, statement: string): Promise<ResolvedStatement | Error> {
  try {
    const [one, another] = await resolver.resolve(statement);
    if (one === undefined || another !== undefined) return new Error("a test is of one statement");
    const { requests, hasWhere, matchesAll, refusal } = one;
    return { requests, hasWhere, matchesAll, ...(refusal === null ? {} : { refusal: refusal.message }) };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function key(database: string, statement: string): string {
  return `${database}\0${statement}`;
}

function unresolved({ catalog, database }: TestOptions): never {
  if (catalog === undefined && database === undefined)
    throw new Error("give --catalog FILE or --database NAME, or list its requests");
  throw new Error("it is of another database");
}

function print(
  context: CliContext,
  folder: PolicyFolder,
  results: readonly PolicyTestResult[],
  { output, catalog }: TestOptions,
): void {
  if (output !== "table") {
    const rows = results.map(({ test: { file, line, name, expected }, passed, verdict, policies, lines }) => {
      return {
        file,
        line,
        name,
        passed,
        expected: { ...expected, policies: expected.policies ?? null },
        verdict,
        policies,
        lines,
      };
    });
    const failed = results.filter(({ passed }) => !passed).length;
    printData(
      context,
      output,
      output === "jsonl" ? rows : { ok: failed === 0, passed: results.length - failed, failed, tests: rows },
    );
    return;
  }
  const { out } = context;
  for (const { test, passed, lines } of results) {
    if (passed) continue;
    out.write(
      `${paint(out.color, "red", "FAIL")} ${visible(`${folder.shown}/${test.file}:${test.line}: ${test.name}`)}\n`,
    );
    for (const line of lines) out.write(`  ${visible(line)}\n`);
  }
  const passed = results.filter((result) => result.passed).length;
  out.write(`${passed} of ${results.length} tests passed\n`);
  if (catalog !== undefined)
    note(
      context,
      "  Statements were resolved offline, by a saved catalog: an approximation of what the server would say.",
    );
}
