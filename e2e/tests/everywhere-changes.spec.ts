/** What becomes of messages that are sent: edited, deleted, answered, reacted to; and what they carry. */
import type { Attachment, RoomId } from "../../web/sdk/src/protocol.gen.ts";
import type { Account } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";
import { attach } from "../support/media.ts";
import { check } from "../support/screens.ts";

/** Sends, and says which message it became. */
async function sent(who: Account, room: RoomId, text: string, reply_to?: string): Promise<string> {
  const { message } = await who.command({ type: "send", room, text, ...(reply_to && { reply_to }) });
  if (message === undefined) throw new Error("the ack names no message");
  return message;
}

test("an edit, reactions and a deletion change the one row on both screens", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  for (let n = 1; n <= 5; n++) await luis.send(room, `otro ${n}.`);
  const message = await sent(ana, room, "a las ocho");
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  await expect(l.row("a las ocho")).toBeVisible();
  await Promise.all([a, l].map(({ page }) => page.evaluate(() => window.probes.watchRows())));

  await ana.command({ type: "edit_message", room, message, text: "a las nueve" });
  await luis.command({ type: "react", room, message, reaction: "like" });
  await ana.command({ type: "react", room, message, reaction: "like" });
  for (const chat of [a, l]) {
    const row = chat.row("a las nueve");
    await expect(row).toContainText("editado");
    const reactions = row.getByRole("list", { name: "Reacciones" });
    await expect(reactions.getByRole("listitem")).toHaveText(/👍\s*2/);
    await expect(reactions.getByText("con la tuya")).toBeAttached();
    await expect(chat.row("a las ocho")).toHaveCount(0);
    const { added, changed } = await chat.page.evaluate(() => window.probes.changedRows());
    expect([added, changed], "no other row was drawn").toEqual([0, 1]);
  }

  await luis.command({ type: "react", room, message });
  for (const chat of [a, l])
    await expect(chat.row("a las nueve").getByRole("listitem")).toHaveText(/^👍\s*👍 1/);

  await ana.command({ type: "delete_message", room, message });
  for (const chat of [a, l]) {
    await expect(chat.row("Se eliminó este mensaje")).toBeVisible();
    await expect(chat.row("a las nueve")).toHaveCount(0);
    await expect(chat.rows.getByRole("list", { name: "Reacciones" })).toHaveCount(0);
  }
  await a.page.reload();
  await expect(a.row("Se eliminó este mensaje")).toBeVisible();
  expect(await a.page.content()).not.toContain("a las nueve");
});

test("the list shows what became of the last message, and counts no change as a message", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(luis);
  await chat.live();
  const message = await sent(ana, room, "hola, Luis");
  const entry = chat.list.getByRole("link", { name: /Ana/ });
  await expect(entry).toContainText("hola, Luis");
  await ana.command({ type: "edit_message", room, message, text: "buenas, Luis" });
  await expect(entry).toContainText("buenas, Luis");
  await luis.command({ type: "react", room, message, reaction: "fire" });
  await ana.command({ type: "delete_message", room, message });
  await expect(entry).toContainText("Se eliminó este mensaje");
  await expect(entry).toContainText("1 mensaje sin leer");
  await luis.read(room, (await ana.send(room, "¿estás?")).seq - 1);
  await expect(entry).toContainText("1 mensaje sin leer");
});

test("an answer shows what it quotes as it is now, and leads there", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const far = await sent(ana, room, "la primera de todas");
  await ana.fill(room, 120, (n) => `relleno ${n}.`);
  const near = await sent(luis, room, "¿quedamos el viernes?");
  await ana.fill(room, 30, (n) => `después ${n}.`);
  await sent(ana, room, "el viernes me va bien", near);
  const { seq } = await luis.command({ type: "send", room, text: "esa ya no la veo", reply_to: far });
  // Who has read all begins at the end.
  await ana.read(room, seq);
  const chat = await open(ana, { room });
  await chat.live();

  const quoteOfNear = chat.row("el viernes me va bien").getByRole("button", { name: /En respuesta a Luis/ });
  await expect(quoteOfNear).toContainText("¿quedamos el viernes?");
  const quoteOfFar = chat.row("esa ya no la veo");
  await expect(quoteOfFar).toContainText("la primera de todas");
  await ana.command({ type: "edit_message", room, message: far, text: "la primera, corregida" });
  await expect(quoteOfFar).toContainText("la primera, corregida");
  await ana.command({ type: "delete_message", room, message: far });
  await expect(quoteOfFar).toContainText("Se eliminó este mensaje");

  await quoteOfNear.click();
  const original = chat.row(/^(?!.*En respuesta).*¿quedamos el viernes\?/s);
  await expect(original).toBeInViewport();
  await expect(original).toBeFocused();
});

test("changed messages and files look right, and have no axe violations", async ({ people, open }, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const file = (file: string, more: Partial<Attachment>): Attachment => ({
    file,
    name: "playa.png",
    media: "image",
    media_type: "image/png",
    bytes: 123_456,
    ...more,
  });
  const files = {
    "Así está el mar": file("sea", { width: 640, height: 400 }),
    film: file("played-film", { media: "video", name: "ola.mp4" }),
    note: file("played-note", { media: "audio", name: "nota.ogg" }),
    list: file("list", { media: "file", name: "lista de la compra.pdf", bytes: 1_234_567 }),
    gone: file("broken", { width: 300, height: 120 }),
  };
  const question = await sent(
    luis,
    room,
    "¿Quedamos a las ocho en el bar de siempre, o prefieres ir a la playa?",
  );
  const answer = await sent(ana, room, "A la playa, que hace bueno", question);
  await luis.command({ type: "react", room, message: answer, reaction: "golazo" });
  for (const who of [ana, luis])
    await who.command({ type: "react", room, message: question, reaction: "love" });
  await ana.command({ type: "edit_message", room, message: answer, text: "A la playa, que hace buen día" });
  for (const [n, text] of Object.keys(files).entries()) await (n % 2 ? luis : ana).send(room, text);
  const mistake = await sent(luis, room, "perdón, esto no era aquí");
  await sent(ana, room, "¿El qué?", mistake);
  await luis.command({ type: "delete_message", room, message: mistake });
  await luis.command({ type: "send", room, text: "🏖️", label: "emoji" });

  const chat = await open(ana, { room, before: (page) => attach(page, files, "Así está el mar") });
  await expect(chat.row("🏖️")).toBeVisible();
  await chat.live();
  const image = chat.page.getByRole("img", { name: "Foto: playa.png" });
  await chat.messages.hover();
  await expect(chat.row("No se pudo cargar")).toBeVisible();
  await check(chat.page, info.project.name, "changes-end");
  await chat.page.mouse.wheel(0, -5_000);
  await expect(image).toBeVisible();
  const { width = 0, height = 0 } = (await image.boundingBox()) ?? {};
  expect(width / height, "its place has its shape").toBeCloseTo(640 / 400, 1);
  await expect(chat.page.getByRole("link", { name: "Descargar lista de la compra.pdf" })).toBeAttached();
  await check(chat.page, info.project.name, "changes-start");
});
