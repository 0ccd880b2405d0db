/** How much fits beside each other, and how wide the list is. */
import { useSyncExternalStore } from "react";

/** From here on list and conversation stand side by side, in px. */
const TWO_PANES = "(min-width: 768px)";
/** From here on the info panel has a column of its own. */
const THREE_PANES = "(min-width: 1180px)";

function useMedia(query: string): boolean {
  const subscribe = (listener: () => void) => {
    const media = matchMedia(query);
    media.addEventListener("change", listener);
    return () => media.removeEventListener("change", listener);
  };
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** How many panes the window has room for. */
export function usePanes(): 1 | 2 | 3 {
  const two = useMedia(TWO_PANES);
  const three = useMedia(THREE_PANES);
  return three ? 3 : two ? 2 : 1;
}

/** The list's narrowest and widest, in px, and what it is where nobody chose. */
export const LIST_WIDTH = { min: 340, max: 400, initial: 368 };

/** A width that is within bounds; the initial one for anything that is no number. */
export function listWidth(wish: string | number | undefined): number {
  const px = Number(wish ?? Number.NaN);
  if (!Number.isFinite(px)) return LIST_WIDTH.initial;
  return Math.min(Math.max(Math.round(px), LIST_WIDTH.min), LIST_WIDTH.max);
}

/** The width after a key on the divider; `undefined` for a key that means nothing there. */
export function listWidthByKey(width: number, key: string): number | undefined {
  if (key === "ArrowLeft") return listWidth(width - 16);
  if (key === "ArrowRight") return listWidth(width + 16);
  if (key === "Home") return LIST_WIDTH.min;
  return key === "End" ? LIST_WIDTH.max : undefined;
}
