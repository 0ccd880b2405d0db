import { PASSWORD } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";

test("a new person registers, finds somebody, and writes to them", async ({ people, open }) => {
  const [luis] = await people("Luis");
  const chat = await open(undefined, { path: "/" });
  const { page } = chat;
  await page.getByRole("button", { name: "Crea tu cuenta" }).click();
  const username = `nueva_${luis.username.slice(-8)}`;
  await page.getByRole("textbox", { name: "Nombre de usuario" }).fill(username);
  await page.getByRole("textbox", { name: "Nombre para mostrar" }).fill("Nueva");
  await page.getByRole("textbox", { name: "Correo", exact: true }).fill(`${username}@example.com`);
  await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Crear cuenta" }).click();
  await expect(page.getByText("Aquí vivirán tus conversaciones")).toBeVisible();

  await page
    .getByRole("button", { name: "Nuevo chat" })
    .or(page.getByRole("link", { name: "Nuevo chat" }))
    .first()
    .click();
  await page
    .getByRole("searchbox", { name: "Nombre o usuario" })
    .or(page.getByRole("textbox", { name: "Nombre o usuario" }))
    .fill(luis.username);
  // A stranger found by a search has a face, too.
  const found = page.getByRole("button").filter({ hasText: `@${luis.username}` });
  await expect(found.locator("[data-person]")).toHaveText("L");
  await found.click();
  await chat.live();
  await chat.send("hola, Luis");
  await expect(chat.tick("hola, Luis", "Enviado")).toBeVisible();

  const other = await open(luis);
  await expect(other.list.getByText("hola, Luis")).toBeVisible();
});

test("a wrong password is said under its field, and the right one lets in", async ({ people, open }) => {
  const [ana] = await people("Ana");
  const { page } = await open(undefined, { path: "/" });
  await page.getByRole("textbox", { name: "Usuario o correo" }).fill(ana.username);
  await page.getByLabel("Contraseña", { exact: true }).fill("no es esta");
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await expect(page.getByText("Usuario o contraseña incorrectos.")).toBeVisible();
  await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await expect(
    page
      .getByRole("button", { name: "Nuevo chat" })
      .or(page.getByRole("link", { name: "Nuevo chat" }))
      .first(),
  ).toBeVisible();
});

test("a reload keeps one signed in and shows the room again", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  await luis.send(room, "sigue aquí");
  const chat = await open(ana, { room });
  await expect(chat.row("sigue aquí")).toBeVisible();
  await chat.page.reload();
  await expect(chat.row("sigue aquí")).toBeVisible();
});

test("?lang=en speaks English, and everything else Spanish", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { path: `/r/${room}?lang=en` });
  await expect(chat.page.getByRole("textbox", { name: "Write a message" })).toBeVisible();
  await expect(chat.page.locator("html")).toHaveAttribute("lang", "en");
  const other = await open(ana, { room });
  await expect(other.box).toBeVisible();
  await expect(other.page.locator("html")).toHaveAttribute("lang", "es");
});
