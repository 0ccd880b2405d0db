/** Pictures to look at, in `output/screens`. */
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";
import { OUTPUT } from "./measures.ts";

export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(OUTPUT, "screens", `${name}.png`), animations: "disabled" });
}

/** Asks axe in both themes, but for `rules` that cannot hold here, and keeps a picture of each. */
export async function check(page: Page, project: string, name: string, ...rules: string[]): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await expect.poll(() => page.evaluate(lit)).toBe(colorScheme);
    await shoot(page, `${name}-${project}-${colorScheme}`);
    const { violations } = await new AxeBuilder({ page }).disableRules(rules).analyze();
    const found = violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`));
    expect(found, `${name}, ${colorScheme}`).toEqual([]);
  }
}

/** How the page is lit, by the colour behind its text: our own pages do it by a script, others by CSS alone. */
function lit(): "light" | "dark" {
  const drawing = document.createElement("canvas").getContext("2d");
  if (!drawing) throw new Error("no canvas to read colours with");
  drawing.fillStyle = getComputedStyle(document.body).backgroundColor;
  drawing.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = drawing.getImageData(0, 0, 1, 1).data;
  return red + green + blue > 382 ? "light" : "dark";
}
