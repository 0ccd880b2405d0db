/** Tabs of one browser, as far as they know of each other: its Web Locks (W3C) and its visibility. */

interface Request {
  name: string;
  steal: boolean;
  granted(lock: object): Promise<unknown> | unknown;
  settle(outcome: { value: unknown } | { error: unknown }): void;
}

export class FakeLocks {
  private readonly held = new Map<string, Request>();
  private readonly queue: Request[] = [];

  async request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal },
    granted: (lock: object | null) => Promise<unknown> | unknown,
  ): Promise<unknown> {
    await Promise.resolve();
    if (options.ifAvailable && this.held.has(name)) return granted(null);
    return new Promise((resolve, reject) => {
      const request: Request = {
        name,
        steal: options.steal ?? false,
        granted,
        settle: (outcome) => ("error" in outcome ? reject(outcome.error) : resolve(outcome.value)),
      };
      options.signal?.addEventListener("abort", () => {
        const place = this.queue.indexOf(request);
        if (place < 0) return;
        this.queue.splice(place, 1);
        request.settle({ error: new DOMException("aborted", "AbortError") });
      });
      if (options.signal?.aborted) return reject(new DOMException("aborted", "AbortError"));
      if (request.steal) {
        this.held.get(name)?.settle({ error: new DOMException("stolen", "AbortError") });
        this.held.delete(name);
        this.queue.unshift(request);
      } else this.queue.push(request);
      this.pump();
    });
  }

  private pump(): void {
    for (const request of [...this.queue]) {
      if (this.held.has(request.name)) continue;
      this.queue.splice(this.queue.indexOf(request), 1);
      this.held.set(request.name, request);
      Promise.resolve(request.granted({})).then((value) => {
        if (this.held.get(request.name) !== request) return;
        this.held.delete(request.name);
        request.settle({ value });
        this.pump();
      });
    }
  }
}

/** Gives the page these locks, until the returned function is called. */
export function withLocks(locks: FakeLocks | undefined): () => void {
  const had = Object.getOwnPropertyDescriptor(navigator, "locks");
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  return () => {
    if (had) Object.defineProperty(navigator, "locks", had);
    else Reflect.deleteProperty(navigator, "locks");
  };
}

/** Shows or hides the page. */
export function setVisible(on: boolean): void {
  Object.defineProperty(document, "visibilityState", {
    value: on ? "visible" : "hidden",
    configurable: true,
  });
  Object.defineProperty(document, "hidden", { value: !on, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
