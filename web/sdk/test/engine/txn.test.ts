import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TxnMint } from "../../src/engine/txn.js";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
const clock = fc.integer({ min: 1.7e12, max: 1.7e12 + 50 });

test("ids are UUIDv7, and sort as they were minted whatever the clock does", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(clock, bytes), { maxLength: 50 }), (all) => {
      const mint = new TxnMint();
      const ids = all.map(([wall, random]) => mint.mint(wall, random));
      for (const id of ids) expect(id).toMatch(UUID_V7);
      expect([...ids].sort()).toEqual(ids);
      expect(new Set(ids).size).toBe(ids.length);
    }),
  );
});

test("more than 4,096 in a millisecond still sort", () => {
  const mint = new TxnMint();
  const ids = Array.from({ length: 5_000 }, () => mint.mint(1.7e12, new Uint8Array(10)));
  expect([...ids].sort()).toEqual(ids);
});

test("ids sort after those of other tabs and earlier pages", () => {
  fc.assert(
    fc.property(clock, clock, bytes, (theirs, ours, random) => {
      const [other, mint] = [new TxnMint(), new TxnMint()];
      const seen = other.mint(
        theirs,
        random.map(() => 0xff),
      );
      mint.follow(seen);
      expect(mint.mint(ours, random) > seen).toBe(true);
    }),
  );
});

test("ids of another make are let be", () => {
  const mint = new TxnMint();
  for (const id of ["", "t1", "ffffffff-ffff-4fff-8fff-ffffffffffff"]) mint.follow(id);
  expect(mint.mint(1, new Uint8Array(10))).toBe("00000000-0001-7000-8000-000000000000");
});
