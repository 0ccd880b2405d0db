/** `examples/nextjs`, run as its README says: two files over the SDK under a page that knows nothing of it. */
import { type Browser, test as base, expect, type Page, type WebSocketRoute } from "@playwright/test";
import { Account, PASSWORD } from "../support/api.ts";
import { Chat } from "../support/chat.ts";
import { onlyPolls, SOCKET } from "../support/exchange.ts";
import { installProbes } from "../support/probes.ts";
import { Walk } from "../support/readme.ts";
import { check } from "../support/screens.ts";
import { freePort } from "../support/server.ts";

interface Site {
  zas: string;
  app: string;
}

interface Tools {
  /** Signs somebody in on the page. */
  enter(who: string, before?: (page: Page) => Promise<unknown>): Promise<Chat>;
}

const test = base.extend<Tools, { site: Site }>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
    async ({}, use) => {
      const [zas, app] = [await freePort(), await freePort()];
      const site = { zas: `http://127.0.0.1:${zas}`, app: `http://127.0.0.1:${app}` };
      const walk = await Walk.follow({
        name: "nextjs",
        env: { ZAS_LISTEN: `127.0.0.1:${zas}`, PORT: String(app) },
        instead: { "http://localhost:8000": site.zas, "http://localhost:3000": site.app },
        installs: {
          commands: /^npm ci$/,
          of: ["examples/nextjs/package-lock.json", "web/sdk/package.json", "web/sdk/dist"],
          stamp: "node_modules/.installed",
        },
        stay: [
          [/^zas serve/, `${site.zas}/healthz`],
          [/^npm start$/, site.app],
        ],
      });
      await use(site);
      await walk.stop();
    },
    { scope: "worker", timeout: 600_000 },
  ],

  enter: async ({ browser, site }, use) => {
    const errors: string[] = [];
    const close: (() => Promise<void>)[] = [];
    await use(async (who, before) => {
      const page = await newPage(browser, errors, close);
      const chat = new Chat(page, false);
      await before?.(page);
      await page.goto(site.app);
      await page.getByLabel("Usuario").fill(who);
      await page.getByLabel("Contraseña").fill(PASSWORD);
      await page.getByRole("button", { name: "Entrar" }).click();
      await expect(page.getByRole("navigation", { name: "Chats" })).toBeVisible();
      return chat;
    });
    for (const end of close) await end();
    expect(errors, "errors that no one caught in a page").toEqual([]);
  },
});

async function newPage(browser: Browser, errors: string[], close: (() => Promise<void>)[]): Promise<Page> {
  const context = await browser.newContext();
  close.push(() => context.close());
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
  await installProbes(page);
  return page;
}

/** Opens the chat with somebody by their username. */
async function write(chat: Chat, to: string): Promise<void> {
  await chat.page.getByLabel("Escribir a").fill(to);
  await chat.page.getByRole("button", { name: "Abrir", exact: true }).click();
  await expect(chat.box).toBeVisible();
}

