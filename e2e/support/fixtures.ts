/** A server for each worker, people for each test, and pages that are signed in. */
import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";
import { Account, PASSWORD } from "./api.ts";
import { Chat } from "./chat.ts";
import { installProbes } from "./probes.ts";
import { Server } from "./server.ts";

interface Opening {
  /** A room's id, or any path; the list unless said. */
  room?: string;
  path?: string;
  /** The browser to use, for a second tab; a new one unless said. */
  context?: BrowserContext;
  /** Where to sign in, when it is not the worker's own server under its usual name. */
  origin?: string;
  /** Runs before the page loads. */
  before?: (page: Page) => Promise<unknown>;
}

interface Tools {
  /** Registers people; each test has its own. */
  people<Names extends string[]>(...names: Names): Promise<{ [K in keyof Names]: Account }>;
  /** Starts a server of the test's own; `options` go to `zas serve`. */
  serve(...options: string[]): Promise<Server>;
  /** Opens the client as somebody, or as nobody yet. */
  open(who: Account | undefined, opening?: Opening): Promise<Chat>;
}

export const test = base.extend<Tools, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  people: async ({ server }, use) => {
    const register = (...names: string[]) =>
      Promise.all(names.map((name) => Account.register(server.url(), name)));
    await use(register as unknown as Tools["people"]);
  },

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
  serve: async ({}, use) => {
    const servers: Server[] = [];
    await use(async (...options) => {
      const server = await Server.start(...options);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.stop();
  },

  open: async ({ browser, server }, use, info) => {
    const errors: string[] = [];
    const contexts: BrowserContext[] = [];
    await use(
      async (
        who,
        { room, path = room ? `/r/${room}` : "/r", context: shared, origin = server.url(), before } = {},
      ) => {
        const context = shared ?? (await browser.newContext({ baseURL: origin }));
        if (!shared) contexts.push(context);
        if (who && !shared) {
          const form = { login: who.username, password: PASSWORD };
          // Only the browser knows every name of this machine, so the cookie moves to the page's.
          const { hostname, port } = new URL(origin);
          const login = `http://127.0.0.1:${port}/v1/auth/login`;
          await context.request.post(login, { headers: { "x-zas-cookie": "1" }, data: form });
          const cookies = await context.cookies();
          await context.addCookies(cookies.map((cookie) => ({ ...cookie, domain: hostname })));
        }
        const page = await context.newPage();
        page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
        await installProbes(page);
        await before?.(page);
        const chat = new Chat(page, info.project.use.hasTouch ?? false);
        await page.goto(path);
        return chat;
      },
    );
    for (const context of contexts) await context.close();
    expect(errors, "errors that no one caught in a page").toEqual([]);
  },
});

export { expect };
