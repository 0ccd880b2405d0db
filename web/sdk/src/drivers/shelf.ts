/** Texts kept beyond the page: `localStorage`, or memory where the browser keeps nothing. */
export interface Shelf {
  get(key: string): string | undefined;
  /** False when it could not be kept beyond the page. */
  set(key: string, text: string): boolean;
  delete(key: string): void;
  keys(prefix: string): string[];
}

let memory: Map<string, string> | undefined;

export function shelf(): Shelf {
  memory ??= new Map();
  const held = memory;
  const storage = available();
  return {
    get: (key) => held.get(key) ?? storage?.getItem(key) ?? undefined,
    set(key, text) {
      held.delete(key);
      try {
        if (storage) {
          storage.setItem(key, text);
          return true;
        }
      } catch {
        // Full: the page alone remembers it.
      }
      held.set(key, text);
      return false;
    },
    delete(key) {
      held.delete(key);
      storage?.removeItem(key);
    },
    keys(prefix) {
      const stored = storage
        ? Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "")
        : [];
      return [...new Set([...held.keys(), ...stored])].filter((key) => key.startsWith(prefix));
    },
  };
}

function available(): Storage | undefined {
  try {
    return typeof localStorage === "undefined" ? undefined : localStorage;
  } catch {
    return undefined;
  }
}
