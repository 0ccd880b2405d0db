/** What a page can tell only from inside: injected before its own scripts, read by tests. */
import type { Page } from "@playwright/test";

/** What one press of Enter (or of the button) led to. */
export interface Sent {
  /** Whether the bubble was in the document before any other task ran. */
  inTask: boolean;
  /** Whether it was there before the next frame was drawn. */
  inFrame: boolean;
  /** When the input happened, in ms since 1970. */
  at: number;
  /** From the input to the end of that frame, in ms. */
  painted: number;
}

interface Probes {
  sent: Promise<Sent> | undefined;
  /** Fills `sent` with what the next press leads to, looking for a row with this text. */
  watchSend(text: string): void;
  /** Resolves with the time (ms since 1970) at which this text is in the document. */
  appears(text: string): Promise<number>;
  /** Counts the rows that are added or change until `changedRows` is called. */
  watchRows(): void;
  changedRows(): { added: number; changed: number };
  /** The longest task since the last call, in ms. */
  longestTask(): number;
  /** Resolves with the time (ms since 1970) of the next key press. */
  nextKey(): Promise<number>;
  /** How long each interaction since the last call took to the next paint, in ms (0: under 16). */
  interactions(): number[];
}

declare global {
  interface Window {
    probes: Probes;
  }
}

function install(): void {
  const region = () => document.querySelector("section[aria-label=Mensajes]");
  const shows = (text: string) =>
    [...(region()?.querySelectorAll("article") ?? [])].some((row) => row.textContent?.includes(text));
  const now = () => performance.timeOrigin + performance.now();
  const afterThisTask = (run: () => void) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      run();
    };
    port2.postMessage(null);
  };
  let rows:
    | { before: Set<Element>; added: Set<Element>; changed: Set<Element>; observer: MutationObserver }
    | undefined;
  let longest = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
  }).observe({ type: "longtask" });
  let interactions = new Map<number, number>();
  new PerformanceObserver((list) => {
    for (const { interactionId, duration } of list.getEntries() as PerformanceEventTiming[]) {
      const known = interactions.get(interactionId) ?? 0;
      if (interactionId > 0) interactions.set(interactionId, Math.max(known, duration));
    }
  }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);

  window.probes = {
    sent: undefined,
    watchSend(text) {
      this.sent = new Promise((done) => {
        const pressed = (event: Event) => {
          if (event instanceof KeyboardEvent && event.key !== "Enter") return;
          for (const name of ["keydown", "click"]) removeEventListener(name, pressed, true);
          let inTask = false;
          afterThisTask(() => {
            inTask = shows(text);
          });
          requestAnimationFrame(() => {
            const inFrame = shows(text);
            const at = performance.timeOrigin + event.timeStamp;
            afterThisTask(() => done({ inTask, inFrame, at, painted: now() - at }));
          });
        };
        for (const name of ["keydown", "click"]) addEventListener(name, pressed, true);
      });
    },
    appears(text) {
      return new Promise((done) => {
        const look = () => {
          if (!document.body.textContent?.includes(text)) return;
          observer.disconnect();
          done(now());
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
        look();
      });
    },
    watchRows() {
      const before = new Set(region()?.querySelectorAll("article"));
      const [added, changed] = [new Set<Element>(), new Set<Element>()];
      const observer = new MutationObserver((records) => {
        for (const { addedNodes, target } of records) {
          for (const node of addedNodes) {
            const inside = node instanceof Element ? [node, ...node.querySelectorAll("article")] : [];
            for (const row of inside) if (row.matches("article") && !before.has(row)) added.add(row);
          }
          const row = (target instanceof Element ? target : target.parentElement)?.closest("article");
          if (row && before.has(row)) changed.add(row);
        }
      });
      const list = region();
      if (list)
        observer.observe(list, { subtree: true, childList: true, characterData: true, attributes: true });
      rows = { before, added, changed, observer };
    },
    changedRows() {
      rows?.observer.disconnect();
      return { added: rows?.added.size ?? 0, changed: rows?.changed.size ?? 0 };
    },
    nextKey() {
      return new Promise((done) => {
        const pressed = (event: Event) => done(performance.timeOrigin + event.timeStamp);
        addEventListener("keydown", pressed, { capture: true, once: true });
      });
    },
    interactions() {
      const was = [...interactions.values()];
      interactions = new Map();
      return was;
    },
    longestTask() {
      const was = longest;
      longest = 0;
      return was;
    },
  };
}

/** Makes `window.probes` there in every document of the page. */
export function installProbes(page: Page): Promise<unknown> {
  return page.addInitScript(install);
}
