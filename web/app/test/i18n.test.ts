import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errors } from "../src/i18n/errors.js";
import { formatIn } from "../src/i18n/format.js";

/** `name = "code", status, retry, "Spanish", "English";`, as the server's one table of errors has it. */
const ROW = /= "(\w+)", \d+, \w+,\s+"((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)";/g;
const table = readFileSync(new URL("../../../crates/protocol/src/error.rs", import.meta.url), "utf8");
const server = [...table.matchAll(ROW)].map(([, code = "", es, en]) => ({ code, es, en }));

describe("what is said of a refusal", () => {
  it("is known for every code of the server, and for no other but being offline", () => {
    expect(server.length).toBeGreaterThan(20);
    expect(Object.keys(errors.es).sort()).toEqual([...server.map(({ code }) => code), "offline"].sort());
  });

  it.each(server)("is what the server says: $code", ({ code, es, en }) => {
    expect({
      es: errors.es[code as keyof typeof errors.es],
      en: errors.en[code as keyof typeof errors.en],
    }).toEqual({
      es,
      en,
    });
  });
});

describe("how long ago", () => {
  const now = new Date(2026, 4, 20, 12, 0).getTime();
  const minutes = (n: number) => now - n * 60_000;
  it.each([
    [minutes(0.5), "ahora", "now"],
    [minutes(5), "hace 5 minutos", "5 minutes ago"],
    [minutes(3 * 60), "hace 3 horas", "3 hours ago"],
    [minutes(24 * 60), "ayer", "yesterday"],
    [minutes(12 * 24 * 60), "hace 12 días", "12 days ago"],
    // Another clock may be ahead of this one.
    [minutes(-5), "ahora", "now"],
  ])("%d is %s, %s", (at, es, en) => {
    expect(formatIn("es").ago(at, now)).toBe(es);
    expect(formatIn("en").ago(at, now)).toBe(en);
  });
});
