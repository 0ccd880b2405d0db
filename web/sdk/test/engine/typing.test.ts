import { expect, test } from "vitest";
import { Typing } from "../../src/engine/typing.js";

test("others' typing ends by itself after 6 s", () => {
  const typing = new Typing();
  expect(typing.hear(0, "r", "luis", true)).toBe(true);
  expect(typing.hear(3_000, "r", "luis", true)).toBe(false);
  expect([typing.nextDeadline(), typing.of("r")]).toEqual([9_000, ["luis"]]);
  expect(typing.expire(8_999)).toEqual([]);
  expect(typing.expire(9_000)).toEqual(["r"]);
  expect([typing.of("r"), typing.nextDeadline()]).toEqual([[], undefined]);
});

test("their message, or an empty text, ends it at once; who did not type changes nothing", () => {
  const typing = new Typing();
  typing.hear(0, "r", "luis", true);
  expect(typing.hear(1, "r", "luis", false)).toBe(true);
  expect(typing.hear(2, "r", "luis", false)).toBe(false);
});

test("one's own is said every 3 s while keys are pressed", () => {
  const typing = new Typing();
  const said = [0, 100, 2_999, 3_000, 5_999, 6_000].filter((now) => typing.say(now, "r", true));
  expect(said).toEqual([0, 3_000, 6_000]);
  expect(typing.say(6_100, "other", true)).toBe(true);
});

test("that it stopped is said once, if it was said at all and still holds", () => {
  const typing = new Typing();
  expect(typing.say(0, "r", false)).toBe(false);
  typing.say(0, "r", true);
  expect([typing.say(10, "r", false), typing.say(11, "r", false)]).toEqual([true, false]);
  typing.say(20, "r", true);
  expect(typing.say(6_020, "r", false)).toBe(false);
});

test("a message ends it without a word, and the next key says it again", () => {
  const typing = new Typing();
  typing.say(0, "r", true);
  typing.sent("r");
  expect([typing.say(1, "r", false), typing.say(2, "r", true)]).toEqual([false, true]);
});
