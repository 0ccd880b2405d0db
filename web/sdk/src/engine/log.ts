/**
 * What this client holds of one room's log: the events of `floor..=upto` whole (a `seq` that holds
 * nothing visible counts as covered), and islands beyond a gap until the gap is fetched.
 */
import type { Event as LogEvent, Page } from "../protocol.gen.js";
import { GAP_EVENTS, ISLANDS } from "./limits.js";

/** What taking in a stretch changed. */
export interface Taken {
  /** Events not held before, in order. */
  fresh: LogEvent[];
  /** Events that now follow on without a gap, in order. */
  advanced: LogEvent[];
  /** Places of messages that are shown another way than before. */
  changed?: ReadonlySet<number>;
}

export class RoomLog {
  readonly events = new Map<number, LogEvent>();
  /** The oldest `seq` covered; `upto + 1` when nothing is. */
  floor: number;
  /** Covered without a gap up to here. */
  upto: number;
  /** The highest `seq` known to exist. */
  head: number;
  /**
   * `behind`: too much was missed, the newest page is awaited. `void`: so it is, and nothing of this
   * history is known. `parted`: one is not in the room.
   */
  state: "follows" | "behind" | "void" | "parted" = "follows";
  /** The last place that one may see, if one has left. */
  left = 0;
  private islands: [from: number, to: number][] = [];

  /** A log known to end at `head`, of which nothing is held. */
  constructor(
    public epoch: number,
    head: number,
  ) {
    this.floor = head + 1;
    this.upto = head;
    this.head = head;
  }

  /** Where the feed goes on from; `undefined` where it is to begin anew. */
  get cursor(): [epoch: number, seq: number] | undefined {
    return this.state === "follows" || this.state === "behind" ? [this.epoch, this.upto] : undefined;
  }

  /** Whether the newest page must come first. */
  get awaits(): boolean {
    return this.state === "behind" || this.state === "void";
  }

  /** The last covered `seq` before a gap that is to be fetched. */
  get gap(): number | undefined {
    return this.state === "follows" && this.head > this.upto ? this.upto : undefined;
  }

  get gapIsLong(): boolean {
    return this.head - this.upto > GAP_EVENTS;
  }

  add(event: LogEvent): Taken {
    return this.cover(event.seq, event.seq, [event]);
  }

  /** Takes `from..=to`, of which `events` are the visible ones. */
  cover(from: number, to: number, events: readonly LogEvent[]): Taken {
    const fresh: LogEvent[] = [];
    // A stretch below that does not join what is held would leave a gap nobody fills.
    if (to < this.floor - 1) return { fresh, advanced: [] };
    for (const event of events) {
      if (this.events.has(event.seq)) continue;
      this.events.set(event.seq, event);
      fresh.push(event);
    }
    this.head = Math.max(this.head, to);
    const before = this.upto;
    if (to >= from && !(from >= this.floor && to <= this.upto)) {
      const place = this.islands.findIndex(([start]) => start > from);
      this.islands.splice(place < 0 ? this.islands.length : place, 0, [from, to]);
      this.absorb();
    }
    return { fresh: fresh.sort(bySeq), advanced: this.between(before, this.upto) };
  }

  /** The newest page takes the place of all that does not join it. */
  renew(page: Page): Taken {
    this.state = "follows";
    if (page.epoch === this.epoch && page.from <= this.upto + 1)
      return this.cover(page.from, page.to, page.events);
    if (page.epoch !== this.epoch) this.reset(page.epoch, page.head);
    const before = this.upto;
    for (const seq of this.events.keys()) if (seq < page.from) this.events.delete(seq);
    this.islands = this.islands.flatMap(([from, to]) =>
      to < page.from ? [] : [[Math.max(from, page.from), to]],
    );
    [this.floor, this.upto] = [page.from, page.from - 1];
    const { fresh } = this.cover(page.from, page.to, page.events);
    return { fresh, advanced: this.between(before, this.upto) };
  }

  /** The feed will go on after `head`. True when the newest page must come first. */
  resync(epoch: number, head: number): boolean {
    if (epoch !== this.epoch || head < this.upto || this.state === "parted") {
      this.reset(epoch, head);
      this.state = "void";
    } else {
      this.head = Math.max(this.head, head);
      if (this.gapIsLong) this.state = "behind";
    }
    return this.awaits;
  }

  /** Goes on after `head`, whatever lies before it. */
  follow(head: number): void {
    const ahead = [...this.events.values()].filter((event) => event.seq > head);
    this.reset(this.epoch, head);
    this.state = "follows";
    for (const event of ahead) this.add(event);
  }

  /** One is not in the room any more, and sees nothing of it above `at`. */
  part(at = this.head): void {
    this.state = "parted";
    this.left = Math.max(this.left, at);
  }

  private reset(epoch: number, head: number): void {
    this.events.clear();
    this.islands = [];
    if (epoch !== this.epoch) this.left = 0;
    this.epoch = epoch;
    this.floor = head + 1;
    this.upto = head;
    this.head = head;
  }

  /** Lets go of events below `seq`; returns them. */
  trim(seq: number): LogEvent[] {
    if (seq <= this.floor || seq > this.upto + 1) return [];
    const gone = [...this.events.values()].filter((event) => event.seq < seq);
    for (const event of gone) this.events.delete(event.seq);
    this.floor = seq;
    return gone;
  }

  private absorb(): void {
    let grown = true;
    while (grown) {
      grown = false;
      for (const [index, [from, to]] of this.islands.entries()) {
        if (from > this.upto + 1 || to < this.floor - 1) continue;
        this.floor = Math.min(this.floor, from);
        this.upto = Math.max(this.upto, to);
        this.islands.splice(index, 1);
        grown = true;
        break;
      }
    }
    this.islands = this.islands.filter(([, to]) => to > this.upto);
    // So many gaps are cheaper fetched anew.
    if (this.islands.length > ISLANDS) {
      this.islands = [];
      for (const seq of this.events.keys()) if (seq > this.upto) this.events.delete(seq);
    }
  }

  private between(after: number, to: number): LogEvent[] {
    const events: LogEvent[] = [];
    for (let seq = after + 1; seq <= to; seq++) {
      const event = this.events.get(seq);
      if (event) events.push(event);
    }
    return events;
  }
}

function bySeq(a: LogEvent, b: LogEvent): number {
  return a.seq - b.seq;
}
