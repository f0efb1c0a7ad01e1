/**
 * Random statements over test/twin-world/schema.sql, the same for the same seed: joins, LATERAL, CTEs named like tables, whole rows,
 * correlated sub-queries, set operations, aggregates, windows, writes with RETURNING. Rows are to be compared as multisets.
 */

type Kind = "number" | "text" | "date" | "flag";

interface Column {
  readonly name: string;
  readonly kind: Kind;
}

/** What stands in FROM, with the columns that may be asked of its alias. */
interface Source {
  readonly sql: string;
  readonly alias: string;
  readonly columns: readonly Column[];
  /** The alias is a table's or a view's, so that the whole row has a name. */
  readonly row: boolean;
}

const of = (kind: Kind, names: string): Column[] => names.split(" ").map((name) => ({ name, kind }));
const TABLES: Readonly<Record<string, readonly Column[]>> = {
  customers: [
    ...of("number", "id tenant visits salary score big ratio"),
    ...of("text", "country name email ssn phone card place"),
    ...of("date", "joined born"),
    ...of("flag", "flag"),
  ],
  orders: [...of("number", "id customer amount"), ...of("date", "placed"), ...of("text", "status note")],
  payments: [...of("number", "id customer amount"), ...of("text", "region account")],
  payments_us: [...of("number", "id customer amount"), ...of("text", "region account")],
  people: [...of("number", "id"), ...of("text", "nick")],
  staff: [...of("number", "id"), ...of("text", "nick badge")],
  vault: [...of("number", "id"), ...of("text", "secret")],
  countries: of("text", "country title region"),
  guesses: [...of("number", "id"), ...of("text", "guess")],
  plain: [...of("number", "id salary"), ...of("text", "country email ssn")],
  kept: [...of("number", "id"), ...of("text", "number short")],
  shops: of("text", "country title"),
};
const NAMES = Object.keys(TABLES);
/** Written to, with what may be set there. */
const TARGETS: Readonly<Record<string, string>> = {
  orders: "status",
  guesses: "guess",
  countries: "title",
  customers: "country",
};

/** @returns one statement, without a semicolon. */
export function randomSql(seed: number): string {
  return new Generator(seed).statement();
}

