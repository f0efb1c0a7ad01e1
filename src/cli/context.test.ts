import { describe, expect, it } from "vitest";
import { streamTo } from "./context.ts";

const terminal = { isTTY: true, columns: 72, write: () => true };

describe("an output stream", () => {
  it("that is a terminal has its width, and colours", () => {
    expect(streamTo(terminal, { TERM: "xterm" })).toMatchObject({ isTerminal: true, columns: 72, color: true });
  });

  it("that is none has no width, and never colours", () => {
    expect(streamTo({ write: () => true }, {})).toMatchObject({ isTerminal: false, columns: 0, color: false });
  });

  it.each([
    ["NO_COLOR", { NO_COLOR: "1" }, false],
    ["a dumb terminal", { TERM: "dumb" }, false],
    ["an empty NO_COLOR, which says nothing", { NO_COLOR: "" }, true],
  ])("heeds %s", (_, env, color) => {
    expect(streamTo(terminal, env).color).toBe(color);
  });
});
