/**
 * One's rooms and their logs: what the feed, the pages and the summaries say of each, and what is still
 * to be fetched for it.
 */

import type { RowKey } from "../api.js";
import type {
  Event as LogEvent,
  MessageId,
  Page,
  Position,
  Message as QuotedMessage,
  Room,
  RoomId,
  RoomState,
  UserId,
} from "../protocol.gen.js";
import type { CachedRoom } from "./cached.js";
import type { Effects } from "./effects.js";
import { RoomFacts } from "./facts.js";
import { FIRST_ROWS, ORPHANS, RESYNC_ROOMS, SOUND_MS } from "./limits.js";
import type { Taken } from "./log.js";
import { isDeleted, type MessageEvent } from "./message.js";
import { Pending, type PendingEffect } from "./pending.js";
import type { People } from "./people.js";
import { Positions } from "./positions.js";
import { Sending } from "./sending.js";
import { eventKey, Timeline } from "./timeline.js";
import type { Typing } from "./typing.js";
import type { Wanted } from "./wanted.js";

export class Rooms {
  readonly facts = new Map<RoomId, RoomFacts>();
  readonly timelines = new Map<RoomId, Timeline>();
  /** Rooms that were asked for and are not ours to see. */
  readonly refused = new Set<RoomId>();
  readonly positions: Positions;
  readonly sending: Sending;
  readonly pending = new Pending();
  /** Whether a feed has replayed what was missed and goes on. */
  live = false;
  leading = false;
  /** Screens that show each room. */
  private readonly screens = new Map<RoomId, number>();
  /** Rooms to be fetched when the replay is over. */
  private readonly resyncs = new Set<RoomId>();
  /** Events of rooms that are still being fetched. */
  private orphans: LogEvent[] = [];
  private lastSound = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly me: UserId,
    private readonly effects: Effects,
    private readonly wanted: Wanted,
    private readonly people: People,
    private readonly typing: Typing,
  ) {
    this.positions = new Positions(me);
    this.sending = new Sending(me, this.timelines, effects, (room) => this.everyone(room));
  }

  /** How far all the others in a room are. */
  everyone(room: RoomId): { delivered: number; read: number } {
    const members = this.facts.get(room)?.members ?? [];
    return this.positions.everyone(
      room,
      members.flatMap(({ user }) => (user === this.me ? [] : [user])),
    );
  }

  event(now: number, event: LogEvent): void {
    const { room } = event;
    const timeline = this.timelines.get(room);
    if (!timeline) {
      if (this.orphans.push(event) > ORPHANS) this.orphans.shift();
      return this.wanted.room(room);
    }
    if (timeline.log.state === "parted") {
      // What came after one was removed is not for oneself, until one is added again; a replay tells of
      // earlier times, too.
      if (event.kind !== "member_added" || event.user !== this.me || event.seq <= timeline.log.left) return;
      timeline.log.state = "follows";
    }
    this.took(now, timeline, timeline.add(event), this.live);
    this.repair(timeline);
  }

  skip(now: number, room: RoomId, from: number, to: number): void {
    const timeline = this.timelines.get(room);
    if (timeline) this.took(now, timeline, timeline.cover(from, to, []), false);
  }

  resync(now: number, room: RoomId, epoch: number, head: number): void {
    const timeline = this.timelines.get(room);
    if (!timeline) return this.wanted.room(room);
    if (timeline.log.epoch !== epoch) this.another(now, timeline, epoch, head);
    if (timeline.resync(epoch, head)) {
      this.resyncs.add(room);
      if (this.live) this.fetchResynced();
    } else this.repair(timeline);
    this.effects.room(room);
    this.list(room);
  }

  /** The server names a head whose events did not come. */
  head(room: RoomId, head: number): void {
    const timeline = this.timelines.get(room);
    if (!timeline || timeline.log.state === "parted") return;
    timeline.log.head = Math.max(timeline.log.head, head);
    this.repair(timeline);
  }

  /** Another tab stands there in the room's log. */
  peer(room: RoomId, epoch: number, seq: number): void {
    if (this.timelines.get(room)?.log.epoch === epoch) this.head(room, seq);
    else this.wanted.room(room);
  }

  /** The replay is over: what it left open is fetched. */
  synced(now: number): void {
    this.positions.repeat(now);
    this.fetchResynced();
    for (const [room, timeline] of this.timelines) {
      this.repair(timeline);
      if ((this.facts.get(room)?.unread ?? 0) > 0) this.delivered(now, room, timeline.log.upto);
    }
  }

  /** Takes the summaries of all one's rooms. */
  state(now: number, rooms: readonly Room[]): void {
    const listed = new Set(rooms.map(({ id }) => id));
    for (const id of [...this.facts.keys()]) if (!listed.has(id)) this.leave(now, id);
    for (const room of rooms) {
      const timeline = this.summary(now, room);
      if (!timeline.log.awaits) continue;
      if (timeline.opened) this.wanted.room(room.id);
      else timeline.follow(room.head);
      this.list(room.id);
    }
    this.effects.touch("rooms");
  }

  roomState(now: number, { room, page }: RoomState): void {
    const timeline = this.summary(now, room);
    this.refused.delete(room.id);
    this.took(now, timeline, timeline.renew(page, room.from), false);
    for (const event of this.takeOrphans(room.id)) this.took(now, timeline, timeline.add(event), true);
    this.repair(timeline);
  }

  /** Fetches what a row quotes, where it is nowhere to be found here. */
  seek(room: RoomId, key: RowKey): void {
    const message = this.timelines.get(room)?.unquoted(key);
    if (message !== undefined && this.facts.has(room)) this.wanted.quoted(room, message);
  }

  /** A quoted message was fetched. */
  quoted(room: RoomId, { event, state }: QuotedMessage): void {
    const timeline = this.timelines.get(room);
    if (timeline && event.kind === "message") this.changed(timeline, timeline.hold(event, state));
  }

  /** A quoted message is not there, or not for oneself. */
  unquoted(room: RoomId, message: MessageId): void {
    const timeline = this.timelines.get(room);
    timeline?.changes.miss(message);
    for (const key of timeline?.keys() ?? [])
      if (timeline?.quotes(key)?.message === message) this.effects.row(room, key);
  }

  /** Hands on what is to be done about one's own changes. */
  follow(effects: readonly PendingEffect[]): void {
    for (const effect of effects) {
      if (effect.do === "shown") this.redraw(effect.room, effect.of);
      else this.effects.push(effect);
    }
  }

  /** A room's events that came before the room itself. They are void if that must be asked for again: they may be of a history that is no more. */
  takeOrphans(room: RoomId): LogEvent[] {
    const taken = this.orphans.filter((event) => event.room === room);
    this.orphans = this.orphans.filter((event) => event.room !== room);
    return taken;
  }

  /** Takes a page below what is held (`before`), or above. */
  page(now: number, room: RoomId, page: Page, before: boolean): void {
    const timeline = this.timelines.get(room);
    if (!timeline) return;
    if (page.epoch !== timeline.log.epoch) return this.wanted.room(room);
    const { upto } = timeline.log;
    const taken = timeline.page(page, before);
    // The server knows best where its log ends; else a head that was never there is asked for again and again.
    if (!before && timeline.log.upto === upto) timeline.log.head = Math.max(page.head, upto);
    timeline.failed = false;
    this.took(now, timeline, taken, false);
    this.repair(timeline);
  }

  restore(now: number, { room, epoch, upto, floor, moreBefore, positions, ...held }: CachedRoom): void {
    this.facts.set(room.id, new RoomFacts(room));
    const timeline = new Timeline(room.id, this.me, epoch, upto, room.from);
    timeline.cover(floor, upto, held.events, held.states);
    timeline.moreBefore = moreBefore;
    this.positions.merge(room.id, positions);
    this.add(now, timeline);
  }

  /** One is not in the room any more, since `at` if that is known; its log is kept for the day one is back. */
  leave(now: number, room: RoomId, at?: number): void {
    this.timelines.get(room)?.log.part(at);
    this.facts.delete(room);
    this.positions.forget(room);
    this.wanted.forget(room);
    this.sending.handle(now, { type: "parted", room });
    this.follow(this.pending.parted(room));
    this.effects.room(room);
    this.list(room);
  }

  merge(now: number, room: RoomId, positions: readonly Position[]): void {
    const [facts, timeline] = [this.facts.get(room), this.timelines.get(room)];
    if (!facts || !timeline) return;
    const before = this.everyone(room);
    if (!this.positions.merge(room, positions)) return;
    const after = this.everyone(room);
    for (const stage of ["delivered", "read"] as const) {
      if (after[stage] <= before[stage]) continue;
      for (const message of timeline.messages(before[stage], after[stage])) {
        if (message.sender !== this.me) continue;
        const key = eventKey(message);
        this.effects.row(room, key);
        this.sending.measure(now, key, stage);
      }
    }
    if (this.isRead(facts, timeline)) facts.unread = 0;
    this.effects.room(room);
  }

  read(now: number, room: RoomId, seq: number): void {
    const [facts, timeline] = [this.facts.get(room), this.timelines.get(room)];
    if (!facts || !timeline || !this.positions.markRead(now, room, Math.min(seq, timeline.log.upto))) return;
    if (this.isRead(facts, timeline)) facts.unread = 0;
    this.effects.room(room);
  }

  open(room: RoomId): void {
    const screens = this.screens.get(room) ?? 0;
    this.screens.set(room, screens + 1);
    const timeline = this.timelines.get(room);
    if (!timeline) this.wanted.room(room);
    else if (screens === 0) this.show(timeline);
  }

  close(room: RoomId): void {
    const screens = (this.screens.get(room) ?? 1) - 1;
    if (screens > 0) this.screens.set(room, screens);
    else this.screens.delete(room);
    if (screens === 0 && this.timelines.get(room)?.close()) this.wanted.forgetQuoted(room);
    this.list(room);
  }

  older(room: RoomId): void {
    const timeline = this.timelines.get(room);
    if (!timeline?.moreBefore) return;
    timeline.failed = false;
    this.wanted.older(room, timeline.log.floor);
    this.list(room);
  }

  /** Another history begins: what was said of the old one's places means nothing in it. */
  private another(now: number, timeline: Timeline, epoch: number, head: number): void {
    const { room } = timeline;
    this.positions.forget(room);
    this.wanted.forget(room);
    timeline.resync(epoch, head);
    this.sending.show(now, room);
  }

  private fetchResynced(): void {
    const many = this.resyncs.size > RESYNC_ROOMS;
    if (many) this.wanted.state();
    for (const room of this.resyncs) if (!many || this.screens.has(room)) this.wanted.room(room);
    this.resyncs.clear();
  }

  /** Fetches what is missing; while a replay runs, what seems missing is on its way. */
  private repair({ room, log }: Timeline): void {
    if (!this.live || log.gap === undefined) return;
    if (log.gapIsLong) this.wanted.room(room);
    else this.wanted.gap(room, log.gap);
  }

  /** Follows up what a timeline has taken in; `news`: it was said as it happened. */
  private took(now: number, timeline: Timeline, taken: Taken, news: boolean): void {
    const { room, log } = timeline;
    for (const event of taken.fresh) {
      const { sender, txn_id, seq, at } = event;
      this.effects.row(room, eventKey(event));
      this.people.meet(sender);
      if (sender !== this.me || txn_id === undefined || !this.sending.outbox.get(txn_id)) continue;
      const ack = { txn_id, room, seq, at };
      this.sending.ack(now, event.kind === "message" ? { ...ack, message: event.message } : ack);
    }
    const facts = this.facts.get(room);
    if (facts) this.count(now, facts, taken.advanced, news);
    if (this.sending.outbox.of(room).length > 0) this.sending.show(now, room);
    if (taken.changed) this.changed(timeline, taken.changed);
    this.follow(this.pending.covered(room, log.epoch, log.upto));
    if (timeline.trim()) this.wanted.forgetQuoted(room);
    this.effects.room(room);
    this.list(room);
    if (facts && log.state === "follows" && facts.members.every(({ user }) => user !== this.me))
      this.leave(now, room);
  }

  /** Which rows a room has may have changed. */
  private list(room: RoomId): void {
    for (const key of this.timelines.get(room)?.takeGone() ?? []) this.effects.row(room, key);
    this.effects.timeline(room);
  }

  /** Messages became others, or can be quoted now. */
  private changed({ room, changes }: Timeline, places: ReadonlySet<number>): void {
    for (const seq of places) {
      this.redraw(room, seq);
      const message = changes.message(seq);
      if (message && isDeleted(message, changes.state(seq)))
        this.follow(this.pending.deleted(message.message));
    }
  }

  /** Draws all that shows a message anew. */
  private redraw(room: RoomId, seq: number): void {
    for (const key of this.timelines.get(room)?.showing(seq) ?? []) this.effects.row(room, key);
    this.effects.room(room);
  }

  /** Whether all messages are read; what changes one is no news of its own. */
  private isRead(facts: RoomFacts, { log }: Timeline): boolean {
    return this.positions.read(facts.id) >= Math.min(facts.last?.seq ?? log.upto, log.upto);
  }

  private count(now: number, facts: RoomFacts, events: readonly LogEvent[], news: boolean): void {
    const read = this.positions.read(facts.id);
    let delivered = 0;
    for (const event of events) {
      const unknown = event.seq > facts.seq;
      facts.apply(event, this.me, read);
      this.effects.row(facts.id, eventKey(event));
      if ("user" in event) this.people.meet(event.user);
      if (event.kind !== "message" || event.sender === undefined || event.sender === this.me) continue;
      delivered = event.seq;
      this.typing.hear(now, facts.id, event.sender, false);
      if (news && unknown && event.seq > read && !event.erased) this.sound(now, facts, event);
    }
    if (delivered > 0) this.delivered(now, facts.id, delivered);
  }

  /** One sound for a burst, on the tab that leads, none for a muted room. */
  private sound(now: number, facts: RoomFacts, event: MessageEvent): void {
    if (!this.leading || facts.prefs.muted || now < this.lastSound + SOUND_MS || event.sender === undefined)
      return;
    this.lastSound = now;
    const message = { room: facts.id, key: eventKey(event), sender: event.sender, text: event.text };
    this.effects.push({ do: "sound", message });
  }

  private delivered(now: number, room: RoomId, seq: number): void {
    if (this.leading) this.positions.markDelivered(now, room, seq);
  }

  /** A timeline comes on screen: its newest page is wanted. */
  private show(timeline: Timeline): void {
    const { room, log } = timeline;
    const read = this.positions.read(room);
    timeline.open(this.facts.get(room)?.unread === 0 || read >= log.upto ? undefined : read);
    if (!timeline.loaded || (this.facts.get(room)?.more ?? 0) > 0) this.wanted.room(room);
    else if (timeline.moreBefore && timeline.keys().length < FIRST_ROWS) this.older(room);
    this.repair(timeline);
    this.list(room);
  }

  private add(now: number, timeline: Timeline): void {
    this.timelines.set(timeline.room, timeline);
    this.sending.show(now, timeline.room);
    if (this.screens.has(timeline.room)) this.show(timeline);
  }

  /** Takes a room's summary; its timeline then knows where the log stands. */
  private summary(now: number, room: Room): Timeline {
    const facts = this.facts.get(room.id);
    if (facts) facts.renew(room);
    else this.facts.set(room.id, new RoomFacts(room));
    let timeline = this.timelines.get(room.id);
    if (!timeline) {
      timeline = new Timeline(room.id, this.me, room.epoch, room.head, room.from);
      this.add(now, timeline);
    } else if (timeline.log.epoch !== room.epoch) this.another(now, timeline, room.epoch, room.head);
    else if (timeline.log.state === "parted") timeline.resync(room.epoch, room.head);
    timeline.log.head = Math.max(timeline.log.head, room.head);
    this.merge(now, room.id, room.positions);
    if (room.unread > 0 && this.live) this.delivered(now, room.id, room.head);
    if (this.screens.has(room.id) && (this.facts.get(room.id)?.more ?? 0) > 0) this.wanted.room(room.id);
    this.effects.room(room.id);
    this.list(room.id);
    return timeline;
  }
}
