/** A server for tests: one room and one's own log, with the wire's promises and none of its transports. */

import type { Cursor } from "../../src/engine/chat.js";
import {
  type Ack,
  type Command,
  type Event as LogEvent,
  type Message,
  type MessageState,
  type Page,
  REACTIONS,
  type Reaction,
  type Room,
  type RoomState,
  type ServerFrame,
  type Signal,
  type State,
  type TxnId,
  type User,
} from "../../src/protocol.gen.js";

export const [ME, OTHER, ROOM] = ["ana", "luis", "room"];
/** A text that the server refuses for good. */
export const REFUSED = "refused";
/** Events that the server replays, beyond which it says `resync`. */
const REPLAYED = 12;

export type Send = Extract<Command, { type: "send" }>;
export type Alter = Extract<Command, { type: "edit_message" | "delete_message" | "react" }>;
type Unaddressed<C> = C extends Alter ? Omit<C, "txn_id" | "room"> : never;
export type Said = Extract<LogEvent, { kind: "message" }>;
type Frame<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;

/** A room, its log and who listens. Events that `ME` may not see are holes. */
export class Server {
  epoch = 0;
  /** Events of a page. */
  pageEvents = 5;
  /** As it was written; what is deleted is told without its text. */
  log: (LogEvent | undefined)[] = [];
  read = 0;
  delivered = 0;
  /** So many commands are answered "later". */
  busy = 0;
  /** So many fan-outs are lost, or made twice. */
  lossy = 0;
  doubling = 0;
  readonly listeners = new Set<(frame: ServerFrame) => void>();
  private readonly acks = new Map<TxnId, Ack>();
  private readonly refused = new Set<TxnId>();
  private rev = 0;

  get head(): number {
    return this.log.length;
  }

  /** All that can be seen, as it now is. */
  get visible(): LogEvent[] {
    return this.log.flatMap((event) => (event ? [this.now(event)] : []));
  }

  /** Messages that can be seen, as they now are. */
  get messages(): Said[] {
    return this.visible.filter((event) => event.kind === "message");
  }

  write(sender: string, text: string, txn_id: TxnId, hidden = false, to?: Said): LogEvent {
    const message = `m${this.epoch}.${this.head + 1}`;
    const reply_to = to && { message: to.message, of: to.seq };
    const body = { kind: "message" as const, message, text, ...(reply_to && { reply_to }) };
    return this.append(sender, txn_id, body, hidden);
  }

  /** Does something to a message, if it can be seen and is not deleted. */
  alter(sender: string, txn_id: TxnId, change: Unaddressed<Alter>): LogEvent | undefined {
    const said = this.messages.find(({ message }) => message === change.message);
    if (!said || said.erased) return undefined;
    const about = { message: said.message, of: said.seq };
    if (change.type === "edit_message")
      return this.append(sender, txn_id, { kind: "message_edited", ...about, text: change.text });
    if (change.type === "delete_message")
      return this.append(sender, txn_id, { kind: "message_deleted", ...about });
    const { reaction } = change;
    const was = this.reactions(said.seq).get(sender);
    const body = { ...about, ...(reaction && { reaction }), ...(was && { was }) };
    return was === reaction ? undefined : this.append(sender, txn_id, { kind: "reaction_changed", ...body });
  }

  /** What a message is now, told by all that happened to it; `undefined` where nothing did. */
  state({ message, seq: of }: Said): MessageState | undefined {
    const changes = this.log.slice(of).filter((event) => event && "of" in event && event.of === of);
    const rev = changes.at(-1)?.seq;
    if (rev === undefined) return undefined;
    const state: MessageState = { message, of, rev };
    const deleted = changes.find((event) => event?.kind === "message_deleted");
    if (deleted) return { ...state, deleted_at: deleted.at };
    const edit = changes.findLast((event) => event?.kind === "message_edited");
    if (edit?.kind === "message_edited") Object.assign(state, { text: edit.text, edited_at: edit.at });
    const by = this.reactions(of);
    const counts = REACTIONS.map((reaction) => ({
      reaction,
      count: [...by.values()].filter((each) => each === reaction).length,
    })).filter(({ count }) => count > 0);
    if (counts.length > 0) state.reactions = counts;
    const mine = by.get(ME);
    if (mine) state.mine = mine;
    return state;
  }

