/**
 * What is to be fetched: each once at a time, tried again with backoff; a stale answer is known by its
 * attempt. To fetch one more kind of thing: its method here, and its case in `Chat.fetched`.
 */
import type { MessageId, RoomId, UserId } from "../protocol.gen.js";
import { backoff } from "./backoff.js";

export interface Fetch {
  /** `what` or `what:id`. */
  key: string;
  path: string;
  attempt: number;
}

interface Want {
  path: string;
  attempt: number;
  retryAt?: number;
  failures: number;
}

export class Wanted {
  private readonly wants = new Map<string, Want>();
  /** The number of the newest question. */
  attempt = 0;

  constructor(private readonly ask: (fetch: Fetch) => void) {}

  state(): void {
    this.want("state", "/v1/state");
  }

  /** A room's summary and its newest page. */
  room(room: RoomId): void {
    this.want(`room:${room}`, `/v1/rooms/${room}`);
  }

  user(user: UserId): void {
    this.want(`user:${user}`, `/v1/users/${user}`);
  }

  /** The events that follow on `after`. */
  gap(room: RoomId, after: number): void {
    this.want(`gap:${room}`, `/v1/rooms/${room}/events?after=${after}&limit=100`);
  }

  older(room: RoomId, before: number): void {
    this.want(`older:${room}`, `/v1/rooms/${room}/events?before=${before}&limit=50`);
  }

  /** A message that another one quotes. */
  quoted(room: RoomId, message: MessageId): void {
    this.want(`quoted:${room}:${message}`, `/v1/rooms/${room}/messages/${message}`);
  }

  /** Nothing of that room is wanted any more. */
  forget(room: RoomId): void {
    for (const what of ["room", "gap", "older"]) this.wants.delete(`${what}:${room}`);
    this.forgetQuoted(room);
  }

  forgetQuoted(room: RoomId): void {
    for (const key of this.wants.keys()) if (key.startsWith(`quoted:${room}:`)) this.wants.delete(key);
  }

  has(key: string): boolean {
    return this.wants.has(key);
  }

  /** An answer came; false when nobody waits for this one any more. */
  done(key: string, attempt: number): boolean {
    return this.wants.get(key)?.attempt === attempt && this.wants.delete(key);
  }

  /** It will be asked for again, later. */
  failed(now: number, key: string, attempt: number, entropy: number): void {
    const want = this.wants.get(key);
    if (want?.attempt !== attempt) return;
    want.retryAt = now + backoff(want.failures++, entropy);
  }

  /** The network is back: nothing waits any longer. */
  hurry(now: number): void {
    for (const want of this.wants.values()) if (want.retryAt !== undefined) want.retryAt = now;
  }

  /** Asks again for what is due. */
  tick(now: number): void {
    for (const [key, want] of this.wants) {
      if (want.retryAt === undefined || want.retryAt > now) continue;
      want.retryAt = undefined;
      want.attempt = ++this.attempt;
      this.ask({ key, path: want.path, attempt: want.attempt });
    }
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const { retryAt } of this.wants.values())
      if (retryAt !== undefined) next = Math.min(next ?? retryAt, retryAt);
    return next;
  }

  private want(key: string, path: string): void {
    if (this.wants.has(key)) return;
    const attempt = ++this.attempt;
    this.wants.set(key, { path, attempt, failures: 0 });
    this.ask({ key, path, attempt });
  }
}
