/** Questions instead of values: which rows come, in what order, with which tag, with which error. */

import { others, reads } from "../attack.ts";

const asks = (condition: string) => `SELECT id FROM customers WHERE ${condition} ORDER BY id`;

export const ORACLES = [
  ...reads("oracles", {
    equal: ["a guess", "SELECT id FROM customers WHERE left(ssn, 8) = (SELECT guess FROM guesses WHERE id = 1)"],
    less: ["a bisection", asks("name < '8'")],
    like: ["by a prefix", asks("name LIKE '3%'")],
    ilike: ["in any case", asks("name ILIKE '%B%C%'")],
    regex: ["by a pattern", asks("ssn ~ '^[0-4].*[a-f]'")],
    similar: ["SIMILAR TO", asks("ssn SIMILAR TO '[0-4]%'")],
    startsWith: ["starts_with", asks("starts_with(name, 'a')")],
    prefixOperator: ["^@", asks("name ^@ 'b'")],
    number: ["a number's digit", asks("salary::bigint % 10 = 3")],
    between: ["a number between", asks("(score % 41) BETWEEN 10 AND 20")],
    date: ["a day", asks("extract(month FROM born) < 5")],
    overlaps: ["OVERLAPS", asks("(born, interval '30 days') OVERLAPS (date '1960-01-01', date '1960-12-31')")],
    flag: ["a boolean", asks("flag")],
    isTrue: ["IS TRUE", asks("flag IS NOT TRUE")],
    isNull: ["null or not", asks("ssn IS NULL")],
    enum: ["an enum", asks("level > 'silver'")],
    document: ["a document holds", asks("(profile->>'n')::int > 50")],
    contains: ["@>", asks("profile @> '{\"n\": 44}' OR profile @? '$.n ? (@ > 60)'")],
    jsonPath: ["jsonpath", asks("profile @@ '$.n > 50'")],
    key: ["a hash of it", asks("hashtext(ssn) > 0")],
    array: ["an array's element", asks("tags[1] < '8'")],
    overlap: ["&&", asks("tags && ARRAY(SELECT tags[2] FROM customers WHERE (score % 2) = 0)")],
    range: ["what a range holds", asks("period @> date '2000-01-20'")],
    inet: ["a network", asks("host << '10.0.0.0/10' AND host < '10.0.40.0'")],
    search: ["a text search", asks("words @@ to_tsquery('simple', '1:* | 2:* | 3:*')")],
    composite: ["a field of a composite", asks("(home).street < '7'")],
    domain: ["a domain", asks("code < '7'")],
    bytes: ["bytes", asks("photo < '\\x37'")],
    rowCompare: ["a row comparison", asks("(name, id) < ('8', 0)")],
    count: ["only a count", "SELECT count(*) FROM customers WHERE name < '8'"],
    exists: ["only yes or no", "SELECT EXISTS (SELECT FROM customers WHERE id = 7 AND name < '5')"],
    caseError: [
      "an error where it is so",
      "SELECT CASE WHEN score % 2 = 1 THEN 1 / (id - id) ELSE 0 END FROM customers WHERE id = 5",
    ],
    filterError: ["an error in a filter", "SELECT count(*) FROM customers WHERE 1 / (score - 731953) > 0"],
    orderLimit: ["the first by order", "SELECT id FROM customers ORDER BY salary DESC, id LIMIT 3"],
    argmax: ["who has most", "SELECT (array_agg(id ORDER BY salary DESC, id))[1] FROM customers"],
    joinOracle: [
      "a join with guesses",
      "SELECT g.n FROM generate_series(0, 40) g(n) JOIN customers c ON c.score % 41 = g.n AND c.id = 7",
    ],
    seriesBounds: [
      "a series' length",
      "SELECT n FROM customers c, generate_series(1, c.score % 41) n WHERE c.id = 7 ORDER BY 1",
    ],
    updateCount: ["an UPDATE's tag", "UPDATE customers SET visits = visits WHERE name < '8'"],
    deleteCount: ["a DELETE's tag", "DELETE FROM payments WHERE account < '8'"],
    insertSelect: ["an INSERT's tag", "INSERT INTO guesses SELECT id + 100, 'x' FROM customers WHERE name < '8'"],
    updateFrom: [
      "UPDATE … FROM",
      "UPDATE guesses g SET guess = 'hit' FROM customers c WHERE left(c.ssn, 8) = g.guess RETURNING g.id",
    ],
    deleteUsing: [
      "DELETE … USING",
      "DELETE FROM guesses g USING customers c WHERE left(c.ssn, 8) = g.guess RETURNING g.id",
    ],
    merge: [
      "MERGE's tag",
      "MERGE INTO guesses g USING (SELECT left(ssn, 8) AS s FROM customers) c ON c.s = g.guess WHEN MATCHED THEN UPDATE SET guess = 'hit' WHEN NOT MATCHED THEN DO NOTHING",
    ],
    mergeCondition: [
      "MERGE's conditions",
      "MERGE INTO guesses g USING customers c ON g.id = c.id WHEN MATCHED AND c.name < '8' THEN UPDATE SET guess = 'hit' WHEN NOT MATCHED THEN DO NOTHING",
      "SELECT * FROM guesses ORDER BY id",
    ],
    updateCase: [
      "SET by a CASE",
      "UPDATE guesses SET guess = CASE WHEN (SELECT name FROM customers WHERE id = 7) < '5' THEN 'low' ELSE 'high' END",
      "SELECT * FROM guesses ORDER BY id",
    ],
    conflict: [
      "whether a key exists, by ON CONFLICT",
      "INSERT INTO customers (id, tenant, country, joined, visits, name, card, born, ssn) SELECT 900, 1, 'de', '2020-01-01', 1, 'n', '1', '2000-01-01', ssn FROM customers WHERE id = 7 ON CONFLICT (ssn) DO NOTHING",
      "SELECT count(*) FROM customers",
    ],
    selectivity: ["rows that a plan expects", "EXPLAIN SELECT FROM customers WHERE salary < 800000"],
    analyze: [
      "rows that a plan had",
      "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT FROM customers WHERE name < '8'",
    ],
    statistics: ["an estimate of an equality", "EXPLAIN SELECT FROM customers WHERE level = 'gold'"],
    lockCount: ["rows locked", "SELECT count(*) FROM (SELECT id FROM customers WHERE name < '8' FOR UPDATE) s"],
    sequence: [
      "a sequence moved by a condition",
      "SELECT count(nextval('ticket')) FROM customers WHERE name < '8'",
      "SELECT currval('ticket') > 0",
    ],
    sequenceValue: [
      "a sequence set to a value",
      "SELECT setval('ticket', score) FROM customers WHERE id = 7",
      "SELECT last_value FROM ticket",
    ],
    advisory: [
      "a lock with a value for its key",
      "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(score) FROM customers WHERE id = 7) s",
      "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ],
    notify: [
      "a notice to oneself",
      "-- open",
      "LISTEN twin",
      "SELECT count(*) FROM (SELECT pg_notify('twin', ssn) FROM customers WHERE id = 7) s",
      "SELECT 1",
    ],
    setting: [
      "a setting for a variable",
      "SELECT count(*) FROM (SELECT set_config('app.x', ssn, false) FROM customers WHERE id = 7) s",
      "SHOW app.x",
    ],
  }),
  ...others("oracles", {
    uniqueText: [
      "whether a number exists, by its unique key",
      "INSERT INTO customers (id, tenant, country, joined, visits, name, card, born, ssn) VALUES (901, 1, 'de', '2020-01-01', 1, 'n', '1', '2000-01-01', 'none')",
    ],
    updateUnique: ["by updating to a guess", "UPDATE customers SET ssn = 'guess' WHERE id = 1"],
    writeMask: ["a mask over real data", "UPDATE customers SET ssn = '[masked]'", "SELECT count(*) FROM customers"],
    writeBack: ["what was read, written back", "UPDATE customers SET name = name || '!' WHERE id = 3"],
    copyAcross: [
      "a labelled column into an unlabelled one",
      "UPDATE guesses SET guess = (SELECT ssn FROM customers WHERE id = 7)",
    ],
    dropTable: ["the table itself", "DROP TABLE customers"],
    truncate: ["its rows", "TRUNCATE customers"],
    alter: ["a column renamed", "ALTER TABLE customers RENAME ssn TO visits2"],
  }),
];
