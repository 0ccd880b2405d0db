import { expect, test } from "vitest";
import { Budget } from "../../src/engine/budget.js";

const MINUTE_MS = 60_000;

/**
 * The requests of a client at the poll rung, as `poll.ts` and `signals.ts` make them: `news` end a poll,
 * `sends` are POSTs (their echoes are news, too), and each piece of news is told as delivered.
 */
function requests(minutes: number, news: readonly number[], sends: readonly number[]): number[] {
  const budget = new Budget();
  const made: number[] = [];
  const ask = (now: number) => {
    made.push(now);
    budget.count(now);
  };
  const due = (all: readonly number[], now: number) => all.includes(now);
  let poll: { held: boolean; at: number } = { held: false, at: 0 };
  let signalAt: number | undefined;
  for (let now = 0; now < minutes * MINUTE_MS; now += 100) {
    if (due(sends, now)) ask(now);
    if (due(news, now)) signalAt ??= now + (budget.signal(now, false) ?? 2_000);
    if (poll.held && poll.at === Infinity && (due(news, now) || due(sends, now))) {
      poll.at = now + budget.poll(now).gatherMs;
    }
    if (poll.held && now >= poll.at) poll = { held: false, at: now + budget.poll(now).delayMs };
    if (!poll.held && now >= poll.at) {
      ask(now);
      signalAt = undefined;
      poll = { held: true, at: Infinity };
    }
    if (signalAt !== undefined && now >= signalAt) {
      const room = budget.signal(now, false);
      if (room === undefined) signalAt = now + 2_000;
      else ask(now);
      if (room !== undefined) signalAt = undefined;
    }
  }
  return made;
}

const every = (ms: number, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => from + index * ms);

function busiestMinute(made: readonly number[]): number {
  return Math.max(...made.map((at) => made.filter((other) => other >= at && other < at + MINUTE_MS).length));
}

test("ten messages in and ten out a minute cost at most 30 requests in any minute", () => {
  const [news, sends] = [every(6_000, 3_000, 50), every(6_000, 0, 50)];
  expect(busiestMinute(requests(5, news, sends))).toBeLessThanOrEqual(30);
});

test("so they do when they come in bursts", () => {
  const burst = (from: number) => every(1_000, from, 10);
  const minutes = [0, 1, 2, 3, 4].map((minute) => minute * MINUTE_MS);
  const made = requests(
    5,
    minutes.flatMap((at) => burst(at + 5_500)),
    minutes.flatMap((at) => burst(at + 5_000)),
  );
  expect(busiestMinute(made)).toBeLessThanOrEqual(30);
});

test("a flood of news does not raise the number of polls", () => {
  expect(busiestMinute(requests(3, every(300, 0, 600), []))).toBeLessThanOrEqual(30);
});

test("in a quiet chat nothing waits", () => {
  const budget = new Budget();
  for (const now of every(6_000, 0, 9)) budget.count(now);
  expect(budget.poll(54_000)).toEqual({ delayMs: 0, gatherMs: 0 });
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
