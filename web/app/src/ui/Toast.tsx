/** A sentence at the bottom of the screen that goes by itself: what was done, or why it was not. */
import { useEffect, useSyncExternalStore } from "react";

/** How long one stays, in ms. */
const STAYS_MS = 5000;

let current: { text: string } | undefined;
const listeners = new Set<() => void>();

function set(next: typeof current) {
  current = next;
  for (const listener of listeners) listener();
}

/** Shows a sentence; the one before gives way. */
export const toast = (text: string): void => set({ text });

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where toasts show; rendered once, by the shell. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => current);
  useEffect(() => {
    if (!shown) return;
    const timer = setTimeout(() => set(undefined), STAYS_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  return (
    <div
      role="status"
      className="safe-bottom pointer-events-none fixed inset-x-4 bottom-20 z-50 flex justify-center"
    >
      {shown && (
        <p className="max-w-md rounded-2xl bg-foreground px-4 py-3 text-background wrap-anywhere shadow-float">
          {shown.text}
        </p>
      )}
    </div>
  );
}