  private reactions(of: number): Map<string, Reaction> {
    const by = new Map<string, Reaction>();
    for (const event of this.log.slice(of)) {
      if (event?.kind !== "reaction_changed" || event.of !== of) continue;
      if (event.reaction) by.set(event.sender ?? "", event.reaction);
      else by.delete(event.sender ?? "");
    }
    return by;
  }

  /** Places of deleted messages; the log may have been cut short since they were last asked for. */
  private get deleted(): ReadonlySet<number> {
    if (this.deletedIn.log !== this.log || this.deletedIn.head !== this.head) {
      const of = this.log.flatMap((event) => (event?.kind === "message_deleted" ? event.of : []));
      this.deletedIn = { log: this.log, head: this.head, of: new Set(of) };
    }
    return this.deletedIn.of;
  }

  private deletedIn = { log: this.log, head: 0, of: new Set<number>() };

  private now(event: LogEvent): LogEvent {
    const of = event.kind === "message" ? event.seq : event.kind === "message_edited" ? event.of : 0;
    if (!this.deleted.has(of)) return event;
    if (event.kind !== "message") return { ...event, text: "", erased: true } as LogEvent;
    const { reply_to: _, ...rest } = event;
    return { ...rest, text: "", erased: true };
  }

  private append(sender: string, txn_id: TxnId, body: object, hidden = false): LogEvent {
    const seq = this.head + 1;
    const event = { room: ROOM, seq, at: seq * 1_000_000, sender, txn_id, ...body } as LogEvent;
    this.log.push(hidden ? undefined : event);
    this.fanOut(this.told(seq));
    return event;
  }

  /** Somebody's command of that kind. */
  altered({ txn_id, ...command }: Alter): Frame<"ack" | "nack"> {
    const first = this.acks.get(txn_id);
    if (first) return { type: "ack", ...first };
    if (this.busy > 0) {
      this.busy--;
      return { type: "nack", txn_id, code: "overloaded" };
    }
    if (command.type === "edit_message" && command.text === REFUSED)
      return { type: "nack", txn_id, code: "text_too_long" };
    const said = this.messages.find(({ message }) => message === command.message);
    if (!said || (said.erased && command.type !== "delete_message"))
      return { type: "nack", txn_id, code: "not_found" };
    const event = this.alter(ME, txn_id, command);
    const { seq, at } = event ?? { seq: this.state(said)?.rev ?? said.seq, at: 0 };
    const ack = { txn_id, room: ROOM, seq, at, message: said.message };
    if (event) this.acks.set(txn_id, ack);
    return { type: "ack", ...ack };
  }

  command({ txn_id, text, after }: Send): Frame<"ack" | "nack"> {
    const first = this.acks.get(txn_id);
    if (first) return { type: "ack", ...first };
    if (this.busy > 0) {
      this.busy--;
      return { type: "nack", txn_id, code: "overloaded" };
    }
    if (after !== undefined && !this.acks.has(after) && !this.refused.has(after))
      return { type: "nack", txn_id, code: "retry_in_order" };
    if (text === REFUSED) {
      this.refused.add(txn_id);
      return { type: "nack", txn_id, code: "text_too_long" };
    }
    const { seq, at } = this.write(ME, text, txn_id);
    const ack = { txn_id, room: ROOM, seq, at, message: `m${this.epoch}.${seq}` };
    this.acks.set(txn_id, ack);
    return { type: "ack", ...ack };
  }

  signal(signal: Signal): void {
    if (signal.type !== "positions") return;
    for (const { delivered, read } of signal.advances) {
      this.read = Math.max(this.read, read);
      this.delivered = Math.max(this.delivered, delivered, read);
    }
    this.fanOut({ type: "positions", room: ROOM, of: [this.position], rev: ++this.rev });
  }

