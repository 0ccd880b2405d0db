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
  Page,
  Position,
  Presence,
  Room,
  RoomId,
  RoomState,
  ServerFrame,
  Signal,
  State,
  TxnId,
  User,
  UserId,
} from "../protocol.gen.js";
import type { CachedRoom, Snapshot } from "./cached.js";
import { CACHED_EVENTS, FIRST_ROWS, ORPHANS, RESYNC_ROOMS, SOUND_MS, STAGES } from "./limits.js";
import type { Taken } from "./log.js";
import { type Link, Outbox, type OutboxEffect, type OutboxInput, type StoredEntry } from "./outbox.js";
import { Positions } from "./positions.js";
import { RoomFacts } from "./rooms.js";
import { same } from "./same.js";
import { eventKey, Timeline } from "./timeline.js";
import { Typing } from "./typing.js";
import { type Fetch, Wanted } from "./wanted.js";

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
  | { type: "fetched"; key: string; attempt: number; body: unknown }
  | { type: "unfetched"; key: string; attempt: number; code: ErrorCode | "offline" }
  /** `wall` is the device's clock, in milliseconds since 1970. */
  | { type: "compose"; room: RoomId; text: string; txn: TxnId; wall: number }
  | { type: "painted"; key: RowKey }
  | { type: "open" | "close" | "older" | "fetch"; room: RoomId }
  | { type: "read"; room: RoomId; seq: number }
  | { type: "typing"; room: RoomId; on: boolean }
  /** The network or the page is back. */
  | { type: "wake" }
  | { type: "tick" };

export type ChatEffect =
  | Exclude<OutboxEffect, { do: "entry" | "left" }>
  | { do: "signals"; signals: Signal[] }
  | ({ do: "fetch" } & Fetch)
  /** A fetch ended; `failed` says why it gave nothing. */
  | { do: "settled"; key: string; failed?: ErrorCode | "offline" }
  | { do: "sound"; message: { room: RoomId; key: RowKey; sender: UserId; text: string } }
  /** Views that changed, by topic. */
  | { do: "changed"; topics: ReadonlySet<string> };

interface Measured {
  stages: Stages;
  /** `now` at the key press. */
  start: number;
}

export class Chat {
  me?: Me;
  ready = false;
  readonly rooms = new Map<RoomId, RoomFacts>();
  readonly timelines = new Map<RoomId, Timeline>();
  readonly users = new Map<UserId, User>();
  readonly presence = new Map<UserId, Presence & { at: number }>();
  readonly outbox = new Outbox();
  readonly positions: Positions;
  readonly typing = new Typing();
  readonly wanted = new Wanted();
  /** What the cache does not hold yet: rooms, and `""` for all else. */
  readonly unsaved = new Set<RoomId>();
  private readonly measured = new Map<RowKey, Measured>();
  private readonly orphans: LogEvent[] = [];
  private readonly resyncs = new Set<RoomId>();
  /** Screens that show each room. */
  private readonly screens = new Map<RoomId, number>();
  /** Whether a feed has replayed what was missed and goes on. */
  private live = false;
  private own: LogHead;
  private node = "";
  private heardRev = 0;
  private seenRev?: number;
  private leading = false;
  private lastSound = Number.NEGATIVE_INFINITY;
  private stateAskedAt = 0;
  private out: ChatEffect[] = [];
  private changed = new Set<string>();

  constructor(readonly id: UserId) {
    this.positions = new Positions(id);
    this.own = { room: id, epoch: 0, head: 0 };
  }

