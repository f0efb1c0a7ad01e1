/** One-off encoding: what is not on the hot path needs no writer of its own. */

import { MessageWriter } from "./writer.ts";

/** The bytes that `write` writes, as one buffer for one send. @throws {ProtocolViolation} what the encoders throw. */
export function encoded(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  write(writer);
  return writer.finish();
}
