/**
 * How often a client without a socket asks: under 30 requests a minute in a busy chat, at once in a
 * quiet one. Counts the requests of the last minute and spaces polls and signals by them.
 */
const MINUTE_MS = 60_000;
/** Up to so many requests a minute nothing waits. */
const QUIET = 18;
/** From so many on, polls also keep a distance, and signals ride along with a poll. */
const BUSY = 22;
/** Polls keep a distance that leaves it at so many a minute, if that is not too far. */
const MOST = 28;
/** What a poll gathers after its first frame, and the distance between polls, in milliseconds. */
const GATHER_MS = 2_000;
const DISTANCE_MS = 1_300;
/** Who writes a lot still hears what others write: news is not kept waiting longer than this. */
const DISTANCE_MAX_MS = 8_000;
/** Positions wait so long for something to ride along with. */
const RIDE_MS = 1_000;

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

  /** When the next poll may start, and how long it gathers. */
  poll(now: number): { delayMs: number; gatherMs: number } {
    const rate = this.rate(now);
    if (rate < QUIET) return { delayMs: 0, gatherMs: 0 };
    if (rate < BUSY) return { delayMs: 0, gatherMs: GATHER_MS };
    const oldest = this.made[rate - MOST] ?? now - MINUTE_MS;
    const delayMs = Math.min(DISTANCE_MAX_MS, Math.max(DISTANCE_MS, oldest + MINUTE_MS - now));
    return { delayMs, gatherMs: GATHER_MS };
  }

  /** How long a signal waits for a request to ride along with; `undefined`: until there is one. */
  signal(now: number, urgent: boolean): number | undefined {
    if (this.rate(now) >= BUSY) return undefined;
    return urgent ? 0 : RIDE_MS;
  }
}
