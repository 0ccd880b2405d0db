/** What a reload paints before the network answers: written a little after each change, read once. */
import type { Snapshot } from "../engine/cached.js";
import type { Chat } from "../engine/chat.js";
import { CACHED_ROOMS } from "../engine/limits.js";
import type { Database } from "./database.js";

const META = "account";
/** Changes are gathered for so long, in milliseconds. */
const GATHER_MS = 1_000;

export class Cache {
  private timer?: ReturnType<typeof setTimeout>;
  private saved = false;

  constructor(
    private readonly database: Promise<Database | undefined>,
    private readonly chat: Chat,
  ) {}

  async load(): Promise<Snapshot | undefined> {
    try {
      const db = await this.database;
      const meta = await db?.get("meta", META);
      if (!db || !meta) return undefined;
      return { ...meta, rooms: await db.getAll("rooms") };
    } catch {
      return undefined;
    }
  }

  /** Something may have changed. */
  touch(): void {
    if (this.chat.unsaved.size === 0 || !this.chat.ready) return;
    // The first state is kept at once: a reload may come any moment.
    this.timer ??= setTimeout(() => void this.save(), this.saved ? GATHER_MS : 0);
  }

  async save(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { chat } = this;
    const meta = chat.cachedMeta();
    const db = await this.database;
    if (!meta || !db || chat.unsaved.size === 0) return;
    const newest = [...chat.rooms.values()].sort((a, b) => b.lastAt - a.lastAt).slice(0, CACHED_ROOMS);
    const withEvents = new Set(newest.map(({ id }) => id));
    const changed = [...chat.unsaved];
    chat.unsaved.clear();
    try {
      const transaction = db.transaction(["rooms", "meta"], "readwrite");
      const [rooms, metas] = [transaction.objectStore("rooms"), transaction.objectStore("meta")];
      for (const id of changed) {
        if (id === "") continue;
        const room = chat.cached(id, withEvents.has(id));
        void (room ? rooms.put(room, id) : rooms.delete(id));
      }
      void metas.put(meta, META);
      await transaction.done;
      this.saved = true;
    } catch {
      // The cache is a convenience: without it a reload waits for the network.
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  async wipe(): Promise<void> {
    this.stop();
    try {
      const db = await this.database;
      await Promise.all([db?.clear("rooms"), db?.clear("meta")]);
    } catch {
      // Nothing was kept.
    }
  }
}
