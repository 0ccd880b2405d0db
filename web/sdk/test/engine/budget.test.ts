import { expect, test } from "vitest";
import { Budget } from "../../src/engine/budget.js";

const MINUTE_MS = 60_000;

/** As the server holds it (`crates/server/src/feed/poll.rs`), and the way there. */
const HOLD_MS = 25_000;
const STEP_MS = 20;

interface Day {
  /** When requests were made. */
  made: number[];
  /** How long each message of another waited for an answer to go with. */
  waited: number[];
}

/**
 * A client at the poll rung as `poll.ts` and `signals.ts` drive it, through a day of talk: others'
 * messages come, each announced by "typing" and told as read after; one's own are typed, sent by POST,
 * echoed, and read by the others.
 */
function live(minutes: number, news: readonly number[], sends: readonly number[]): Day {
  const budget = new Budget();
  const day: Day = { made: [], waited: [] };
  const at = (times: readonly number[], after: number) => new Set(times.map((time) => time + after));
  const [messages, posts] = [at(news, 0), at(sends, 0)];
  const light = [at(news, -1_000), at(sends, 40), at(sends, 600), at(sends, 1_000)];
  const [read, typed] = [at(news, 500), at(sends, -1_000)];
  const ask = (now: number) => {
    day.made.push(now);
    budget.count(now);
  };
  /** What came while no poll was there to take it. */
  let missed: { news: number[]; light: boolean } = { news: [], light: false };
  let poll = { held: false, at: 0, gatherMs: 0, lingerMs: 0 };
  let signal: { at: number; urgent: boolean } | undefined;
  const say = (now: number, urgent: boolean) => {
    const wait = budget.signal(now, urgent || signal?.urgent === true);
    signal = { at: now + (wait ?? 2_000), urgent: urgent || signal?.urgent === true };
  };
  for (let now = 0; now < minutes * MINUTE_MS; now += STEP_MS) {
    if (posts.has(now)) ask(now);
    if (read.has(now)) say(now, false);
    if (typed.has(now)) say(now, true);
    if (messages.has(now)) missed.news.push(now);
    if (light.some((times) => times.has(now))) missed.light = true;
    if (poll.held && missed.news.length > 0) poll.at = Math.min(poll.at, now + poll.gatherMs);
    if (poll.held && missed.light) poll.at = Math.min(poll.at, now + poll.lingerMs);
    if (poll.held && now >= poll.at) {
      day.waited.push(...missed.news.map((came) => now - came));
      missed = { news: [], light: false };
      poll = { ...poll, held: false, at: now + budget.poll(now).delayMs };
    }
    if (!poll.held && now >= poll.at) {
      const { gatherMs, lingerMs } = budget.poll(now);
      ask(now);
      signal = undefined;
      poll = { held: true, at: now + HOLD_MS, gatherMs, lingerMs };
    }
    if (signal && now >= signal.at) {
      if (budget.signal(now, signal.urgent) === undefined) signal.at = now + 2_000;
      else {
        ask(now);
        signal = undefined;
      }
    }
  }
  return day;
}

const every = (ms: number, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => from + index * ms);

function busiestMinute(made: readonly number[]): number {
  return Math.max(...made.map((at) => made.filter((other) => other >= at && other < at + MINUTE_MS).length));
}

test("ten messages in and ten out a minute cost at most 30 requests in any minute, and none waits", () => {
  for (const answer of [100, 1_000, 2_000, 3_000, 4_500]) {
    const { made, waited } = live(5, every(6_000, 2_000, 49), every(6_000, 2_000 + answer, 49));
    expect(busiestMinute(made)).toBeLessThanOrEqual(30);
    expect(waited).toHaveLength(49);
    expect(Math.max(...waited)).toBeLessThanOrEqual(100);
  }
});

test("so they do when they come in bursts", () => {
  const burst = (from: number) => every(1_000, from, 10);
  const minutes = [0, 1, 2, 3, 4].map((minute) => minute * MINUTE_MS);
  const { made, waited } = live(
    5,
    minutes.flatMap((at) => burst(at + 5_500)),
    minutes.flatMap((at) => burst(at + 5_000)),
  );
  expect(busiestMinute(made)).toBeLessThanOrEqual(30);
  // Twenty requests in ten seconds leave none to waste: the last of a burst may gather.
  expect(Math.max(...waited)).toBeLessThanOrEqual(4_000);
});

test("of ten messages in a row none waits, and every quiet minute begins anew", () => {
  const minutes = [0, 1, 2].map((minute) => minute * 90_000);
  const { waited } = live(
    5,
    minutes.flatMap((at) => every(160, at + 5_000, 10)),
    [],
  );
  expect(waited).toHaveLength(30);
  expect(Math.max(...waited)).toBeLessThanOrEqual(100);
});

test("a flood of news does not raise the number of polls", () => {
  expect(busiestMinute(live(3, every(300, 0, 600), []).made)).toBeLessThanOrEqual(30);
});

test("in a quiet chat nothing waits", () => {
  const budget = new Budget();
  for (const now of every(8_000, 0, 7)) budget.count(now);
  expect(budget.poll(54_000)).toEqual({ delayMs: 0, gatherMs: 0, lingerMs: 100 });
  expect(budget.signal(54_000, true)).toBe(0);
});

test("who writes a lot hears what others write within seconds", () => {
  const budget = new Budget();
  for (let count = 0; count < 200; count++) budget.count(count);
  expect(budget.poll(200).delayMs).toBeLessThanOrEqual(8_000);
});

test("what was made a minute ago counts no more", () => {
  const budget = new Budget();
  for (let count = 0; count < 40; count++) budget.count(1_000);
  expect(budget.rate(60_999)).toBe(40);
  expect(budget.poll(2_000).delayMs).toBeGreaterThan(0);
  expect(budget.rate(61_000)).toBe(0);
});
