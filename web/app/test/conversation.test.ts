import type { Row, RowKey } from "@zas/client";
import { describe, expect, it } from "vitest";
import {
  countAfter,
  countFromOthers,
  estimateHeight,
  GROUP_WITHIN_MS,
  type Item,
  layOut,
} from "../src/conversation/items.js";
import {
  around,
  extent,
  NEWEST,
  SPAN_ROWS,
  SPAN_STEP,
  type Span,
  towardsEnd,
  towardsStart,
} from "../src/conversation/span.js";

const NOON = new Date(2026, 10, 3, 12, 0).getTime();
const DAY = 86_400_000;

type Told = [sender: string, at: number];

/** Rows `0`, `1`, … of these senders and times; `ana` is oneself. */
function room(told: readonly Told[]) {
  const rows = new Map<RowKey, Row>(
    told.map(([sender, at], index) => [
      String(index),
      {
        type: "message",
        key: String(index),
        sender,
        own: sender === "ana",
        text: "hola",
        at,
        seq: index + 1,
        delivery: { state: "stored", seq: index + 1, tick: "sent" },
      },
    ]),
  );
  return { keys: [...rows.keys()], read: (key: RowKey) => rows.get(key) };
}

const shapes = (items: readonly Item[]) =>
  items.map((item) => (item.kind === "row" ? (item.joins ? "+" : "o") : item.kind)).join(" ");

const laidOut = (told: readonly Told[], firstUnread?: RowKey, start = true) => {
  const { keys, read } = room(told);
  return shapes(layOut(keys, read, { firstUnread, start }).items);
};

describe("groups", () => {
  it("join messages of one sender within five minutes of the one before", () => {
    expect(
      laidOut([
        ["ana", NOON],
        ["ana", NOON + GROUP_WITHIN_MS],
        ["ana", NOON + 2 * GROUP_WITHIN_MS + 1],
      ]),
    ).toBe("day o + o");
  });

  it("end where another writes", () => {
    expect(
      laidOut([
        ["ana", NOON],
        ["luis", NOON + 1],
        ["luis", NOON + 2],
        ["ana", NOON + 3],
      ]),
    ).toBe("day o o + o");
  });

  it("end at midnight and at the unread divider", () => {
    const midnight = new Date(2026, 10, 4).getTime();
    expect(
      laidOut(
        [
          ["luis", midnight - 1],
          ["luis", midnight],
          ["luis", midnight + 1],
        ],
        "2",
      ),
    ).toBe("day o day o unread o");
  });
});

describe("day separators", () => {
  it("name each day once, the first only where the conversation starts", () => {
    const told: Told[] = [
      ["luis", NOON],
      ["luis", NOON + DAY],
      ["luis", NOON + DAY + 1],
    ];
    expect(laidOut(told)).toBe("day o day o +");
    expect(laidOut(told, undefined, false)).toBe("o day o +");
  });

  it("keep their keys and places when an older page of the same day comes", () => {
    const { keys, read } = room([
      ["luis", NOON],
      ["ana", NOON + 1],
      ["luis", NOON + DAY],
    ]);
    const before = layOut(keys.slice(1), read, { start: false }).items.map((item) => item.key);
    const after = layOut(keys, read, { start: false }).items.map((item) => item.key);
    expect(after).toEqual(["0", ...before]);
  });

  it("never go back for a waiting message whose clock is a day behind", () => {
    expect(
      laidOut([
        ["luis", NOON],
        ["ana", NOON - DAY],
      ]),
    ).toBe("day o o");
  });
});

describe("a layout that goes on from the one before", () => {
  const start = { start: true };

  /** Lays out all but the last `more` rows, then all; counts the rows read for the second layout. */
  function grow(told: readonly Told[], more: number, waiting: readonly number[] = []) {
    const { keys, read } = room(told);
    for (const index of waiting) delete (read(String(index)) as { seq?: number }).seq;
    const before = layOut(keys.slice(0, keys.length - more), read, start);
    let reads = 0;
    const counted = (key: RowKey) => {
      reads++;
      return read(key);
    };
    const after = layOut(keys, counted, start, before);
    expect(after.items).toEqual(layOut(keys, read, start).items);
    return { keys, read, before, after, reads };
  }

  it("reads only the rows that came, and keeps the items before them", () => {
    const { before, after, reads } = grow(
      [
        ["luis", NOON],
        ["luis", NOON + 1],
        ["ana", NOON + 2],
        ["ana", NOON + 3],
      ],
      1,
    );
    expect(reads).toBe(1);
    expect(
      after.items.slice(0, before.items.length).every((item, index) => item === before.items[index]),
    ).toBe(true);
  });

  it("names a day that begins with what came", () => {
    expect(
      shapes(
        grow(
          [
            ["luis", NOON],
            ["luis", NOON + DAY],
          ],
          1,
        ).after.items,
      ),
    ).toBe("day o day o");
  });

  it("reads waiting rows again: the server may date them otherwise", () => {
    const { keys, read, after, reads } = grow(
      [
        ["luis", NOON],
        ["ana", NOON + 1],
        ["ana", NOON + 2],
      ],
      1,
      [1],
    );
    expect(reads).toBe(2);
    (read("1") as { at: number }).at = NOON - GROUP_WITHIN_MS;
    expect(shapes(layOut(keys, read, start, after).items)).toBe("day o o o");
  });

  it("starts anew when an older page came or the divider is elsewhere", () => {
    const { keys, read } = room([
      ["luis", NOON],
      ["luis", NOON + 1],
      ["luis", NOON + 2],
    ]);
    const before = layOut(keys.slice(1), read, start);
    expect(shapes(layOut(keys, read, start, before).items)).toBe("day o + +");
    expect(shapes(layOut(keys.slice(1), read, { ...start, firstUnread: "2" }, before).items)).toBe(
      "day o unread o",
    );
  });
});

