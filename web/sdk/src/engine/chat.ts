/**
 * The chat: what one account holds of its rooms, people and messages in one tab, and what is to be
 * done about each thing that happens. It joins the machines of this folder and has no I/O: time,
 * entropy and answers come in as inputs, requests go out as effects.
 */
import type { RowKey, Stages } from "../api.js";
import type {
  ErrorCode,
  Event as LogEvent,
  LogHead,
  Me,
  Message,
  Page,
  RoomId,
  RoomState,
  Seen,
  ServerFrame,
  Signal,
  State,
  TxnId,
  User,
  UserId,
} from "../protocol.gen.js";
import { type CachedRoom, cachedRoom, type Snapshot } from "./cached.js";
import { type ChatEffect, Effects } from "./effects.js";
import { Heads } from "./heads.js";
import { Heard } from "./heard.js";
import type { Body, Link, OutboxInput } from "./outbox.js";
import type { Answer, Deed } from "./pending.js";
import { People } from "./people.js";
import { Rooms } from "./rooms.js";
import { Typing } from "./typing.js";
import { Wanted } from "./wanted.js";

export type { ChatEffect } from "./effects.js";

export type Cursor = Record<RoomId, [epoch: number, seq: number]>;

export type ChatInput =
  /** Ask for the first state. */
  | { type: "start" }
  | { type: "restore"; snapshot: Snapshot }
  | { type: "outbox"; input: OutboxInput }
  /** Whether this tab holds the account's connection. */
  | { type: "lead"; on: boolean }
  | { type: "link"; link: Link }
  /** `live`: not part of the replay after a (re)connect. */
  | { type: "frame"; frame: ServerFrame; live: boolean }
  /** The tab that leads is live, and its cursor there: no frame is missing here, but for what came before. */
  | { type: "peer"; cursor: Cursor }
  | { type: "fetched"; key: string; attempt: number; body: unknown }
  | { type: "unfetched"; key: string; attempt: number; code: ErrorCode | "offline" }
  /** `wall` is the device's clock, in milliseconds since 1970. */
  | { type: "compose"; room: RoomId; body: Body; txn: TxnId; wall: number }
  /** Does something to a stored message, which {@link Timeline.event} names. */
  | { type: "change"; room: RoomId; key: RowKey; deed: Deed; txn: TxnId; wall: number }
  | { type: "answered"; room: RoomId; txn: TxnId; attempt: number; answer: Answer }
  /** A screen shows this row: what it quotes is wanted. */
  | { type: "seek"; room: RoomId; key: RowKey }
  | { type: "painted"; key: RowKey }
  | { type: "open" | "close" | "older" | "fetch"; room: RoomId }
  | { type: "read"; room: RoomId; seq: number }
  | { type: "typing"; room: RoomId; on: boolean }
  /** The network or the page is back. */
  | { type: "wake" }
  | { type: "tick" };

export class Chat {
  me?: Me;
  ready = false;
  readonly typing = new Typing();
  readonly wanted: Wanted;
  private readonly effects = new Effects();
  private readonly people: People;
  private readonly held: Rooms;
  private readonly heard = new Heard();
  private readonly heads = new Heads();
  private own: LogHead;

  constructor(readonly id: UserId) {
    this.own = { room: id, epoch: 0, head: 0 };
    this.wanted = new Wanted((fetch) => this.effects.push({ do: "fetch", ...fetch }));
    this.people = new People(this.effects, this.wanted);
    this.held = new Rooms(id, this.effects, this.wanted, this.people, this.typing);
  }

  get rooms() {
    return this.held.facts;
  }

  get timelines() {
    return this.held.timelines;
  }

  get users() {
    return this.people.users;
  }

  get presence() {
    return this.people.presence;
  }

  get refused(): ReadonlySet<RoomId> {
    return this.held.refused;
  }

  get positions() {
    return this.held.positions;
  }

  get outbox() {
    return this.held.sending.outbox;
  }

  /** One's own edits, deletions and reactions that the log does not hold yet. */
  get pending() {
    return this.held.pending;
  }

  /** What the cache does not hold yet: rooms, and `""` for all else. */
  get unsaved() {
    return this.effects.unsaved;
  }

