/** What offline resolution (offline-resolve.ts) throws. */

/** A name that the saved catalog does not have, or a form that only the server can resolve. */
export class OfflineUnknown extends Error {
  override readonly name = "OfflineUnknown";
}
