/** Pictures to look at, in `output/screens`. */
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { OUTPUT } from "./measures.ts";

export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(OUTPUT, "screens", `${name}.png`), animations: "disabled" });
}
