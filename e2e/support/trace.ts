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
  /** Microseconds. */
  ts: number;
  dur?: number;
  args: { data?: { type?: string } };
}

/** What one key press cost. */
export interface Pressed {
  /** Main-thread work from the key press to the end of the layout that has its effect. */
  work: number;
  /** The same, by the clock: with what the thread waited for in between. */
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
    const keys = this.events.filter(
      ({ name, args }) => name === "EventDispatch" && args.data?.type === "keydown",
    );
    return keys.sort((a, b) => a.ts - b.ts).map((key) => this.press(key));
  }

  private press(key: TraceEvent): Pressed {
    const thread = this.events.filter(({ pid, tid }) => pid === key.pid && tid === key.tid);
    const handled = key.ts + (key.dur ?? 0);
    const frame = thread.filter(({ name, ts }) => name === "Commit" && ts >= handled);
    const shown = Math.min(...frame.map(({ ts }) => ts));
    const layouts = thread.filter(({ name, ts }) => LAYING_OUT.has(name) && ts >= key.ts && ts <= shown);
    const end = Math.max(handled, ...layouts.map(endOf));
    const tasks = thread.filter(({ name, ts }) => name === "RunTask" && ts < end);
    const work = tasks.reduce(
      (sum, task) => sum + Math.max(0, Math.min(endOf(task), end) - Math.max(task.ts, key.ts)),
      0,
    );
    return { work: work / 1_000, laidOut: (end - key.ts) / 1_000 };
  }
}

const LAYING_OUT = new Set(["Layout", "UpdateLayoutTree", "PrePaint"]);

const endOf = ({ ts, dur = 0 }: TraceEvent): number => ts + dur;
