import { type ReactNode, type RefObject, useLayoutEffect, useRef, useState } from "react";
import { classes } from "../ui/classes.js";

/** A slide's length, in ms. */
const SLIDE_MS = 180;
/** A drag past this part of the width, or this fast (px/ms), goes back. */
const FAR_ENOUGH = 0.35;
const FAST_ENOUGH = 0.5;

const HIDDEN = "translateX(100%)";

interface SlidePaneProps {
  open: boolean;
  /** The finger, drawn from the left edge, went back. */
  onBack(): void;
  children: ReactNode;
  className?: string;
}

/**
 * A pane over what lies below: comes in from the right, follows the finger back from the left
 * edge, and keeps its content until it is out of sight. Nothing moves with reduced motion.
 */
export function SlidePane({ open, onBack, children, className }: SlidePaneProps) {
  const pane = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState(open);
  const kept = useRef(children);
  const first = useRef(open);
  if (open) kept.current = children;
  if (open && !shown) setShown(true);

  useLayoutEffect(() => {
    const element = pane.current;
    if (!element) return;
    if (open) {
      // What is open when the page loads is simply there.
      if (!first.current) slide(element, HIDDEN, "none");
      first.current = false;
      element.style.transform = "";
      return;
    }
    const from = element.style.transform || "none";
    if (from === HIDDEN) return setShown(false);
    const leaving = slide(element, from, HIDDEN);
    if (!leaving) return setShown(false);
    leaving.onfinish = () => setShown(false);
    return () => leaving.cancel();
  }, [open]);

  if (!shown) return null;
  return (
    <div
      ref={pane}
      inert={!open}
      className={classes(
        "absolute inset-0 z-10 flex flex-col overflow-hidden bg-background shadow-float",
        className,
      )}
    >
      {open ? children : kept.current}
      <Edge pane={pane} onBack={onBack} />
    </div>
  );
}

/** The strip at the left edge that a finger can draw the pane back by. */
function Edge({ pane, onBack }: { pane: RefObject<HTMLDivElement | null>; onBack(): void }) {
  const drag = useRef<{ x: number; at: number } | undefined>(undefined);
  const end = (x: number, at: number) => {
    const element = pane.current;
    const started = drag.current;
    drag.current = undefined;
    if (!element || !started) return;
    const moved = Math.max(x - started.x, 0);
    const fast = moved / Math.max(at - started.at, 1) > FAST_ENOUGH && moved > 32;
    if (moved > element.clientWidth * FAR_ENOUGH || fast) return onBack();
    slide(element, element.style.transform || "none", "none");
    element.style.transform = "";
  };
  return (
    <div
      aria-hidden
      className="absolute top-16 bottom-20 left-0 z-20 hidden w-4 touch-pan-y pointer-coarse:block"
      onPointerDown={(event) => {
        drag.current = { x: event.clientX, at: event.timeStamp };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (!drag.current || !pane.current) return;
        pane.current.style.transform = `translateX(${Math.max(event.clientX - drag.current.x, 0)}px)`;
      }}
      onPointerUp={(event) => end(event.clientX, event.timeStamp)}
      onPointerCancel={(event) => end(drag.current?.x ?? 0, event.timeStamp)}
    />
  );
}

function slide(element: HTMLElement, from: string, to: string): Animation | undefined {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return undefined;
  const frames = [{ transform: from }, { transform: to }];
  return element.animate(frames, {
    duration: SLIDE_MS,
    easing: "cubic-bezier(0.2, 0.7, 0.2, 1)",
    fill: "none",
  });
}