  handle(now: number, input: ChatInput, entropy = 0): ChatEffect[] {
    const { held, wanted } = this;
    switch (input.type) {
      case "start":
        wanted.state();
        break;
      case "restore":
        this.restore(now, input.snapshot);
        break;
      case "outbox":
        held.sending.handle(now, input.input, entropy);
        break;
      case "lead":
        held.leading = input.on;
        if (!input.on) this.heard.forget();
        held.sending.handle(now, { type: "lead", on: input.on });
        break;
      case "link":
        if (input.link !== "none") this.hurry(now);
        else held.live = false;
        held.sending.handle(now, { type: "link", link: input.link });
        break;
      case "frame":
        held.live = input.live;
        this.frame(now, input.frame, entropy);
        break;
      case "peer":
        this.peer(now, input.cursor);
        break;
      case "fetched":
        if (wanted.done(input.key, input.attempt)) this.fetched(now, input);
        break;
      case "unfetched":
        this.unfetched(now, input.key, input.attempt, input.code, entropy);
        break;
      case "compose":
        this.typing.sent(input.room);
        held.sending.compose(now, input.room, input.body, input.txn, input.wall);
        break;
      case "change":
        this.change(now, input);
        break;
      case "answered": {
        const { room, txn, attempt, answer } = input;
        const log = this.timelines.get(room)?.log;
        held.follow(this.pending.answer(now, txn, attempt, answer, log?.epoch, entropy));
        if (log) held.follow(this.pending.covered(room, log.epoch, log.upto));
        break;
      }
      case "seek":
        held.seek(input.room, input.key);
        break;
      case "painted":
        held.sending.measure(now, input.key, "painted");
        break;
      case "open":
      case "close":
      case "older":
        held[input.type](input.room);
        break;
      case "fetch":
        wanted.room(input.room);
        break;
      case "read":
        held.read(now, input.room, input.seq);
        break;
      case "typing":
        if (this.typing.say(now, input.room, input.on))
          this.signal({ type: "typing", room: input.room, on: input.on });
        break;
      case "wake":
        this.hurry(now);
        break;
      case "tick":
        held.sending.handle(now, { type: "tick" });
        break;
    }
    this.deadlines(now);
    return this.effects.take();
  }

