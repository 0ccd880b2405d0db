import fc from "fast-check";
import { expect, test } from "vitest";
import { wellFormed } from "../../src/engine/wellFormed.js";

test("half a character becomes a sign that one is missing; whole ones stay", () => {
  expect(wellFormed("a\ud83db")).toBe("a\ufffdb");
  expect(wellFormed("\udca9")).toBe("\ufffd");
  expect(wellFormed("🎉 \\ud83d")).toBe("🎉 \\ud83d");
  expect(wellFormed({ type: "x", names: ["\ud800"], on: true })).toEqual({
    type: "x",
    names: ["\ufffd"],
    on: true,
  });
});

test("whatever comes in, what goes out survives UTF-8", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
      const text = wellFormed(String.fromCharCode(...units));
      expect(text).toHaveLength(units.length);
      expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text))).toBe(text);
    }),
  );
});
