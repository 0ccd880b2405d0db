/**
 * The outbox: own messages until the room's log here holds them. Per room in the order composed;
 * over a socket pipelined, each naming the one its author saw before it; by POST one in flight a room. It never
 * gives up: only a final refusal (`RETRY[code] === "never"`) fails an entry, and lets the next pass.
 * An acked entry stays until its event is covered: it shows the row after a reload, and goes out
 * again should the room come back with another history.
 */
import {
  type Ack,
  type Attachment,
  type Command,
  type ErrorCode,
  type MessageLabel,
  type Nack,
  RETRY,
  type ReplyTo,
  type RoomId,
  type TxnId,
} from "../protocol.gen.js";
import { backoff } from "./backoff.js";
import { ACK_MS, HOLD_MAX_MS, IN_FLIGHT, OUTBOX_ENTRIES } from "./limits.js";

/** What a message says. */
export interface Body {
  readonly text: string;
  readonly replyTo?: ReplyTo;
  /** A file that is on the server already. */
  readonly attachment?: Attachment;
  readonly label?: MessageLabel;
}

/** An entry as it is journaled and told to other tabs. */
export interface StoredEntry extends Body {
  txn: TxnId;
  room: RoomId;
  /** When it was composed, in milliseconds since 1970. */
  at: number;
  /** What waited when it was composed: it must not be stored before that. */
  after?: TxnId;
  /** Its place among the room's entries, by the bytes; the `txn` unless said. */
  place?: string;
  failed?: ErrorCode;
  acked?: Acked;
}

/** An ack, and the history in which it holds; none while the room is not known here. */
export interface Acked extends Ack {
  epoch?: number;
}

export type EntryState =
  | { is: "queued"; since: number /** Refused for order: waits to be the room's first. */; ordered: boolean }
  | { is: "in_flight"; since: number; via: "socket" }
  | { is: "in_flight"; since: number; via: "post"; attempt: number }
  | { is: "acked"; ack: Acked }
  | { is: "failed"; code: ErrorCode };

export interface Entry extends Body {
  readonly txn: TxnId;
  readonly room: RoomId;
  readonly at: number;
  /** Whether this page composed it. */
  readonly here: boolean;
  after?: TxnId | undefined;
  place: string;
  /** Whether it may be on the server already. */
  tried: boolean;
  state: EntryState;
}

/** How commands leave: `none` while no connection lives, and in a tab that does not lead. */
export type Link = "none" | "socket" | "http";

export type OutboxInput =
  | { type: "compose"; entry: StoredEntry }
  /** From the journal or another tab; those known are left alone. */
  | { type: "restore"; entries: readonly StoredEntry[] }
  /** Whether this tab sends. */
  | { type: "lead"; on: boolean }
  | { type: "link"; link: Link }
  /** A fresh access token is there. */
  | { type: "token" }
  | { type: "ack"; ack: Acked }
  | { type: "nack"; nack: Nack }
  /** The room's log is held up to there. What was acked in another history goes out again, since this may lack it. */
  | { type: "covered"; room: RoomId; epoch: number; upto: number }
  /** One is not in the room any more: no event will come for what was acked. */
  | { type: "parted"; room: RoomId }
  /** A POST ended without an answer. */
  | { type: "unreachable"; txn: TxnId; attempt: number }
  | { type: "retry" | "discard"; txn: TxnId }
  | { type: "tick" };

export type OutboxEffect =
  | { do: "frame"; command: Command }
  | { do: "post"; command: Command; attempt: number }
  | { do: "keep"; entry: StoredEntry }
  | { do: "forget"; txn: TxnId }
  /** The entry appeared or its state changed. */
  | { do: "entry"; entry: Entry }
  /** The entry left: the log holds it, or it was taken back. */
  | { do: "left"; entry: Entry }
  /** The queue holds until a fresh token comes (`revoked`: until one signs in again). */
  | { do: "unauthenticated"; revoked: boolean };

