/** A press that stays, on a touch screen: iOS has no event for it, Android's is `contextmenu`. */
import { type TouchEvent, useEffect, useRef } from "react";

/** How long a finger rests before it counts, in ms. */
const PRESS_MS = 450;

/** Handlers to spread on an element; `onPress` gets what was pressed. */
export function useLongPress(onPress: (target: Element) => void) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const cancel = () => clearTimeout(timer.current);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    onTouchStart(event: TouchEvent) {
      cancel();
      const { target } = event;
      if (event.touches.length !== 1 || !(target instanceof Element) || target.closest("a,button")) return;
      timer.current = setTimeout(() => {
        navigator.vibrate?.(8);
        onPress(target);
      }, PRESS_MS);
    },
    onTouchMove: cancel,
    onTouchEnd: cancel,
    onTouchCancel: cancel,
  };
}
