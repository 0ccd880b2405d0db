import { expect, test } from "../support/fixtures.ts";

test("two tabs share one connection, and both are live", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const first = await open(ana, { room });
  await first.live();
  const second = await open(ana, { room, context: first.page.context() });
  await second.live();
  await luis.send(room, "para las dos");
  await Promise.all([first, second].map((tab) => expect(tab.row("para las dos")).toBeVisible()));
  await second.send("de la segunda");
  await expect(first.row("de la segunda")).toBeVisible();
  await expect(second.tick("de la segunda", "Enviado")).toBeVisible();
  await first.send("de la primera");
  await expect(second.row("de la primera")).toHaveCount(1);
  // A visible tab may take the connection over; whichever holds it is the only one.
  await expect.poll(() => first.sockets + second.sockets).toBe(1);
});

test("when the tab that holds the connection closes, the other goes on without loss", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const first = await open(ana, { room });
  await first.live();
  const second = await open(ana, { room, context: first.page.context() });
  await second.live();
  for (let n = 1; n <= 3; n++) await luis.send(room, `antes ${n}.`);
  await first.page.close();
  for (let n = 1; n <= 3; n++) await luis.send(room, `después ${n}.`);
  await second.send("sigo");
  await expect(second.tick("sigo", "Enviado")).toBeVisible();
  await expect(second.row(/(antes|después) \d\./)).toHaveCount(6);
});

test("one's own other device has it too, read and all", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [laptop, phone] = [await open(ana, { room }), await open(ana)];
  await Promise.all([laptop.live(), phone.live()]);
  await laptop.send("desde el portátil");
  await expect(phone.list.getByText("desde el portátil")).toBeVisible();
  await luis.send(room, "contesto");
  await laptop.page.bringToFront();
  await expect(laptop.row("contesto")).toBeVisible();
  await expect(phone.list.getByText("contesto")).toBeVisible();
  await expect(phone.list.getByText("1", { exact: true })).toHaveCount(0);
});

test("signing out with messages waiting asks first", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { room });
  const { page } = chat;
  await chat.live();
  await chat.goOffline();
  await chat.send("aún no ha salido");
  await page
    .getByRole("link", { name: "Ajustes" })
    .or(page.getByRole("button", { name: "Ajustes" }))
    .first()
    .click();
  await page.getByRole("button", { name: "Cerrar sesión" }).click();
  await expect(page.getByText("Queda 1 mensaje por enviar")).toBeVisible();
  await page.getByRole("button", { name: "Quedarme" }).click();
  await expect(chat.row("aún no ha salido")).toBeVisible();
  await page.context().setOffline(false);
  await expect(chat.tick("aún no ha salido", "Enviado")).toBeVisible();
});
