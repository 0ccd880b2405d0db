import { type RefObject, useLayoutEffect } from "react";

/** A phone with its bezel, in px before it is scaled; as in demo.css. */
const PHONE = { width: 410, height: 760, gap: 40, below: 118 };

/** Sets `--scale` on the stage so that both phones fit it; from a tablet on. */
export function useFit(stage: RefObject<HTMLDivElement | null>): void {
  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return;
    const fit = () => {
      const { clientWidth, clientHeight } = element;
      const scale = Math.min(
        1,
        (clientHeight - PHONE.below) / PHONE.height,
        (clientWidth - PHONE.gap) / 2 / PHONE.width,
      );
      element.style.setProperty("--scale", String(Math.max(0.4, scale)));
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    return () => observer.disconnect();
  }, [stage]);
}
