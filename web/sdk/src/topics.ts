/** A page that is hidden before its next frame hears after this long. */
const HIDDEN_MS = 250;

/**
 * Who wants to hear that a view changed, by topic. What a person does is told at once; what the
 * network brings is gathered until the frame that shows it, so that a burst renders once.
 */
export class Topics {
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly gathered = new Set<string>();
  private planned = false;

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

  tell(topics: Iterable<string>, at: "once" | "frame"): void {
    for (const topic of topics) this.gathered.add(topic);
    if (at === "once") return this.flush();
    if (this.planned) return;
    this.planned = true;
    // A hidden page draws no frames.
    const drawn = typeof requestAnimationFrame !== "undefined" && !document.hidden;
    if (drawn) requestAnimationFrame(() => this.flush());
    setTimeout(() => this.flush(), drawn ? HIDDEN_MS : 0);
  }

  /** Everything may have changed: another person is here. */
  tellAll(): void {
    this.tell([...this.listeners.keys()], "once");
  }

  private flush(): void {
    this.planned = false;
    if (this.gathered.size === 0) return;
    const topics = [...this.gathered];
    this.gathered.clear();
    const told = new Set<() => void>();
    for (const topic of topics) for (const listener of this.listeners.get(topic) ?? []) told.add(listener);
    for (const listener of told) listener();
  }
}