  nextDeadline(): number | undefined {
    const machines = [this.outbox, this.pending, this.positions, this.typing, this.wanted, this.heads];
    const due = machines.map((machine) => machine.nextDeadline()).filter((at) => at !== undefined);
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  /** The whole cursor (bounded by one's rooms) and the state heard, for a feed's first frame. */
  hello(): { cursor: Cursor; seen?: Seen } {
    const cursor: Cursor = { [this.own.room]: [this.own.epoch, this.own.head] };
    for (const [id, { log }] of this.timelines) if (log.cursor) cursor[id] = log.cursor;
    const { seen } = this.heard;
    return seen ? { cursor, seen } : { cursor };
  }

  everyone(room: RoomId): { delivered: number; read: number } {
    return this.held.everyone(room);
  }

  stages(key: RowKey): Stages | undefined {
    return this.held.sending.stages(key);
  }

  /** The room as the cache keeps it, with its newest events if `events`. */
  cached(id: RoomId, events: boolean): CachedRoom | undefined {
    const [facts, timeline] = [this.rooms.get(id), this.timelines.get(id)];
    return facts && timeline && cachedRoom(facts, timeline, this.positions.of(id), events);
  }

  /** What the cache keeps besides rooms. */
  cachedMeta(): Omit<Snapshot, "rooms"> | undefined {
    return this.me && this.ready
      ? { me: this.me, own: this.own, users: [...this.users.values()] }
      : undefined;
  }

  private deadlines(now: number): void {
    for (const [room, head] of this.heads.due(now)) {
      if (room !== this.id) this.held.head(room, head);
      else if (head > this.own.head) this.wanted.state();
    }
    const advances = this.positions.due(now);
    if (advances.length > 0) this.signal({ type: "positions", advances });
    for (const room of this.typing.expire(now)) this.effects.room(room);
    this.wanted.tick(now);
    this.held.follow(this.pending.tick(now));
  }

  private hurry(now: number): void {
    this.wanted.hurry(now);
    this.held.follow(this.pending.hurry(now));
  }

  private change(now: number, { room, key, deed, txn, wall }: Extract<ChatInput, { type: "change" }>): void {
    const event = this.timelines.get(room)?.event(key);
    if (event?.kind !== "message" || event.message === "") return;
    const { message, seq } = event;
    this.held.follow(this.pending.make(now, { txn, room, message, of: seq, deed, at: wall }));
  }

  private signal(signal: Signal): void {
    this.effects.push({ do: "signals", signals: [signal] });
  }

  private frame(now: number, frame: ServerFrame, entropy: number): void {
    const { held } = this;
    if ("rev" in frame) this.heard.hear(frame.rev, held.live && held.leading);
    switch (frame.type) {
      case "welcome":
        this.heard.welcome(frame.node);
        break;
      case "synced":
        held.live = true;
        if (held.leading) this.heard.synced();
        held.synced(now);
        break;
      case "event":
        if (frame.room === this.id) this.ownEvent(now, frame);
        else held.event(now, frame);
        break;
      case "skip":
        if (frame.room !== this.id) held.skip(now, frame.room, frame.from, frame.to);
        else if (frame.from <= this.own.head + 1)
          this.own = { ...this.own, head: Math.max(this.own.head, frame.to) };
        break;
      case "resync":
        if (frame.room === this.id) this.ownResync(frame.epoch, frame.head);
        else held.resync(now, frame.room, frame.epoch, frame.head);
        break;
      case "ack":
        held.sending.ack(now, frame);
        break;
      case "nack":
        held.sending.handle(now, { type: "nack", nack: frame }, entropy);
        break;
      case "typing":
        if (frame.user !== this.id && this.typing.hear(now, frame.room, frame.user, frame.on))
          this.effects.room(frame.room);
        break;
      case "positions":
        held.merge(now, frame.room, frame.of);
        break;
      case "presence":
        this.people.hear(frame.of);
        break;
      case "heads":
        for (const [room, head] of Object.entries(frame.heads)) this.head(now, room, head);
        break;
      default:
        break;
    }
  }

  private peer(now: number, cursor: Cursor): void {
    this.held.live = true;
    for (const [room, [epoch, seq]] of Object.entries(cursor)) {
      if (room !== this.id) this.held.peer(room, epoch, seq);
      else if (epoch !== this.own.epoch || seq > this.own.head) this.wanted.state();
    }
    this.held.synced(now);
  }

  private head(now: number, room: RoomId, head: number): void {
    const timeline = this.timelines.get(room);
    const upto = room === this.id ? this.own.head : timeline?.log.upto;
    if (upto === undefined) this.wanted.room(room);
    else if (head > upto) this.heads.hear(now, room, head);
  }

  private ownResync(epoch: number, head: number): void {
    if (this.ready && epoch === this.own.epoch && head === this.own.head) return;
    this.own = { room: this.id, epoch, head };
    this.wanted.state();
  }

  private ownEvent(now: number, event: LogEvent): void {
    if (event.seq <= this.own.head) return;
    if (event.seq > this.own.head + 1) return this.wanted.state();
    this.own = { ...this.own, head: event.seq };
    this.effects.unsaved.add("");
    if (event.kind === "joined") {
      if (!this.rooms.has(event.joined)) this.wanted.room(event.joined);
    } else if (event.kind === "left") this.held.leave(now, event.left, event.at_seq);
    else if (event.kind === "room_prefs_changed") {
      const facts = this.rooms.get(event.about);
      if (facts) facts.prefs = event.prefs;
      this.effects.room(event.about);
    } else if (this.me && event.kind === "prefs_changed") this.setMe({ ...this.me, prefs: event.prefs });
    else if (this.me && event.kind === "profile_changed") {
      const { user } = this.me;
      this.setMe({ ...this.me, user: { ...user, ...event.profile, profile_rev: user.profile_rev + 1 } });
    }
  }

  private setMe(me: Me): void {
    this.me = me;
    this.effects.unsaved.add("");
    this.effects.touch("session");
    this.know([me.user]);
  }

  private know(users: readonly User[]): void {
    for (const user of this.people.know(users)) {
      for (const { id, kind, members } of this.rooms.values()) {
        // A private room is called by its other member.
        if (kind === "private" && members.some((member) => member.user === user))
          this.effects.touch("rooms", `room:${id}`);
      }
    }
  }

  private fetched(now: number, { key, attempt, body }: Extract<ChatInput, { type: "fetched" }>): void {
    const [what, id = ""] = key.split(":");
    switch (what) {
      case "state":
        this.state(now, attempt, body as State);
        break;
      case "room": {
        const state = body as RoomState;
        this.know(state.users);
        this.held.roomState(now, state);
        this.people.answered(attempt, state.presence);
        break;
      }
      case "user":
        this.know([body as User]);
        break;
      case "quoted": {
        const message = body as Message;
        this.know(message.users);
        this.held.quoted(id, message);
        break;
      }
      default:
        this.held.page(now, id, body as Page, what === "older");
    }
    this.effects.push({ do: "settled", key });
  }

  private unfetched(
    now: number,
    key: string,
    attempt: number,
    code: ErrorCode | "offline",
    entropy: number,
  ): void {
    const [what, room = "", message = ""] = key.split(":");
    const timeline = this.timelines.get(room);
    const gone = code === "not_found" || code === "forbidden";
    if (what === "quoted") {
      if (!gone) this.wanted.failed(now, key, attempt, entropy);
      else if (this.wanted.done(key, attempt)) this.held.unquoted(room, message);
      return;
    }
    if (what === "room") this.held.takeOrphans(room);
    if (what === "room" && gone && !timeline) this.held.refused.add(room);
    if (gone || what === "older") {
      if (!this.wanted.done(key, attempt)) return;
      // One is not in the room, or the log is out of reach: the state says what is.
      if (gone && this.rooms.has(room)) this.wanted.state();
    } else this.wanted.failed(now, key, attempt, entropy);
    if (timeline && (what === "older" || (what === "room" && !timeline.loaded))) timeline.failed = true;
    this.effects.timeline(room);
    this.effects.push({ do: "settled", key, failed: code });
  }

  private state(now: number, attempt: number, state: State): void {
    const { own_log } = state;
    if (own_log.epoch === this.own.epoch && own_log.head < this.own.head) return this.wanted.state();
    this.own = own_log;
    this.ready = true;
    this.know(state.users);
    this.setMe(state.me);
    this.held.state(now, state.rooms);
    this.people.answered(attempt, state.presence);
  }

  private restore(now: number, snapshot: Snapshot): void {
    if (this.ready) return;
    this.own = snapshot.own;
    this.ready = true;
    this.know(snapshot.users);
    this.setMe(snapshot.me);
    for (const room of snapshot.rooms) this.held.restore(now, room);
    this.effects.unsaved.clear();
    this.effects.touch("rooms");
  }
}
