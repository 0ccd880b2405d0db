/** The views an app reads, made from the chat on demand; each keeps its identity until it changes. */
import type { Delivery, PresenceView, Quote, Receipt, RoomView, Row, RowKey, TimelineView } from "../api.js";
import type { Event as LogEvent, MessageState, ReplyTo, RoomId, UserId } from "../protocol.gen.js";
import type { Chat } from "./chat.js";
import type { RoomFacts } from "./facts.js";
import { QUOTE_CHARS, UNREAD_CAP } from "./limits.js";
import { isDeleted, type MessageEvent, recounted } from "./message.js";
import type { Body, Entry } from "./outbox.js";
import type { OwnChange } from "./pending.js";
import { same } from "./same.js";
import { eventKey, noticeOf, type Timeline } from "./timeline.js";

type MessageRow = Extract<Row, { type: "message" }>;
/** What of a message changes. */
type Content = Pick<
  MessageRow,
  "text" | "editedAt" | "deletedAt" | "reactions" | "mine" | "attachment" | "label"
>;

const NOBODY: PresenceView = { online: false, lastSeen: 0 };

export class Views {
  private readonly made = new Map<string, unknown>();
  private readonly stale = new Set<string>();

  constructor(private readonly chat: Chat) {}

  /** These may have changed: they are made anew when next asked for. */
  touch(topics: Iterable<string>): void {
    for (const topic of topics) if (this.made.has(topic)) this.stale.add(topic);
  }

  rooms(): readonly RoomView[] | undefined {
    return this.keep(
      "rooms",
      () => {
        if (!this.chat.ready) return undefined;
        const views = [...this.chat.rooms.keys()].flatMap((id) => this.room(id) ?? []);
        return views.sort((a, b) => b.at - a.at);
      },
      sameItems,
    );
  }

  room(id: RoomId): RoomView | undefined {
    return this.keep(`room:${id}`, () => {
      const facts = this.chat.rooms.get(id);
      return facts && this.makeRoom(facts);
    });
  }

  timeline(id: RoomId): TimelineView {
    return this.keep(
      `timeline:${id}`,
      () => this.makeTimeline(id),
      (a, b) => sameItems(a.keys, b.keys) && same({ ...a, keys: 0 }, { ...b, keys: 0 }),
    );
  }

  row(room: RoomId, key: RowKey): Row | undefined {
    return this.keep(`row:${room}:${key}`, () => {
      const event = this.chat.timelines.get(room)?.event(key);
      if (event) return this.eventRow(key, event);
      const entry = this.chat.outbox.get(key.slice(key.indexOf("/") + 1));
      return entry && entry.room === room && key === `${this.chat.id}/${entry.txn}`
        ? this.entryRow(key, entry)
        : undefined;
    });
  }

  presence(id: UserId): PresenceView {
    return this.keep(`presence:${id}`, () => {
      const known = this.chat.presence.get(id);
      return known ? { online: known.online, lastSeen: millis(known.last_seen) } : NOBODY;
    });
  }

  receipts(room: RoomId, seq: number): readonly Receipt[] {
    const known = new Map(this.chat.positions.of(room).map((position) => [position.user, position]));
    const members = this.chat.rooms.get(room)?.members ?? [];
    return members.flatMap(({ user }) => {
      if (user === this.chat.id) return [];
      const position = known.get(user);
      const receipt: Receipt = { user };
      if (position && position.read >= seq) receipt.readAt = millis(position.read_at);
      if (position && Math.max(position.delivered, position.read) >= seq) {
        receipt.deliveredAt = millis(
          position.delivered >= seq && position.delivered_at ? position.delivered_at : position.read_at,
        );
      }
      return [receipt];
    });
  }

  private keep<T>(topic: string, make: () => T, equal: (a: T & object, b: T & object) => boolean = same): T {
    const old = this.made.get(topic) as T;
    if (this.made.has(topic) && !this.stale.delete(topic)) return old;
    const next = make();
    const kept =
      old && next && typeof old === "object" && typeof next === "object" && equal(old, next) ? old : next;
    // A row that is gone leaves nothing behind.
    if (kept === undefined) this.made.delete(topic);
    else this.made.set(topic, kept);
    return kept;
  }

