/**
 * One room's rows: stored events by `seq`, then one's own waiting messages in the order composed.
 * A row's key is `sender/txn_id` for ever, so an echo, an ack and a history page, in any order,
 * meet in one row that keeps its place.
 *
 * To show a new kind of event: its case in {@link noticeOf} (or in `rowView` of `views.ts`).
 */
import type { Row, RowKey } from "../api.js";
import type {
  Event as LogEvent,
  MessageId,
  MessageState,
  Page,
  ReplyTo,
  RoomId,
  UserId,
} from "../protocol.gen.js";
import { Changes } from "./changes.js";
import { IDLE_EVENTS, IDLE_EVENTS_KEPT } from "./limits.js";
import { RoomLog, type Taken } from "./log.js";
import type { MessageEvent } from "./message.js";
import type { Entry } from "./outbox.js";

/** The key of an event's row. */
export function eventKey(event: LogEvent): RowKey {
  return event.sender && event.txn_id ? `${event.sender}/${event.txn_id}` : `${event.room}/${event.seq}`;
}

type Notice = Extract<Row, { type: "notice" }>["notice"];

/** What a row says of an event that is no message; `undefined` for one that has no row. */
export function noticeOf(event: LogEvent): Notice | undefined {
  switch (event.kind) {
    case "room_created":
      return event.name === undefined ? { kind: "created" } : { kind: "created", name: event.name };
    case "room_renamed":
      return { kind: "renamed", name: event.name };
    case "room_profile_changed": {
      const { description, avatar } = event.profile;
      return { kind: "profile", description: description !== undefined, avatar: avatar !== undefined };
    }
    case "member_added":
      return { kind: "added", user: event.user };
    case "member_removed":
      return { kind: event.sender === event.user ? "left" : "removed", user: event.user };
    case "role_changed":
      return { kind: "role", user: event.user, role: event.role };
    default:
      return undefined;
  }
}

export class Timeline {
  readonly log: RoomLog;
  readonly changes: Changes;
  /** Whether events of this person lie below the oldest covered. */
  moreBefore: boolean;
  /** Whether a screen shows it. */
  opened = false;
  failed = false;
  /** One's read position when it was opened, and the row found after it. */
  private marker?: { read: number; key?: RowKey };
  private shown: LogEvent[] = [];
  /** The keys of `shown`. */
  private order: RowKey[] = [];
  private readonly places = new Map<RowKey, LogEvent>();
  private gone: RowKey[] = [];
  private waiting: readonly Entry[] = [];
  /** All of the room's outbox. */
  private entries: readonly Entry[] = [];
  /** Own messages as their acks tell them, until the log has their events. */
  private readonly acked = new Map<number, LogEvent>();

  constructor(
    readonly room: RoomId,
    private readonly me: UserId,
    epoch: number,
    head: number,
    private from: number,
  ) {
    this.log = new RoomLog(epoch, head);
    this.changes = new Changes(this.log, me);
    this.moreBefore = head >= from;
  }

  /** Whether anything can be shown. */
  get loaded(): boolean {
    return this.shown.length > 0 || !this.moreBefore;
  }

  /** All keys, oldest first. */
  keys(): RowKey[] {
    return this.order.concat(this.waiting.map((entry) => `${this.me}/${entry.txn}`));
  }

  /** The event behind a row, once stored. */
  event(key: RowKey): LogEvent | undefined {
    return this.places.get(key);
  }

  /** Takes in an event of the feed. */
  add(event: LogEvent): Taken {
    return this.show(this.log.add(event));
  }

  cover(from: number, to: number, events: readonly LogEvent[], states: readonly MessageState[] = []): Taken {
    return this.show(this.log.cover(from, to, events), states);
  }

  /** Takes in a page below or above; `before` says that it was asked for to go back. */
  page(page: Page, before: boolean): Taken {
    const joins = page.to >= this.log.floor - 1;
    const taken = this.cover(page.from, page.to, page.events, page.states);
    if (before && joins) this.moreBefore = page.more_before;
    return taken;
  }

