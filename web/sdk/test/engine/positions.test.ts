import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Positions } from "../../src/engine/positions.js";

const at = (user: string, delivered: number, read: number) => ({
  user,
  delivered,
  read,
  delivered_at: delivered,
  read_at: read,
});

test("positions only advance, whatever the order they come in", () => {
  const position = fc.record({ delivered: fc.nat(9), read: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(position), (all) => {
      const positions = new Positions("ana");
      for (const { delivered, read } of all) positions.merge("r", [at("luis", delivered, read)]);
      const read = Math.max(0, ...all.map((each) => each.read));
      const delivered = Math.max(read, ...all.map((each) => each.delivered));
      expect(positions.everyone("r", ["luis"])).toEqual({ delivered, read });
    }),
  );
});

test("a room is as far as the last of the others, and nobody's when there is none", () => {
  const positions = new Positions("ana");
  positions.merge("r", [at("luis", 5, 5), at("eva", 4, 2)]);
  expect(positions.everyone("r", ["luis", "eva"])).toEqual({ delivered: 4, read: 2 });
  expect(positions.everyone("r", ["luis", "eva", "new"])).toEqual({ delivered: 0, read: 0 });
  expect(positions.everyone("r", [])).toEqual({ delivered: 0, read: 0 });
});

test("own reads are gathered for 300 ms, and say the furthest", () => {
  const positions = new Positions("ana");
  expect(positions.markRead(0, "r", 3)).toBe(true);
  expect(positions.markRead(100, "r", 5)).toBe(true);
  expect(positions.markRead(150, "r", 4)).toBe(false);
  expect([positions.nextDeadline(), positions.due(299)]).toEqual([300, []]);
  expect(positions.due(300)).toEqual([{ room: "r", delivered: 5, read: 5 }]);
  expect([positions.due(9_999), positions.nextDeadline()]).toEqual([[], undefined]);
});

test("what arrives is said at most twice a second, and not at all when it was read", () => {
  const positions = new Positions("ana");
  for (const seq of [1, 2, 3]) positions.markDelivered(seq * 100, "r", seq);
  expect(positions.nextDeadline()).toBe(600);
  expect(positions.due(600)).toEqual([{ room: "r", delivered: 3, read: 0 }]);
  positions.markRead(700, "r", 3);
  positions.due(1_000);
  positions.markDelivered(1_100, "r", 3);
  expect(positions.nextDeadline()).toBeUndefined();
});

test("reading on another device counts here", () => {
  const positions = new Positions("ana");
  positions.merge("r", [at("ana", 7, 7)]);
  expect([positions.read("r"), positions.markRead(0, "r", 6)]).toEqual([7, false]);
});

test("after a reconnect only what the server does not name is said again", () => {
  const positions = new Positions("ana");
  positions.markRead(0, "r", 4);
  positions.markRead(0, "heard", 4);
  positions.due(300);
  positions.merge("heard", [at("ana", 4, 4)]);
  positions.repeat(1_000);
  expect(positions.due(1_000)).toEqual([{ room: "r", delivered: 4, read: 4 }]);
});
