/**
 * The list of a conversation, and all use of the virtualizer. It is anchored at its end: what the
 * reader looks at stays where it is when older pages, newer messages, measured heights or the
 * keyboard come, and at the end it follows.
 */

import { useVirtualizer } from "@tanstack/react-virtual";
import type { RoomId, RowKey, TimelineView } from "@zas/client";
import { useZas } from "@zas/client/react";
import { ArrowDown } from "lucide-react";
import {
  type KeyboardEvent,
  memo,
  type Ref,
  type RefObject,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { conversation } from "../i18n/conversation.js";
import { useText } from "../i18n/index.js";
import { Button } from "../ui/Button.js";
import { useAttention } from "./attention.js";
import {
  countAfter,
  countFromOthers,
  estimateHeight,
  type Item,
  type Layout,
  layOut,
  type ReadRow,
} from "./items.js";
import { useLongPress } from "./longPress.js";
import { MessageLine } from "./MessageLine.js";
import { around, extent, NEWEST, type Span, towardsEnd, towardsStart } from "./span.js";

/** This near to the end, in px, counts as being there. */
const END_PX = 80;
/** More is laid out or loaded when fewer rows than this are left above or below. */
const NEAR_ROWS = 12;
/** Rows kept around what is visible. */
const OVERSCAN = 8;
/** The list's width in px before it is known. */
const DEFAULT_WIDTH = 390;
/** The pill stops counting here. */
const PILL_MAX = 99;

/** What the conversation asks of its list. */
export interface MessageListHandle {
  /** Leads to a message that is loaded. */
  show(key: RowKey): void;
}

interface Props {
  ref: Ref<MessageListHandle>;
  room: RoomId;
  timeline: TimelineView;
  group: boolean;
  onInfo(key: RowKey): void;
}

export const MessageList = memo(function MessageList({ ref, room, timeline, group, onInfo }: Props) {
  const zas = useZas();
  const text = useText(conversation);
  const attention = useAttention();
  const { keys, firstUnread, moreBefore, phase } = timeline;
  const read = useCallback((key: RowKey) => zas.row(room, key).get(), [zas, room]);

  const [span, setSpan] = useState<Span>(() =>
    firstUnread === undefined || keys.indexOf(firstUnread) >= extent(keys, NEWEST)[0]
      ? NEWEST
      : around(keys, firstUnread),
  );
  const [from, to] = extent(keys, span);
  const before = useRef<Layout>(undefined);
  const layout = useMemo(() => {
    const edges = { firstUnread, start: from === 0 && !moreBefore };
    return layOut(keys.slice(from, to), read, edges, before.current);
  }, [keys, from, to, read, firstUnread, moreBefore]);
  before.current = layout;
  const { items } = layout;
  // Counted once: the divider says how many waited when the room was opened.
  const unread = useRef<{ first: RowKey; count: number }>(undefined);
  if (firstUnread !== undefined && unread.current?.first !== firstUnread) {
    unread.current = { first: firstUnread, count: countFromOthers(keys, read, firstUnread) };
  }

  const [atEnd, setAtEnd] = useState(true);
  const scroller = useRef<HTMLElement>(null);
  const guess = useGuess(read, scroller);
  const virtualizer = useVirtualizer<HTMLElement, HTMLDivElement>({
    count: items.length,
    getScrollElement: () => scroller.current,
    getItemKey: useCallback((index: number) => (items[index] as Item).key, [items]),
    estimateSize: (index) => guess(items[index] as Item),
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: END_PX,
    overscan: OVERSCAN,
    paddingStart: 8,
    paddingEnd: 12,
    initialRect: { width: 0, height: 800 },
    // The first frame is already near the right place: by the estimates, before anything is measured.
    initialOffset: () => heightBefore(items, firstPlace(items), read),
  });
  const rows = virtualizer.getVirtualItems();

  // Where the reader is.
  const placed = useRef(false);
  const lastKey = keys.at(-1);
  const lastAtEnd = useRef(lastKey);
  if (atEnd && span.last === undefined) lastAtEnd.current = lastKey;
  const missed = atEnd || lastAtEnd.current === undefined ? 0 : countAfter(keys, read, lastAtEnd.current);

  const goToEnd = useRef(false);
  const toEnd = useCallback(() => {
    goToEnd.current = true;
    setSpan(NEWEST);
    setAtEnd(true);
  }, []);

  // The first place, once there is something to show: the first unread message, or the end.
  useLayoutEffect(() => {
    if (placed.current || items.length === 0) return;
    placed.current = true;
    const place = firstPlace(items);
    if (place === items.length) virtualizer.scrollToEnd();
    else virtualizer.scrollToIndex(place, { align: "start" });
    const element = scroller.current;
    if (!element) return;
    // A list that fits its window has nowhere to scroll to, so no event would tell the virtualizer that
    // it is not where it began by guessing: it would ask for frame after frame to get there.
    element.dispatchEvent(new Event("scroll"));
    // Known before the scroll's own event, which comes too late for what keeps the end in sight.
    if (place < items.length) setAtEnd(isAtEnd(element));
  }, [items, virtualizer]);

  // Where a quote leads: laid out first if it is not, then in the middle, with the focus on it.
  const [sought, setSought] = useState<{ key: RowKey }>();
  useImperativeHandle(ref, () => ({
    show(key) {
      const index = keys.indexOf(key);
      if (index < from || index >= to) setSpan(around(keys, key));
      setSought({ key });
    },
  }));
  const pointed = useRef<RowKey>(undefined);
  useLayoutEffect(() => {
    if (!sought) return;
    const index = items.findIndex(({ key }) => key === sought.key);
    if (index < 0) return;
    setSought(undefined);
    setAtEnd(false);
    virtualizer.scrollToIndex(index, { align: "center" });
    pointed.current = sought.key;
  }, [sought, items, virtualizer]);
  useLayoutEffect(() => {
    if (pointed.current === undefined) return;
    const line = scroller.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(pointed.current)}"]`);
    const row = line?.querySelector("article");
    if (!row) return;
    pointed.current = undefined;
    row.focus({ preventScroll: true });
    row.animate(
      { backgroundColor: ["color-mix(in oklab, var(--primary) 30%, transparent)", "transparent"] },
      1_600,
    );
  });

  // A message of one's own that was written here is always shown.
  useLayoutEffect(() => {
    const row = lastKey === undefined ? undefined : read(lastKey);
    if (row?.type === "message" && row.own && row.delivery.state !== "stored") toEnd();
  }, [lastKey, read, toEnd]);

  useLayoutEffect(() => {
    if (!goToEnd.current || span.last !== undefined) return;
    goToEnd.current = false;
    virtualizer.scrollToEnd();
  });

  // At the end one stays there when the keyboard comes or the window changes.
  const pinned = useRef(atEnd);
  pinned.current = atEnd;
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => pinned.current && placed.current && virtualizer.scrollToEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [virtualizer]);

  // What is seen is read; what is nearly reached is laid out, or loaded.
  const readUpTo = useRef(0);
  useEffect(() => {
    const { range } = virtualizer;
    if (!range) return;
    const seen = attention ? lastSeq(items, range.endIndex, read) : 0;
    const nearStart = range.startIndex < NEAR_ROWS && (from > 0 || (moreBefore && phase === "ready"));
    const nearEnd = range.endIndex > items.length - NEAR_ROWS && to < keys.length;
    const backAtEnd = atEnd && span.last === undefined && span.first !== undefined;
    if (seen <= readUpTo.current && !nearStart && !nearEnd && !backAtEnd) return;
    // Of a scroll written just now the virtualizer hears with its event; until then its range is the old
    // one. Asked last: the answer costs a layout.
    const top = scroller.current?.scrollTop ?? Number.NaN;
    if (!(Math.abs(top - (virtualizer.scrollOffset ?? 0)) <= 2)) return;
    if (seen > readUpTo.current) {
      readUpTo.current = seen;
      zas.markRead(room, seen);
    }
    if (nearStart && from > 0) setSpan((now) => towardsStart(keys, now));
    else if (nearStart) void zas.loadOlder(room).catch(() => {});
    else if (nearEnd) setSpan((now) => towardsEnd(keys, now));
    else if (backAtEnd) setSpan(NEWEST);
  });

  // Keyboard: the arrows walk from message to message.
  const wanted = useRef<number>(undefined);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"] > article`);
    if (!row) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });
  const walkTo = (start: number, step: 1 | -1) => {
    let index = start;
    while (items[index] && items[index]?.kind !== "row") index += step;
    if (!items[index]) return;
    wanted.current = index;
    virtualizer.scrollToIndex(index, { align: "auto" });
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"] > article`);
    if (row) {
      wanted.current = undefined;
      row.focus({ preventScroll: true });
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    const onRow = target.tagName === "ARTICLE";
    if ((!onRow && target !== event.currentTarget) || event.altKey || event.ctrlKey || event.metaKey) return;
    const line = target.closest<HTMLElement>("[data-index]");
    const index = line ? Number(line.dataset.index) : undefined;
    const bottom = virtualizer.range?.endIndex ?? items.length - 1;
    if (event.key === "ArrowUp") walkTo(index === undefined ? bottom : index - 1, -1);
    else if (event.key === "ArrowDown") walkTo(index === undefined ? bottom : index + 1, 1);
    else if (event.key === "Home") walkTo(0, 1);
    else if (event.key === "End") walkTo(items.length - 1, -1);
    else if (event.key === "Enter" && onRow && line?.dataset.key) onInfo(line.dataset.key);
    else return;
    event.preventDefault();
  };

  const longPress = useLongPress((target) => {
    const key = target.closest<HTMLElement>("[data-key]")?.dataset.key;
    if (key && read(key)?.type === "message") onInfo(key);
  });

  const first = rows[0];
  return (
    <div className="relative min-h-0 flex-1">
      <section
        ref={scroller}
        aria-label={text.messages}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by key.
        tabIndex={0}
        className="message-scroller"
        onKeyDown={onKeyDown}
        onScroll={({ currentTarget }) => {
          if (placed.current) setAtEnd(span.last === undefined && isAtEnd(currentTarget));
        }}
        {...longPress}
      >
        <div className="message-column">
          <div className="message-extent" style={{ height: virtualizer.getTotalSize() }}>
            <div style={{ transform: `translateY(${first?.start ?? 0}px)` }}>
              {rows.map(({ index, key }) => {
                const item = items[index] as Item;
                const next = items[index + 1];
                return (
                  <MessageLine
                    key={key}
                    room={room}
                    item={item}
                    index={index}
                    ends={next?.kind !== "row" || !next.joins}
                    group={group}
                    unread={item.kind === "unread" ? unread.current?.count : undefined}
                    measure={virtualizer.measureElement}
                  />
                );
              })}
            </div>
          </div>
        </div>
      </section>
      {phase === "failed" && (
        <div role="alert" className="message-chip top-2">
          {text.failedOlder}
          <Button
            look="plain"
            className="-mr-3 px-3"
            onClick={() => void zas.loadOlder(room).catch(() => {})}
          >
            {text.retry}
          </Button>
        </div>
      )}
      {phase === "loading" && from === 0 && (
        <p role="status" className="message-chip animate-skeleton top-2">
          {text.loadingOlder}
        </p>
      )}
      {!atEnd && (
        <button
          type="button"
          className="message-pill"
          aria-label={missed > 0 ? `${text.toEnd}: ${text.newMessages(missed)}` : text.toEnd}
          onClick={toEnd}
        >
          {missed > 0 && <span className="tabular-nums">{missed > PILL_MAX ? `${PILL_MAX}+` : missed}</span>}
          <ArrowDown size={20} aria-hidden />
        </button>
      )}
    </div>
  );
});

