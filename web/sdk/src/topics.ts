import { afterPaint, atFrame } from "./drivers/frames.js";

/**
 * `once`: before this returns. `frame`: in the next frame. `painted`: when the next frame is on its
 * way to the screen.
 */
export type When = "once" | "frame" | "painted";

/**
 * Who wants to hear that a view changed, by topic. What a person does is told at once; what the
 * network brings is gathered until the frame that shows it, so that a burst renders once; what need
 * not be in the frame of a key press comes after it.
 */
export class Topics {
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly gathered: Record<When, Set<string>> = {
    once: new Set(),
    frame: new Set(),
    painted: new Set(),
  };

  subscribe(topic: string, listener: () => void): () => void {
    // Its own function, so that one listener given twice is told, and leaves, twice.
    const entry = () => listener();
    const of = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, of.add(entry));
    return () => {
      of.delete(entry);
      if (of.size === 0 && this.listeners.get(topic) === of) this.listeners.delete(topic);
    };
  }

  tell(topics: Iterable<string>, when: When): void {
    const { [when]: gathered, frame } = this.gathered;
    const planned = gathered.size > 0;
    for (const topic of topics) gathered.add(topic);
    if (when === "once") {
      for (const topic of frame) gathered.add(topic);
      frame.clear();
      this.flush("once");
    } else if (!planned && gathered.size > 0) {
      (when === "frame" ? atFrame : afterPaint)(() => this.flush(when));
    }
  }

  /** Everything may have changed: another person is here. */
  tellAll(): void {
    this.tell([...this.listeners.keys()], "once");
  }

  private flush(when: When): void {
    const topics = [...this.gathered[when]];
    this.gathered[when].clear();
    const told = new Set<() => void>();
    for (const topic of topics) for (const listener of this.listeners.get(topic) ?? []) told.add(listener);
    for (const listener of told) listener();
  }
}
