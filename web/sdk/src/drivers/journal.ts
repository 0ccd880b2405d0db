/**
 * Where the outbox outlives the page. An entry is in `localStorage` before `keep` returns, since only
 * that is synchronous; it moves to IndexedDB beside the sending, and leaves the first place only when
 * it is committed in the second. Whatever the moment of a crash, one of the two has it; if both do, the
 * first is the newer.
 */
import type { StoredEntry } from "../engine/outbox.js";
import type { TxnId } from "../protocol.gen.js";
import type { Database } from "./database.js";
import { afterPaint } from "./frames.js";
import { type Shelf, shelf } from "./shelf.js";

/** Entries taken back or stored since the page is here, remembered so that a slow reading does not bring them back. */
const GONE = 1_000;

export class Journal {
  private readonly prefix: string;
  private readonly gone = new Set<TxnId>();
  private readonly store: Shelf;

  constructor(
    account: string,
    private readonly database: Promise<Database | undefined>,
  ) {
    this.prefix = `${account}:outbox:`;
    this.store = shelf();
  }

  keep(entry: StoredEntry): void {
    const key = `${this.prefix}${entry.txn}`;
    const text = JSON.stringify(entry);
    this.gone.delete(entry.txn);
    this.store.set(key, text);
    afterPaint(() => void this.move(key, text, entry));
  }

  /** Stored on the server, or taken back. */
  forget(txn: TxnId): void {
    this.gone.add(txn);
    for (const oldest of this.gone) {
      if (this.gone.size <= GONE) break;
      this.gone.delete(oldest);
    }
    this.store.delete(`${this.prefix}${txn}`);
    void this.database.then((db) => db?.delete("outbox", txn)).catch(() => {});
  }

  /** All that waits, in the order composed. */
  async read(): Promise<StoredEntry[]> {
    const entries = new Map<TxnId, StoredEntry>();
    const moved = await this.database.then((db) => db?.getAll("outbox")).catch(() => undefined);
    for (const entry of moved ?? []) entries.set(entry.txn, entry);
    for (const key of this.store.keys(this.prefix)) {
      const entry = parsed(this.store.get(key));
      if (entry) entries.set(entry.txn, entry);
    }
    return [...entries.values()]
      .filter(({ txn }) => !this.gone.has(txn))
      .sort((a, b) => (a.txn < b.txn ? -1 : 1));
  }

  async wipe(): Promise<void> {
    for (const key of this.store.keys(this.prefix)) this.store.delete(key);
    await this.database.then((db) => db?.clear("outbox")).catch(() => {});
  }

  private async move(key: string, text: string, entry: StoredEntry): Promise<void> {
    try {
      const db = await this.database;
      if (!db || this.gone.has(entry.txn)) return;
      const transaction = db.transaction("outbox", "readwrite", { durability: "strict" });
      await transaction.store.put(entry);
      await transaction.done;
      if (this.store.get(key) === text) this.store.delete(key);
    } catch {
      // It stays where it is.
    }
  }
}

function parsed(text: string | undefined): StoredEntry | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as StoredEntry);
  } catch {
    return undefined;
  }
}