  handle(now: number, input: ChatInput, entropy = 0): ChatEffect[] {
    this.out = [];
    this.changed = new Set();
    switch (input.type) {
      case "start":
        this.wantState(now);
        break;
      case "restore":
        this.restore(now, input.snapshot);
        break;
      case "outbox":
        this.send(now, input.input, entropy);
        break;
      case "lead":
        this.leading = input.on;
        if (!input.on) this.seenRev = undefined;
        this.send(now, { type: "lead", on: input.on }, entropy);
        break;
      case "link":
        if (input.link !== "none") this.wanted.hurry(now);
        else this.live = false;
        this.send(now, { type: "link", link: input.link }, entropy);
        break;
      case "frame":
        this.live = input.live;
        this.frame(now, input.frame, input.live, entropy);
        break;
      case "fetched":
        if (this.wanted.done(input.key, input.attempt)) this.fetched(now, input.key, input.body, entropy);
        break;
      case "unfetched":
        this.unfetched(now, input.key, input.attempt, input.code, entropy);
        break;
      case "compose":
        this.compose(now, input, entropy);
        break;
      case "painted":
        this.measure(now, input.key, "painted");
        break;
      case "open":
        this.open(now, input.room);
        break;
      case "close":
        this.close(input.room);
        break;
      case "older":
        this.older(input.room);
        break;
      case "fetch":
        this.wantRoom(input.room);
        break;
      case "read":
        this.read(now, input.room, input.seq);
        break;
      case "typing":
        if (this.typing.say(now, input.room, input.on))
          this.signal({ type: "typing", room: input.room, on: input.on });
        break;
      case "wake":
        this.wanted.hurry(now);
        break;
      case "tick":
        this.send(now, { type: "tick" }, entropy);
        break;
    }
    this.deadlines(now);
    if (this.changed.size > 0) this.out.push({ do: "changed", topics: this.changed });
    return this.out;
  }

