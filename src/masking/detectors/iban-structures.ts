/** The account numbers of each country of the IBAN registry. A table: the check is in iban.ts. */

/**
 * Country, then what follows the check digits: n digits, a capital letters, c either.
 * Source: SWIFT, "IBAN Registry" (ISO 13616-1).
 */
const REGISTRY = `
  ADn8c12 AEn19 ALn8c16 ATn16 AXn14 AZa4c20 BAn16 BEn12 BGa4n6c8 BHa4c14 BRn23a1c1 BYa4n4c16 CHn5c12 CRn18 CYn8c16
  CZn20 DEn18 DKn14 DOa4n20 EEn16 EGn25 ESn20 FIn14 FOn14 FRn10c11n2 GBa4n14 GEc2n16 GFn10c11n2 GIa4c15 GLn14
  GPn10c11n2 GRn7c16 GTc24 HRn17 HUn24 IEc4n14 ILn19 IQa4n15 ISn22 ITa1n10c12 JOa4n4c18 KWa4c22 KZn3c13 LBn4c20
  LCa4c24 LIn5c12 LTn16 LUn3c13 LVa4c13 LYn21 MCn10c11n2 MDc20 MEn18 MFn10c11n2 MKn3c10n2 MNn16 MQn10c11n2 MRn23
  MTa4n5c18 MUa4n19a3 NCn10c11n2 NIa4n20 NLa4n10 NOn11 OMn3c16 PFn10c11n2 PKc4n16 PLn24 PMn10c11n2 PSc4n21 PTn21
  QAa4c21 REn10c11n2 ROa4c16 RSn18 RUn14c15 SAn2c18 SCa4n20a3 SDn14 SEn20 SIn15 SKn20 SMa1n10c12 SOn19 STn21 SVa4n20
  TFn10c11n2 TLn19 TNn20 TRn5c17 UAn6c19 VAn18 VGc4n16 WFn10c11n2 XKn16 YEa4n4c18 YTn10c11n2
`;

export interface IbanStructure {
  /** Without country and check digits. */
  readonly length: number;
  readonly pattern: RegExp;
}

const CLASSES: Readonly<Record<string, string>> = { n: "[0-9]", a: "[A-Z]", c: "[A-Z0-9]" };

/** By both letters of the country: it is asked at every digit behind two letters. */
const BY_LETTERS: (IbanStructure | undefined)[] = Array.from({ length: 26 * 26 });
for (const entry of REGISTRY.trim().split(/\s+/))
  BY_LETTERS[(entry.charCodeAt(0) - 65) * 26 + entry.charCodeAt(1) - 65] = structureOf(entry.slice(2));

/** @param first @param second ASCII letters of either case. */
export function ibanStructure(first: number, second: number): IbanStructure | undefined {
  return BY_LETTERS[((first & 0xdf) - 65) * 26 + (second & 0xdf) - 65];
}

function structureOf(parts: string): IbanStructure {
  const fields = [...parts.matchAll(/([nac])(\d+)/g)].map(([, kind = "", length = ""]) => ({
    kind,
    length: Number(length),
  }));
  return {
    length: fields.reduce((sum, { length }) => sum + length, 0),
    // Fixed lengths only: it reads each character once.
    pattern: new RegExp(`^${fields.map(({ kind, length }) => `${CLASSES[kind]}{${length}}`).join("")}$`),
  };
}
