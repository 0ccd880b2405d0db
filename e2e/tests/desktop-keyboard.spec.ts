import { PASSWORD } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";

test("everything goes by keyboard: in, to a chat, a message, its details, back, help", async ({
  people,
  open,
}) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  await luis.send(await ana.openPrivate(luis), "soy Luis");
  await marta.send(await ana.openPrivate(marta), "soy Marta");
  const chat = await open(undefined, { path: "/" });
  const { page } = chat;
  const press = (key: string) => page.keyboard.press(key);

  await page.getByRole("textbox", { name: "Usuario o correo" }).waitFor();
  await press("Tab");
  await expect(page.getByRole("textbox", { name: "Usuario o correo" })).toBeFocused();
  await page.keyboard.type(ana.username);
  await press("Tab");
  await page.keyboard.type(PASSWORD);
  await press("Enter");
  await expect(chat.list.getByText("soy Marta")).toBeVisible();

  await press("Control+k");
  await expect(
    page.getByRole("searchbox").or(page.getByPlaceholder("Buscar chats o personas")).first(),
  ).toBeFocused();
  await page.keyboard.type("Luis");
  await expect(chat.list.getByText("soy Marta")).toHaveCount(0);
  await press("ArrowDown");
  await press("Enter");
  await expect(chat.row("soy Luis")).toBeVisible();
  await expect(chat.box).toBeFocused();
  await page.keyboard.type("hola");
  await press("Shift+Enter");
  await page.keyboard.type("y adiós");
  await press("Enter");
  await expect(chat.row(/hola\s+y adiós/)).toBeVisible();

  await chat.messages.focus();
  await press("ArrowUp");
  await expect(chat.row("hola")).toBeFocused();
  await press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await press("Escape");
  await expect(page).toHaveURL(/\/r$/);
  await press("?");
  await expect(page.getByRole("dialog", { name: "Atajos de teclado" })).toBeVisible();
});
