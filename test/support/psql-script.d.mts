/** Types of psql-script.mjs, which runs without a build. */

export interface PsqlItem {
  readonly sql: string;
  readonly rows?: string;
  readonly sets?: string;
  readonly executes?: true;
  readonly describes?: true;
  readonly binds?: readonly string[];
}

export const VARIABLE: { readonly open: string; readonly close: string };
export function readPsqlScript(
  text: string,
  variables: Map<string, string>,
): readonly (string | PsqlItem | { readonly connect: string })[];
