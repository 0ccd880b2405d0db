/** The keys that work anywhere. To add one: its answer in `shortcut` and its row in `i18n/shell.ts`. */
import { useEffect, useRef } from "react";

export type Shortcut = "search" | "keys" | "back";

interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** What a key press asks for; `writing` says whether it went into a text field. */
export function shortcut(press: Press, writing: boolean): Shortcut | undefined {
  if (press.altKey) return undefined;
  if (press.ctrlKey || press.metaKey) return press.key.toLowerCase() === "k" ? "search" : undefined;
  if (press.key === "Escape") return "back";
  return press.key === "?" && !writing ? "keys" : undefined;
}

/** Calls `on` for each shortcut that nothing nearer took; what is modal keeps its keys. */
export function useShortcuts(on: (shortcut: Shortcut) => void): void {
  const latest = useRef(on);
  useEffect(() => {
    latest.current = on;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open], [role=menu]"))
        return;
      const target = event.target instanceof HTMLElement ? event.target : undefined;
      const writing = target?.matches("input:not([type=radio], [type=checkbox]), textarea") ?? false;
      const asked = shortcut(event, writing);
      if (!asked) return;
      event.preventDefault();
      latest.current(asked);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}