interface Queue {
  entries: Entry[];
  pausedUntil: number;
  /** The pause is for an unreachable server, so a new link ends it. */
  unreachable: boolean;
  failures: number;
}

export class Outbox {
  private readonly queues = new Map<RoomId, Queue>();
  private readonly byTxn = new Map<TxnId, Entry>();
  private leading = false;
  private held = false;
  private link: Link = "none";
  private attempt = 0;
  private out: OutboxEffect[] = [];

  /** How many are not yet acked, those that failed left out. */
  get waiting(): number {
    let count = 0;
    for (const entry of this.byTxn.values()) if (unsettled(entry)) count++;
    return count;
  }

  get full(): boolean {
    return this.byTxn.size >= OUTBOX_ENTRIES;
  }

  get(txn: TxnId): Entry | undefined {
    return this.byTxn.get(txn);
  }

  /** A room's entries in the order composed. */
  of(room: RoomId): readonly Entry[] {
    return this.queues.get(room)?.entries ?? [];
  }

  handle(now: number, input: OutboxInput, entropy = 0): OutboxEffect[] {
    this.out = [];
    switch (input.type) {
      case "compose":
        this.compose(now, input.entry);
        break;
      case "restore":
        for (const entry of input.entries) if (!this.full) this.insert(now, entry, false);
        break;
      case "lead":
        this.leading = input.on;
        break;
      case "link":
        this.relink(input.link);
        break;
      case "token":
        this.held = false;
        break;
      case "ack":
        this.settle(input.ack);
        break;
      case "covered":
        this.covered(now, input.room, input.epoch, input.upto);
        break;
      case "parted":
        for (const entry of [...this.of(input.room)]) if (entry.state.is === "acked") this.remove(entry);
        break;
      case "nack":
        this.refuse(now, input.nack, entropy);
        break;
      case "unreachable":
        this.unreachable(now, input.txn, input.attempt, entropy);
        break;
      case "retry":
        this.retry(now, input.txn);
        break;
      case "discard":
        this.discard(input.txn);
        break;
      case "tick":
        break;
    }
    this.pump(now);
    return this.out;
  }

  nextDeadline(): number | undefined {
    if (!this.leading || this.held) return undefined;
    let next: number | undefined;
    for (const queue of this.queues.values()) {
      const state = queue.entries.find(unsettled)?.state;
      if (!state || !("since" in state) || (state.is === "in_flight" && state.via === "post")) continue;
      const due = Math.max(queue.pausedUntil, state.since + ACK_MS);
      const wake = state.is === "queued" && this.link !== "none" ? queue.pausedUntil : due;
      next = Math.min(next ?? wake, wake);
    }
    return next;
  }

  private compose(now: number, given: StoredEntry): void {
    const waiting = this.of(given.room).filter(unsettled);
    // What this page composed, if any of it waits: another tab's may have overtaken that.
    const after = (waiting.findLast(({ here }) => here) ?? waiting.at(-1))?.txn;
    const entry = after === undefined ? given : { ...given, after };
    this.out.push({ do: "keep", entry });
    this.insert(now, entry, true);
  }

  private insert(now: number, given: StoredEntry, here: boolean): void {
    if (this.byTxn.has(given.txn)) return;
    const { txn, room, at, after, place = txn, failed, acked } = given;
    const state: EntryState = acked
      ? { is: "acked", ack: acked }
      : failed
        ? { is: "failed", code: failed }
        : { is: "queued", since: now, ordered: false };
    // Another tab may have sent it.
    const tried = !here || !this.leading;
    const entry: Entry = { txn, room, ...bodyOf(given), at, here, after, place, tried, state };
    const queue = this.queues.get(room) ?? { entries: [], pausedUntil: 0, unreachable: false, failures: 0 };
    this.queues.set(room, queue);
    queue.entries.splice(queue.entries.findLastIndex((other) => other.place < place) + 1, 0, entry);
    this.byTxn.set(txn, entry);
    this.out.push({ do: "entry", entry });
  }

