/** A server for tests: one room and one's own log, with the wire's promises and none of its transports. */

import type { Cursor } from "../../src/engine/chat.js";
import type {
  Ack,
  Command,
  Event as LogEvent,
  Page,
  Room,
  RoomState,
  ServerFrame,
  Signal,
  State,
  TxnId,
  User,
} from "../../src/protocol.gen.js";

export const [ME, OTHER, ROOM] = ["ana", "luis", "room"];
/** A text that the server refuses for good. */
export const REFUSED = "refused";
/** Events that the server replays, beyond which it says `resync`. */
const REPLAYED = 12;

export type Send = Extract<Command, { type: "send" }>;
type Frame<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;

/** A room, its log and who listens. Events that `ME` may not see are holes. */
export class Server {
  epoch = 0;
  /** Events of a page. */
  pageEvents = 5;
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

  get visible(): LogEvent[] {
    return this.log.filter((event) => event !== undefined);
  }

  write(sender: string, text: string, txn_id: TxnId, hidden = false): LogEvent {
    const seq = this.head + 1;
    const message = `m${this.epoch}.${seq}`;
    const at = seq * 1_000_000;
    const event: LogEvent = { kind: "message", room: ROOM, seq, at, sender, txn_id, message, text };
    this.log.push(hidden ? undefined : event);
    this.fanOut(this.told(seq));
    return event;
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
    const events = this.log.slice(first - 1, last).filter((event) => event !== undefined);
    const more_before = this.log.slice(0, first - 1).some((event) => event !== undefined);
    return {
      room: ROOM,
      epoch: this.epoch,
      head: this.head,
      from: first,
      to: last,
      events,
      skips: [],
      more_before,
    };
  }

  get(path: string): State | RoomState | Page {
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
    this.log.length = Math.min(head, this.head);
    for (const [txn, { seq }] of this.acks) if (seq > this.head) this.acks.delete(txn);
    [this.read, this.delivered] = [0, 0];
  }

  private get position() {
    return { user: ME, delivered: this.delivered, read: this.read, delivered_at: 0, read_at: 0 };
  }

  private get room(): Room {
    const members = [ME, OTHER].map((id) => ({ user: id, role: "member" as const }));
    return {
      id: ROOM,
      kind: "private",
      epoch: this.epoch,
      head: this.head,
      from: 1,
      last_at: this.head * 1_000_000,
      members,
      unread: this.visible.filter(({ sender, seq }) => sender === OTHER && seq > this.read).length,
      positions: [this.position],
      prefs: { muted: false },
    };
  }

  private told(seq: number): ServerFrame {
    const event = this.log[seq - 1];
    return event ? { type: "event", ...event } : { type: "skip", room: ROOM, from: seq, to: seq };
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
