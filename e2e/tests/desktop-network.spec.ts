import type { WebSocketRoute } from "@playwright/test";
import { Account } from "../support/api.ts";
import { blockSocket, exchange, muteSocket, onlyPolls, SOCKET } from "../support/exchange.ts";
import { expect, test } from "../support/fixtures.ts";
import { record, spread } from "../support/measures.ts";

test("offline one goes on writing; what waits goes out once, in order, when the network is back", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  await a.goOffline();
  for (const text of ["primero.", "segundo.", "tercero."]) {
    expect(await a.sendWatched(text)).toMatchObject({ inTask: true });
  }
  await expect(a.page.getByText("Sin conexión: 3 mensajes en espera")).toBeVisible();
  await luis.send(room, "mientras tanto");
  await a.page.context().setOffline(false);
  await expect(l.row("tercero.")).toBeVisible();
  expect(await l.rows.filter({ hasText: /primero|segundo|tercero/ }).allInnerTexts()).toEqual([
    expect.stringContaining("primero."),
    expect.stringContaining("segundo."),
    expect.stringContaining("tercero."),
  ]);
  await expect(a.row("mientras tanto")).toBeVisible();
  await expect(a.page.getByText("Sin conexión")).toHaveCount(0);
});

test("a message that waits survives a reload and is sent once", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { room });
  await chat.live();
  // The page itself still loads; what it sends and hears does not pass.
  await chat.page.route("**/v1/**", (route) => route.abort());
  await chat.page.routeWebSocket(SOCKET, (socket) => socket.close());
  await chat.page.reload();
  await chat.send("sobrevivo");
  await expect(chat.tick("sobrevivo", "Pendiente")).toBeAttached();
  await chat.page.reload();
  await expect(chat.row("sobrevivo")).toBeVisible();
  await chat.page.unrouteAll();
  await chat.page.routeWebSocket(SOCKET, (socket) => void socket.connectToServer());
  await chat.page.reload();
  await expect(chat.tick("sobrevivo", "Enviado")).toBeVisible();
  const other = await open(luis, { room });
  await expect(other.row("sobrevivo")).toHaveCount(1);
});

test("a server that dies in the middle loses nothing it acknowledged and doubles nothing", async ({
  open,
  serve,
}) => {
  const server = await serve();
  const [ana, luis] = [
    await Account.register(server.url(), "Ana"),
    await Account.register(server.url(), "Luis"),
  ];
  const room = await ana.openPrivate(luis);
  const [a, l] = [
    await open(ana, { room, origin: server.url() }),
    await open(luis, { room, origin: server.url() }),
  ];
  await Promise.all([a.live(), l.live()]);
  for (let n = 1; n <= 5; n++) await a.send(`antes ${n}.`);
  const crashed = server.crash();
  for (let n = 1; n <= 5; n++) await a.send(`durante ${n}.`);
  await crashed;
  await expect(l.row("durante 5.")).toBeVisible({ timeout: 30_000 });
  await expect(l.row(/antes \d\./)).toHaveCount(5);
  await expect(l.row(/durante \d\./)).toHaveCount(5);
  await expect(a.row(/(antes|durante) \d\./)).toHaveCount(10);
});

for (const [what, before, rung] of [
  ["blocked", blockSocket, "En vivo, por streaming"],
  ["mute", muteSocket, "En vivo, por streaming"],
  ["blocked and streams are buffered", onlyPolls, "Por consultas"],
] as const) {
  test(`where sockets are ${what} messages come all the same`, async ({ people, open }, info) => {
    const [ana, luis] = await people("Ana", "Luis");
    const room = await ana.openPrivate(luis);
    const [a, l] = [await open(ana, { room }), await open(luis, { room, before })];
    await l.live(rung);
    await a.live();
    await record(
      info,
      `key press to the other browser, its sockets ${what} (ms)`,
      spread(await exchange(a, l, "ida")),
    );
    await record(
      info,
      `key press to the other browser, one's own sockets ${what} (ms)`,
      spread(await exchange(l, a, "vuelta")),
    );
  });
}

test("an idle chat by socket costs no request at all", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const pongs: { heard(): void }[] = [];
  const chat = await open(ana, {
    room,
    before: async (page) => {
      await page.clock.install();
      await page.routeWebSocket(SOCKET, (socket: WebSocketRoute) => {
        const server = socket.connectToServer();
        server.onMessage((frame) => {
          socket.send(frame);
          if (String(frame).includes('"pong"')) pongs.shift()?.heard();
        });
      });
    },
  });
  await chat.live();
  const before = chat.requests.length;
  // Three heartbeats: a minute by the page's clock, each answered by the server.
  for (let beat = 0; beat < 3; beat++) {
    const pong = new Promise<void>((heard) => pongs.push({ heard }));
    await chat.page.clock.runFor(20_500);
    await pong;
  }
  expect(chat.requests.slice(before)).toEqual([]);
  await luis.send(room, "sigo aquí");
  await expect(chat.row("sigo aquí")).toBeVisible();
  expect(chat.sockets).toBe(1);
});

test("an idle chat without a socket asks no more than four times a minute", async ({ people, open }) => {
  test.setTimeout(120_000);
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, {
    room,
    before: onlyPolls,
  });
  await chat.live("Por consultas");
  const poll = () =>
    chat.page.waitForRequest(
      (request) => request.url().endsWith("/v1/feed") && !request.headers().accept?.includes("event-stream"),
      {
        timeout: 40_000,
      },
    );
  await poll();
  // Two whole holds, and the probe of the stream that falls in between: all requests count.
  const [from, requests] = [performance.now(), chat.requests.length];
  await poll();
  await poll();
  const minutes = (performance.now() - from) / 60_000;
  expect((chat.requests.length - requests) / minutes).toBeLessThanOrEqual(4);
});

test("a page on a plain address of the network works, without what only secure pages have", async ({
  people,
  open,
  server,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const origin = server.url("zas.lan");
  const a = await open(ana, { room, origin });
  const l = await open(luis, { room });
  expect(await a.page.evaluate(() => isSecureContext || "locks" in navigator)).toBe(false);
  await Promise.all([a.live(), l.live()]);
  await a.send("desde la red de casa");
  await expect(l.row("desde la red de casa")).toBeVisible();
  await l.send("te veo");
  await expect(a.row("te veo")).toBeVisible();
});
