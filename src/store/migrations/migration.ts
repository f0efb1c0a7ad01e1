/** What a migration of the control store is. */

export interface Migration {
  /** 1, 2, 3, … without gaps; the file's name begins with it. */
  readonly version: number;
  readonly name: string;
  /** One or more statements, run in one transaction. Never edited once released: its checksum is in the stores out there. */
  readonly sql: string;
}