  private makeRoom(facts: RoomFacts): RoomView {
    const { chat } = this;
    const { id, kind, members, more, prefs } = facts;
    const other = kind === "private" ? members.find(({ user }) => user !== chat.id)?.user : undefined;
    const waiting = chat.outbox.of(id).findLast(({ state }) => state.is !== "acked");
    const last = chat.timelines.get(id)?.newest(facts.last?.seq ?? 0) ?? facts.last;
    const view: RoomView = {
      id,
      kind,
      members,
      memberCount: members.length + more,
      prefs,
      title: facts.name ?? (other && chat.users.get(other)?.display_name) ?? "",
      description: facts.description,
      myRole: members.find(({ user }) => user === chat.id)?.role ?? "member",
      unread: this.unread(facts),
      at: Math.max(millis(Math.max(facts.lastAt, last?.at ?? 0)), waiting?.at ?? 0),
      typing: chat.typing.of(id),
    };
    if (other !== undefined) view.other = other;
    if (facts.avatar !== undefined) view.avatar = facts.avatar;
    if (waiting) {
      view.last = {
        text: waiting.text,
        sender: chat.id,
        own: true,
        at: waiting.at,
        delivery: deliveryOf(waiting),
      };
      if (waiting.attachment) view.last.attachment = waiting.attachment;
    } else if (last) {
      const sender = last.sender ?? "";
      const delivery = this.storedDelivery(last);
      const { text, attachment, deletedAt } = this.content(last, this.lastState(facts, last));
      view.last = { text, sender, own: sender === chat.id, at: millis(last.at), delivery };
      if (attachment) view.last.attachment = attachment;
      if (deletedAt !== undefined) view.last.deleted = true;
    }
    return view;
  }

  /** What the last message is now: its timeline and the room's summary may know, and one of them better. */
  private lastState({ id, lastState }: RoomFacts, { seq }: MessageEvent): MessageState | undefined {
    const state = this.chat.timelines.get(id)?.changes.state(seq);
    if (lastState?.of !== seq) return state;
    return state && state.rev >= lastState.rev ? state : lastState;
  }

  /** Counted where all unread events are held, else as the server counted. */
  private unread(facts: RoomFacts): number {
    const timeline = this.chat.timelines.get(facts.id);
    const read = this.chat.positions.read(facts.id);
    if (!timeline || read >= Math.min(facts.last?.seq ?? timeline.log.upto, timeline.log.upto)) return 0;
    if (timeline.log.floor > Math.max(read + 1, facts.from)) return facts.unread;
    let count = 0;
    for (const message of timeline.messages(read, timeline.log.upto)) {
      if (message.sender !== this.chat.id && ++count === UNREAD_CAP) break;
    }
    return count;
  }

  private makeTimeline(id: RoomId): TimelineView {
    const timeline = this.chat.timelines.get(id);
    if (!timeline || timeline.log.state === "parted") {
      const refused = this.chat.refused.has(id) && !this.chat.rooms.has(id);
      return { room: id, keys: [], moreBefore: false, phase: refused ? "failed" : "cold", head: 0 };
    }
    const keys = timeline.keys();
    const view: TimelineView = {
      room: id,
      keys,
      moreBefore: timeline.moreBefore,
      phase: this.phase(timeline, keys),
      head: timeline.log.upto,
    };
    const { firstUnread } = timeline;
    if (firstUnread !== undefined) view.firstUnread = firstUnread;
    return view;
  }

  private phase(timeline: Timeline, keys: readonly RowKey[]): TimelineView["phase"] {
    if (timeline.failed) return "failed";
    if (this.chat.wanted.has(`older:${timeline.room}`)) return "loading";
    return timeline.loaded || keys.length > 0 ? "ready" : "cold";
  }

  private eventRow(key: RowKey, event: LogEvent): Row | undefined {
    const at = millis(event.at);
    if (event.kind === "message") {
      const { seq, sender = "", reply_to } = event;
      const changes = this.chat.timelines.get(event.room)?.changes;
      const row: MessageRow = {
        type: "message",
        key,
        sender,
        own: sender === this.chat.id,
        ...this.content(event, changes?.state(seq)),
        at,
        seq,
        delivery: this.storedDelivery(event),
      };
      if (event.txn_id !== undefined) row.txnId = event.txn_id;
      if (reply_to && row.deletedAt === undefined) row.replyTo = this.quote(event.room, reply_to);
      return row;
    }
    const notice = noticeOf(event);
    if (!notice) return undefined;
    const row: Row = { type: "notice", key, at, seq: event.seq, notice };
    if (event.sender !== undefined) row.sender = event.sender;
    return row;
  }

