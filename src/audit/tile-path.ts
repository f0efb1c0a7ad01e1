/** Names of a log's files (C2SP tlog-tiles, "Merkle Tree" and "Log entries"). Pure. */

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;

/** A tile's level, or the bundles of entries beside level 0. */
export type TileLevel = number | "entries";

/** Path below the log's folder; `width` below 256 names a partial one. */
export function tilePath(level: TileLevel, index: number, width: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

/** Number of full tiles at `level`, and width of the partial one behind them (0: none), in a tree of `size` leaves. */
export function tileCounts(size: number, level: TileLevel): { readonly full: number; readonly partial: number } {
  const hashes = level === "entries" ? size : Math.floor(size / TILE_WIDTH ** level);
  return { full: Math.floor(hashes / TILE_WIDTH), partial: hashes % TILE_WIDTH };
}

/** Levels that a tree of `size` leaves has tiles of: 0 up to this, exclusive. */
export function levelCount(size: number): number {
  let levels = 0;
  while (size >= TILE_WIDTH ** levels) levels++;
  return levels;
}
