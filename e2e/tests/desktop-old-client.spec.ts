/** The old app's page against this server, from an origin of its own: its polls, its socket, its flaws. */
import type { Page } from "@playwright/test";
import type { Chat } from "../support/chat.ts";
import { blockOldSocket, expect, OLD_SOCKET, test } from "../support/oldClient.ts";

const joined = (chat: Chat) => expect(chat.page.getByText("Conectado")).toBeVisible();
const since = (url: string) => url.includes("?since=");
/** The next time that the page asks for messages. */
const poll = (page: Page, how: RegExp) =>
  page.waitForRequest((request) => request.method() === "GET" && how.test(request.url()));
const ALL = /\/messages\/$/;
const LATER = /\/messages\/\?since=/;

test("the polling page asks for everything again and again, and shows each message once", async ({
  people,
  openOld,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  const [a, l] = [
    await openOld(ana, { chat, page: "polling" }),
    await openOld(luis, { chat, page: "polling" }),
  ];
  await a.send("desde la página de antes");
  await expect(l.row("desde la página de antes")).toHaveCount(1);
  await expect(a.row("desde la página de antes")).toHaveCount(1);
  const { message = "" } = await luis.send(chat, "esto, del cliente nativo");
  await expect(a.row("esto, del cliente nativo")).toHaveCount(1);
  await luis.command({ type: "edit_message", room: chat, message, text: "esto, corregido" });
  await expect(a.row("esto, corregido")).toHaveCount(1);
  for (let n = 0; n < 3; n++) await poll(a.page, ALL);
  expect([a.sockets, a.requests.filter(since)]).toEqual([0, []]);
});

test("by socket messages, typing and reading are seen live, and all of it once after a reload", async ({
  people,
  openOld,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  const [a, l, native] = [
    await openOld(ana, { chat }),
    await openOld(luis, { chat }),
    await open(luis, { room: chat }),
  ];
  await Promise.all([joined(a), joined(l), native.live()]);
  await a.box.pressSequentially("hola");
  await expect(l.page.getByText("escribiendo…")).toBeVisible();
  await expect(native.page.getByText("escribiendo…").first()).toBeVisible();
  await a.sendWritten();
  await expect(l.row("hola")).toHaveCount(1);
  await expect(native.row("hola")).toHaveCount(1);
  await expect(a.row("hola").filter({ hasText: "✓✓" })).toHaveCount(1);
  await native.send("buenas");
  await expect(a.row("buenas")).toHaveCount(1);
  await expect(l.row("buenas")).toHaveCount(1);
  // Its bubble is never matched with the echo: no server can mend that (see the guide's diff).
  await expect(a.row("hola")).toHaveCount(2);
  await a.page.reload();
  await joined(a);
  await expect(a.row("buenas")).toHaveCount(1);
  await expect(a.row("hola")).toHaveCount(1);
});

test("what one does to a message the other sees live, the old page and the native one", async ({
  people,
  openOld,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const { message = "" } = await luis.send(room, "de luis.");
  await ana.send(room, "de ana.");
  const [old, native] = [await openOld(ana, { chat: room }), await open(luis, { room })];
  await Promise.all([joined(old), native.live()]);
  await luis.command({ type: "react", room, message, reaction: "golazo" });
  await expect(old.row("de luis.")).toContainText("golazo");
  await luis.command({ type: "edit_message", room, message, text: "de luis, corregido." });
  await expect(old.row("de luis, corregido.")).toContainText("(editado)");

  await old.row("de luis, corregido.").getByRole("button", { name: "Me encanta" }).click();
  await expect(native.row("de luis, corregido.").getByRole("list", { name: "Reacciones" })).toContainText(
    "❤",
  );
  await old.row("de ana.").getByRole("button", { name: "Editar" }).click();
  await old.send("de ana, corregido.");
  await expect(native.row("de ana, corregido.")).toHaveCount(1);
  await expect(old.row("de ana, corregido.")).toHaveCount(1);
  await old.row("de ana, corregido.").getByRole("button", { name: "Borrar" }).click();
  await expect(native.row("de ana")).toHaveCount(0);
  await expect(old.row("Mensaje eliminado")).toHaveCount(1);
  await luis.command({ type: "delete_message", room, message });
  await expect(old.row("Mensaje eliminado")).toHaveCount(2);
});

test("the release that sends by socket and by POST sends one message", async ({ people, openOld }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  const [a, l] = [await openOld(ana, { chat, page: "twice" }), await openOld(luis, { chat })];
  await Promise.all([joined(a), joined(l)]);
  const posted = a.page.waitForResponse((response) => response.request().method() === "POST");
  await a.send("una sola vez");
  expect((await posted).status()).toBe(201);
  await luis.send(chat, "y después otra");
  for (const page of [a, l]) {
    await expect(page.row("y después otra")).toHaveCount(1);
    await expect(page.row("una sola vez")).toHaveCount(1);
  }
});

test("with its socket up an idle chat costs no request", async ({ people, openOld }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  await luis.send(chat, "lo último");
  const a = await openOld(ana, { chat, before: (page) => page.clock.install() });
  await joined(a);
  await expect(a.row("lo último")).toHaveCount(1);
  const before = a.requests.length;
  await a.page.clock.runFor(60_000);
  expect(a.requests.slice(before)).toEqual([]);
  await luis.send(chat, "sigo aquí");
  await expect(a.row("sigo aquí")).toHaveCount(1);
});

test("with its socket blocked it goes on asking for what is later, and what comes is there once", async ({
  people,
  openOld,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  await luis.send(chat, "lo último");
  const [a, l] = [
    await openOld(ana, { chat, before: blockOldSocket }),
    await openOld(luis, { chat, before: blockOldSocket }),
  ];
  await expect(a.row("lo último")).toHaveCount(1);
  for (const text of ["uno.", "dos.", "tres."]) await a.send(text);
  await expect(l.row("tres.")).toHaveCount(1);
  await l.send("te leo.");
  await expect(a.row("te leo.")).toHaveCount(1);
  for (let n = 0; n < 3; n++) await poll(a.page, LATER);
  for (const page of [a, l]) {
    for (const text of ["uno.", "dos.", "tres.", "te leo."]) await expect(page.row(text)).toHaveCount(1);
    expect(page.requests.filter((url) => ALL.test(url) && !since(url)).length).toBeLessThanOrEqual(5);
  }
  await a.page.reload();
  await expect(a.row(/uno\.|dos\.|tres\.|te leo\./)).toHaveCount(4);
});

test("its socket is tried again five times, then no more; its polls go on, and a reload brings it back", async ({
  people,
  openOld,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  await luis.send(chat, "lo último");
  let attempts = 0;
  let blocked = true;
  const a = await openOld(ana, {
    chat,
    before: async (page) => {
      await page.clock.install();
      await page.routeWebSocket(OLD_SOCKET, (socket) => {
        if (!blocked) return void socket.connectToServer();
        attempts++;
        return socket.close();
      });
    },
  });
  for (let n = 2; n <= 6; n++) {
    await expect(async () => {
      await a.page.clock.runFor(2_000);
      expect(attempts).toBeGreaterThanOrEqual(n);
    }).toPass();
  }
  const asked = poll(a.page, LATER);
  await a.page.clock.runFor(120_000);
  await asked;
  expect(attempts).toBe(6);
  blocked = false;
  await a.page.reload();
  await joined(a);
});

test("while it polls, what becomes of a message is unseen until a reload", async ({ people, openOld }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const { message = "" } = await luis.send(room, "como fue.");
  const a = await openOld(ana, { chat: room, before: blockOldSocket });
  await expect(a.row("como fue.")).toHaveCount(1);
  await luis.command({ type: "edit_message", room, message, text: "corregido." });
  await luis.send(room, "después.");
  await expect(a.row("después.")).toHaveCount(1);
  await expect(a.row("como fue.")).toHaveCount(1);
  await a.page.reload();
  await expect(a.row("corregido.")).toHaveCount(1);
  await expect(a.row("como fue.")).toHaveCount(0);
});

test("what was said into a socket that had just died is lost", async ({ people, openOld }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  let dead = false;
  const lost: string[] = [];
  let cut: (() => Promise<void>) | undefined;
  const [a, l] = [
    await openOld(ana, {
      chat,
      before: (page) =>
        page.routeWebSocket(OLD_SOCKET, (socket) => {
          const server = socket.connectToServer();
          socket.onMessage((frame) => {
            if (dead) lost.push(String(frame));
            else server.send(frame);
          });
          cut = () => socket.close();
        }),
    }),
    await openOld(luis, { chat }),
  ];
  await Promise.all([joined(a), joined(l)]);
  dead = true;
  await a.send("se pierde.");
  await expect(a.row("se pierde.")).toHaveCount(1);
  // A routed socket, once closed, throws what is said into it, which a browser's own does not.
  await expect.poll(() => lost.at(-1)).toContain('"is_typing":false');
  await cut?.();
  await expect(a.page.getByText("Reconectando…")).toBeVisible();
  dead = false;
  await joined(a);
  await a.send("llega.");
  await expect(l.row("llega.")).toHaveCount(1);
  await expect(l.row("se pierde.")).toHaveCount(0);
  await a.page.reload();
  await expect(a.row("llega.")).toHaveCount(1);
  await expect(a.row("se pierde.")).toHaveCount(0);
});

test("a send that fails gives the text back, in words", async ({ people, openOld }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  const a = await openOld(ana, { chat, before: blockOldSocket });
  await a.page.route("**/messages/", (route) => route.abort());
  await a.send("no llega");
  await expect(a.page.getByRole("alert")).toHaveText("No se pudo enviar el mensaje");
  await expect(a.box).toHaveValue("no llega");
  await expect(a.row("no llega")).toHaveCount(0);
  await a.page.unrouteAll();
  await a.sendWritten();
  await expect(a.page.getByRole("alert")).toHaveCount(0);
  await a.page.reload();
  await expect(a.row("no llega")).toHaveCount(1);
});

test("a token that is no longer good is refreshed, and its socket comes back with the new one", async ({
  people,
  openOld,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  await luis.send(chat, "sigo dentro");
  const a = await openOld(ana, { chat });
  await joined(a);
  await a.page.evaluate(() => localStorage.setItem("access_token", "caducado"));
  await a.page.reload();
  await expect(a.page.getByRole("alert")).toHaveText("Token inválido");
  await expect(a.row("sigo dentro")).toHaveCount(1);
  await joined(a);
});

test("who is not in the chat is told so", async ({ people, openOld }) => {
  const [ana, luis, marta] = await people("Ana", "Luis", "Marta");
  const chat = await ana.openPrivate(luis);
  const m = await openOld(marta, { chat });
  await expect(m.page.getByRole("alert")).toHaveText("No eres participante de este chat");
  await expect(m.rows).toHaveCount(0);
});

test("with the guide's diff its bubble becomes the message, by socket and by POST", async ({
  people,
  openOld,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await ana.openPrivate(luis);
  const [a, l] = [
    await openOld(ana, { chat, mended: true }),
    await openOld(luis, { chat, mended: true, before: blockOldSocket }),
  ];
  await joined(a);
  for (const text of ["uno.", "dos.", "dos."]) await a.send(text);
  await expect(l.row("dos.")).toHaveCount(2);
  await l.send("tres.");
  // Each of its own has come back by now: the socket keeps the order.
  await expect(a.row("tres.")).toHaveCount(1);
  await expect(a.row("uno.")).toHaveCount(1);
  await expect(a.row("dos.")).toHaveCount(2);
  await expect(l.row("tres.")).toHaveCount(1);
});

for (const mended of [false, true]) {
  test(`an empty chat without a socket ${mended ? "hears of its first message with the guide's diff" : "never asks"}`, async ({
    people,
    openOld,
  }) => {
    const [ana, luis] = await people("Ana", "Luis");
    const chat = await ana.openPrivate(luis);
    const a = await openOld(ana, {
      chat,
      mended,
      before: async (page) => {
        await page.clock.install();
        await blockOldSocket(page);
      },
    });
    const asked = mended ? poll(a.page, LATER) : undefined;
    await luis.send(chat, "el primero");
    await a.page.clock.runFor(20_000);
    await asked;
    await expect(a.row("el primero")).toHaveCount(mended ? 1 : 0);
    if (!mended) expect(a.requests.filter(since)).toEqual([]);
  });
}
