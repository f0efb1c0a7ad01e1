/**
 * Two databases of invariant-schema.ts that differ in labelled values alone, all of whose masks are the same, and random statements over
 * them: what holds by the checker must give the same in both.
 */

import { last4, last4Varchar, MASKED, year } from "./invariant-schema.ts";

export type World = "a" | "b";

const IDS = Array.from({ length: 12 }, (_, index) => index + 1);

/** Values of a labelled text column that end alike, and begin differently in each world. */
function secret(world: World, id: number): string {
  const first = world === "a" ? 111 + id : 999 - ((id * 7) % 20);
  return `${first}-${world === "a" ? 10 + id : 90 - id}-${1000 + (id % 4)}`;
}

function day(world: World, id: number): string {
  const [month, date] = world === "a" ? [1 + (id % 12), 1 + id] : [12 - (id % 12), 28 - id];
  return `${1980 + (id % 3)}-${month}-${date}`;
}

/** All rows, as SQL. */
export function rowsOf(world: World): string {
  const text = (id: number) => (id % 5 === 0 ? "NULL" : `'${secret(world, id)}'`);
  const values = (row: (id: number) => string) => IDS.map((id) => `(${row(id)})`).join(", ");
  const number = (id: number) => (world === "a" ? id * 100 : 5000 - id);
  return `
    INSERT INTO customers (id, name, ssn, email, birth, hired, doc, salary, home) VALUES ${values((id) => `${id}, 'n${id % 4}', ${text(id)}, '${secret(world, id)}@e.x', '${day(world, id)}', '2020-01-${id}', '{"a": "${secret(world, id)}"}', ${number(id)}, ROW('${secret(world, id)}', 'c')`)};
    INSERT INTO orders VALUES ${values((id) => `${id}, ${(id * 5) % 13}, 'note ${id % 3}', '${secret(id % 2 === 0 ? "a" : "b", id)}', '2021-02-${id}'`)};
    INSERT INTO people (id, k, ssn) VALUES ${values((id) => `${id}, ${id}, ${text(id)}`)};
    INSERT INTO parent VALUES (1, ${text(1)}), (2, ${text(2)});
    INSERT INTO child VALUES (3, ${text(3)}, 'x'), (4, ${text(4)}, 'y');
    INSERT INTO made (id, ssn) VALUES (1, ${text(1)});
    INSERT INTO ruled VALUES (1, ${text(1)}, 'note');
    INSERT INTO log VALUES (1, 'a'), (2, 'b');
    REFRESH MATERIALIZED VIEW stored;`;
}

/** What a labelled value of world a is compared with. */
const LITERALS = [
  "'n1'",
  "'note 1'",
  "''",
  "'5'",
  `'${secret("a", 3)}'`,
  `'${secret("b", 3)}'`,
  `'***${secret("a", 3).slice(-4)}'`,
  "'1980-01-01'",
  "'500'",
];

const TEXT_COLUMNS: ReadonlySet<string> = new Set(["name", "ssn", "s", "note", "what", "extra"]);

interface Column {
  readonly name: string;
  /** As SQL over a reference to it; null: it is not labelled. */
  readonly mask: ((reference: string) => string) | null;
}

interface Source {
  readonly sql: string;
  readonly alias: string;
  readonly columns: readonly Column[];
}

const plain = (names: string): readonly Column[] => names.split(" ").map((name) => ({ name, mask: null }));
const SSN: Column = { name: "ssn", mask: last4 };
const BIRTH: Column = { name: "birth", mask: year };

