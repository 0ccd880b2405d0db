/**
 * How often a client without a socket asks: under 30 requests a minute in a busy chat, at once in a
 * quiet one. Counts the requests of the last minute. What needs no hurry (typing, positions, presence)
 * is what the first requests are saved on; messages wait only near the end of the minute's budget.
 */
const MINUTE_MS = 60_000;

/** From so many requests a minute on, what needs no hurry waits for company. */
const BUSY = 10;
/** From so many on, messages that come fast are gathered, too, and polls keep a distance. */
const FULL = 23;
/** From so many on they do however they come; the distance leaves it at so many, if that is not too far. */
const MOST = 27;
/** So many requests in this time, in milliseconds, are more than a busy chat makes. */
const SPELL = 6;
const SPELL_MS = 15_000;

/** How long what needs no hurry waits in a poll below {@link BUSY}, and from there on. */
const LINGER_QUIET_MS = 100;
const LINGER_BUSY_MS = 8_000;
/** What a poll gathers after its first message, and the distance between polls, in milliseconds. */
const GATHER_MS = 2_000;
const DISTANCE_MS = 2_000;
/** Who writes a lot still hears what others write: news is not kept waiting longer than this. */
const DISTANCE_MAX_MS = 8_000;
/** Positions wait so long for something to ride along with. */
const RIDE_MS = 1_000;

export interface PollPlan {
  /** Until it starts. */
  delayMs: number;
  /** That it gathers for, after a message. */
  gatherMs: number;
  /** That what needs no hurry waits in it for a message. */
  lingerMs: number;
}

export class Budget {
  private readonly made: number[] = [];

  /** A request was made. */
  count(now: number): void {
    this.made.push(now);
  }

  /** Requests in the last minute. */
  rate(now: number): number {
    while (this.made[0] !== undefined && this.made[0] <= now - MINUTE_MS) this.made.shift();
    return this.made.length;
  }

  poll(now: number): PollPlan {
    const rate = this.rate(now);
    const lingerMs = rate < BUSY ? LINGER_QUIET_MS : LINGER_BUSY_MS;
    if (rate < FULL || (rate < MOST && !this.isFast(now))) return { delayMs: 0, gatherMs: 0, lingerMs };
    const oldest = this.made[rate - MOST] ?? now - MINUTE_MS;
    const delayMs = Math.min(DISTANCE_MAX_MS, Math.max(DISTANCE_MS, oldest + MINUTE_MS - now));
    return { delayMs, gatherMs: GATHER_MS, lingerMs };
  }

  /** Whether the last requests came faster than a busy chat makes them. */
  private isFast(now: number): boolean {
    const { made } = this;
    return (made[made.length - SPELL] ?? Number.NEGATIVE_INFINITY) > now - SPELL_MS;
  }

  /** How long a signal waits for a request to ride along with; `undefined`: until there is one. */
  signal(now: number, urgent: boolean): number | undefined {
    if (this.rate(now) >= BUSY) return undefined;
    return urgent ? 0 : RIDE_MS;
  }
}