  /** Takes in the newest page. */
  renew(page: Page, from: number): Taken {
    this.from = from;
    this.failed = false;
    if (page.epoch !== this.log.epoch) this.changes.clear();
    else if (page.from > this.log.upto + 1) this.changes.forgetAside();
    const taken = this.log.renew(page);
    if (this.log.floor === page.from) this.moreBefore = page.more_before;
    const changed = this.changes.take(taken, page.states ?? []);
    this.rebuild();
    return { ...this.current(taken), changed };
  }

  /** Whether the newest page must come first. */
  resync(epoch: number, head: number): boolean {
    const awaits = this.log.resync(epoch, head);
    if (this.log.events.size === 0) {
      this.moreBefore = head >= this.from;
      this.changes.clear();
    }
    this.rebuild();
    return awaits;
  }

  /** Goes on after `head`; what lies before it is loaded when it is asked for. */
  follow(head: number): void {
    this.changes.forgetAside();
    this.log.follow(head);
    this.moreBefore = head >= this.from;
    this.rebuild();
  }

  /** Keeps only the newest events of a room that is not on screen. Whether any are gone. */
  trim(): boolean {
    const { events } = this.log;
    if (this.opened || events.size <= IDLE_EVENTS) return false;
    const cut = [...events.keys()].sort((a, b) => a - b).at(-IDLE_EVENTS_KEPT);
    if (cut === undefined || this.log.trim(cut).length === 0) return false;
    this.moreBefore = true;
    this.changes.forgetAside();
    this.rebuild();
    return true;
  }

  /** A message that others quote was fetched. Returns the places of messages shown another way. */
  hold(event: MessageEvent, state: MessageState | undefined): ReadonlySet<number> {
    return this.changes.hold(event, state);
  }

  /** The message that a row quotes, if it is nowhere to be found here. */
  unquoted(key: RowKey): MessageId | undefined {
    const reply = this.quotes(key);
    return reply && !this.changes.message(reply.of) && !this.changes.isMissing(reply.message)
      ? reply.message
      : undefined;
  }

  /** What a row quotes. */
  quotes(key: RowKey): ReplyTo | undefined {
    const event = this.places.get(key);
    if (event) return event.kind === "message" ? event.reply_to : undefined;
    return this.entries.find(({ txn }) => key === `${this.me}/${txn}`)?.replyTo;
  }

  /** The keys of all rows that show the message at a place, its own and those that quote it. */
  showing(seq: number): RowKey[] {
    const keys: RowKey[] = [];
    for (const place of [seq, ...this.changes.quoters(seq)]) {
      const event = this.log.events.get(place);
      if (event) keys.push(eventKey(event));
    }
    for (const { txn, replyTo, state } of this.entries)
      if (replyTo?.of === seq || (state.is === "acked" && state.ack.seq === seq))
        keys.push(`${this.me}/${txn}`);
    return keys;
  }

  /** The room's outbox entries as they now are: acked ones stand at their place, the others below all. */
  setEntries(entries: readonly Entry[]): void {
    const old = [...this.acked.keys()];
    this.entries = entries;
    this.acked.clear();
    const fresh: LogEvent[] = [];
    for (const entry of entries) {
      const event = ackedEvent(this.me, entry);
      if (!event || this.log.events.has(event.seq)) continue;
      this.acked.set(event.seq, event);
      if (!this.places.has(eventKey(event))) fresh.push(event);
    }
    if (old.some((seq) => !this.acked.has(seq) && !this.log.events.has(seq))) this.rebuild();
    this.place({ fresh, advanced: [] });
    this.waiting = entries.filter((entry) => !this.places.has(`${this.me}/${entry.txn}`));
  }

  /** The newest shown message above `seq`. */
  newest(seq: number): MessageEvent | undefined {
    return this.messages(seq).next().value ?? undefined;
  }

  /** Shown messages in `(after, upto]`, newest first. */
  *messages(after: number, upto = Number.MAX_SAFE_INTEGER): Generator<MessageEvent> {
    for (let index = this.shown.length - 1; index >= 0; index--) {
      const event = this.shown[index];
      if (!event || event.seq <= after) return;
      if (event.seq <= upto && event.kind === "message") yield event;
    }
  }

  /** A screen shows it. The unread mark is fixed: all up to `read` was read, or nothing is unread. */
  open(read: number | undefined): void {
    this.opened = true;
    this.marker = read === undefined ? undefined : { read };
  }