  /** What a feed begins with. */
  replay(cursor: Cursor): ServerFrame[] {
    const welcome: ServerFrame = {
      type: "welcome",
      user: ME,
      device: "d",
      node: "n",
      now: 0,
      ping_ms: 20_000,
      expires_at: 1e15,
    };
    const [epoch, seq] = cursor[ROOM] ?? [-1, 0];
    const frames: ServerFrame[] = [];
    if (epoch !== this.epoch || seq > this.head || this.head - seq > REPLAYED)
      frames.push({ type: "resync", room: ROOM, epoch: this.epoch, head: this.head });
    else for (let next = seq + 1; next <= this.head; next++) frames.push(this.told(next));
    return [welcome, ...frames, { type: "synced" }];
  }

  page(from: number, to: number): Page {
    const [first, last] = [Math.max(1, from), Math.min(this.head, to)];
    const events = this.log.slice(first - 1, last).flatMap((event) => (event ? [this.now(event)] : []));
    const states = events.flatMap((event) => (event.kind === "message" ? (this.state(event) ?? []) : []));
    const more_before = this.log.slice(0, first - 1).some((event) => event !== undefined);
    return {
      room: ROOM,
      epoch: this.epoch,
      head: this.head,
      from: first,
      to: last,
      events,
      skips: [],
      states,
      more_before,
    };
  }

  /** `undefined` where there is nothing to see. */
  get(path: string): State | RoomState | Page | Message | undefined {
    const [, message] = /\/messages\/(.*)/.exec(path) ?? [];
    if (message !== undefined) {
      const event = this.messages.find((each) => each.message === message);
      const state = event && this.state(event);
      return event && { event, ...(state && { state }), reactions: [], users: [user(event.sender ?? "")] };
    }
    const [, side, at = "0"] = /(after|before)=(\d+)/.exec(path) ?? [];
    if (side === "after") return this.page(Number(at) + 1, Number(at) + this.pageEvents);
    if (side === "before") return this.page(Number(at) - this.pageEvents, Number(at) - 1);
    const newest = this.page(this.head - this.pageEvents + 1, this.head);
    if (path === `/v1/rooms/${ROOM}`)
      return { room: this.room, page: newest, users: [user(ME), user(OTHER)], presence: [] };
    const me: State["me"] = { user: user(ME), email: "", admin: false, prefs: { sounds: true, volume: 50 } };
    const server = { version: "", protocol: 1, message_chars: 4_000, now: 0 };
    const own_log = { room: ME, epoch: 0, head: 0 };
    return { me, own_log, rooms: [this.room], users: [user(ME), user(OTHER)], presence: [], server };
  }

  heads(): ServerFrame {
    return { type: "heads", heads: { [ROOM]: this.head, [ME]: 0 } };
  }

  /** A backup that ends at `head` is put back. */
  restore(head: number): void {
    this.epoch++;
    this.log = this.log.slice(0, head);
    for (const [txn, { seq }] of this.acks) if (seq > this.head) this.acks.delete(txn);
    [this.read, this.delivered] = [0, 0];
  }

  private get position() {
    return { user: ME, delivered: this.delivered, read: this.read, delivered_at: 0, read_at: 0 };
  }

  private get room(): Room {
    const members = [ME, OTHER].map((id) => ({ user: id, role: "member" as const }));
    const last = this.messages.at(-1);
    const last_state = last && this.state(last);
    return {
      id: ROOM,
      kind: "private",
      epoch: this.epoch,
      head: this.head,
      from: 1,
      last_at: this.head * 1_000_000,
      ...(last && { last }),
      ...(last_state && { last_state }),
      members,
      unread: this.messages.filter(({ sender, seq }) => sender === OTHER && seq > this.read).length,
      positions: [this.position],
      prefs: { muted: false },
    };
  }

  private told(seq: number): ServerFrame {
    const event = this.log[seq - 1];
    return event ? { type: "event", ...this.now(event) } : { type: "skip", room: ROOM, from: seq, to: seq };
  }

  private fanOut(frame: ServerFrame): void {
    if (this.lossy > 0) this.lossy--;
    else {
      for (const listener of this.listeners) listener(frame);
      if (this.doubling-- > 0) for (const listener of this.listeners) listener(frame);
    }
  }
}

function user(id: string): User {
  return { id, username: id, display_name: id, bio: "", profile_rev: 1 };
}
