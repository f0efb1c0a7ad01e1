import { describe, expect, it } from "vitest";
import { hasHardWrap } from "./tree-text.ts";

const LINE = 78;

/** As the server's format_node_dump breaks lines; @returns also whether it broke one inside a token. */
function wrapped(dump: string): { text: string; broken: boolean } {
  let text = "";
  let broken = false;
  let at = 0;
  while (dump.length - at > LINE) {
    const line = dump.slice(at, at + LINE);
    const space = line.lastIndexOf(" ");
    if (dump[at + LINE] === " ") {
      text += `${line}\n`;
      at += LINE + 1;
    } else if (space > 0) {
      text += `${line.slice(0, space)}\n`;
      at += space + 1;
    } else {
      text += `${line}\n`;
      at += LINE;
      broken = true;
    }
  }
  return { text: `${text}${dump.slice(at)}\n`, broken };
}

describe("a tree whose lines the server broke inside a name", () => {
  it.each([
    ["plain", `:resname ${"a".repeat(90)} :resno 1`],
    ["at the start of a line", `${"x".repeat(70)} ${"a".repeat(90)} b`],
    ["with a space before it that is the line's first byte", `${"x".repeat(78)}  ${"a".repeat(90)} b`],
    ["between a backslash and its brace", `:resname ${"\\{".repeat(62)} :resno 1`],
    ["hidden by a line break of the name's own", `:resname ${"a".repeat(30)}\\\n${"\\{".repeat(40)} :resno 1`],
  ])("is found: %s", (_, dump) => {
    const { text, broken } = wrapped(dump);

    expect(broken).toBe(true);
    expect(hasHardWrap(new TextEncoder().encode(text))).toBe(true);
  });

  it("is told from one whose names have 63 bytes each", () => {
    const dump = Array.from({ length: 40 }, (_, at) => `:resname ${"n".repeat(63)} :resno ${at}`).join(" ");
    const { text, broken } = wrapped(dump);

    expect(broken).toBe(false);
    expect(hasHardWrap(new TextEncoder().encode(text))).toBe(false);
  });
});
