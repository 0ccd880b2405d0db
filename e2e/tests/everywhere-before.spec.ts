import { expect, test } from "../support/fixtures.ts";
import { check } from "../support/screens.ts";

test("the demo shows the page as it was beside the one of now, and the figures of both", async ({
  open,
  serve,
}, info) => {
  const server = await serve("--demo");
  const { page } = await open(undefined, { path: "/demo", origin: server.url() });
  await page.getByRole("radio", { name: "Antes" }).check();
  const [old, now] = [
    page.getByRole("group", { name: "Teléfono de Ana" }),
    page.getByRole("group", { name: "Teléfono de Luis" }),
  ];
  const sent = [
    { from: old, to: now, text: "¿Te llega ya?" },
    { from: now, to: old, text: "Antes de que sueltes la tecla." },
  ];
  await expect(old.getByText("Antes", { exact: true })).toBeVisible();
  await expect(now.getByText("Ahora", { exact: true })).toBeVisible();
  await expect(now.getByText("En vivo")).toBeVisible();
  for (const { from, to, text } of sent) {
    await from.getByRole("textbox", { name: "Escribe un mensaje" }).fill(text);
    await from.getByRole("button", { name: "Enviar mensaje" }).click();
    for (const phone of [from, to]) {
      await expect(phone.getByRole("article").filter({ hasText: text })).toHaveCount(1);
    }
  }
  await expect(page.getByText(/pintado en \d/)).toHaveCount(2);
  const figures = page.getByRole("table").getByRole("cell", { name: /^\d+ ms$|^\d+,\d s$/ });
  await expect(figures).toHaveCount(4);
  await expect(old.getByText(/[2-9]\d consultas hasta ahora/)).toBeVisible();
  await expect(
    page
      .getByRole("row", { name: /Peticiones por minuto/ })
      .getByRole("cell")
      .first(),
  ).toHaveText(/^[1-9]\d+$/);
  // Two phones in one page: each has its "Mensajes".
  await check(page, info.project.name, "demo-before", "landmark-unique");

  await page.getByRole("radio", { name: "Ahora" }).check();
  await expect(page.getByRole("table")).toHaveCount(0);
  await expect(old.getByRole("article").filter({ hasText: "¿Te llega ya?" })).toHaveCount(1);
});
