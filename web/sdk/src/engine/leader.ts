/**
 * Which tab holds the account's connection. A lock names the leader; a visible tab claims the
 * place, a hidden leader gives it up, and one that does not answer in time loses it by force.
 */
import { CLAIM_MS } from "./limits.js";

export type LeaderMessage =
  /** "I am on screen; may I lead?" */
  | { type: "claim"; from: string }
  /** The leader's answer: it stays on screen itself, or gives way. */
  | { type: "keep" | "yield"; to: string };

export type LeaderInput =
  /** Without locks and channels each tab leads for itself. */
  | { type: "start"; alone: boolean; visible: boolean }
  | { type: "stop" | "tick" }
  | { type: "visible"; on: boolean }
  /** The lock is ours, is another's (the first try), or was taken away. */
  | { type: "lock"; state: "granted" | "busy" | "lost" }
  | { type: "message"; message: LeaderMessage }
  /** The leader was asked for something, and answered. */
  | { type: "asked" | "answered" };

export type LeaderEffect =
  /** `try`: only if free; `wait`: in turn; `steal`: by force. */
  | { do: "lock"; how: "try" | "wait" | "steal" }
  | { do: "unlock" }
  | { do: "post"; message: LeaderMessage }
  | { do: "lead"; on: boolean };

export class Leader {
  leads = false;
  private alone = false;
  private visible = false;
  /** The leader must answer by then. */
  private answerBy?: number;
  private out: LeaderEffect[] = [];

  constructor(private readonly id: string) {}

  handle(now: number, input: LeaderInput): LeaderEffect[] {
    this.out = [];
    switch (input.type) {
      case "start":
        this.alone = input.alone;
        this.visible = input.visible;
        if (input.alone) this.lead(true);
        else this.out.push({ do: "lock", how: "try" });
        break;
      case "stop":
        this.answerBy = undefined;
        this.lead(false);
        this.out.push({ do: "unlock" });
        break;
      case "visible":
        this.visible = input.on;
        if (input.on) this.claim(now);
        break;
      case "lock":
        this.lock(now, input.state);
        break;
      case "message":
        this.message(input.message);
        break;
      case "asked":
        if (!this.leads) this.answerBy ??= now + CLAIM_MS;
        break;
      case "answered":
        this.answerBy = undefined;
        break;
      case "tick":
        break;
    }
    if (this.answerBy !== undefined && now >= this.answerBy) {
      this.answerBy = undefined;
      this.out.push({ do: "lock", how: "steal" });
    }
    return this.out;
  }

  nextDeadline(): number | undefined {
    return this.answerBy;
  }

  private claim(now: number): void {
    if (this.leads || this.alone) return;
    this.answerBy ??= now + CLAIM_MS;
    this.out.push({ do: "post", message: { type: "claim", from: this.id } });
  }

  private lock(now: number, state: "granted" | "busy" | "lost"): void {
    if (state === "granted") {
      this.answerBy = undefined;
      return this.lead(true);
    }
    this.lead(false);
    this.out.push({ do: "lock", how: "wait" });
    if (state === "busy" && this.visible) this.claim(now);
  }

  private message(message: LeaderMessage): void {
    if (message.type === "claim") {
      if (!this.leads) return;
      this.out.push({ do: "post", message: { type: this.visible ? "keep" : "yield", to: message.from } });
      if (this.visible) return;
      // Let go at once, so that the claimer need not wait for the lock to be taken away.
      this.lead(false);
      this.out.push({ do: "unlock" }, { do: "lock", how: "wait" });
    } else if (message.to === this.id && this.answerBy !== undefined) {
      this.answerBy = undefined;
      if (message.type === "yield") this.out.push({ do: "lock", how: "steal" });
    }
  }

  private lead(on: boolean): void {
    if (this.leads === on) return;
    this.leads = on;
    this.out.push({ do: "lead", on });
  }
}
