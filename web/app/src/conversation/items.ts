/**
 * What a conversation lays out: its rows, with separators between them. To add a kind of separator:
 * a variant of `Item`, its place in `layOut`, and its drawing in `MessageList`.
 */
import type { Row, RowKey } from "@zas/client";
import { mediaHeight } from "./mediaSize.js";

/** Messages of one sender join one group when no more than this lies between them, in ms. */
export const GROUP_WITHIN_MS = 5 * 60_000;

/** One line of the list. Its key is its identity for the virtualizer and React, for ever. */
export type Item =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "row"; key: RowKey /** Continues the group of the row above. */; joins: boolean };

/** Reads one row; `undefined` when it is not known (any more). */
export type ReadRow = (key: RowKey) => Row | undefined;

/** What separators depend on besides the rows. */
export interface Edges {
  firstUnread?: RowKey | undefined;
  /** Whether the stretch begins where the conversation does. */
  start: boolean;
}

/** A stretch laid out, and where the next layout of it may go on. */
export interface Layout {
  readonly items: readonly Item[];
  readonly keys: readonly RowKey[];
  readonly edges: Edges;
  /** After the last row before any that waits: what a waiting row looks like changes when it is stored. */
  readonly settled: Place;
}

interface Place {
  /** As many keys, and the items made of them, lie before it. */
  keys: number;
  items: number;
  above: Row | undefined;
  day: number;
}

/**
 * Lays out a stretch of rows, oldest first. Where `before` laid out its beginning, that part is taken
 * over: a message that comes costs one row, and items keep their identity.
 *
 * The stretch's first day is named only if nothing older exists: otherwise the separator would move
 * when an older page comes, and what the reader looks at with it.
 */
export function layOut(keys: readonly RowKey[], read: ReadRow, edges: Edges, before?: Layout): Layout {
  const known = before && goesOn(before, keys, edges) ? before : undefined;
  const items: Item[] = [];
  // Rows waiting to be sent carry this device's clock, which may be behind: days only ever advance.
  const outset = edges.start ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  let settled: Place = known?.settled ?? { keys: 0, items: 0, above: undefined, day: outset };
  if (known) for (let i = 0; i < settled.items; i++) items.push(known.items[i] as Item);
  const put = (item: Item) => {
    const old = known?.items[items.length];
    items.push(old && sameItem(old, item) ? old : item);
  };
  let { above, day } = settled;
  let whole = true;
  for (let i = settled.keys; i < keys.length; i++) {
    const key = keys[i] as RowKey;
    const row = read(key);
    whole &&= row?.seq !== undefined;
    if (!row) continue;
    const own = dayOf(row.at);
    if (day === Number.POSITIVE_INFINITY) day = own;
    else if (own > day) {
      day = own;
      put({ kind: "day", key: `day:${own}`, at: row.at });
      above = undefined;
    }
    if (key === edges.firstUnread) {
      put({ kind: "unread", key: "unread" });
      above = undefined;
    }
    put({ kind: "row", key, joins: above !== undefined && joins(above, row) });
    above = row;
    if (whole) settled = { keys: i + 1, items: items.length, above, day };
  }
  return { items, keys, edges, settled };
}

function goesOn(before: Layout, keys: readonly RowKey[], edges: Edges): boolean {
  if (before.edges.firstUnread !== edges.firstUnread || before.edges.start !== edges.start) return false;
  for (let i = 0; i < before.settled.keys; i++) if (before.keys[i] !== keys[i]) return false;
  return true;
}

function sameItem(a: Item, b: Item): boolean {
  return (
    a.kind === b.kind && a.key === b.key && !(a.kind === "row" && b.kind === "row" && a.joins !== b.joins)
  );
}

/** Midnight before a time, on this device's clock: names its day. */
const dayOf = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

function joins(above: Row, row: Row): boolean {
  return (
    above.type === "message" &&
    row.type === "message" &&
    above.sender === row.sender &&
    row.at - above.at <= GROUP_WITHIN_MS
  );
}

/** How many messages of others there are from `first` on; what the divider and the pill count. */
export function countFromOthers(keys: readonly RowKey[], read: ReadRow, first: RowKey): number {
  let count = 0;
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as RowKey;
    if (isFromOther(read(key))) count++;
    if (key === first) return count;
  }
  return 0;
}

/** How many messages of others came after `last`; 0 when it is not there. */
export function countAfter(keys: readonly RowKey[], read: ReadRow, last: RowKey): number {
  let count = 0;
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as RowKey;
    if (key === last) return count;
    if (isFromOther(read(key))) count++;
  }
  return 0;
}

function isFromOther(row: Row | undefined): boolean {
  return row?.type === "message" && !row.own;
}

/** What a bubble is made of, in px: see `conversation.css`. Characters differ; this is their middle. */
const CHAR = 7;
const LINE = 21;
/** The time at a text's end, the mark after it on one's own, and what they add where they need a line. */
const META = 52;
const MARK = 19;
const META_LINE = 17;
/** A quote of one line with what is around it, and the reactions below a bubble. */
export const EXTRA_HEIGHTS = { quote: 54, attachment: 59, reactions: 20 };

/**
 * A first guess of a row's height in px, close enough that measuring seldom moves anything.
 * `width` is the list's.
 */
export function estimateHeight(item: Item, read: ReadRow, width: number): number {
  if (item.kind !== "row") return 44;
  const row = read(item.key);
  if (row?.type !== "message") return 36;
  const room = Math.max(84, Math.min(width * 0.75, 560) - 28);
  let height = 14 + (item.joins ? 2 : 10);
  if (row.replyTo) height += EXTRA_HEIGHTS.quote;
  if (row.reactions) height += EXTRA_HEIGHTS.reactions;
  if (row.attachment) {
    height += mediaHeight(row.attachment, room);
    if (row.text === "") return height + META_LINE;
  }
  let last = 0;
  for (const line of row.text.split("\n")) {
    const lines = Math.max(1, Math.ceil((line.length * CHAR) / room));
    height += lines * LINE;
    last = line.length * CHAR - (lines - 1) * room;
  }
  return last + META + (row.own ? MARK : 0) > room ? height + META_LINE : height;
}
