/** Texts that people send to break a page, and what a page must look like all the same. */
import type { Page } from "@playwright/test";

/** What a script sets that gets to run. */
const MARK = "pwned";
const RUN = `window.${MARK}=1`;

/** As many marks on each letter as the server lets pass. */
const zalgo = (text: string) =>
  [...text].map((letter) => `${letter}\u0316\u0317\u0318\u0319\u031c\u031d\u0300\u0301`).join("");

/** What may be in a name: 60 characters. */
export const NAMES: Record<string, string> = {
  wide: "W".repeat(60),
  marked: zalgo("Zalgo "),
  markup: `<script>${RUN}</script>`,
  image: `<img src=x onerror=${RUN}>`,
  template: `{{constructor.constructor("${RUN}")()}}`,
  address: `javascript:${RUN}`,
  backwards: `\u202e${"abc ".repeat(8)}\u202c`,
  arabic: "محمد عبد الرحمن العبد الله بن عبد العزيز الطويل جدا هنا",
  emoji: "👨‍👩‍👧‍👦".repeat(8),
};

/** What may be in a message. */
export const TEXTS: Record<string, string> = {
  wide: "W".repeat(4_000),
  marked: zalgo("Ha llegado el que espera. ".repeat(8)),
  markup: `<script>${RUN}</script><svg onload=${RUN}><iframe srcdoc="<script>parent.${MARK}=1</script>">`,
  image: `<img src=x onerror=${RUN}><a href="javascript:${RUN}">aquí</a><base href=//example.com>`,
  template: `{{constructor.constructor("${RUN}")()}} \${${RUN}} <%= ${RUN} %> [x](javascript:${RUN})`,
  address: `javascript:${RUN} JaVaScRiPt:${RUN}//x.com vbscript:x data:text/html,<script>${RUN}</script> https://example.com/"onclick="${RUN} https://example.com/${"a".repeat(900)}`,
  backwards: `\u202e${"gnp.exe ".repeat(20)}\u2067x\u2066y`,
  arabic: "مرحبا بالعالم ".repeat(40),
  emoji: "🎉".repeat(600),
  hidden: `${"\u200b\u200d\u2060\ufeff".repeat(300)}x`,
  control: "a\u0000b\u0007c\u001b[31md\u0085e\u2028f",
  tall: "a\n".repeat(1_500),
};

/** Sees to it that whatever a page does that it must not is told. */
export async function watch(page: Page): Promise<string[]> {
  const found: string[] = [];
  page.on("dialog", (dialog) => void dialog.dismiss().then(() => found.push(`dialog: ${dialog.message()}`)));
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") found.push(`request: ${request.url()}`);
  });
  await page.exposeFunction("tellViolation", (what: string) => found.push(`content policy: ${what}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const tell = (window as unknown as { tellViolation(what: string): void }).tellViolation;
      tell(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return found;
}

/** What is wrong with what a page shows now: a script that ran, text outside its place, a part that is no more in sight. */
export function faults(page: Page): Promise<string[]> {
  return page.evaluate(async (mark) => {
    // What slides in is out of its place until it is there.
    const ends = ({ effect }: Animation) => effect?.getTiming().iterations !== Number.POSITIVE_INFINITY;
    const moving = document.getAnimations().filter(ends);
    await Promise.allSettled(moving.map(({ finished }) => finished));
    const found: string[] = [];
    if (mark in window) found.push("a script ran");
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) found.push(`the page is ${wide} px wide`);
    const shown = (element: Element) =>
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    /** Up to whoever cuts it, which only an ellipsis may. */
    const leaves = (from: Element, boxes: DOMRect[]): Element | undefined => {
      for (let box: Element | null = from; box; box = box.parentElement) {
        const style = getComputedStyle(box);
        if (style.textOverflow === "ellipsis") return undefined;
        const cuts = style.overflowX !== "visible" || box === document.body;
        const frame = box.getBoundingClientRect();
        if (cuts && boxes.some(({ left, right }) => left < frame.left - 1 || right > frame.right + 1))
          return box;
        // What lies over the page is cut by none below it.
        if (style.position === "fixed") return undefined;
      }
      return undefined;
    };
    const tell = (what: string, out: Element | undefined) =>
      out && found.push(`${what} leaves <${out.tagName} class="${out.className}">`);
    for (const element of document.querySelectorAll("button, a, input, textarea, img")) {
      if (!shown(element) || element.closest(".sr-only,[inert]") || !element.parentElement) continue;
      const name = element.getAttribute("aria-label") ?? element.textContent ?? "";
      tell(
        `<${element.tagName}> "${name.slice(0, 30)}"`,
        leaves(element.parentElement, [element.getBoundingClientRect()]),
      );
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!parent || !node.textContent?.trim() || !shown(parent) || parent.closest(".sr-only,[inert]"))
        continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      tell(`"${node.textContent.slice(0, 30)}"`, leaves(parent, [...range.getClientRects()]));
    }
    for (const [name, most] of [
      [".conversation-header", 72],
      ["nav li a", 73],
    ] as const)
      for (const element of document.querySelectorAll(name)) {
        const { height } = element.getBoundingClientRect();
        if (height > most) found.push(`${name} is ${height} px high`);
      }
    const composer = document.querySelector(".composer");
    if (composer && shown(composer) && composer.getBoundingClientRect().bottom > innerHeight + 1)
      found.push("the composer is out of sight");
    return [...new Set(found)];
  }, MARK);
}
