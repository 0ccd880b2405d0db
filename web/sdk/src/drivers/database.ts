/** One person's database in this browser: messages that wait, and what a reload paints. */
import type { DBSchema, IDBPDatabase } from "idb";
import type { CachedRoom, Snapshot } from "../engine/cached.js";
import type { StoredEntry } from "../engine/outbox.js";

export interface Schema extends DBSchema {
  outbox: { key: string; value: StoredEntry };
  rooms: { key: string; value: CachedRoom };
  meta: { key: string; value: Omit<Snapshot, "rooms"> };
}

export type Database = IDBPDatabase<Schema>;

/** Raise it with each change of a shape: what is cached is then dropped, what waits is kept. */
const VERSION = 3;

/** `undefined` where the browser keeps nothing. */
export async function openDatabase(name: string): Promise<Database | undefined> {
  if (typeof indexedDB === "undefined") return undefined;
  try {
    // It comes while the page is drawn: nothing waits for it but what it holds.
    const { openDB } = await import("idb");
    return await openDB<Schema>(name, VERSION, {
      upgrade(db) {
        if (!db.objectStoreNames.contains("outbox")) db.createObjectStore("outbox", { keyPath: "txn" });
        for (const store of ["rooms", "meta"] as const) {
          if (db.objectStoreNames.contains(store)) db.deleteObjectStore(store);
          db.createObjectStore(store);
        }
      },
      // Another tab brings a newer version, or wipes all: let it.
      blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
    });
  } catch {
    return undefined;
  }
}

export async function wipeDatabase(name: string): Promise<void> {
  if (typeof indexedDB === "undefined") return;
  const { deleteDB } = await import("idb");
  await deleteDB(name).catch(() => {});
}
