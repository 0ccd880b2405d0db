import { PASSWORD } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";
import { shoot } from "../support/screens.ts";

test("one sees where one is signed in, and signs out there, which says why", async ({
  people,
  open,
}, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const other = await open(ana, { room });
  await other.live();
  const { page } = await open(ana, { path: "/settings" });
  const devices = page.getByRole("list", { name: "Tus dispositivos" });
  // These two, and the one that registered.
  await expect(devices.getByRole("listitem")).toHaveCount(3);
  await expect(devices.getByRole("listitem").first()).toContainText("Este dispositivo");
  await expect(devices.getByText(/Activo (ahora|hace)/)).toHaveCount(2);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await devices.scrollIntoViewIfNeeded();
    await shoot(page, `devices-${info.project.name}-${colorScheme}`);
  }

  const last = devices.getByRole("button", { name: /^Cerrar sesión en/ }).first();
  await last.focus();
  await page.keyboard.press("Enter");
  const asked = page.getByRole("dialog");
  await expect(asked).toContainText("¿Cerrar la sesión en");
  await shoot(page, `devices-ask-${info.project.name}`);
  await asked.getByRole("button", { name: "Cerrar sesión", exact: true }).click();
  await expect(devices.getByRole("listitem")).toHaveCount(2);
  await expect(page.getByRole("status").getByText(/Sesión cerrada en/)).toBeVisible();

  await expect(other.page.getByRole("alert")).toHaveText("Esta sesión se ha cerrado. Entra de nuevo.");
  await expect(other.page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
});

test("all other devices are signed out at once, and the next sign-in shows when one looks again", async ({
  people,
  open,
}) => {
  const [ana] = await people("Ana");
  const others = [await open(ana), await open(ana)] as const;
  const { page } = await open(ana, { path: "/settings" });
  const items = page.getByRole("list", { name: "Tus dispositivos" }).getByRole("listitem");
  await expect(items).toHaveCount(4);
  await page.getByRole("button", { name: "Cerrar sesión en los demás" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cerrar sesión", exact: true }).click();
  await expect(items).toHaveCount(1);
  await expect(page.getByText("No has entrado en ningún otro sitio.")).toBeVisible();
  for (const other of others) await expect(other.page.getByRole("alert")).toBeVisible();

  const [again] = others;
  await again.page.getByRole("textbox", { name: "Usuario o correo" }).fill(ana.username);
  await again.page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  await again.page.getByRole("button", { name: "Entrar", exact: true }).click();
  await expect(again.list.or(again.page.getByText("Aquí vivirán tus conversaciones"))).toBeVisible();
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(items).toHaveCount(2);
});

test("devices that cannot be asked for say so, and come when asked again", async ({ people, open }) => {
  const [ana] = await people("Ana");
  const { page } = await open(ana, {
    path: "/settings",
    before: (page) => page.route("**/v1/me/devices", (route) => route.abort()),
  });
  const failed = page.getByRole("alert").filter({ hasText: "No hay conexión." });
  await expect(failed).toBeVisible();
  await page.unrouteAll();
  await failed.getByRole("button", { name: "Reintentar" }).click();
  await expect(page.getByText("Este dispositivo")).toBeVisible();
});

test("signing in says nothing in the console, neither the first time nor after a remote sign-out", async ({
  people,
  open,
}) => {
  const said: string[] = [];
  const listen = {
    before: async (page: import("@playwright/test").Page) =>
      void page.on("console", (m) => said.push(m.text())),
  };
  const nobody = await open(undefined, { path: "/", ...listen });
  await expect(nobody.page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
  expect(said).toEqual([]);

  const [ana] = await people("Ana");
  const chat = await open(ana, listen);
  await expect(chat.page.getByText("Aquí vivirán tus conversaciones")).toBeVisible();
  const { page } = await open(ana, { path: "/settings" });
  await page.getByRole("button", { name: "Cerrar sesión en los demás" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cerrar sesión", exact: true }).click();
  await expect(chat.page.getByRole("alert")).toBeVisible();
  // The session's own end may be said; what comes after it is a page without one.
  await chat.page.reload();
  await expect(chat.page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
  said.length = 0;
  await chat.page.reload();
  await expect(chat.page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
  expect(said).toEqual([]);
});
