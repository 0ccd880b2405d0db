/** The views an app reads, made from the chat on demand; each keeps its identity until it changes. */
import type { Delivery, PresenceView, Receipt, RoomView, Row, RowKey, TimelineView } from "../api.js";
import type { Event as LogEvent, RoomId, UserId } from "../protocol.gen.js";
import type { Chat } from "./chat.js";
import type { RoomFacts } from "./facts.js";
import { UNREAD_CAP } from "./limits.js";
import type { Entry } from "./outbox.js";
import { same } from "./same.js";
import { noticeOf, type Timeline } from "./timeline.js";

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
      myRole: members.find(({ user }) => user === chat.id)?.role ?? "member",
      unread: this.unread(facts),
      at: Math.max(millis(Math.max(facts.lastAt, last?.at ?? 0)), waiting?.at ?? 0),
      typing: chat.typing.of(id),
    };
    if (other !== undefined) view.other = other;
    if (waiting) {
      view.last = {
        text: waiting.text,
        sender: chat.id,
        own: true,
        at: waiting.at,
        delivery: deliveryOf(waiting),
      };
    } else if (last) {
      const sender = last.sender ?? "";
      const delivery = this.storedDelivery(last);
      view.last = { text: last.text, sender, own: sender === chat.id, at: millis(last.at), delivery };
    }
    return view;
  }

  /** Counted where all unread events are held, else as the server counted. */
  private unread(facts: RoomFacts): number {
    const timeline = this.chat.timelines.get(facts.id);
    const read = this.chat.positions.read(facts.id);
    if (!timeline || read >= timeline.log.upto) return 0;
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
      const { text, seq, sender = "" } = event;
      const row: Row = {
        type: "message",
        key,
        sender,
        own: sender === this.chat.id,
        text,
        at,
        seq,
        delivery: this.storedDelivery(event),
      };
      if (event.txn_id !== undefined) row.txnId = event.txn_id;
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
    const { text, at, txn: txnId } = entry;
    return { type: "message", key, sender, own: true, text, at, txnId, delivery: deliveryOf(entry) };
  }

  private storedDelivery({ room, seq, sender }: LogEvent): Delivery {
    if (sender !== this.chat.id) return { state: "stored", seq, tick: "sent" };
    const { delivered, read } = this.chat.everyone(room);
    return { state: "stored", seq, tick: read >= seq ? "read" : delivered >= seq ? "delivered" : "sent" };
  }
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
