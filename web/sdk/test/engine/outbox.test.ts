import { describe, expect, test } from "vitest";
import { HOLD_MAX_MS, OUTBOX_ENTRIES } from "../../src/engine/limits.js";
import { Outbox, type OutboxEffect, type OutboxInput, type StoredEntry } from "../../src/engine/outbox.js";
import { type ErrorCode, RETRY } from "../../src/protocol.gen.js";

const entry = (txn: string, room = "r"): StoredEntry => ({ txn, room, text: txn, at: 0 });
const ack = (txn_id: string, seq = 1) => ({ txn_id, room: "r", seq, at: 0 });

/** An outbox that sends by socket, holding `a` and `b`. */
function sending(link: "socket" | "http" = "socket") {
  const outbox = new Outbox();
  const run = (now: number, input: OutboxInput) => left(outbox.handle(now, input, 0.5));
  run(0, { type: "lead", on: true });
  run(0, { type: "link", link });
  for (const txn of ["a", "b"]) run(0, { type: "compose", entry: entry(txn) });
  const nack = (now: number, txn_id: string, code: ErrorCode, retry_after_ms?: number) =>
    run(now, {
      type: "nack",
      nack: { txn_id, code, ...(retry_after_ms === undefined ? {} : { retry_after_ms }) },
    });
  return { outbox, run, nack, states: () => outbox.of("r").map(({ txn, state }) => `${txn} ${state.is}`) };
}

/** What leaves: `txn` or `txn after other`, by `/` where by POST. */
function left(effects: readonly OutboxEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.do === "unauthenticated") return [effect.revoked ? "revoked" : "unauthenticated"];
    if (effect.do !== "frame" && effect.do !== "post") return [];
    const after = effect.command.type === "send" && effect.command.after;
    return [`${effect.do === "post" ? "/" : ""}${effect.command.txn_id}${after ? ` after ${after}` : ""}`];
  });
}

const codes = (how: string) =>
  (Object.keys(RETRY) as ErrorCode[]).filter((code) => code !== "revoked" && RETRY[code] === how);

describe("a refusal", () => {
  test.each(codes("never"))("%s fails the message, and the next one passes", (code) => {
    const { nack, states } = sending();
    expect(nack(10, "a", code)).toEqual([]);
    expect(states()).toEqual(["a failed", "b in_flight"]);
    expect(nack(20, "b", "retry_in_order")).toEqual([]);
  });

  test.each(codes("later"))("%s fails nothing: the queue waits, then goes on", (code) => {
    const { nack, run, states } = sending();
    expect(nack(10, "a", code, 500)).toEqual([]);
    expect(states()).toEqual(["a queued", "b in_flight"]);
    expect(run(509, { type: "tick" })).toEqual([]);
    expect(run(510, { type: "tick" })).toEqual(["a"]);
  });

  test("in_order sends the later one again when the first is stored", () => {
    const { nack, run } = sending();
    nack(10, "b", "retry_in_order");
    expect(run(11, { type: "ack", ack: ack("a") })).toEqual(["b"]);
  });

  test("in_order of the first in the queue is asked again, but not at once", () => {
    const { nack, run } = sending();
    expect(nack(10, "a", "retry_in_order")).toEqual([]);
    expect(run(10 + 125, { type: "tick" })).toEqual(["a"]);
  });

  test.each([
    ["unauthenticated", "unauthenticated"],
    ["revoked", "revoked"],
  ] as const)("%s fails nothing: all wait for a fresh token", (code, said) => {
    const { outbox, nack, run, states } = sending();
    expect(nack(10, "a", code)).toEqual([said]);
    expect(states()).toEqual(["a queued", "b in_flight"]);
    expect(outbox.nextDeadline()).toBeUndefined();
    expect(run(60_000, { type: "tick" })).toEqual([]);
    expect(run(60_001, { type: "token" })).toContain("a");
  });

  test("a wait that a server asks for has an end", () => {
    const { nack, run } = sending();
    nack(0, "a", "overloaded", 1e12);
    expect(run(HOLD_MAX_MS, { type: "tick" })).toContain("a");
  });

  test("of one room leaves the others alone", () => {
    const { nack, run } = sending();
    nack(10, "a", "rate_limited", 5_000);
    expect(run(20, { type: "compose", entry: entry("c", "other") })).toEqual(["c"]);
  });
});

test("what the socket does not ack in 2 s goes by POST, one at a time", () => {
  const { run, outbox } = sending();
  expect(outbox.nextDeadline()).toBe(2_000);
  expect(run(1_999, { type: "tick" })).toEqual([]);
  expect(run(2_000, { type: "tick" })).toEqual(["/a"]);
  expect(run(2_100, { type: "ack", ack: ack("a") })).toEqual(["/b"]);
});

test("by POST one is in flight; what was lost goes again, and a stale attempt says nothing", () => {
  const { run, states } = sending("http");
  expect(states()).toEqual(["a in_flight", "b queued"]);
  run(10, { type: "unreachable", txn: "a", attempt: 1 });
  expect(run(135, { type: "tick" })).toEqual(["/a"]);
  run(140, { type: "unreachable", txn: "a", attempt: 1 });
  expect(states()).toEqual(["a in_flight", "b queued"]);
});