/** Guesses heights, once for an item as long as the list keeps its width. */
function useGuess(read: ReadRow, scroller: RefObject<HTMLElement | null>): (item: Item) => number {
  const width = useRef(DEFAULT_WIDTH);
  const guesses = useRef(new WeakMap<Item, number>());
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      const now = entry?.contentRect.width ?? DEFAULT_WIDTH;
      if (now === width.current) return;
      width.current = now;
      guesses.current = new WeakMap();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller]);
  return useCallback(
    (item) => {
      const known = guesses.current.get(item) ?? estimateHeight(item, read, width.current);
      guesses.current.set(item, known);
      return known;
    },
    [read],
  );
}

const isAtEnd = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean =>
  scrollHeight - scrollTop - clientHeight <= END_PX;

/** Which item a conversation opens at: the divider, or past the last. */
function firstPlace(items: readonly Item[]): number {
  const divider = items.findIndex((item) => item.kind === "unread");
  return divider < 0 ? items.length : divider;
}

/** How high the items before a place are, in px, as far as one can guess. */
function heightBefore(items: readonly Item[], place: number, read: ReadRow): number {
  return items.slice(0, place).reduce((sum, item) => sum + estimateHeight(item, read, DEFAULT_WIDTH), 0);
}

/** The furthest stored place among the items up to `end`; 0 when there is none. */
function lastSeq(items: readonly Item[], end: number, read: ReadRow): number {
  for (let i = Math.min(end, items.length - 1); i >= 0; i--) {
    const item = items[i];
    const seq = item?.kind === "row" ? read(item.key)?.seq : undefined;
    if (seq !== undefined) return seq;
  }
  return 0;
}