  nextDeadline(): number | undefined {
    const all = [this.outbox, this.positions, this.typing, this.wanted].map((machine) =>
      machine.nextDeadline(),
    );
    const due = all.filter((at) => at !== undefined);
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  /** The whole cursor (bounded by one's rooms) and the state heard, for a feed's first frame. */
  hello(): { cursor: Record<RoomId, [number, number]>; seen?: { node: string; rev: number } } {
    const cursor: Record<RoomId, [number, number]> = { [this.own.room]: [this.own.epoch, this.own.head] };
    for (const [id, { log }] of this.timelines) cursor[id] = log.cursor;
    return this.seenRev === undefined ? { cursor } : { cursor, seen: { node: this.node, rev: this.seenRev } };
  }

  /** How far all the others in a room are. */
  everyone(room: RoomId): { delivered: number; read: number } {
    const members = this.rooms.get(room)?.members ?? [];
    return this.positions.everyone(
      room,
      members.flatMap(({ user }) => (user === this.id ? [] : [user])),
    );
  }

  stages(key: RowKey): Stages | undefined {
    return this.measured.get(key)?.stages;
  }

  /** The room as the cache keeps it, with its newest events if `events`. */
  cached(id: RoomId, events: boolean): CachedRoom | undefined {
    const [facts, timeline] = [this.rooms.get(id), this.timelines.get(id)];
    if (!facts || !timeline) return undefined;
    const { log } = timeline;
    const held =
      events && log.resyncAt === undefined ? [...log.events.values()].filter((e) => e.seq <= log.upto) : [];
    const kept = held.sort((a, b) => a.seq - b.seq).slice(-CACHED_EVENTS);
    const whole = events && kept.length === held.length;
    const floor = whole && log.resyncAt === undefined ? log.floor : (kept[0]?.seq ?? log.upto + 1);
    return {
      room: facts.snapshot(),
      positions: [...this.positions.of(id)],
      epoch: log.epoch,
      floor,
      upto: log.upto,
      events: kept,
      moreBefore: floor > log.floor || timeline.moreBefore,
    };
  }

  /** What the cache keeps besides rooms. */
  cachedMeta(): Omit<Snapshot, "rooms"> | undefined {
    return this.me && this.ready
      ? { me: this.me, own: this.own, users: [...this.users.values()] }
      : undefined;
  }

  private deadlines(now: number): void {
    const advances = this.positions.due(now);
    if (advances.length > 0) this.signal({ type: "positions", advances });
    for (const room of this.typing.expire(now)) this.touchRoom(room);
    for (const fetch of this.wanted.due(now)) this.out.push({ do: "fetch", ...fetch });
  }

  private touch(topic: string): void {
    this.changed.add(topic);
  }

  private touchRoom(room: RoomId): void {
    this.changed.add("rooms").add(`room:${room}`);
    this.unsaved.add(room);
  }

  private touchRow(room: RoomId, key: RowKey): void {
    this.changed.add(`row:${room}:${key}`);
  }

  private signal(signal: Signal): void {
    this.out.push({ do: "signals", signals: [signal] });
  }

  private want(key: string, path: string): void {
    for (const fetch of this.wanted.want(key, path)) this.out.push({ do: "fetch", ...fetch });
  }

  private wantState(now: number): void {
    if (!this.wanted.has("state")) this.stateAskedAt = now;
    this.want("state", "/v1/state");
  }

  private wantRoom(room: RoomId): void {
    if (room === this.id) return;
    this.want(`room:${room}`, `/v1/rooms/${room}`);
  }

  private wantUser(user: UserId | undefined): void {
    if (user !== undefined && !this.users.has(user)) this.want(`user:${user}`, `/v1/users/${user}`);
  }

  private send(now: number, input: OutboxInput, entropy: number): void {
    for (const effect of this.outbox.handle(now, input, entropy)) {
      if (effect.do === "entry" || effect.do === "left") {
        const { room, txn } = effect.entry;
        const timeline = this.timelines.get(room);
        const key = `${this.id}/${txn}`;
        if (effect.do === "left" && effect.ack) {
          if (timeline && !timeline.event(key))
            this.took(now, room, timeline.ack(effect.entry, effect.ack), this.live, entropy);
          this.measure(now, key, "acked");
          const everyone = this.everyone(room);
          for (const stage of ["delivered", "read"] as const)
            if (everyone[stage] >= effect.ack.seq) this.measure(now, key, stage);
        }
        timeline?.setWaiting(this.outbox.of(room));
        this.touchRow(room, key);
        this.touchRoom(room);
        this.touch("waiting");
        this.touch(`timeline:${room}`);
      } else this.out.push(effect);
    }
  }

  private compose(now: number, input: Extract<ChatInput, { type: "compose" }>, entropy: number): void {
    const { room, text, txn, wall } = input;
    const key = `${this.id}/${txn}`;
    this.measured.set(key, { stages: { sentAt: wall }, start: now });
    for (const oldest of this.measured.keys()) {
      if (this.measured.size <= STAGES) break;
      this.measured.delete(oldest);
    }
    this.typing.sent(room);
    const entry: StoredEntry = { txn, room, text, at: wall };
    this.send(now, { type: "compose", entry }, entropy);
  }

  /** A message of this session has reached a stage; the first time counts. */
  private measure(now: number, key: RowKey, stage: "painted" | "acked" | "delivered" | "read"): void {
    const measured = this.measured.get(key);
    if (!measured || measured.stages[stage] !== undefined) return;
    measured.stages = { ...measured.stages, [stage]: Math.round((now - measured.start) * 10) / 10 };
    this.touch(`stages:${key}`);
  }

  private frame(now: number, frame: ServerFrame, live: boolean, entropy: number): void {
    switch (frame.type) {
      case "welcome":
        if (this.node !== frame.node) [this.node, this.heardRev, this.seenRev] = [frame.node, 0, undefined];
        break;
      case "synced":
        this.live = true;
        this.synced(now);
        break;
      case "event":
        this.event(now, frame, live, entropy);
        break;
      case "skip":
        this.skip(now, frame.room, frame.from, frame.to, entropy);
        break;
      case "resync":
        this.resync(now, frame.room, frame.epoch, frame.head, live);
        break;
      case "ack":
        this.send(now, { type: "ack", ack: frame }, entropy);
        break;
      case "nack":
        this.send(now, { type: "nack", nack: frame }, entropy);
        break;
      case "typing":
        this.heard(frame.rev, live);
        if (frame.user !== this.id && this.typing.hear(now, frame.room, frame.user, frame.on))
          this.touchRoom(frame.room);
        break;
      case "positions":
        this.heard(frame.rev, live);
        this.merge(now, frame.room, frame.of);
        break;
      case "presence":
        this.heard(frame.rev, live);
        for (const presence of frame.of) this.there(now, presence);
        break;
      case "heads":
        for (const [room, head] of Object.entries(frame.heads)) this.head(now, room, head);
        break;
      default:
        break;
    }
  }

  /** A revision counts as heard only once all before it was sent too. */
  private heard(rev: number, live: boolean): void {
    this.heardRev = Math.max(this.heardRev, rev);
    if (live && this.leading) this.seenRev = this.heardRev;
  }

  private synced(now: number): void {
    if (this.leading && this.heardRev > 0) this.seenRev = this.heardRev;
    this.positions.repeat(now);
    const many = this.resyncs.size > RESYNC_ROOMS;
    if (many) this.wantState(now);
    for (const room of this.resyncs) if (!many || this.screens.has(room)) this.wantRoom(room);
    this.resyncs.clear();
    for (const [room, timeline] of this.timelines) {
      this.repair(room, timeline);
      if (this.leading && (this.rooms.get(room)?.unread ?? 0) > 0)
        this.positions.markDelivered(now, room, timeline.log.upto);
    }
  }

  private event(now: number, event: LogEvent, live: boolean, entropy: number): void {
    if (event.room === this.id) return this.ownEvent(now, event);
    const timeline = this.timelines.get(event.room);
    if (timeline) return this.took(now, event.room, timeline.add(event), live, entropy);
    if (this.orphans.push(event) > ORPHANS) this.orphans.shift();
    this.wantRoom(event.room);
  }

  private skip(now: number, room: RoomId, from: number, to: number, entropy: number): void {
    if (room === this.id) {
      if (from <= this.own.head + 1) this.own = { ...this.own, head: Math.max(this.own.head, to) };
      return;
    }
    const timeline = this.timelines.get(room);
    if (timeline) this.took(now, room, timeline.cover(from, to, []), false, entropy);
  }

  private resync(now: number, room: RoomId, epoch: number, head: number, live: boolean): void {
    if (room === this.id) {
      if (this.ready && epoch === this.own.epoch && head === this.own.head) return;
      this.own = { room, epoch, head };
      return this.wantState(now);
    }
    const timeline = this.timelines.get(room);
    if (!timeline) return this.wantRoom(room);
    if (timeline.log.epoch !== epoch) {
      // Another history: what was said of the old one's places means nothing in it.
      this.positions.forget(room);
      for (const fetch of ["room", "gap", "older"]) this.wanted.drop(`${fetch}:${room}`);
    }
    if (timeline.resync(epoch, head)) {
      this.resyncs.add(room);
      if (live) this.synced(now);
    } else this.repair(room, timeline);
    this.touchRoom(room);
    this.touch(`timeline:${room}`);
  }

  private head(now: number, room: RoomId, head: number): void {
    if (room === this.id) {
      if (head > this.own.head) this.wantState(now);
      return;
    }
    const timeline = this.timelines.get(room);
    if (!timeline) return this.wantRoom(room);
    timeline.log.head = Math.max(timeline.log.head, head);
    this.repair(room, timeline);
  }

  /** Fetches what is missing between what is held and what is known to exist. */
  private repair(room: RoomId, timeline: Timeline): void {
    const { gap, gapIsLong } = timeline.log;
    if (gap === undefined) return;
    if (gapIsLong) this.wantRoom(room);
    else this.want(`gap:${room}`, `/v1/rooms/${room}/events?after=${gap}&limit=100`);
  }

  /** Follows up what a timeline has taken in. */
  private took(now: number, room: RoomId, taken: Taken, live: boolean, entropy: number): void {
    const [facts, timeline] = [this.rooms.get(room), this.timelines.get(room)];
    if (!facts || !timeline) return;
    const read = this.positions.read(room);
    for (const event of taken.fresh) {
      this.touchRow(room, eventKey(event));
      this.wantUser(event.sender);
      if (event.sender === this.id && event.txn_id !== undefined && this.outbox.get(event.txn_id)) {
        const message = event.kind === "message" ? { message: event.message } : {};
        const ack = { txn_id: event.txn_id, room, seq: event.seq, at: event.at, ...message };
        this.send(now, { type: "ack", ack }, entropy);
      }
    }
    let delivered = 0;
    for (const event of taken.advanced) {
      const news = event.seq > facts.seq;
      facts.apply(event, this.id, read);
      this.touchRow(room, eventKey(event));
      if ("user" in event) this.wantUser(event.user);
      if (event.kind !== "message" || event.sender === undefined || event.sender === this.id) continue;
      delivered = event.seq;
      this.typing.hear(now, room, event.sender, false);
      if (live && news && event.seq > read) this.sound(now, facts, event);
    }
    if (delivered > 0 && this.leading) this.positions.markDelivered(now, room, delivered);
    // While a replay runs, what seems missing is on its way.
    if (live) this.repair(room, timeline);
    timeline.trim();
    this.touchRoom(room);
    this.touch(`timeline:${room}`);
  }

  private sound(now: number, facts: RoomFacts, event: Extract<LogEvent, { kind: "message" }>): void {
    if (!this.leading || facts.prefs.muted || now < this.lastSound + SOUND_MS || event.sender === undefined)
      return;
    this.lastSound = now;
    const message = { room: facts.id, key: eventKey(event), sender: event.sender, text: event.text };
    this.out.push({ do: "sound", message });
  }

  private ownEvent(now: number, event: LogEvent): void {
    if (event.seq <= this.own.head) return;
    if (event.seq > this.own.head + 1) return this.wantState(now);
    this.own = { ...this.own, head: event.seq };
    this.unsaved.add("");
    if (event.kind === "joined") {
      if (!this.rooms.has(event.joined)) this.wantRoom(event.joined);
    } else if (event.kind === "left") this.leave(event.left);
    else if (event.kind === "room_prefs_changed") {
      const facts = this.rooms.get(event.about);
      if (facts) facts.prefs = event.prefs;
      this.touchRoom(event.about);
    } else if (this.me && event.kind === "prefs_changed") this.setMe({ ...this.me, prefs: event.prefs });
    else if (this.me && event.kind === "profile_changed") {
      const { user } = this.me;
      this.setMe({ ...this.me, user: { ...user, ...event.profile, profile_rev: user.profile_rev + 1 } });
    }
  }

  private setMe(me: Me): void {
    this.me = me;
    this.unsaved.add("");
    this.touch("session");
    this.know([me.user]);
  }

  private know(users: readonly User[]): void {
    for (const user of users) {
      const old = this.users.get(user.id);
      if (old && (old.profile_rev > user.profile_rev || same(old, user))) continue;
      this.users.set(user.id, user);
      this.unsaved.add("");
      this.touch(`user:${user.id}`);
      for (const { id, kind, members } of this.rooms.values()) {
        // A private room is called by its other member.
        if (kind === "private" && members.some((member) => member.user === user.id))
          this.changed.add("rooms").add(`room:${id}`);
      }
    }
  }

  private there(now: number, presence: Presence): void {
    this.presence.set(presence.user, { ...presence, at: now });
    this.touch(`presence:${presence.user}`);
    const user = this.users.get(presence.user);
    if (user && user.profile_rev < presence.profile_rev) this.want(`user:${user.id}`, `/v1/users/${user.id}`);
  }

  private merge(now: number, room: RoomId, positions: readonly Position[]): void {
    const [facts, timeline] = [this.rooms.get(room), this.timelines.get(room)];
    if (!facts || !timeline) return;
    const before = this.everyone(room);
    if (!this.positions.merge(room, positions)) return;
    const after = this.everyone(room);
    for (const stage of ["delivered", "read"] as const) {
      if (after[stage] <= before[stage]) continue;
      for (const message of timeline.messages(before[stage], after[stage])) {
        if (message.sender !== this.id) continue;
        const key = eventKey(message);
        this.touchRow(room, key);
        this.measure(now, key, stage);
      }
    }
    if (this.positions.read(room) >= timeline.log.upto) facts.unread = 0;
    this.touchRoom(room);
  }

  private read(now: number, room: RoomId, seq: number): void {
    const [facts, timeline] = [this.rooms.get(room), this.timelines.get(room)];
    if (!facts || !timeline || !this.positions.markRead(now, room, Math.min(seq, timeline.log.upto))) return;
    if (this.positions.read(room) >= timeline.log.upto) facts.unread = 0;
    this.touchRoom(room);
  }

  private open(now: number, room: RoomId): void {
    const screens = this.screens.get(room) ?? 0;
    this.screens.set(room, screens + 1);
    const timeline = this.timelines.get(room);
    if (!timeline) this.wantRoom(room);
    else if (screens === 0) this.show(now, timeline);
  }

  private close(room: RoomId): void {
    const screens = (this.screens.get(room) ?? 1) - 1;
    if (screens > 0) this.screens.set(room, screens);
    else this.screens.delete(room);
    if (screens === 0) this.timelines.get(room)?.close();
    this.touch(`timeline:${room}`);
  }

  /** A timeline comes on screen: its newest page is wanted. */
  private show(now: number, timeline: Timeline): void {
    const { room, log } = timeline;
    const read = this.positions.read(room);
    timeline.open(this.rooms.get(room)?.unread === 0 || read >= log.upto ? undefined : read);
    if (!timeline.loaded) this.wantRoom(room);
    else if (timeline.moreBefore && timeline.keys().length < FIRST_ROWS) this.older(room);
    if (this.live) this.repair(room, timeline);
    this.deadlines(now);
    this.touch(`timeline:${room}`);
  }

  private addTimeline(now: number, timeline: Timeline): void {
    timeline.setWaiting(this.outbox.of(timeline.room));
    this.timelines.set(timeline.room, timeline);
    if (this.screens.has(timeline.room)) this.show(now, timeline);
  }

  private older(room: RoomId): void {
    const timeline = this.timelines.get(room);
    if (!timeline?.moreBefore) return;
    timeline.failed = false;
    this.want(`older:${room}`, `/v1/rooms/${room}/events?before=${timeline.log.floor}&limit=50`);
    this.touch(`timeline:${room}`);
  }

  private fetched(now: number, key: string, body: unknown, entropy: number): void {
    const [what, id = ""] = key.split(":");
    switch (what) {
      case "state":
        this.state(now, body as State);
        break;
      case "room":
        this.roomState(now, body as RoomState, entropy);
        break;
      case "user":
        this.know([body as User]);
        break;
      default:
        this.page(now, id, body as Page, what === "older", entropy);
    }
    this.out.push({ do: "settled", key });
  }

  private unfetched(
    now: number,
    key: string,
    attempt: number,
    code: ErrorCode | "offline",
    entropy: number,
  ): void {
    const [what, room = ""] = key.split(":");
    const timeline = this.timelines.get(room);
    const gone = code === "not_found" || code === "forbidden";
    if (gone || what === "older") {
      if (!this.wanted.done(key, attempt)) return;
      // One is not in the room, or the log is out of reach: the state says what is.
      if (gone && this.rooms.has(room)) this.wantState(now);
    } else this.wanted.failed(now, key, attempt, entropy);
    if (timeline && (what === "older" || (what === "room" && !timeline.loaded))) timeline.failed = true;
    this.touch(`timeline:${room}`);
    this.out.push({ do: "settled", key, failed: code });
  }

  private state(now: number, state: State): void {
    const { own_log } = state;
    if (own_log.epoch === this.own.epoch && own_log.head < this.own.head) return this.wantState(now);
    this.own = own_log;
    this.ready = true;
    this.know(state.users);
    this.setMe(state.me);
    const listed = new Set(state.rooms.map(({ id }) => id));
    for (const id of [...this.rooms.keys()]) if (!listed.has(id)) this.leave(id);
    for (const room of state.rooms) this.summary(now, room);
    for (const presence of state.presence) {
      if ((this.presence.get(presence.user)?.at ?? 0) <= this.stateAskedAt) this.there(now, presence);
    }
    this.touch("rooms");
  }

  /** Takes a room's summary; its timeline then knows where the log stands. */
  private summary(now: number, room: Room): Timeline {
    const facts = this.rooms.get(room.id);
    if (facts) facts.renew(room);
    else this.rooms.set(room.id, new RoomFacts(room));
    let timeline = this.timelines.get(room.id);
    if (!timeline) {
      timeline = new Timeline(room.id, this.id, room.epoch, room.head, room.from);
      this.addTimeline(now, timeline);
    } else if (timeline.log.epoch !== room.epoch) {
      this.positions.forget(room.id);
      timeline.resync(room.epoch, room.head);
    } else if (timeline.log.resyncAt !== undefined && !timeline.opened) {
      timeline.log.reset(room.epoch, timeline.log.resyncAt);
      timeline.resync(room.epoch, room.head);
    }
    timeline.log.head = Math.max(timeline.log.head, room.head);
    this.merge(now, room.id, room.positions);
    if (room.unread > 0 && this.leading && this.live) this.positions.markDelivered(now, room.id, room.head);
    this.touchRoom(room.id);
    this.touch(`timeline:${room.id}`);
    return timeline;
  }

  private roomState(now: number, state: RoomState, entropy: number): void {
    this.know(state.users);
    const { room, page } = state;
    const timeline = this.summary(now, room);
    for (const presence of state.presence) this.there(now, presence);
    this.took(now, room.id, timeline.renew(page, room.from), false, entropy);
    const waited = this.orphans.filter((event) => event.room === room.id);
    for (const event of waited) {
      this.orphans.splice(this.orphans.indexOf(event), 1);
      this.took(now, room.id, timeline.add(event), true, entropy);
    }
    if (this.live) this.repair(room.id, timeline);
  }

  private page(now: number, room: RoomId, page: Page, before: boolean, entropy: number): void {
    const timeline = this.timelines.get(room);
    if (!timeline) return;
    if (page.epoch !== timeline.log.epoch) return this.wantRoom(room);
    const { upto } = timeline.log;
    const taken = timeline.page(page, before);
    // The server knows best where its log ends; else a head that was never there is asked for again and again.
    if (!before && timeline.log.upto === upto) timeline.log.head = Math.max(page.head, upto);
    timeline.failed = false;
    this.took(now, room, taken, false, entropy);
    if (this.live) this.repair(room, timeline);
  }

  private leave(room: RoomId): void {
    this.rooms.delete(room);
    this.timelines.delete(room);
    this.positions.forget(room);
    for (const fetch of ["room", "gap", "older"]) this.wanted.drop(`${fetch}:${room}`);
    this.touchRoom(room);
    this.touch(`timeline:${room}`);
  }

  private restore(now: number, snapshot: Snapshot): void {
    if (this.ready) return;
    this.own = snapshot.own;
    this.ready = true;
    this.know(snapshot.users);
    this.setMe(snapshot.me);
    for (const cached of snapshot.rooms) {
      const { room, epoch, upto, floor, events } = cached;
      this.rooms.set(room.id, new RoomFacts(room));
      const timeline = new Timeline(room.id, this.id, epoch, upto, room.from);
      timeline.cover(floor, upto, events);
      timeline.moreBefore = cached.moreBefore;
      this.positions.merge(room.id, cached.positions);
      this.addTimeline(now, timeline);
      this.touchRoom(room.id);
      this.touch(`timeline:${room.id}`);
    }
    this.unsaved.clear();
    this.touch("rooms");
  }
}