  private remove(entry: Entry): void {
    const queue = this.queues.get(entry.room);
    if (queue) {
      queue.entries.splice(queue.entries.indexOf(entry), 1);
      if (queue.entries.length === 0) this.queues.delete(entry.room);
    }
    this.byTxn.delete(entry.txn);
    this.out.push({ do: "forget", txn: entry.txn }, { do: "left", entry });
  }

  private relink(link: Link): void {
    this.link = link;
    for (const queue of this.queues.values()) {
      if (link !== "none" && queue.unreachable) [queue.pausedUntil, queue.unreachable] = [0, false];
      for (const entry of queue.entries) {
        // Whatever the old link carried is asked again by the new one: the server answers a repeat
        // with the first result. A POST under way is left to end, unless a socket overtakes it.
        const { state } = entry;
        if (state.is === "in_flight" && (state.via === "socket" || link === "socket")) {
          this.set(entry, { is: "queued", since: state.since, ordered: false });
        }
      }
    }
  }

  private settle(ack: Acked): void {
    const entry = this.byTxn.get(ack.txn_id);
    if (!entry || entry.state.is === "acked") return;
    const queue = this.queues.get(entry.room);
    if (queue) queue.failures = 0;
    this.keep(entry, { is: "acked", ack });
  }

  private covered(now: number, room: RoomId, epoch: number, upto: number): void {
    for (const entry of [...this.of(room)]) {
      if (entry.state.is !== "acked") continue;
      const { ack } = entry.state;
      // Who sends may ask again; the others take it that the room was as it is.
      if (!this.leading) ack.epoch ??= epoch;
      if (ack.epoch !== epoch) this.keep(entry, { is: "queued", since: now, ordered: false });
      else if (ack.seq <= upto) this.remove(entry);
    }
  }

  private refuse(now: number, nack: Nack, entropy: number): void {
    const entry = this.byTxn.get(nack.txn_id);
    const queue = entry && this.queues.get(entry.room);
    if (!entry || !queue || !unsettled(entry)) return;
    const retry = nack.code === "revoked" ? "refreshed" : RETRY[nack.code];
    if (retry === "never") return this.keep(entry, { is: "failed", code: nack.code });
    this.set(entry, { is: "queued", since: now, ordered: retry === "in_order" });
    if (retry === "in_order" && queue.entries.find(unsettled) !== entry) return;
    // `later`; or a refusal that asking again at once would repeat.
    const pause = backoff(queue.failures++, entropy);
    queue.pausedUntil = Math.max(
      queue.pausedUntil,
      now + Math.min(nack.retry_after_ms ?? pause, HOLD_MAX_MS),
    );
    queue.unreachable = false;
    if (retry === "refreshed" && this.leading) {
      this.held = true;
      this.out.push({ do: "unauthenticated", revoked: nack.code === "revoked" });
    }
  }

  private unreachable(now: number, txn: TxnId, attempt: number, entropy: number): void {
    const entry = this.byTxn.get(txn);
    const queue = entry && this.queues.get(entry.room);
    if (!queue || entry.state.is !== "in_flight" || entry.state.via !== "post") return;
    if (entry.state.attempt !== attempt) return;
    // The socket carries it, too, and has as long again to answer.
    if (this.link === "socket") return this.set(entry, { is: "in_flight", via: "socket", since: now });
    this.set(entry, { is: "queued", since: entry.state.since, ordered: false });
    queue.pausedUntil = now + backoff(queue.failures++, entropy);
    queue.unreachable = true;
  }

