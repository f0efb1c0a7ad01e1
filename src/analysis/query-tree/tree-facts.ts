/** What PostgreSQL's own rewritten tree says a statement touches. OIDs only: names are the catalog's matter, permission is policy's. */

export type ServerMajor = 15 | 16 | 17 | 18;

export function isServerMajor(major: number): major is ServerMajor {
  return major >= 15 && major <= 18 && Number.isInteger(major);
}

export interface RelationTouch {
  readonly action: "select" | "insert" | "update" | "delete";
  readonly oid: number;
  /** Attribute numbers, ascending: read (select) or written (insert, update); 0: the whole row; none for count(*) and delete. */
  readonly columns: readonly number[];
  /** OIDs of the views it was reached through, the one that the statement names first; none: named by the statement itself. */
  readonly through: readonly number[];
}

/** All lists are ascending and without repetition. */
export interface TreeFacts {
  /** Of the statement as it was sent. `nothing`: a rule has replaced it by nothing. */
  readonly command: "select" | "insert" | "update" | "delete" | "merge" | "utility" | "nothing";
  /** Views and their leaves both. */
  readonly relations: readonly RelationTouch[];
  /** Functions, aggregates, window functions, functions behind operators where the tree names them, TABLESAMPLE handlers. */
  readonly functions: readonly number[];
  readonly operators: readonly number[];
  /** Types whose own functions run without being in the tree: casts through text, domains, XML and JSON constructors, column definitions. */
  readonly types: readonly number[];
  /** Of identity columns. */
  readonly sequences: readonly number[];
  /** Those whose nextval() a column's default calls in INSERT, UPDATE or MERGE; that call is not among `functions`. */
  readonly defaultSequences: readonly number[];
  /** Schemas that a CREATE TYPE … AS ENUM inside a function or DO block puts something in, by name: what it makes has no OID yet. */
  readonly createsIn: readonly string[];
  /** Row-level security has added conditions. */
  readonly rowSecurity: boolean;
  /** Rewrite rules have added or replaced queries. */
  readonly rules: boolean;
  /** It changes rows, and the server's own count at its end has all that it changes itself: no part of it writes uncounted, and no rule. */
  readonly counted: boolean;
  /** UPDATE and DELETE: there is a condition. True for all others. */
  readonly hasWhere: boolean;
  /** UPDATE, DELETE, MERGE whose condition compares no column of the target with a constant or parameter, nor with what such picks: see bounds.ts. */
  readonly matchesAll: boolean;
  /** FOR UPDATE, FOR SHARE and their like. */
  readonly locksRows: boolean;
}
