import type { Language } from "./index.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** How large a file is: `1,2 MB`. */
export function inBytes(language: Language, n: number): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, n)) / 3));
  const shown = { style: "unit", unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, { ...shown, unit: UNITS[step] }).format(n / 1000 ** step);
}
