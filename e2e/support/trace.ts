/**
 * What the main thread did, from Chromium's own trace. Times are milliseconds. To read one more thing:
 * a function here over the events, and its name in the categories if it is not recorded yet.
 */
import type { Browser } from "@playwright/test";

const CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8.execute"];

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** By the clock, in microseconds: the beginning and how long it took. */
  ts: number;
  dur?: number;
  /** The same in the thread's own time, which stands still while another thread has the processor. */
  tts?: number;
  tdur?: number;
  args: { data?: { type?: string } };
}

/** What one key press cost, up to the end of the layout that has its effect. */
export interface Pressed {
  /** What the main thread worked. */
  work: number;
  /** By the clock: with what it waited for in between. */
  laidOut: number;
}

/** A trace of what happens during `during`. */
export async function traced(browser: Browser, during: () => Promise<void>): Promise<Trace> {
  await browser.startTracing(undefined, { categories: CATEGORIES });
  let buffer: Buffer;
  try {
    await during();
  } finally {
    buffer = await browser.stopTracing();
  }
  return new Trace((JSON.parse(buffer.toString()) as { traceEvents: TraceEvent[] }).traceEvents);
}

export class Trace {
  constructor(private readonly events: readonly TraceEvent[]) {}

  /** Every `keydown` that was traced, in order. */
  presses(): Pressed[] {
    return this.events
      .filter(isKey)
      .sort((a, b) => a.ts - b.ts)
      .map((key) => this.press(key));
  }

  /** The longest task of the page that had the key presses: what its main thread worked. */
  longestTask(): number {
    const key = this.events.find(isKey);
    const own = this.events.filter(
      ({ name, pid, tid }) => name === "RunTask" && pid === key?.pid && tid === key.tid,
    );
    return own.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1_000;
  }

  /** What script, style and layout took of each frame of the page that drew the most, in order. */
  frames(): number[] {
    const drawn = this.events.filter(({ name }) => name === "Commit");
    const inThread = (of: TraceEvent) => drawn.filter(({ pid, tid }) => pid === of.pid && tid === of.tid);
    const commits = drawn.map(inThread).sort((a, b) => b.length - a.length)[0] ?? [];
    const [first] = commits;
    const thread = this.events.filter(({ pid, tid }) => pid === first?.pid && tid === first.tid);
    thread.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
    const tasks = thread.filter(({ name }) => name === "RunTask");
    const parts: TraceEvent[] = [];
    for (const event of thread) {
      const last = parts.at(-1);
      const inside = last !== undefined && event.ts < last.ts + (last.dur ?? 0);
      if (SCRIPT_AND_LAYOUT.has(event.name) && !inside) parts.push(event);
    }
    return commits.map(({ ts }) => {
      const task = tasks.find((one) => one.ts <= ts && ts < one.ts + (one.dur ?? 0));
      if (!task) return 0;
      const within = parts.filter((part) => part.ts >= task.ts && part.ts < task.ts + (task.dur ?? 0));
      return within.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1_000;
    });
  }

  private press(key: TraceEvent): Pressed {
    const handled = key.ts + (key.dur ?? 0);
    const layouts = this.events.filter(
      ({ name, pid, tid, ts }) => name === "Layout" && pid === key.pid && tid === key.tid && ts >= key.ts,
    );
    layouts.sort((a, b) => a.ts - b.ts);
    // The bubble is there when the key is handled: laid out by then, or by the frame's own layout.
    const layout = layouts.findLast(({ ts }) => ts < handled) ?? layouts[0];
    if (!layout) throw new Error("a key press led to no layout");
    return {
      work: ((layout.tts ?? 0) + (layout.tdur ?? 0) - (key.tts ?? 0)) / 1_000,
      laidOut: (layout.ts + (layout.dur ?? 0) - key.ts) / 1_000,
    };
  }
}

const isKey = ({ name, args }: TraceEvent): boolean =>
  name === "EventDispatch" && args.data?.type === "keydown";

const SCRIPT_AND_LAYOUT = new Set([
  "EvaluateScript",
  "EventDispatch",
  "FireAnimationFrame",
  "FunctionCall",
  "Layout",
  "RunMicrotasks",
  "TimerFire",
  "UpdateLayoutTree",
]);
