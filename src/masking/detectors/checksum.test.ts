import { describe, expect, it } from "vitest";
import { crc32 } from "../../../test/vectors/detectors/crc32.mjs";
import { passesTokenChecksum } from "./checksum.ts";
import { DetectorSet } from "./detector-set.ts";

describe("the checksum of a token", () => {
  it.each(["", "a", "123456789", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"])("is that of another implementation: %j", (body) => {
    expect(passesTokenChecksum(`${body}${crc32(body)}`)).toBe(true);
  });

  it("is that of a token that is printed as an example", () => {
    expect(passesTokenChecksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17")).toBe(true);
    expect(passesTokenChecksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18")).toBe(false);
  });

  it("is the CRC-32 of its catalogue: 0xcbf43926 of 123456789, in base 62", () => {
    const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const value = [...crc32("123456789")].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);

    expect(value).toBe(0xcbf43926);
    expect(passesTokenChecksum("123456789000000")).toBe(false);
  });

  it("makes a token certain; without it the form alone speaks", () => {
    const set = new DetectorSet({ rate: 1, mask: "cell", cellBytes: 1024, on: new Set(["github-token"] as const) });
    const confidenceOf = (token: string) => set.scan(Buffer.from(token)).map(({ confidence }) => confidence);
    const random = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";

    expect(confidenceOf(`ghp_${random}${crc32(random)}`)).toEqual([1]);
    expect(confidenceOf(`ghp_${random}aaaaaa`)).toEqual([0.85]);
  });
});
