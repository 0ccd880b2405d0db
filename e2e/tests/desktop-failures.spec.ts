import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";

/** Sends go by POST and are refused for good. */
async function refuse(page: Page): Promise<void> {
  await page.routeWebSocket(/\/v1\/ws/, (socket) => socket.close());
  await page.route("**/v1/commands", (route) =>
    route.fulfill({
      status: 403,
      json: { code: "forbidden", message: "No tienes permiso.", request_id: "e2e" },
    }),
  );
}

test("a refused message keeps its place and its text, says why, and is sent again by hand", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { room, before: refuse });
  await chat.live("En vivo, por streaming");
  await chat.send("esto no pasa");
  await expect(chat.tick("esto no pasa", "No enviado")).toBeVisible();
  await expect(chat.row("esto no pasa")).toContainText("No se pudo enviar el mensaje");
  await chat.page.reload();
  await expect(chat.tick("esto no pasa", "No enviado")).toBeVisible();
  await chat.page.unroute("**/v1/commands");
  await chat.row("esto no pasa").getByRole("button", { name: "Reintentar" }).click();
  await expect(chat.tick("esto no pasa", "Enviado")).toBeVisible();
  await expect(chat.row("esto no pasa")).toHaveCount(1);
});

test("a refused message goes back into the box, or away", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await open(ana, { room: await ana.openPrivate(luis), before: refuse });
  await chat.live("En vivo, por streaming");
  await chat.send("me corrijo");
  await chat.row("me corrijo").getByRole("button", { name: "Editar" }).click();
  await expect(chat.box).toHaveValue("me corrijo");
  await expect(chat.row("me corrijo")).toHaveCount(0);
  await chat.send("me callo");
  await chat.row("me callo").getByRole("button", { name: "Eliminar" }).click();
  await expect(chat.row("me callo")).toHaveCount(0);
});

test("a room that one is removed from says so, and a stranger's room is not there", async ({
  people,
  open,
}) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  const group = await ana.createGroup("Los de siempre", luis);
  const chat = await open(luis, { room: group });
  await chat.live();
  await ana.command({ type: "remove_member", room: group, user: luis.id });
  await expect(chat.box).toHaveCount(0);
  const stranger = await open(marta, { room: group });
  await expect(stranger.page.getByText("Esta conversación no está disponible")).toBeVisible();
});
