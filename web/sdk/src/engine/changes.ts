/**
 * What has become of the messages of one log. States come with pages and are carried on by the changes
 * that the log covers, each once and in the order of their places, on whatever way and in whatever order
 * they came. What is deleted is erased from the log held here, too.
 */
import type { MessageId, MessageState, UserId } from "../protocol.gen.js";
import { QUOTED } from "./limits.js";
import type { RoomLog, Taken } from "./log.js";
import {
  applied,
  type Change,
  erased,
  isChange,
  isDeleted,
  isWhole,
  type MessageEvent,
  unchanged,
} from "./message.js";

export class Changes {
  private readonly states = new Map<number, MessageState>();
  /** Covered changes of messages that are not held: whoever brings the message may have been read before them. */
  private readonly early = new Map<number, Map<number, Change>>();
  /** Messages that others quote, and that lie outside of what is held of the log. */
  private readonly aside = new Map<number, MessageEvent>();
  /** The places of messages that quote the one at a place. */
  private readonly quoting = new Map<number, Set<number>>();
  /** Quoted messages that are not there, or not for oneself. */
  private readonly missing = new Set<MessageId>();

  constructor(
    private readonly log: RoomLog,
    private readonly me: UserId,
  ) {}

  /** The message at a place, if it is known. */
  message(seq: number): MessageEvent | undefined {
    const event = this.log.events.get(seq);
    return event?.kind === "message" ? event : this.aside.get(seq);
  }

  /** What that message is now, where it has changed. */
  state(seq: number): MessageState | undefined {
    return this.states.get(seq);
  }

  /** The states of the messages held in `from..=to`. */
  statesOf(from: number, to: number): MessageState[] {
    return [...this.states.values()].filter(({ of }) => of >= from && of <= to && this.log.events.has(of));
  }

  isMissing(message: MessageId): boolean {
    return this.missing.has(message);
  }

  /** The stored messages that quote the one at a place. */
  quoters(of: number): Iterable<number> {
    return this.quoting.get(of) ?? [];
  }

  /**
   * Follows up what the log has taken in, with the states that came along. Returns the places of messages
   * that are, or are shown, another way than before.
   */
  take({ fresh, advanced }: Taken, states: readonly MessageState[]): Set<number> {
    const changed = new Set<number>();
    for (const state of states) if (this.message(state.of)) this.learn(state, changed);
    const touched = new Set<number>();
    for (const event of [...fresh, ...advanced]) {
      if (event.kind === "message") {
        this.aside.delete(event.seq);
        touched.add(event.seq);
        if (this.quoting.has(event.seq)) changed.add(event.seq);
        this.quotes(event);
      } else if (isChange(event) && event.seq <= this.log.upto) {
        this.await(event);
        touched.add(event.of);
      }
    }
    this.carryOn(touched, changed);
    return changed;
  }

  /** A message came that others quote; what the log covers already may have changed it since it was read. */
  hold(event: MessageEvent, state: MessageState | undefined): Set<number> {
    const changed = new Set([event.seq]);
    this.missing.delete(event.message);
    if (!this.message(event.seq)) {
      this.aside.set(event.seq, event);
      for (const oldest of this.aside.keys()) {
        if (this.aside.size <= QUOTED) break;
        this.aside.delete(oldest);
        this.states.delete(oldest);
      }
    }
    if (state) this.learn(state, changed);
    this.carryOn(new Set([event.seq]), changed);
    return changed;
  }

  /** A quoted message is not there. */
  miss(message: MessageId): void {
    this.missing.add(message);
  }

  /** The log was changed otherwise than by taking something in. */
  rebuild(): void {
    this.early.clear();
    this.quoting.clear();
    const touched = new Set<number>();
    for (const event of this.log.events.values()) {
      if (event.kind === "message") this.quotes(event);
      else if (isChange(event) && event.seq <= this.log.upto) {
        this.await(event);
        touched.add(event.of);
      }
    }
    for (const seq of this.states.keys()) if (!this.message(seq)) this.states.delete(seq);
    this.carryOn(touched, new Set());
  }

  /** Some of the log was passed over, or is gone: what lies outside of it may have changed unheard. */
  forgetAside(): void {
    for (const seq of this.aside.keys()) this.states.delete(seq);
    this.aside.clear();
    this.missing.clear();
  }

  /** Another history: nothing that was known means anything in it. */
  clear(): void {
    this.states.clear();
    this.early.clear();
    this.quoting.clear();
    this.forgetAside();
  }

  private quotes({ seq, reply_to }: MessageEvent): void {
    if (!reply_to) return;
    const quoters = this.quoting.get(reply_to.of) ?? new Set();
    this.quoting.set(reply_to.of, quoters.add(seq));
  }

  private learn(state: MessageState, changed: Set<number>): void {
    if (state.rev <= (this.states.get(state.of)?.rev ?? 0)) return;
    this.states.set(state.of, state);
    changed.add(state.of);
  }

  private await(change: Change): void {
    const early = this.early.get(change.of) ?? new Map<number, Change>();
    this.early.set(change.of, early.set(change.seq, change));
  }

  /** Carries the states of these messages on, as far as the messages are held, and erases what is deleted. */
  private carryOn(places: ReadonlySet<number>, changed: Set<number>): void {
    const deleted = new Set<number>();
    for (const of of places) {
      const early = [...(this.early.get(of)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
      if (early.some(({ kind }) => kind === "message_deleted")) deleted.add(of);
      const message = this.message(of);
      if (!message || early.length === 0) continue;
      this.early.delete(of);
      const before = this.states.get(of) ?? unchanged(message);
      const state = early.reduce((state, change) => applied(state, change, this.me), before);
      if (state === before) continue;
      this.states.set(of, state);
      changed.add(of);
    }
    for (const of of [...places, ...changed]) {
      const message = this.message(of);
      if (message && isDeleted(message, this.states.get(of))) deleted.add(of);
    }
    if (deleted.size > 0) this.erase(deleted, changed);
  }

  private erase(deleted: ReadonlySet<number>, changed: Set<number>): void {
    for (const of of deleted) {
      const early = this.early.get(of);
      for (const [seq, change] of early ?? []) early?.set(seq, erased(change) as Change);
      const message = this.message(of);
      if (!message || !isWhole(message)) continue;
      changed.add(of);
      if (this.aside.has(of)) this.aside.set(of, erased(message) as MessageEvent);
      else this.log.events.set(of, erased(message));
    }
    for (const event of this.log.events.values())
      if (event.kind === "message_edited" && isWhole(event) && deleted.has(event.of))
        this.log.events.set(event.seq, erased(event));
  }
}