test("a new connection carries all that is not acked, in order", () => {
  const { run } = sending();
  run(10, { type: "link", link: "none" });
  run(11, { type: "compose", entry: entry("c") });
  expect(run(12, { type: "link", link: "socket" })).toEqual(["a", "b after a", "c after b"]);
});

test("a tab that does not lead sends nothing, and takes nothing back that another may have sent", () => {
  const { run, states } = sending();
  run(10, { type: "lead", on: false });
  expect(run(11, { type: "compose", entry: entry("c") })).toEqual([]);
  run(12, { type: "discard", txn: "c" });
  expect(states()).toEqual(["a in_flight", "b in_flight", "c queued"]);
});

test("a failed message is sent again under its name, as the newest; taken back it is gone", () => {
  const { nack, run, states, outbox } = sending();
  nack(10, "a", "text_too_long");
  expect(run(20, { type: "retry", txn: "a" })).toEqual(["a after b"]);
  nack(30, "a", "text_too_long");
  run(40, { type: "discard", txn: "a" });
  expect(states()).toEqual(["b in_flight"]);
  expect(outbox.get("a")).toBeUndefined();
});

test("who followed a message that was taken back follows what that one followed", () => {
  const { nack, run } = sending();
  run(5, { type: "compose", entry: entry("c") });
  nack(10, "b", "text_too_long");
  run(11, { type: "discard", txn: "b" });
  run(12, { type: "link", link: "none" });
  expect(run(13, { type: "link", link: "socket" })).toEqual(["a", "c after a"]);
});

test("the order survives a reload, that of a message sent again too", () => {
  const { nack, run, outbox } = sending();
  nack(10, "a", "text_too_long");
  const kept = outbox
    .handle(20, { type: "retry", txn: "a" })
    .flatMap((e) => (e.do === "keep" ? [e.entry] : []));
  run(21, { type: "compose", entry: entry("c") });
  const again = new Outbox();
  again.handle(0, { type: "restore", entries: [...kept, entry("b"), entry("c")] });
  expect(again.of("r").map(({ txn }) => txn)).toEqual(["b", "a", "c"]);
});

test("an acked message stays until its event is here, and goes again in another history", () => {
  const { run, states } = sending();
  run(10, { type: "ack", ack: { ...ack("a", 7), epoch: 0 } });
  run(11, { type: "covered", room: "r", epoch: 0, upto: 6 });
  expect(states()).toEqual(["a acked", "b in_flight"]);
  expect(run(12, { type: "covered", room: "r", epoch: 1, upto: 9 })).toEqual(["a"]);
  run(13, { type: "ack", ack: { ...ack("a", 8), epoch: 1 } });
  run(14, { type: "covered", room: "r", epoch: 1, upto: 8 });
  expect(states()).toEqual(["b in_flight"]);
});

test("what is composed is kept before it leaves", () => {
  const { outbox } = sending();
  const effects = outbox.handle(10, { type: "compose", entry: entry("c") });
  expect(effects.map((effect) => effect.do).filter((what) => what === "keep" || what === "frame")).toEqual([
    "keep",
    "frame",
  ]);
});

test("it never gives up, however often the server is not to be reached", () => {
  const { run, states } = sending("http");
  for (let attempt = 1; attempt <= 200; attempt++) {
    run(attempt * 60_000, { type: "unreachable", txn: "a", attempt });
    expect(run(attempt * 60_000 + 59_999, { type: "tick" })).toEqual(["/a"]);
  }
  expect(states()).toEqual(["a in_flight", "b queued"]);
});

test("it is full at its limit", () => {
  const { outbox, run } = sending();
  for (let count = 2; count < OUTBOX_ENTRIES; count++) run(0, { type: "compose", entry: entry(`t${count}`) });
  expect(outbox.full).toBe(true);
  run(1, { type: "restore", entries: [entry("more")] });
  expect(outbox.get("more")).toBeUndefined();
});

test("what a message carries goes with it through the journal and over the wire", () => {
  const attachment = { file: "f", name: "a.png", media: "image", media_type: "image/png", bytes: 3 } as const;
  const body = { text: "", replyTo: { message: "m", of: 7 }, attachment, label: "emoji" } as const;
  const composed = new Outbox();
  const kept = composed
    .handle(0, { type: "compose", entry: { ...entry("a"), ...body } })
    .flatMap((effect) => (effect.do === "keep" ? effect.entry : []));
  expect(kept).toEqual([{ txn: "a", room: "r", at: 0, ...body }]);
  const outbox = new Outbox();
  outbox.handle(0, { type: "lead", on: true });
  outbox.handle(0, { type: "restore", entries: JSON.parse(JSON.stringify(kept)) });
  const sent = outbox.handle(0, { type: "link", link: "socket" }).find((effect) => effect.do === "frame");
  const command = {
    type: "send",
    txn_id: "a",
    room: "r",
    text: "",
    reply_to: "m",
    attachment: "f",
    label: "emoji",
  };
  expect(sent).toEqual({ do: "frame", command });
});
