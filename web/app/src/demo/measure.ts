/**
 * Measures a message from the key press in one phone to both screens, from outside: by the keys
 * pressed and the rows that appear in the page. Both phones share the page, so one clock does.
 */
import { afterPaint } from "../conversation/afterPaint.js";

/** What is known of the last message sent, in ms after its key press. */
export interface Measure {
  key: string;
  painted?: number;
  seen?: number;
}

/** Watches what is sent `from` one phone `to` the other, until the returned function is called. */
export function watch(from: HTMLElement, to: HTMLElement, report: (measure: Measure) => void): () => void {
  let pressedAt: number | undefined;
  let last: { measure: Measure; pressedAt: number } | undefined;
  /** When rows came to the other phone since the press: a page that waits for its server shows its own later. */
  const arrived = new Map<string, number>();

  const stamp = (stage: "painted" | "seen", of: NonNullable<typeof last>, at: number) => {
    of.measure = { ...of.measure, [stage]: at - of.pressedAt };
    if (of === last) report(of.measure);
  };
  const seen = () => {
    const at = last && arrived.get(last.measure.key);
    if (last && at !== undefined && last.measure.seen === undefined) stamp("seen", last, at);
  };

  const onPress = (event: KeyboardEvent | MouseEvent) => {
    const { target } = event;
    const sends =
      event instanceof KeyboardEvent
        ? event.key === "Enter" && !event.shiftKey && target instanceof HTMLTextAreaElement
        : target instanceof Element && target.closest(".composer-send");
    if (!sends) return;
    pressedAt = event.timeStamp;
    arrived.clear();
  };

  const leaving = onRows(from, (row) => {
    if (pressedAt === undefined || !row.querySelector(".message-own")) return;
    const sent = { measure: { key: row.dataset.key ?? "" }, pressedAt };
    last = sent;
    pressedAt = undefined;
    report(last.measure);
    afterPaint(() => stamp("painted", sent, performance.now()));
    seen();
  });
  const arriving = onRows(to, (row) => {
    const key = row.dataset.key ?? "";
    afterPaint(() => {
      arrived.set(key, performance.now());
      seen();
    });
  });

  from.addEventListener("keydown", onPress, { capture: true });
  from.addEventListener("click", onPress, { capture: true });
  return () => {
    leaving.disconnect();
    arriving.disconnect();
    from.removeEventListener("keydown", onPress, { capture: true });
    from.removeEventListener("click", onPress, { capture: true });
  };
}

function onRows(phone: HTMLElement, found: (row: HTMLElement) => void): MutationObserver {
  const observer = new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof HTMLElement && node.dataset.key) found(node);
    }
  });
  observer.observe(phone, { childList: true, subtree: true });
  return observer;
}