/** Relations as they are. */
const BARE: Readonly<Record<string, readonly Column[]>> = {
  customers: [...plain("id name hired doc salary"), SSN, BIRTH, { name: "email", mask: last4Varchar }],
  people: [...plain("id k"), SSN],
  parent: [...plain("id"), SSN],
  child: [...plain("id extra"), SSN],
  stored: [...plain("id"), SSN],
  made: [...plain("id"), SSN, { name: "short", mask: last4 }],
  carrying: [...plain("id name"), SSN, BIRTH],
  twice: [...plain("n"), { name: "s", mask: last4 }],
  joining: [...plain("id note"), SSN],
  by_key: [...plain("id n"), SSN],
  first_of: [...plain("id"), SSN],
  sorted: [...plain("id"), SSN],
  barred: [...plain("id name"), SSN],
  with_cte: [...plain("id note"), SSN],
  computing: plain("id ssn"),
  filtering: plain("id name"),
  sorting: plain("id ssn"),
  united: plain("id ssn"),
  grouped: plain("ssn n"),
  asking: plain("id"),
  whole_rows: plain("whole"),
};
const UNLABELLED: Readonly<Record<string, readonly Column[]>> = {
  orders: plain("id customer note ssn placed"),
  log: plain("id what"),
};
const SPLICED: Readonly<Record<string, readonly Column[]>> = {
  [MASKED.customers]: plain("id name hired doc salary ssn birth email"),
  [MASKED.people]: plain("id k ssn"),
  [MASKED.carrying]: plain("id name ssn birth"),
};

/** Deterministic: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The statement of a number. Row order counts for nothing in it: LIMIT comes with an order of all columns. */
export function randomStatement(seed: number): string {
  return new Writer(randomOf(seed)).statement();
}

class Writer {
  readonly #random: () => number;
  #names = 0;
  #ctes: Source[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  statement(): string {
    if (this.#chance(0.2)) return this.#change();
    const ctes = this.#chance(0.25) ? this.#with() : "";
    return `${ctes}${this.#query(3, []).sql}`;
  }

