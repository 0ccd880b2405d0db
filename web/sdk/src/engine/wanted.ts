/** What is to be fetched: each once at a time, tried again with backoff; a stale answer is known by its attempt. */
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
  private attempt = 0;

  has(key: string): boolean {
    return this.wants.has(key);
  }

  /** Asks for it, unless it is under way. */
  want(key: string, path: string): Fetch[] {
    if (this.wants.has(key)) return [];
    const attempt = ++this.attempt;
    this.wants.set(key, { path, attempt, failures: 0 });
    return [{ key, path, attempt }];
  }

  /** An answer came; false when nobody waits for this one any more. */
  done(key: string, attempt: number): boolean {
    return this.wants.get(key)?.attempt === attempt && this.wants.delete(key);
  }

  /** It will be asked again later, at once if `now` is given by {@link due} after `hurry`. */
  failed(now: number, key: string, attempt: number, entropy: number): void {
    const want = this.wants.get(key);
    if (want?.attempt !== attempt) return;
    want.retryAt = now + backoff(++want.failures, entropy);
  }

  drop(key: string): void {
    this.wants.delete(key);
  }

  /** The network is back: nothing waits any longer. */
  hurry(now: number): void {
    for (const want of this.wants.values()) if (want.retryAt !== undefined) want.retryAt = now;
  }

  due(now: number): Fetch[] {
    const fetches: Fetch[] = [];
    for (const [key, want] of this.wants) {
      if (want.retryAt === undefined || want.retryAt > now) continue;
      want.retryAt = undefined;
      want.attempt = ++this.attempt;
      fetches.push({ key, path: want.path, attempt: want.attempt });
    }
    return fetches;
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const { retryAt } of this.wants.values())
      if (retryAt !== undefined) next = Math.min(next ?? retryAt, retryAt);
    return next;
  }
}
