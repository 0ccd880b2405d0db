import { expect, test } from "../support/fixtures.ts";

test("one sound at one's own key press, before any network; none for the echo", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await open(ana, { room: await ana.openPrivate(luis) });
  await chat.live();
  await chat.goOffline();
  await chat.send("suena ya");
  // It is the page's first gesture as well, which the browser has to be asked after.
  await expect.poll(() => chat.soundStarts()).toBe(1);
  await chat.page.context().setOffline(false);
  await expect(chat.tick("suena ya", "Enviado")).toBeVisible();
  expect(await chat.soundStarts()).toBe(1);
});

test("one sound for a burst from others, none from a muted room, none for what one missed", async ({
  people,
  open,
}) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  const [room, muted] = [await ana.openPrivate(luis), await ana.openPrivate(marta)];
  await ana.command({ type: "set_room_prefs", room: muted, prefs: { muted: true } });
  for (let n = 1; n <= 3; n++) await luis.send(room, `perdido ${n}.`);
  const chat = await open(ana, { room });
  await chat.live();
  await chat.box.press("Shift");
  await expect(chat.row("perdido 3.")).toBeVisible();
  expect(await chat.soundStarts()).toBe(0);
  await marta.send(muted, "en silencio");
  await expect(chat.list.getByText("en silencio")).toBeVisible();
  expect(await chat.soundStarts()).toBe(0);
  await Promise.all([1, 2, 3].map((n) => luis.send(room, `ráfaga ${n}.`)));
  await expect(chat.row(/ráfaga \d\./)).toHaveCount(3);
  expect(await chat.soundStarts()).toBe(1);
});