  #with(): string {
    const count = 1 + this.#below(2);
    const parts: string[] = [];
    for (let index = 0; index < count; index++) {
      const { sql, columns } = this.#query(1, []);
      const name = this.#name("w");
      parts.push(`${name} AS ${this.#pick(["", "MATERIALIZED ", ""])}(${sql})`);
      this.#ctes.push({ sql: name, alias: name, columns });
    }
    return `WITH ${parts.join(", ")} `;
  }

  #change(): string {
    const target = this.#pick(["orders", "orders", "log", "customers", "carrying", "people"]);
    const own: Source = { sql: target, alias: "t", columns: BARE[target] ?? UNLABELLED[target] ?? [] };
    const other = this.#source(1, []);
    const scope = [own, other];
    const text = target === "log" ? "what" : target === "people" ? "ssn" : target === "orders" ? "note" : "name";
    const returning = `RETURNING ${this.#list(scope, 1)}`;
    const where = `WHERE t.id::text = ${this.#text(other)} AND ${this.#condition(scope, 1)}`;
    switch (this.#below(5)) {
      case 0:
        return `UPDATE ${target} t SET ${text} = ${this.#value(scope, 1)} FROM ${other.sql} ${other.alias} ${where} ${returning}`;
      case 1:
        return `DELETE FROM ${target} t USING ${other.sql} ${other.alias} ${where} ${returning}`;
      case 2:
        return `INSERT INTO ${target} AS t (id, ${text}) SELECT 3, ${this.#value([other], 1)} FROM ${other.sql} ${other.alias} RETURNING ${this.#list([own], 1)}`;
      case 3:
        return `INSERT INTO ${target} AS t (id, ${text}) VALUES (3, 'x') ON CONFLICT (id) DO UPDATE SET ${text} = ${this.#value([own, { ...own, alias: "excluded" }], 1)} WHERE ${this.#condition([own], 0)} RETURNING ${this.#list([own], 1)}`;
      default:
        return `MERGE INTO ${target} t USING ${other.sql} ${other.alias} ON t.id::text = ${this.#text(other)} AND ${this.#condition(scope, 0)} WHEN MATCHED AND ${this.#condition(scope, 0)} THEN UPDATE SET ${text} = ${this.#value(scope, 0)} WHEN NOT MATCHED THEN DO NOTHING`;
    }
  }

  /** Columns of what it gives: all text, or as they were where the select list names them plainly. */
  #query(depth: number, outer: readonly Source[]): { readonly sql: string; readonly columns: readonly Column[] } {
    if (depth > 0 && this.#chance(0.1)) {
      const [one, other] = [this.#plainText(depth - 1, outer), this.#plainText(depth - 1, outer)];
      return {
        sql: `${one} ${this.#pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])} ${other}`,
        columns: plain("c1"),
      };
    }
    const from = this.#from(depth, outer);
    const scope = [...from.sources, ...(this.#chance(0.5) ? outer : [])];
    if (this.#chance(0.2)) return this.#grouped(from, scope, depth);
    const outputs = Array.from({ length: 1 + this.#below(3) }, () => this.#output(scope, depth));
    const where = this.#chance(0.5) ? ` WHERE ${this.#condition(scope, depth)}` : "";
    const order = this.#chance(0.3) ? ` ORDER BY ${outputs.map((_, index) => String(index + 1)).join(", ")}` : "";
    const limit = order !== "" && this.#chance(0.5) ? ` LIMIT ${1 + this.#below(4)}` : "";
    const list = outputs.map(({ sql }, index) => `${sql} AS c${index + 1}`).join(", ");
    const distinct = this.#chance(0.1) ? "DISTINCT " : "";
    const columns = outputs.map(({ mask }, index) => ({ name: `c${index + 1}`, mask }));
    return { sql: `SELECT ${distinct}${list} FROM ${from.sql}${where}${order}${limit}`, columns };
  }

  #plainText(depth: number, outer: readonly Source[]): string {
    const from = this.#from(depth, outer);
    return `SELECT ${this.#value(from.sources, depth)} AS c1 FROM ${from.sql}`;
  }

  #grouped(from: { readonly sql: string }, scope: readonly Source[], depth: number) {
    const key = this.#expression(scope, 0);
    const value = this.#expression(scope, depth);
    const having = this.#chance(0.3) ? ` HAVING max(${this.#expression(scope, 0)}) > ${this.#pick(LITERALS)}` : "";
    const aggregate = this.#pick([
      `max(${value})`,
      `count(DISTINCT ${value})::text`,
      `count(*) FILTER (WHERE ${this.#condition(scope, 0)})::text`,
      `string_agg(${value}, ',' ORDER BY ${value})`,
    ]);
    const sql = `SELECT ${key} AS c1, ${aggregate} AS c2 FROM ${from.sql} GROUP BY ${this.#pick(["1", "GROUPING SETS ((1), ())"])}${having}`;
    return { sql, columns: plain("c1 c2") };
  }

  #from(depth: number, outer: readonly Source[]): { readonly sql: string; readonly sources: readonly Source[] } {
    const first = this.#source(depth, []);
    if (depth === 0 || this.#chance(0.6)) return { sql: `${first.sql} ${first.alias}`, sources: [first] };
    const isLateral = this.#chance(0.3);
    const second = this.#source(depth - 1, isLateral ? [first, ...outer] : [], isLateral);
    const sources = [first, second];
    const kind = this.#pick(["JOIN", "LEFT JOIN", "CROSS", "USING", "NATURAL"]);
    const [one, other] = [`${first.sql} ${first.alias}`, `${second.sql} ${second.alias}`];
    const shared = first.columns.find(({ name }) => second.columns.some((column) => column.name === name))?.name;
    if (kind === "USING" && shared !== undefined) return { sql: `${one} JOIN ${other} USING (${shared})`, sources };
    if (kind === "NATURAL") return { sql: `${one} NATURAL JOIN ${other}`, sources };
    if (kind === "CROSS" || kind === "USING") return { sql: `${one} CROSS JOIN ${other}`, sources };
    return { sql: `${one} ${kind} ${other} ON ${this.#condition(sources, 0)}`, sources };
  }

  #source(depth: number, outer: readonly Source[], isLateral = false): Source {
    const alias = this.#name("r");
    if (isLateral || (depth > 0 && this.#chance(0.3))) {
      const { sql, columns } = this.#query(Math.max(depth - 1, 0), isLateral ? outer : []);
      return { sql: `${isLateral ? "LATERAL " : ""}(${sql})`, alias, columns };
    }
    const cte = this.#chance(0.5) && this.#ctes.length > 0 ? this.#pick(this.#ctes) : null;
    if (cte !== null) return { ...cte, alias };
    const pool = this.#pick([SPLICED, SPLICED, BARE, UNLABELLED]);
    const [sql, columns] = this.#pick(Object.entries(pool));
    return { sql, alias, columns };
  }

  /** An output: a column as it is, with its mask, or an expression. */
  #output(scope: readonly Source[], depth: number): { readonly sql: string; readonly mask: Column["mask"] } {
    const { alias, columns } = this.#pick(scope);
    const column = columns.length === 0 ? undefined : this.#pick(columns);
    if (column !== undefined && this.#chance(0.45)) return { sql: `${alias}.${column.name}`, mask: column.mask };
    return { sql: this.#expression(scope, depth), mask: null };
  }

  #list(scope: readonly Source[], depth: number): string {
    return Array.from({ length: 1 + this.#below(3) }, () => this.#value(scope, depth)).join(", ");
  }

  /** Text. A labelled column mostly has its mask around it. */
  #text({ alias, columns }: Source): string {
    const column = columns.length === 0 ? undefined : this.#pick(columns);
    if (column === undefined) return `${alias}::text`;
    const reference = `${alias}.${column.name}`;
    return column.mask !== null && this.#chance(0.85) ? `${column.mask(reference)}::text` : `${reference}::text`;
  }

  /** An expression, or a column of type text by itself. */
  #value(scope: readonly Source[], depth: number): string {
    const { alias, columns } = this.#pick(scope);
    const texts = columns.filter(({ name }) => TEXT_COLUMNS.has(name));
    return texts.length > 0 && this.#chance(0.25)
      ? `${alias}.${this.#pick(texts).name}`
      : this.#expression(scope, depth);
  }

  #expression(scope: readonly Source[], depth: number): string {
    const source = this.#pick(scope);
    const one = this.#text(source);
    switch (this.#below(depth > 0 ? 15 : 10)) {
      case 0:
        return `upper(${one})`;
      case 1:
        return `(${one} || ${this.#text(this.#pick(scope))})`;
      case 2:
        return `coalesce(${one}, 'none')`;
      case 3:
        return `CASE WHEN ${this.#condition(scope, 0)} THEN ${one} ELSE 'else' END`;
      case 4:
        return this.#chance(0.4) ? `row_to_json(${source.alias})::text` : `length(${one})::text`;
      case 10:
        return `(SELECT max(x.c1::text) FROM (${this.#query(depth - 1, scope).sql}) x)`;
      case 11:
        return `(SELECT count(*) FROM (${this.#query(depth - 1, scope).sql}) x)::text`;
      case 12:
        return `(${this.#plainText(depth - 1, [])} LIMIT 1)`;
      case 13:
        return `max(${one}) OVER (PARTITION BY ${this.#text(this.#pick(scope))})`;
      default:
        return one;
    }
  }

  #condition(scope: readonly Source[], depth: number): string {
    const one = this.#text(this.#pick(scope));
    switch (this.#below(depth > 0 ? 7 : 5)) {
      case 0:
        return `${one} ${this.#pick(["=", "<>", "<", ">="])} ${this.#text(this.#pick(scope))}`;
      case 1:
        return `${one} IS NOT NULL`;
      case 5:
        return `EXISTS (${this.#query(depth - 1, scope).sql})`;
      case 6:
        return `${one} IN (${this.#plainText(depth - 1, scope)})`;
      default:
        return `${one} ${this.#pick(["=", "<>", "<", ">=", "LIKE"])} ${this.#pick(LITERALS)}`;
    }
  }

  #name(letter: string): string {
    this.#names++;
    return `${letter}${this.#names}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error("nothing to choose from");
    return item;
  }
}