  /** Goes out again under the same name, as the room's newest. */
  private retry(now: number, txn: TxnId): void {
    const entry = this.byTxn.get(txn);
    const entries = entry && this.queues.get(entry.room)?.entries;
    const newest = entries?.at(-1);
    if (entry?.state.is !== "failed" || !entries || !newest) return;
    if (newest !== entry) {
      entries.push(...entries.splice(entries.indexOf(entry), 1));
      // Right behind the newest, and before all that is composed later.
      entry.place = `${newest.place}+`;
      this.unlink(entry);
      entry.after = entries.slice(0, -1).findLast(unsettled)?.txn;
    }
    this.keep(entry, { is: "queued", since: now, ordered: false });
  }

  private discard(txn: TxnId): void {
    const entry = this.byTxn.get(txn);
    if (!entry || !(entry.state.is === "failed" || (entry.state.is === "queued" && !entry.tried))) return;
    this.unlink(entry);
    this.remove(entry);
  }

  /** What followed the entry follows what it followed. */
  private unlink({ txn, room, after }: Entry): void {
    for (const other of this.of(room)) if (other.after === txn) other.after = after;
  }

  /** Whom the entry must name: the last before it that is neither stored nor finally refused. */
  private before(entry: Entry): Entry | undefined {
    let before = entry;
    do {
      const next = before.after === undefined ? undefined : this.byTxn.get(before.after);
      if (!next || next.place >= before.place) return undefined;
      before = next;
    } while (before.state.is === "failed");
    return unsettled(before) ? before : undefined;
  }

  /** As {@link set}, for what must outlive the page. */
  private keep(entry: Entry, state: EntryState): void {
    this.set(entry, state);
    this.out.push({ do: "keep", entry: stored(entry) });
  }

  private set(entry: Entry, state: EntryState): void {
    entry.state = state;
    this.out.push({ do: "entry", entry });
  }

  private pump(now: number): void {
    if (!this.leading || this.held) return;
    for (const queue of this.queues.values()) {
      if (queue.pausedUntil > now) continue;
      let first = true;
      let flying = queue.entries.filter((entry) => entry.state.is === "in_flight").length;
      for (const entry of queue.entries) {
        const { state } = entry;
        if (!("since" in state)) continue;
        const late = !(state.is === "in_flight" && state.via === "post") && now >= state.since + ACK_MS;
        if (state.is === "queued" && this.link === "socket") {
          if (flying >= IN_FLIGHT || (state.ordered && !first)) break;
          flying++;
          entry.tried = true;
          this.set(entry, { is: "in_flight", via: "socket", since: now });
          this.out.push({ do: "frame", command: command(entry, this.before(entry)) });
        } else if (first && (late || (state.is === "queued" && this.link === "http"))) {
          entry.tried = true;
          const attempt = ++this.attempt;
          this.set(entry, { is: "in_flight", via: "post", since: now, attempt });
          this.out.push({ do: "post", command: command(entry, this.before(entry)), attempt });
        }
        first = false;
      }
    }
  }
}

function unsettled({ state }: Entry): boolean {
  return state.is === "queued" || state.is === "in_flight";
}

/** What of an entry outlives the page. */
export function stored(given: Entry): StoredEntry {
  const { txn, room, at, after, place, state } = given;
  const entry: StoredEntry = { txn, room, ...bodyOf(given), at };
  if (after !== undefined) entry.after = after;
  if (place !== txn) entry.place = place;
  if (state.is === "failed") entry.failed = state.code;
  if (state.is === "acked") entry.acked = state.ack;
  return entry;
}

function command(entry: Entry, before: Entry | undefined): Command {
  const { txn: txn_id, room, text, replyTo, attachment, label } = entry;
  const command: Command = { type: "send", txn_id, room, text };
  if (before) command.after = before.txn;
  if (replyTo) command.reply_to = replyTo.message;
  if (attachment) command.attachment = attachment.file;
  if (label) command.label = label;
  return command;
}

/** What of anything is a message's body. */
export function bodyOf({ text, replyTo, attachment, label }: Body): Body {
  return {
    text,
    ...(replyTo && { replyTo }),
    ...(attachment && { attachment }),
    ...(label && { label }),
  };
}
