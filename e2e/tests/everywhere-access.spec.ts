import { expect, test } from "../support/fixtures.ts";
import { check } from "../support/screens.ts";

test("signing in and registering have no axe violations", async ({ open }, info) => {
  const { page } = await open(undefined, { path: "/" });
  await expect(page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
  await check(page, info.project.name, "sign-in");
  await page.getByRole("button", { name: "Crea tu cuenta" }).click();
  await expect(page.getByRole("button", { name: "Crear cuenta" })).toBeVisible();
  await page.getByRole("button", { name: "Crear cuenta" }).click();
  await check(page, info.project.name, "register");
});

test("list, conversation, details, new chat and settings have no axe violations", async ({
  people,
  open,
}, info) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  const room = await ana.openPrivate(luis);
  const group = await ana.createGroup("Los de siempre", luis, marta);
  const talk = [
    "¿Quedamos a las ocho?",
    "Sí, en el bar de siempre: https://example.com/bar",
    "🎉",
    "Yo llego a y media, no me esperéis para pedir.",
  ];
  for (const [n, text] of talk.entries()) await [luis, ana, luis, luis][n]?.send(room, text);
  for (const [n, text] of talk.entries()) await [marta, ana, luis, marta][n]?.send(group, text);

  const empty = await open((await people("Sola"))[0]);
  await expect(empty.page.getByText("Escribe a alguien para empezar.")).toBeVisible();
  await check(empty.page, info.project.name, "empty");

  const chat = await open(ana);
  await expect(chat.list.getByText("Los de siempre")).toBeVisible();
  await check(chat.page, info.project.name, "list");
  for (const [id, name] of [
    [room, "conversation"],
    [group, "group"],
  ] as const) {
    await chat.page.goto(`/r/${id}`);
    await expect(chat.row("🎉")).toBeVisible();
    await chat.live();
    await check(chat.page, info.project.name, name);
  }
  for (const [path, name, sign] of [
    [`/r/${group}/info`, "info", "Miembros"],
    ["/new", "new-chat", "Con quien ya hablas"],
    ["/new/group", "new-group", "Nombre del grupo"],
    ["/settings", "settings", "Cerrar sesión"],
  ] as const) {
    await chat.page.goto(path);
    await expect(chat.page.getByText(sign).first()).toBeVisible();
    await check(chat.page, info.project.name, name);
  }
});