describe("a guessed height", () => {
  const guess = (text: string, own = false) => {
    const { read } = room([[own ? "ana" : "luis", NOON]]);
    Object.assign(read("0") as object, { text });
    return estimateHeight({ kind: "row", key: "0", joins: true }, read, 912);
  };

  it("is one line for a short text, and one more for each that it fills or begins", () => {
    expect(guess("hola")).toBe(37);
    expect(guess("a".repeat(100))).toBe(58);
    expect(guess("a\nb")).toBe(58);
  });

  it("has room for the time where the last line is full, sooner with one's own mark", () => {
    expect(guess("a".repeat(67))).toBe(37);
    expect(guess("a".repeat(67), true)).toBe(54);
    expect(guess("a".repeat(71))).toBe(54);
  });
});

describe("the unread divider and the pill", () => {
  const { keys, read } = room([
    ["luis", 1],
    ["luis", 2],
    ["ana", 3],
    ["luis", 4],
  ]);

  it("count others' messages only", () => {
    expect(countFromOthers(keys, read, "1")).toBe(2);
    expect(countAfter(keys, read, "0")).toBe(2);
    expect(countAfter(keys, read, "3")).toBe(0);
  });

  it("count nothing for a row that is not there", () => {
    expect(countFromOthers(keys, read, "gone")).toBe(0);
    expect(countAfter(keys, read, "gone")).toBe(0);
  });
});

describe("the span", () => {
  const many = Array.from({ length: 5_000 }, (_, index) => String(index));
  const size = (keys: readonly RowKey[], span: Span) => {
    const [from, to] = extent(keys, span);
    return to - from;
  };

  it("is all of a short conversation", () => {
    expect(extent(many.slice(0, 90), NEWEST)).toEqual([0, 90]);
  });

  it("follows the end in whole steps", () => {
    const [from, to] = extent(many, NEWEST);
    expect(to).toBe(5_000);
    expect(to - from).toBeGreaterThan(SPAN_ROWS - SPAN_STEP);
    expect(extent([...many, "new"], NEWEST)[0] - from).toBeLessThanOrEqual(SPAN_STEP);
  });

  it("reaches every row both ways, never larger than its bound, always overlapping the one before", () => {
    let span: Span = NEWEST;
    const walk = (step: typeof towardsStart) => {
      for (;;) {
        const next = step(many, span);
        if (next === span) return;
        const [from, to] = extent(many, span);
        const [nextFrom, nextTo] = extent(many, next);
        expect(nextTo - nextFrom).toBeLessThanOrEqual(SPAN_ROWS);
        expect(Math.min(to, nextTo) - Math.max(from, nextFrom)).toBeGreaterThan(SPAN_ROWS - 2 * SPAN_STEP);
        span = next;
      }
    };
    walk(towardsStart);
    expect(extent(many, span)[0]).toBe(0);
    walk(towardsEnd);
    expect(extent(many, span)[1]).toBe(5_000);
    expect(span.last).toBeUndefined();
  });

  it("stays on its rows when older ones are loaded above", () => {
    const span = towardsStart(many, NEWEST);
    const older = ["a", "b", "c", ...many];
    const keys = (all: readonly RowKey[], of: Span) => all.slice(...extent(all, of));
    expect(keys(older, span)).toEqual(keys(many, span));
  });

  it("has the wanted row in it, and is the newest for one that is gone", () => {
    const [from, to] = extent(many, around(many, "700"));
    expect(from).toBeLessThan(700);
    expect(to).toBeGreaterThan(701);
    expect(around(many, "gone")).toBe(NEWEST);
    expect(size(many, around(many, "700"))).toBe(SPAN_ROWS);
  });
});
