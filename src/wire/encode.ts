/** Messages as bytes, for callers that send a few at a time. */

import { MessageWriter } from "./writer.ts";

/** What `build` writes, as bytes of the caller's own. @throws {ProtocolViolation} for what cannot be said on the wire. */
export function encoded(build: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  build(writer);
  return writer.finish();
}
