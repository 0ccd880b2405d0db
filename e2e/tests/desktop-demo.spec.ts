import { expect, test } from "../support/fixtures.ts";
import { check } from "../support/screens.ts";

test("the demo is two live phones, and says what it measured", async ({ open, serve }, info) => {
  const server = await serve("--demo");
  const { page } = await open(undefined, { path: "/", origin: server.url() });
  await expect(page).toHaveURL(/\/demo/);
  const boxes = page.getByRole("textbox", { name: "Escribe un mensaje" });
  await expect(boxes).toHaveCount(2);
  await expect(boxes.first()).toBeEnabled();
  await boxes.first().fill("¿Se ve al instante?");
  await boxes.first().press("Enter");
  await expect(page.getByRole("article").filter({ hasText: "¿Se ve al instante?" })).toHaveCount(2);
  await expect(page.getByText(/pintado en \d/).first()).toBeVisible();
  // Two phones in one page: each has its "Mensajes".
  await check(page, info.project.name, "demo", "landmark-unique");

  await page.goto(`${server.url()}/demo?lang=en`);
  await expect(page.getByRole("textbox", { name: "Write a message" })).toHaveCount(2);
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
});