  /** No screen shows it any more. Whether any of it is gone. */
  close(): boolean {
    this.opened = false;
    this.marker = undefined;
    return this.trim();
  }

  /** The first row after the read position at opening, once it is loaded; then it stays. */
  get firstUnread(): RowKey | undefined {
    if (!this.marker || this.marker.key !== undefined) return this.marker?.key;
    let first: LogEvent | undefined;
    for (const event of this.messages(this.marker.read)) if (event.sender !== this.me) first = event;
    if (first) this.marker.key = eventKey(first);
    return this.marker.key;
  }

  private show(taken: Taken, states: readonly MessageState[] = []): Taken {
    const changed = this.changes.take(taken, states);
    this.place(this.current(taken));
    // What was erased shows as it is now.
    for (const seq of changed) {
      const event = this.log.events.get(seq);
      if (event) this.place({ fresh: [event], advanced: [] });
    }
    return { ...this.current(taken), changed };
  }

  /** The events as they now are: some may be erased. */
  private current({ fresh, advanced }: Taken): Taken {
    const now = (event: LogEvent) => this.log.events.get(event.seq) ?? event;
    return { fresh: fresh.map(now), advanced: advanced.map(now) };
  }

  /** Puts events among the rows. */
  private place(taken: Taken): void {
    const batch = new Map<number, LogEvent>();
    let moved = false;
    for (const event of [...taken.fresh, ...taken.advanced]) {
      const key = eventKey(event);
      const place = this.places.get(key);
      if (place === event || !this.visible(event)) continue;
      if (place?.seq === event.seq) this.shown[this.shown.lastIndexOf(place)] = event;
      else batch.set(event.seq, event);
      moved ||= place !== undefined && place.seq !== event.seq;
      this.places.set(key, event);
    }
    if (batch.size === 0) return;
    const events = [...batch.values()].sort((a, b) => a.seq - b.seq);
    const [first, last] = [events[0], events.at(-1)];
    const [oldest, newest] = [this.shown[0], this.shown.at(-1)];
    if (moved) this.sort();
    else if (!newest || (first && first.seq > newest.seq)) {
      this.shown.push(...events);
      this.order.push(...events.map(eventKey));
    } else if (oldest && last && last.seq < oldest.seq) {
      this.shown = events.concat(this.shown);
      this.order = events.map(eventKey).concat(this.order);
    } else this.sort();
    this.waiting = this.waiting.filter((entry) => !this.places.has(`${this.me}/${entry.txn}`));
  }

  /** Others' events beyond a gap wait for it to be filled; one's own keep the place they had. */
  private visible(event: LogEvent): boolean {
    if (event.kind !== "message" && !noticeOf(event)) return false;
    return event.seq >= this.log.floor && (event.seq <= this.log.upto || event.sender === this.me);
  }

  /** Rows that are no more here since this was last asked: whoever read one must not see it as it was. */
  takeGone(): readonly RowKey[] {
    const { gone } = this;
    this.gone = [];
    return gone;
  }

  private rebuild(): void {
    this.changes.rebuild();
    const before = [...this.places.keys()];
    this.places.clear();
    for (const event of this.log.events.values())
      if (this.visible(event)) this.places.set(eventKey(event), event);
    for (const event of this.acked.values())
      if (!this.places.has(eventKey(event)) && this.visible(event)) this.places.set(eventKey(event), event);
    this.gone.push(...before.filter((key) => !this.places.has(key)));
    this.sort();
  }

  private sort(): void {
    this.shown = [...this.places.values()].sort((a, b) => a.seq - b.seq);
    this.order = this.shown.map(eventKey);
  }
}

/** One's own message as its ack tells it. */
function ackedEvent(sender: UserId, entry: Entry): LogEvent | undefined {
  const { txn, room, text, replyTo, attachment, label, state } = entry;
  if (state.is !== "acked") return undefined;
  const { seq, at, message = "" } = state.ack;
  const event: LogEvent = { kind: "message", room, seq, at, sender, txn_id: txn, message, text };
  if (replyTo) event.reply_to = replyTo;
  if (attachment) event.attachment = attachment;
  if (label) event.label = label;
  return event;
}
