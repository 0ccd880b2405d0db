import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "../support/fixtures.ts";
import { shoot } from "../support/screens.ts";

test("the demo is two live phones, and says what it measured", async ({ open, serve }) => {
  const server = await serve("--demo");
  const { page } = await open(undefined, { path: "/", origin: server.url() });
  await expect(page).toHaveURL(/\/demo/);
  const boxes = page.getByRole("textbox", { name: "Escribe un mensaje" });
  await expect(boxes).toHaveCount(2);
  await expect(boxes.first()).toBeEnabled();
  await boxes.first().fill("¿Se ve al instante?");
  await boxes.first().press("Enter");
  await expect(page.getByRole("article").filter({ hasText: "¿Se ve al instante?" })).toHaveCount(2);
  await expect(page.getByText(/pintado en \d+ ms/).first()).toBeVisible();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await shoot(page, `demo-${colorScheme}`);
    // Two phones in one page: each has its "Mensajes".
    const { violations } = await new AxeBuilder({ page }).disableRules("landmark-unique").analyze();
    expect(violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`))).toEqual([]);
  }
});
