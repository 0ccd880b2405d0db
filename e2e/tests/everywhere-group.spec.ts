/** How a group shows itself: its description and its picture, by who may change them, for who is in it. */
import { expect, test } from "../support/fixtures.ts";
import { picture } from "../support/media.ts";
import { check } from "../support/screens.ts";

test("an admin describes a group and gives it a picture, and everyone sees both at once", async ({
  people,
  open,
}, info) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  const room = await ana.createGroup("Los de siempre", luis, marta);
  await ana.send(room, "¿el jueves?");
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  for (const { page } of [a, l]) await page.getByTitle("Información de Los de siempre").click();
  await expect(l.page.getByRole("button", { name: "Salir del grupo" })).toBeVisible();
  await expect(l.page.getByRole("button", { name: "Editar el grupo" })).toHaveCount(0);
  await expect(l.page.getByLabel("Cambiar la foto")).toHaveCount(0);

  // By keyboard alone.
  await a.page.getByRole("button", { name: "Editar el grupo" }).focus();
  await a.page.keyboard.press("Enter");
  const dialog = a.page.getByRole("dialog", { name: "Editar el grupo" });
  await expect(dialog.getByLabel("Nombre del grupo")).toBeFocused();
  await a.page.keyboard.press("Tab");
  await a.page.keyboard.type("Cenas y paseos.\nLos jueves, a las ocho.");
  await check(a.page, info.project.name, "group-edit");
  await a.page.keyboard.press("Tab");
  await a.page.keyboard.press("Enter");
  await expect(dialog).toHaveCount(0);
  for (const { page } of [a, l]) await expect(page.getByText("Los jueves, a las ocho.")).toBeVisible();

  const shown = (page: typeof a.page) => page.locator("img[src^='blob:']");
  await a.page.getByLabel("Cambiar la foto").setInputFiles({
    name: "cena.png",
    mimeType: "image/png",
    buffer: picture(640, 400),
  });
  await a.page.getByRole("button", { name: "Usar esta foto" }).click();
  await expect(a.page.getByRole("button", { name: "Quitar la foto" })).toBeVisible();
  await expect(shown(l.page).first()).toBeVisible();
  await check(a.page, info.project.name, "group-info");
  await check(l.page, info.project.name, "group-info-member");

  // Who comes later to the page has it in the list and above the conversation.
  const m = await open(marta);
  await expect(m.list.getByRole("link", { name: /Los de siempre/ }).locator("img")).toBeVisible();
  await m.list.getByRole("link", { name: /Los de siempre/ }).click();
  await expect(m.page.getByTitle("Información de Los de siempre").locator("img")).toBeVisible();
  await expect(m.row("Ana cambió la descripción del grupo")).toBeVisible();
  await expect(m.row("Ana cambió la foto del grupo")).toBeVisible();
  await check(m.page, info.project.name, "group-header");

  await a.page.getByRole("button", { name: "Quitar la foto" }).click();
  await expect(a.page.getByRole("button", { name: "Quitar la foto" })).toHaveCount(0);
  for (const { page } of [a, l, m]) await expect(shown(page)).toHaveCount(0);
});
