import { expect, test } from "vitest";
import { Leader, type LeaderEffect, type LeaderInput } from "../../src/engine/leader.js";
import { CLAIM_MS } from "../../src/engine/limits.js";

function tab(id: string, visible: boolean, alone = false) {
  const leader = new Leader(id);
  const put = (now: number, input: LeaderInput) => leader.handle(now, input);
  return { leader, put, started: put(0, { type: "start", alone, visible }) };
}

const message = (effects: readonly LeaderEffect[]) =>
  effects.flatMap((effect) => (effect.do === "post" ? [effect.message] : []));

test("without locks each tab leads for itself, for ever", () => {
  const { leader, put, started } = tab("a", true, true);
  expect(started).toEqual([{ do: "lead", on: true }]);
  expect(put(1, { type: "visible", on: false })).toEqual([]);
  expect(put(2, { type: "visible", on: true })).toEqual([]);
  expect([leader.leads, leader.nextDeadline()]).toEqual([true, undefined]);
});

test("who gets the lock leads; a hidden tab that finds it taken waits in turn", () => {
  const first = tab("a", true);
  expect(first.started).toEqual([{ do: "lock", how: "try" }]);
  expect(first.put(1, { type: "lock", state: "granted" })).toEqual([{ do: "lead", on: true }]);
  const second = tab("b", false);
  expect(second.put(1, { type: "lock", state: "busy" })).toEqual([{ do: "lock", how: "wait" }]);
  expect(second.put(9_000, { type: "lock", state: "granted" })).toEqual([{ do: "lead", on: true }]);
});

test("a visible tab takes the place of a hidden one, which gives it up at once", () => {
  const [hidden, shown] = [tab("a", true), tab("b", true)];
  hidden.put(1, { type: "lock", state: "granted" });
  hidden.put(2, { type: "visible", on: false });
  const [claim] = message(shown.put(3, { type: "lock", state: "busy" }));
  if (!claim) throw new Error("it must claim");
  const given = hidden.put(4, { type: "message", message: claim });
  expect(given).toContainEqual({ do: "lead", on: false });
  expect(given).toContainEqual({ do: "unlock" });
  const [answer] = message(given);
  expect(answer).toEqual({ type: "yield", to: "b" });
  if (!answer) throw new Error("it must answer");
  expect(shown.put(5, { type: "message", message: answer })).toEqual([{ do: "lock", how: "steal" }]);
  expect(shown.put(6, { type: "lock", state: "granted" })).toEqual([{ do: "lead", on: true }]);
});

test("a visible leader keeps its place", () => {
  const [first, second] = [tab("a", true), tab("b", true)];
  first.put(1, { type: "lock", state: "granted" });
  const [claim] = message(second.put(2, { type: "lock", state: "busy" }));
  if (!claim) throw new Error("it must claim");
  const [answer] = message(first.put(3, { type: "message", message: claim }));
  expect(answer).toEqual({ type: "keep", to: "b" });
  if (!answer) throw new Error("it must answer");
  expect(second.put(4, { type: "message", message: answer })).toEqual([]);
  expect([first.leader.leads, second.leader.nextDeadline()]).toEqual([true, undefined]);
});

test.each(["claimed", "asked"] as const)(
  "a leader that does not answer when it is %s loses its place by force",
  (how) => {
    const { leader, put } = tab("b", how === "claimed");
    put(0, { type: "lock", state: "busy" });
    if (how === "asked") put(0, { type: "asked" });
    expect(leader.nextDeadline()).toBe(CLAIM_MS);
    expect(put(CLAIM_MS - 1, { type: "tick" })).toEqual([]);
    expect(put(CLAIM_MS, { type: "tick" })).toEqual([{ do: "lock", how: "steal" }]);
  },
);

test("one that answers keeps it, and asking again does not shorten its time", () => {
  const { leader, put } = tab("b", false);
  put(0, { type: "lock", state: "busy" });
  put(0, { type: "asked" });
  put(400, { type: "asked" });
  expect(leader.nextDeadline()).toBe(CLAIM_MS);
  put(450, { type: "answered" });
  expect(put(CLAIM_MS, { type: "tick" })).toEqual([]);
});

test("who lost the lock stops leading, and waits for it", () => {
  const { leader, put } = tab("a", false);
  put(1, { type: "lock", state: "granted" });
  expect(put(2, { type: "lock", state: "lost" })).toEqual([
    { do: "lead", on: false },
    { do: "lock", how: "wait" },
  ]);
  expect(leader.leads).toBe(false);
});

test("a claim at somebody else's place means nothing, nor does an answer to another", () => {
  const { put } = tab("b", false);
  put(0, { type: "lock", state: "busy" });
  expect(put(1, { type: "message", message: { type: "claim", from: "c" } })).toEqual([]);
  expect(put(2, { type: "message", message: { type: "yield", to: "c" } })).toEqual([]);
});

test("a tab that closes leaves the lock", () => {
  const { put } = tab("a", true);
  put(1, { type: "lock", state: "granted" });
  expect(put(2, { type: "stop" })).toEqual([{ do: "lead", on: false }, { do: "unlock" }]);
});
