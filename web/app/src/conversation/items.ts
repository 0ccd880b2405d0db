/**
 * What a conversation lays out: its rows, with separators between them. To add a kind of separator:
 * a variant of `Item`, its place in `layOut`, and its drawing in `MessageList`.
 */
import type { Row, RowKey } from "@zas/client";

/** Messages of one sender join one group when no more than this lies between them, in ms. */
export const GROUP_WITHIN_MS = 5 * 60_000;

/** One line of the list. Its key is its identity for the virtualizer and React, for ever. */
export type Item =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "row"; key: RowKey /** Continues the group of the row above. */; joins: boolean };

/** Reads one row; `undefined` when it is not known (any more). */
export type ReadRow = (key: RowKey) => Row | undefined;

/**
 * Lays out a stretch of rows, oldest first.
 *
 * The stretch's first day is named only if nothing older exists: otherwise the separator would move
 * when an older page comes, and what the reader looks at with it.
 */
export function layOut(
  keys: readonly RowKey[],
  read: ReadRow,
  at: { firstUnread?: RowKey | undefined; start: boolean },
): Item[] {
  const items: Item[] = [];
  let above: Row | undefined;
  // Rows waiting to be sent carry this device's clock, which may be behind: days only ever advance.
  let day = at.start ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (const key of keys) {
    const row = read(key);
    if (!row) continue;
    const own = dayOf(row.at);
    if (day === Number.POSITIVE_INFINITY) day = own;
    else if (own > day) {
      day = own;
      items.push({ kind: "day", key: `day:${own}`, at: row.at });
      above = undefined;
    }
    if (key === at.firstUnread) {
      items.push({ kind: "unread", key: "unread" });
      above = undefined;
    }
    items.push({ kind: "row", key, joins: above !== undefined && joins(above, row) });
    above = row;
  }
  return items;
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

/**
 * A first guess of a row's height in px, close enough that measuring seldom moves anything.
 * `width` is the list's.
 */
export function estimateHeight(item: Item, read: ReadRow, width: number): number {
  if (item.kind !== "row") return 44;
  const row = read(item.key);
  if (row?.type !== "message") return 36;
  const perLine = Math.max(12, (Math.min(width * 0.75, 560) - 28) / 7.4);
  let lines = 0;
  for (const line of row.text.split("\n")) lines += Math.max(1, Math.ceil(line.length / perLine));
  return lines * 21 + 14 + (item.joins ? 2 : 10);
}