  private entryRow(key: RowKey, entry: Entry): Row {
    const { id: sender } = this.chat;
    const { at, txn: txnId, room, replyTo } = entry;
    const row: MessageRow = {
      type: "message",
      key,
      sender,
      own: true,
      ...said(entry),
      at,
      txnId,
      delivery: deliveryOf(entry),
    };
    if (replyTo) row.replyTo = this.quote(room, replyTo);
    return row;
  }

  /** What a message is now: as its log says, and as one's own changes that are on their way will have it. */
  private content(event: MessageEvent, state: MessageState | undefined): Content {
    const mine = this.chat.pending.of(event.message);
    if (!state && mine.length === 0 && !event.erased) return said(event);
    if (isDeleted(event, state)) return { text: "", deletedAt: millis(state?.deleted_at ?? event.at) };
    const content: Content = said(event);
    if (state?.text !== undefined) content.text = state.text;
    if (state?.edited_at !== undefined) content.editedAt = millis(state.edited_at);
    if (state?.reactions) content.reactions = state.reactions;
    if (state?.mine) content.mine = state.mine;
    return mine.reduce(intended, content);
  }

  private quote(room: RoomId, { message, of }: ReplyTo): Quote {
    const timeline = this.chat.timelines.get(room);
    const event = timeline?.changes.message(of);
    if (!event) {
      const unavailable = timeline?.changes.isMissing(message);
      return unavailable ? { message, text: "", unavailable } : { message, text: "" };
    }
    const { text, attachment, deletedAt } = this.content(event, timeline?.changes.state(of));
    const quote: Quote = { message, sender: event.sender ?? "", text: beginning(text) };
    const key = eventKey(event);
    if (timeline?.event(key)) quote.key = key;
    if (attachment) quote.attachment = attachment;
    if (deletedAt !== undefined) quote.deleted = true;
    return quote;
  }

  private storedDelivery({ room, seq, sender }: LogEvent): Delivery {
    if (sender !== this.chat.id) return { state: "stored", seq, tick: "sent" };
    const { delivered, read } = this.chat.everyone(room);
    return { state: "stored", seq, tick: read >= seq ? "read" : delivered >= seq ? "delivered" : "sent" };
  }
}

function said({ text, attachment, label }: Pick<Body, "text" | "attachment" | "label">): Content {
  const content: Content = { text };
  if (attachment) content.attachment = attachment;
  if (label) content.label = label;
  return content;
}

/** A message as it will be once one's own change is stored. */
function intended(content: Content, { deed, at }: OwnChange): Content {
  if (content.deletedAt !== undefined) return content;
  switch (deed.do) {
    case "edit":
      return { ...content, text: deed.text, editedAt: at };
    case "delete":
      return { text: "", deletedAt: at };
    case "react": {
      const { mine: was, reactions: counts, ...rest } = content;
      if (was === deed.reaction) return content;
      const reactions = recounted(recounted(counts, was, -1), deed.reaction, 1);
      return {
        ...rest,
        ...(reactions.length > 0 && { reactions }),
        ...(deed.reaction && { mine: deed.reaction }),
      };
    }
  }
}

/** The first characters of a text, none of them cut in half. */
function beginning(text: string): string {
  return text.length <= QUOTE_CHARS
    ? text
    : Array.from(text.slice(0, 2 * QUOTE_CHARS))
        .slice(0, QUOTE_CHARS)
        .join("");
}

function deliveryOf({ state, at }: Entry): Delivery {
  if (state.is === "failed") return { state: "failed", code: state.code };
  if (state.is === "acked") return { state: "stored", seq: state.ack.seq, tick: "sent" };
  return { state: state.is, since: at };
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** The wire's microseconds as milliseconds. */
export function millis(micros: number): number {
  return Math.floor(micros / 1000);
}