/** In the page: the status of each answer from that path that is there whole. */
const received = (path: string) =>
  (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
    .filter(({ name }) => new URL(name).pathname === path)
    .map(({ responseStatus }) => responseStatus);

const live = (chat: Chat, how = "Conectado") =>
  expect(chat.page.getByRole("status").getByText(how, { exact: true }).first()).toBeVisible({
    timeout: 45_000,
  });

// One worker builds the app once for all of them.
test.describe.configure({ mode: "default" });

test("two people of the README talk: the bubble is there at once, and each message once", async ({
  enter,
}) => {
  const [a, l] = [await enter("ana"), await enter("luis")];
  await write(a, "luis");
  await write(l, "ana");
  await Promise.all([live(a), live(l)]);
  expect(await a.sendWatched("hola, Luis")).toMatchObject({ inTask: true, inFrame: true });
  await expect(a.box).toHaveValue("");
  await expect(a.box).toBeFocused();
  await expect(l.row("hola, Luis")).toHaveCount(1);
  await expect(a.row("hola, Luis")).toHaveAttribute("data-status", "read");
  await l.box.pressSequentially("bu");
  await expect(a.page.getByText("escribiendo…")).toBeVisible();
  await l.send("buenas, Ana");
  await expect(a.row("buenas, Ana")).toHaveCount(1);
  await a.row("buenas, Ana").hover();
  await a.row("buenas, Ana").getByRole("button", { name: "Me encanta" }).click();
  await expect(l.row("buenas, Ana")).toContainText("❤ 1");
  await l.row("buenas, Ana").hover();
  await l.row("buenas, Ana").getByRole("button", { name: "Editar" }).click();
  await l.send("buenas tardes, Ana");
  await expect(a.row("buenas tardes, Ana")).toContainText("editado");
  await a.row("hola, Luis").hover();
  await a.row("hola, Luis").getByRole("button", { name: "Borrar" }).click();
  await expect(l.row("Mensaje eliminado")).toHaveCount(1);
  await a.page.reload();
  await a.page.getByRole("button", { name: /^Luis/ }).click();
  await expect(a.row(/buenas tardes|eliminado/)).toHaveCount(2);
  const before = a.requests.length;
  await l.send("y ya está");
  await expect(a.row("y ya está")).toHaveCount(1);
  expect(a.requests.slice(before).filter((url) => !url.includes("/v1/ws"))).toEqual([]);
});

test("a connection that is cut between a message and its ack doubles nothing, and loses nothing", async ({
  enter,
  site,
}) => {
  const [ana, luis] = await two(site);
  let cut = true;
  const a = await enter(ana.username, (page) =>
    page.routeWebSocket(SOCKET, (socket: WebSocketRoute) => {
      const server = socket.connectToServer();
      server.onMessage((data) => {
        // It has been stored; that it has must not arrive.
        if (!cut || !String(data).includes('"ack"')) return socket.send(data);
        cut = false;
        void server.close();
        void socket.close({ code: 4000, reason: "cut" });
      });
    }),
  );
  const l = await enter(luis.username);
  await write(a, luis.username);
  await write(l, ana.username);
  await Promise.all([live(a), live(l)]);
  for (const text of ["uno.", "dos.", "tres."]) await a.send(text);
  await expect(a.row("tres.")).toHaveAttribute("data-status", "read");
  expect(cut).toBe(false);
  await l.send("te leo.");
  await expect(a.row("te leo.")).toHaveCount(1);
  for (const chat of [a, l]) {
    await expect(chat.rows).toHaveCount(4);
    for (const text of ["uno.", "dos.", "tres."]) await expect(chat.row(text)).toHaveCount(1);
  }
});

test("two chats are open at once on one connection, each live", async ({ enter, site }) => {
  const [ana, luis, marta] = await two(site, "Marta");
  const [withLuis, withMarta] = [await ana.openPrivate(luis), await ana.openPrivate(marta)];
  const a = await enter(ana.username);
  const nav = a.page.getByRole("navigation");
  await nav.getByRole("button", { name: /^Luis/ }).click();
  await nav.getByRole("button", { name: "Abrir al lado Marta" }).click();
  const pane = (name: string) => a.page.getByRole("region", { name });
  await live(a);
  expect(a.sockets).toBe(1);
  await luis.send(withLuis, "soy Luis");
  await marta.send(withMarta, "soy Marta");
  await expect(pane("Luis").getByRole("article")).toHaveText(/soy Luis/);
  await expect(pane("Marta").getByRole("article")).toHaveText(/soy Marta/);
  await pane("Marta").getByRole("textbox").fill("hola, Marta");
  await pane("Marta").getByRole("textbox").press("Enter");
  await expect(pane("Marta").getByRole("article")).toHaveCount(2);
  await expect(pane("Luis").getByRole("article")).toHaveCount(1);
});

test("what the service is asked for it gives: a chat that is pointed at is there before it is opened", async ({
  enter,
  site,
}) => {
  const [ana, luis] = await two(site);
  const room = await ana.openPrivate(luis);
  await luis.send(room, "ya estoy aquí");
  const a = await enter(ana.username);
  const chat = a.page.getByRole("button", { name: /^Luis/ });
  await chat.hover();
  // The page's own record of what it has to the last byte: Playwright's `finished()` is not always told.
  await expect.poll(() => a.page.evaluate(received, `/v1/rooms/${room}`)).toContain(200);
  // What comes after must do without the network.
  await a.page.context().setOffline(true);
  await chat.click();
  await expect(a.row("ya estoy aquí")).toHaveCount(1);
});

test("with sockets blocked and streams held back it goes by long-poll, and each message comes once", async ({
  enter,
  site,
}) => {
  const [ana, luis] = await two(site);
  const [a, l] = [await enter(ana.username, onlyPolls), await enter(luis.username, onlyPolls)];
  await write(a, luis.username);
  await write(l, ana.username);
  await Promise.all([live(a, "Conectado, por consultas"), live(l, "Conectado, por consultas")]);
  for (const text of ["uno.", "dos.", "tres."]) await a.send(text);
  await expect(l.row("tres.")).toHaveCount(1);
  await l.send("te leo.");
  await expect(a.row("te leo.")).toHaveCount(1);
  for (const chat of [a, l]) await expect(chat.rows).toHaveCount(4);
});

test("what is finally refused goes back into the box, in words", async ({ enter, site }) => {
  const [ana, luis] = await two(site);
  const room = await ana.createGroup("Los del viernes", luis);
  const a = await enter(luis.username);
  await a.page.getByRole("button", { name: /^Los del viernes/ }).click();
  await live(a);
  // It hears of nothing: the message meets a server where Luis is out already.
  await a.page.context().setOffline(true);
  await a.send("¿quedamos?");
  await expect(a.row("¿quedamos?")).toHaveAttribute("data-status", "sending");
  await ana.command({ type: "remove_member", room, user: luis.id });
  await a.page.context().setOffline(false);
  await expect(a.page.locator(".conversation").getByRole("alert")).toHaveText("No se pudo enviar el mensaje");
  await expect(a.box).toHaveValue("¿quedamos?");
  await expect(a.row("¿quedamos?")).toHaveCount(0);
});

test("it fits a phone and a desk, and axe finds nothing", async ({ enter, site }) => {
  const [ana, luis, marta] = await two(site, "Marta");
  const room = await ana.openPrivate(luis);
  await marta.send(await ana.openPrivate(marta), "¿Y el domingo?");
  await luis.send(room, "¿Llegas a tiempo?");
  await ana.send(room, `Sí, salgo ya. ${"Llevo los papeles y dos paraguas. ".repeat(3)}`);
  await luis.send(room, `https://example.com/${"a".repeat(200)}`);
  const a = await enter(ana.username);
  await a.page.getByRole("button", { name: /^Luis/ }).click();
  await live(a);
  await expect(a.rows).toHaveCount(3);
  for (const [name, width, height] of [
    ["phone", 390, 844],
    ["desktop", 1280, 800],
  ] as const) {
    await a.page.setViewportSize({ width, height });
    await check(a.page, name, "example-nextjs");
    const wide = await a.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
  }
});

async function two(site: Site, third = "Eva"): Promise<[Account, Account, Account]> {
  const [ana, luis, other] = await Promise.all(
    ["Ana", "Luis", third].map((name) => Account.register(site.zas, name)),
  );
  if (!ana || !luis || !other) throw new Error("nobody came");
  return [ana, luis, other];
}
