/** Which tables fire triggers when written: a write to a parent goes on in its children, and fires theirs. */

export interface Triggers {
  readonly any: boolean;
  /** Some that the server did not make itself for a constraint. */
  readonly users: boolean;
}

/** @param own by relation. @param parents by relation: those that it inherits from directly. Answers for relations with any. */
export function inheritTriggers(
  own: ReadonlyMap<number, Triggers>,
  parents: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, Triggers> {
  const all = new Map(own);
  for (const [oid, triggers] of own) {
    const [seen, open] = [new Set<number>(), [...(parents.get(oid) ?? [])]];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const before = all.get(at);
      all.set(at, { any: true, users: triggers.users || (before?.users ?? false) });
      open.push(...(parents.get(at) ?? []));
    }
  }
  return all;
}
