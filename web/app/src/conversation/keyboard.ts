/** Keeps the composer on the on-screen keyboard where the browser lets it cover the page (iOS). */
import { useEffect } from "react";

/** Sets `--keyboard` on the root to what the keyboard covers, in px, while the caller is mounted. */
export function useKeyboardInset(): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const root = document.documentElement;
    const place = () => {
      // A pinch-zoomed page is smaller for another reason.
      const covered = viewport.scale > 1.01 ? 0 : innerHeight - viewport.height;
      root.style.setProperty("--keyboard", `${Math.max(0, Math.round(covered))}px`);
      // iOS scrolls the page under the keyboard; ours has its own place for the box.
      if (covered > 0) scrollTo(0, 0);
    };
    place();
    viewport.addEventListener("resize", place);
    return () => {
      viewport.removeEventListener("resize", place);
      root.style.removeProperty("--keyboard");
    };
  }, []);
}
