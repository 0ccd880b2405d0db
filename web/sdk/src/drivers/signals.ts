/** Typing and positions without a socket: they ride along with a poll, or go by a request when there is room for one. */
import type { Signal } from "../protocol.gen.js";
import { now } from "./clock.js";
import type { Network } from "./network.js";

/** While too many requests were made, it is looked again after this long, in milliseconds. */
const LOOK_MS = 2_000;

export class Signals {
  private waiting: Signal[] = [];
  private timer?: ReturnType<typeof setTimeout>;

  constructor(
    private readonly network: Network,
    private readonly post: (signals: Signal[]) => Promise<unknown>,
  ) {}

  say(signals: readonly Signal[]): void {
    for (const signal of signals)
      this.waiting = [...this.waiting.filter((other) => !replaces(signal, other)), signal];
    this.plan();
  }

  /** What waits, to go with a request that is made anyway. */
  take(): Signal[] {
    const taken = this.waiting;
    this.drop();
    return taken;
  }

  /** They have another way now, or none: positions are said again after a reconnect. */
  drop(): void {
    clearTimeout(this.timer);
    [this.timer, this.waiting] = [undefined, []];
  }

  private plan(): void {
    if (this.waiting.length === 0) return;
    clearTimeout(this.timer);
    const urgent = this.waiting.some(({ type }) => type === "typing");
    const room = this.network.budget.signal(now(), urgent);
    const go = () => {
      this.timer = undefined;
      if (room === undefined) return this.plan();
      this.post(this.take()).catch(() => {});
    };
    if (room === 0) go();
    else this.timer = setTimeout(go, room ?? LOOK_MS);
  }
}

/** Whether a later signal says all that an earlier one does. */
function replaces(later: Signal, earlier: Signal): boolean {
  if (later.type === "typing") return earlier.type === "typing" && earlier.room === later.room;
  if (earlier.type !== "positions") return false;
  const rooms = new Set(later.advances.map(({ room }) => room));
  return earlier.advances.every(({ room }) => rooms.has(room));
}
