/**
 * Which stretch of a conversation is laid out. It is bounded, so that a new message or a scrolled
 * page costs the same in a room of a hundred and of a hundred thousand.
 */
import type { RowKey } from "@zas/client";

/** The most rows laid out at once, but for one step while following the end. */
export const SPAN_ROWS = 200;
/** How many rows the span moves by. */
export const SPAN_STEP = 50;

/** A stretch by its edges' keys. Without `last` it follows the end; without both it is the newest rows. */
export interface Span {
  first?: RowKey | undefined;
  last?: RowKey | undefined;
}

/** The newest rows, following the end. */
export const NEWEST: Span = {};

/** The stretch `[from, to)` of `keys`. A key that is gone counts as not given. */
export function extent(keys: readonly RowKey[], span: Span): [from: number, to: number] {
  const last = span.last === undefined ? -1 : keys.lastIndexOf(span.last);
  const to = last < 0 ? keys.length : last + 1;
  const first = span.first === undefined ? -1 : keys.indexOf(span.first);
  if (first >= 0 && first < to) return [first, to];
  // In whole steps, so that following the end moves the upper edge once in many messages.
  return [Math.max(0, Math.ceil((to - SPAN_ROWS) / SPAN_STEP) * SPAN_STEP), to];
}

/** The span a step nearer to the oldest row; the same object when it is there already. */
export function towardsStart(keys: readonly RowKey[], span: Span): Span {
  const [from, to] = extent(keys, span);
  if (from === 0) return span;
  return between(keys, Math.max(0, from - SPAN_STEP), to, "start");
}

/** The span a step nearer to the newest row; the same object when it is there already. */
export function towardsEnd(keys: readonly RowKey[], span: Span): Span {
  const [from, to] = extent(keys, span);
  if (to === keys.length) return span;
  return between(keys, from, Math.min(keys.length, to + SPAN_STEP), "end");
}

/** A span with room on both sides of a row. */
export function around(keys: readonly RowKey[], key: RowKey): Span {
  const index = keys.lastIndexOf(key);
  if (index < 0) return NEWEST;
  const from = Math.max(0, index - SPAN_ROWS / 2);
  return between(keys, from, Math.min(keys.length, from + SPAN_ROWS), "start");
}

function between(keys: readonly RowKey[], from: number, to: number, keep: "start" | "end"): Span {
  if (to - from > SPAN_ROWS) {
    if (keep === "start") to = from + SPAN_ROWS;
    else from = to - SPAN_ROWS;
  }
  return { first: keys[from], last: to === keys.length ? undefined : keys[to - 1] };
}
