/**
 * The tabs of one account in one browser: a Web Lock names the leader, a channel carries what they
 * tell each other. Where the browser has neither (an origin that is not secure), each tab leads itself.
 */
import { Leader, type LeaderEffect, type LeaderInput, type LeaderMessage } from "../engine/leader.js";
import { Alarm, now } from "./clock.js";

/** Who leads is settled beside what the account's tabs say. */
type Said<M> = { leader: LeaderMessage } | { from: string; answer: boolean; say: M } | { to: string };

export interface TabEvents<M> {
  lead(on: boolean): void;
  message(message: M): void;
}

export class Tabs<M> {
  private readonly id = Math.random().toString(36).slice(2);
  private readonly leader = new Leader(this.id);
  private readonly alarm = new Alarm(() => this.input({ type: "tick" }));
  private channel?: BroadcastChannel;
  private release?: () => void;
  /** Ends a wait for the lock. */
  private waiting?: AbortController;

  constructor(
    private readonly name: string,
    private readonly on: TabEvents<M>,
  ) {}

  get leads(): boolean {
    return this.leader.leads;
  }

  start(): void {
    const alone =
      typeof BroadcastChannel === "undefined" || typeof navigator === "undefined" || !navigator.locks;
    if (!alone) {
      this.channel = new BroadcastChannel(this.name);
      this.channel.onmessage = ({ data }: MessageEvent<Said<M>>) => this.hear(data);
    }
    if (typeof document !== "undefined") document.addEventListener("visibilitychange", this.look);
    this.input({ type: "start", alone, visible: visible() });
  }

  stop(): void {
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", this.look);
    this.input({ type: "stop" });
    this.waiting?.abort();
    this.alarm.set(undefined);
    this.channel?.close();
    this.channel = undefined;
  }

  /** Tells all other tabs. */
  say(message: M): void {
    this.post({ from: this.id, answer: false, say: message });
  }

  /** Tells the leader, which loses its place if it does not show that it heard. */
  ask(message: M): void {
    this.post({ from: this.id, answer: true, say: message });
    this.input({ type: "asked" });
  }

  private readonly look = () => this.input({ type: "visible", on: visible() });

  private post(said: Said<M>): void {
    this.channel?.postMessage(said);
  }

  private hear(said: Said<M>): void {
    if ("leader" in said) this.input({ type: "message", message: said.leader });
    else if ("to" in said) {
      if (said.to === this.id) this.input({ type: "answered" });
    } else {
      if (said.answer && this.leads) this.post({ to: said.from });
      this.on.message(said.say);
    }
  }

  private input(input: LeaderInput): void {
    for (const effect of this.leader.handle(now(), input)) this.perform(effect);
    this.alarm.set(this.leader.nextDeadline());
  }

  private perform(effect: LeaderEffect): void {
    if (effect.do === "post") this.post({ leader: effect.message });
    else if (effect.do === "lead") this.on.lead(effect.on);
    else if (effect.do === "unlock") this.release?.();
    else this.lock(effect.how);
  }

  private lock(how: "try" | "wait" | "steal"): void {
    if (!this.channel) return;
    this.waiting?.abort();
    const waiting = new AbortController();
    this.waiting = waiting;
    const options: LockOptions =
      how === "try" ? { ifAvailable: true } : how === "steal" ? { steal: true } : { signal: waiting.signal };
    let held = false;
    const hold = (lock: Lock | null) => {
      if (!lock) return void this.input({ type: "lock", state: "busy" });
      if (waiting.signal.aborted) return;
      held = true;
      const done = new Promise<void>((resolve) => {
        this.release = () => {
          held = false;
          resolve();
        };
      });
      this.input({ type: "lock", state: "granted" });
      return done;
    };
    navigator.locks.request(this.name, options, hold).catch(() => {
      // Another tab took it by force; a wait that was ended says nothing.
      if (held) this.input({ type: "lock", state: "lost" });
    });
  }
}

function visible(): boolean {
  return typeof document === "undefined" || document.visibilityState === "visible";
}
