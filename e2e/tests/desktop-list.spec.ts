import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";

declare global {
  interface Window {
    framesAsked(): Promise<number>;
  }
}

test("a message that comes draws its own row and touches no other but its neighbour", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  for (let n = 1; n <= 8; n++) await ana.send(room, `anterior ${n}.`);
  const chat = await open(ana, { room });
  await chat.live();
  await expect(chat.row("anterior 8.")).toBeVisible();
  await chat.page.evaluate(() => window.probes.watchRows());
  await luis.send(room, "la nueva");
  await expect(chat.row("la nueva")).toBeVisible();
  const { added, changed } = await chat.page.evaluate(() => window.probes.changedRows());
  expect(added).toBe(1);
  expect(changed).toBeLessThanOrEqual(1);
});

test("a room opens at the first unread message, with its divider, and the list counts them", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  for (let n = 1; n <= 40; n++) await ana.send(room, `leído ${n}.`);
  for (let n = 1; n <= 30; n++) await luis.send(room, `nuevo ${n}.`);
  const chat = await open(ana);
  await expect(chat.list.getByText("30", { exact: true })).toBeVisible();
  await chat.page.goto(`/r/${room}`);
  await expect(chat.messages.getByText("30 mensajes nuevos")).toBeInViewport();
  await expect(chat.row("nuevo 1.").first()).toBeInViewport();
  await expect(chat.row("nuevo 30.")).not.toBeInViewport();
});

test("who reads above is not moved; a pill counts what came and leads to it", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  await ana.fill(room, 60, (n) => `línea ${n}.`);
  const chat = await open(ana, { room });
  await chat.live();
  await chat.messages.hover();
  await chat.page.mouse.wheel(0, -1500);
  const pill = chat.page.getByRole("button", { name: /Ir al final/ });
  await expect(pill).toBeVisible();
  const text = /línea \d+\./.exec((await chat.rows.nth(12).textContent()) ?? "")?.[0] ?? "";
  const place = await chat.row(text).boundingBox();
  await luis.send(room, "abajo 1.");
  await luis.send(room, "abajo 2.");
  await expect(pill).toHaveAccessibleName("Ir al final: 2 mensajes nuevos");
  const now = await chat.row(text).boundingBox();
  expect(Math.abs((now?.y ?? 0) - (place?.y ?? 0))).toBeLessThanOrEqual(1);
  await pill.click();
  await expect(chat.row("abajo 2.")).toBeInViewport();
  await expect(pill).toHaveCount(0);
});

test("a conversation that fits its window asks for no frame once it is drawn", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  // Resolves with how many frames the page asked for until a second of them went by without.
  const before = (page: Page) =>
    page.addInitScript(() => {
      const real = window.requestAnimationFrame.bind(window);
      let asked = 0;
      window.requestAnimationFrame = (draw) => {
        asked++;
        return real(draw);
      };
      window.framesAsked = () =>
        new Promise((done) => {
          let [seen, still] = [asked, 0];
          const look = () => {
            still = asked === seen ? still + 1 : 0;
            seen = asked;
            if (still === 60) done(asked);
            else real(look);
          };
          look();
        });
    });
  const chat = await open(ana, { room, before });
  await chat.live();
  await expect(chat.messages).toBeVisible();
  expect(await chat.page.evaluate(() => window.framesAsked())).toBeLessThan(30);
});

test("older pages come without a jump", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  await ana.fill(room, 400, (n) => `vieja ${n}.`);
  const chat = await open(ana, { room });
  await chat.live();
  await chat.messages.hover();
  // Ever upwards: the first message is reached, and none is seen twice or left out.
  await expect(async () => {
    await chat.page.mouse.wheel(0, -4000);
    await expect(chat.page.getByText("creaste la conversación", { exact: false }).first()).toBeInViewport({
      timeout: 300,
    });
  }).toPass({ timeout: 30_000, intervals: [0] });
});

test("a room of 10,000 messages on a slow machine: a key press still paints its bubble in one task", async ({
  people,
  open,
}) => {
  test.setTimeout(180_000);
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  await luis.fill(room, 10_000, (n) => `mensaje ${n}. ${"bla ".repeat(n % 23)}`);
  const chat = await open(ana, { room });
  await chat.live();
  const devtools = await chat.page.context().newCDPSession(chat.page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 6 });
  for (let n = 1; n <= 5; n++) {
    expect(await chat.sendWatched(`rápido ${n}.`)).toMatchObject({ inTask: true, inFrame: true });
  }
});
