/** One tab stop for a whole list; arrow keys move within it (WAI-ARIA's roving focus). */
import type { KeyboardEvent } from "react";

/** The index to go to from `at` among `count`; `undefined` for a key that does not move. */
export function rove(key: string, at: number, count: number): number | undefined {
  if (count === 0) return undefined;
  if (key === "ArrowDown" || key === "j") return Math.min(at + 1, count - 1);
  if (key === "ArrowUp" || key === "k") return Math.max(at - 1, 0);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

/** A list's `onKeyDown`: moves the focus among the descendants that match `[data-rove]`. */
export function roveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-rove]")];
  const at = stops.indexOf(event.target as HTMLElement);
  const next = at < 0 ? undefined : rove(event.key, at, stops.length);
  if (next === undefined) return;
  event.preventDefault();
  stops[next]?.focus();
}