class Generator {
  #state: number;
  #aliases = 0;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761 + 12_345) >>> 0;
  }

  statement(): string {
    const turn = this.#below(12);
    if (turn === 0) return this.#write();
    if (turn === 1) return this.#withCte();
    if (turn === 2) return this.#setOperation();
    if (turn === 3) return `${this.#grouped()}`;
    return this.#select(2, []);
  }

  /** mulberry32. */
  #below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }

  #alias(): string {
    this.#aliases++;
    return this.#below(5) === 0 ? `"Of ${this.#aliases}"` : `t${this.#aliases}`;
  }

  #select(depth: number, outer: readonly Source[]): string {
    const sources = this.#sources(depth, outer);
    const items = Array.from(
      { length: 1 + this.#below(4) },
      (_, index) => `${this.#item(sources, outer, depth)} AS c${index}`,
    );
    const distinct = this.#below(8) === 0 ? "DISTINCT " : "";
    return `SELECT ${distinct}${items.join(", ")} FROM ${this.#joined(sources)}${this.#where(sources, outer, depth)}`;
  }

  #sources(depth: number, outer: readonly Source[]): Source[] {
    const sources: Source[] = [];
    const count = 1 + this.#below(3);
    for (let index = 0; index < count; index++) {
      const lateral = index > 0 && depth > 0 && this.#below(3) === 0;
      sources.push(lateral ? this.#lateral(depth, [...sources, ...outer]) : this.#source(depth));
    }
    return sources;
  }

  #source(depth: number): Source {
    const alias = this.#alias();
    if (depth > 0 && this.#below(5) === 0) return { ...this.#derived(depth, alias, []), alias };
    const name = this.#pick(NAMES);
    const schema = this.#below(3) === 0 ? "twin." : "";
    const only = this.#below(10) === 0 && (name === "people" || name === "staff") ? "ONLY " : "";
    return {
      sql: `${only}${schema}${name} ${this.#below(2) === 0 ? "AS " : ""}${alias}`,
      alias,
      columns: TABLES[name] ?? [],
      row: true,
    };
  }

  #derived(depth: number, alias: string, outer: readonly Source[]): Omit<Source, "alias"> {
    const inner = this.#sources(Math.min(depth - 1, 1), outer).slice(0, 1);
    const columns = inner.flatMap(({ columns: own }) => own).slice(0, 5);
    const items = columns.map(({ name }) => `${inner[0]?.alias}.${name} AS ${name}`);
    const where = this.#where(inner, outer, 0);
    return { sql: `(SELECT ${items.join(", ")} FROM ${this.#joined(inner)}${where}) ${alias}`, columns, row: false };
  }

  #lateral(depth: number, outer: readonly Source[]): Source {
    const alias = this.#alias();
    const derived = this.#derived(depth, alias, outer);
    return { ...derived, sql: `LATERAL ${derived.sql}`, alias };
  }

  /** Each joined to what is before it by an equality of a kind, so that no product grows large. */
  #joined(sources: readonly Source[]): string {
    return sources
      .map((source, index) => {
        if (index === 0) return source.sql;
        const condition = this.#equal(source, sources.slice(0, index));
        const kind = source.sql.startsWith("LATERAL")
          ? this.#pick(["JOIN", "LEFT JOIN"])
          : this.#pick(["JOIN", "LEFT JOIN", "RIGHT JOIN"]);
        const lateralAfter = sources.slice(index + 1).some(({ sql }) => sql.startsWith("LATERAL"));
        return `${lateralAfter && kind === "RIGHT JOIN" ? "LEFT JOIN" : kind === "RIGHT JOIN" && source.row ? "JOIN" : kind} ${source.sql} ON ${condition}`;
      })
      .join(" ");
  }

  #equal(source: Source, before: readonly Source[]): string {
    const numbers = source.columns.some(({ kind: own }) => own === "number") && this.#below(4) > 0;
    const kind = numbers ? "number" : this.#pick(source.columns).kind;
    const left = this.#column([source], kind, numbers);
    const right = this.#column(before, kind, numbers);
    return right === null || left === null ? "true" : `${left} = ${right}`;
  }

  /** @param keys where there are any, only those that name rows, so that joins find some. */
  #column(sources: readonly Source[], kind: Kind, keys = false): string | null {
    const all = sources.flatMap(({ alias, columns }) =>
      columns.filter((column) => column.kind === kind).map(({ name }) => `${alias}.${name}`),
    );
    const named = all.filter((name) => keys && /\.(id|customer|tenant)$/.test(name));
    if (named.length > 0) return this.#pick(named);
    return all.length === 0 ? null : this.#pick(all);
  }

  #item(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    const whole = sources.filter(({ row }) => row);
    const turn = this.#below(12);
    if (turn === 0 && whole.length > 0)
      return this.#pick([`${this.#pick(whole).alias}::text`, `to_jsonb(${this.#pick(whole).alias})`]);
    if (turn === 1 && depth > 0) return this.#scalar(sources, outer);
    if (turn === 2) return this.#window(sources);
    return this.#value(sources, this.#pick(sources.flatMap(({ columns }) => columns)).kind);
  }

  #scalar(sources: readonly Source[], outer: readonly Source[]): string {
    const inner = this.#sources(0, [...sources, ...outer]).slice(0, 1);
    const aggregate = this.#pick([
      "count(*)",
      `max(${this.#value(inner, "text")})`,
      `min(${this.#value(inner, "number")})`,
    ]);
    return `(SELECT ${aggregate} FROM ${this.#joined(inner)}${this.#where(inner, [...sources, ...outer], 0)})`;
  }

  #window(sources: readonly Source[]): string {
    const order = this.#value(sources, "number");
    const call = this.#pick([
      "rank()",
      "dense_rank()",
      "count(*)",
      `min(${this.#value(sources, "text")})`,
      `sum(${this.#value(sources, "number")}::numeric)`,
    ]);
    const partition = this.#below(2) === 0 ? `PARTITION BY ${this.#value(sources, "text")} ` : "";
    return `${call} OVER (${partition}ORDER BY ${order})`;
  }

  #value(sources: readonly Source[], kind: Kind): string {
    const column = this.#column(sources, kind);
    if (column === null) return { number: "7", text: "'x'", date: "date '2020-01-01'", flag: "true" }[kind];
    if (this.#below(2) === 0) return column;
    switch (kind) {
      case "number":
        return this.#pick([
          `${column} + 1`,
          `abs(${column})`,
          `coalesce(${column}, 0)`,
          `round(${column}::numeric, 1)`,
          `(${column}::numeric % 7)`,
          `-${column}`,
        ]);
      case "text":
        return this.#pick([
          `upper(${column})`,
          `reverse(${column})`,
          `left(${column}, 3)`,
          `${column} || '!'`,
          `md5(${column})`,
          `substr(${column}, 2, 4)`,
          `coalesce(${column}, '-')`,
          `replace(${column}, 'a', 'b')`,
          `encode(convert_to(${column}, 'UTF8'), 'hex')`,
        ]);
      case "date":
        return this.#pick([
          `${column} + 1`,
          `date_trunc('month', ${column}::timestamp)::date`,
          `coalesce(${column}, date '2000-01-01')`,
        ]);
      case "flag":
        return `NOT ${column}`;
    }
  }

  #where(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    if (this.#below(5) < 2) return "";
    const count = 1 + this.#below(2);
    return ` WHERE ${Array.from({ length: count }, () => this.#condition(sources, outer, depth)).join(this.#pick([" AND ", " OR "]))}`;
  }

  #condition(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    const kind = this.#pick(sources.flatMap(({ columns }) => columns)).kind;
    const value = this.#value(sources, kind);
    if (depth > 0 && this.#below(6) === 0) {
      const inner = this.#sources(0, []).slice(0, 1);
      const test = this.#column(inner, kind);
      if (test !== null) return `${value} ${this.#pick(["IN", "NOT IN"])} (SELECT ${test} FROM ${this.#joined(inner)})`;
      return `EXISTS (SELECT FROM ${this.#joined(inner)}${this.#where(inner, [...sources, ...outer], 0)})`;
    }
    if (this.#below(8) === 0) return `${value} IS ${this.#pick(["", "NOT "])}NULL`;
    if (outer.length > 0 && this.#below(2) === 0) return `${value} = ${this.#value(outer, kind)}`;
    switch (kind) {
      case "number":
        return `${value} ${this.#pick(["<", ">", "<>"])} ${this.#pick(["7", "20", "800000", "850000000000"])}`;
      case "text":
        return `${value} ${this.#pick([`< '8'`, `LIKE '%a%'`, `~ '^[0-7d-f]'`, `> '5'`, `<> 'eu'`, `LIKE '[%'`])}`;
      case "date":
        return `${value} < date '${this.#pick(["1970-06-01", "2020-03-01", "2022-02-01"])}'`;
      case "flag":
        return value;
    }
  }

  #grouped(): string {
    const sources = this.#sources(1, []);
    const by = this.#value(sources, this.#pick(["text", "number", "date"] as const));
    const text = this.#value(sources, "text");
    const aggregates = [
      "count(*)",
      `max(${this.#value(sources, "text")})`,
      `sum(${this.#value(sources, "number")}::numeric)`,
      `count(DISTINCT ${this.#value(sources, "text")})`,
      `string_agg(${text}, ',' ORDER BY ${text})`,
    ];
    const having = this.#below(3) === 0 ? ` HAVING count(*) > 1` : "";
    return `SELECT (${by}) AS c0, ${this.#pick(aggregates)} AS c1, ${this.#pick(aggregates)} AS c2 FROM ${this.#joined(sources)}${this.#where(sources, [], 1)} GROUP BY 1${having}`;
  }

  #setOperation(): string {
    const kind = this.#pick(["text", "number"] as const);
    const side = () => {
      const sources = this.#sources(1, []);
      const cast = kind === "text" ? "text" : "numeric";
      return `SELECT (${this.#value(sources, kind)})::${cast} AS c0 FROM ${this.#joined(sources)}${this.#where(sources, [], 1)}`;
    };
    return `${side()} ${this.#pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])} ${side()}`;
  }

  /** A CTE, sometimes named like a table that it reads itself. */
  #withCte(): string {
    const name = this.#pick(NAMES);
    const columns = TABLES[name] ?? [];
    const called = this.#below(2) === 0 ? name : "w";
    const inner = `SELECT ${columns.map((column) => column.name).join(", ")} FROM ${this.#pick(["twin.", ""])}${name}`;
    const alias = this.#alias();
    const source: Source = { sql: `${called} ${alias}`, alias, columns, row: true };
    const items = [this.#value([source], columns[0]?.kind ?? "text"), this.#item([source], [], 1)];
    return `WITH ${called} AS ${this.#pick(["", "MATERIALIZED "])}(${inner}) SELECT ${items.map((item, index) => `${item} AS c${index}`).join(", ")} FROM ${source.sql}${this.#where([source], [], 1)}`;
  }

  /** Only unlabelled columns are set, tested and returned of the target: the rest is refused by design. Other tables are free. */
  #write(): string {
    const target = this.#pick(Object.keys(TARGETS));
    const set = TARGETS[target] ?? "";
    const from = this.#source(1);
    const value = `(SELECT max(left(${this.#value([from], "text")}, ${target === "customers" ? 2 : 6})) FROM ${from.sql})`;
    const text = target === "countries" ? "'t'" : `coalesce(${value}, 'no')`;
    switch (this.#below(3)) {
      case 0: // What is set depends on no row's turn.
        return `UPDATE ${target} AS x SET ${set} = ${text} FROM ${from.sql}${this.#where([from], [], 0)} RETURNING x.${set}`;
      case 1:
        return `INSERT INTO payments (id, region, amount) SELECT 900, 'eu', length(${this.#value([from], "text")}) FROM ${from.sql}${this.#where([from], [], 0)} RETURNING id, amount`;
      default:
        return `DELETE FROM guesses AS x USING ${from.sql} WHERE ${this.#condition([from], [], 0)} RETURNING x.*`;
    }
  }
}
