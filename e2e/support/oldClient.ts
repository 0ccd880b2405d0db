/**
 * The old app's page (`old-client/`) on an origin of its own: as it is under `/plain/`, and with the guide's
 * diff applied under `/mended/`.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { build, type Rollup } from "vite";
import { type Account, PASSWORD } from "./api.ts";
import { Chat } from "./chat.ts";
import { test as base, expect } from "./fixtures.ts";
import { installProbes } from "./probes.ts";
import { Server } from "./server.ts";

const SOURCE = fileURLToPath(new URL("../old-client", import.meta.url));
const DIFF = fileURLToPath(new URL("../../docs/guides/moving-in/old-client.diff", import.meta.url));

export const OLD_SOCKET = /\/ws\/chat\//;
export const blockOldSocket = (page: Page) => page.routeWebSocket(OLD_SOCKET, (socket) => socket.close());

/** Where the page is served from. */
class Site {
  private constructor(
    private readonly http: HttpServer,
    readonly origin: string,
  ) {}

  static async start(): Promise<Site> {
    const [plain, mended] = await Promise.all([bundle(SOURCE), applied(bundle)]);
    const files = new Map([...plain].map(([name, text]) => [`/plain/${name}`, text]));
    for (const [name, text] of mended) files.set(`/mended/${name}`, text);
    const http = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const text = files.get(path.endsWith("/") ? `${path}index.html` : path);
      response.setHeader("content-type", path.endsWith(".js") ? "text/javascript" : "text/html");
      response.writeHead(text === undefined ? 404 : 200).end(text);
    });
    await new Promise<void>((ready) => http.listen(0, "127.0.0.1", ready));
    return new Site(http, `http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }
}

/** What `use` makes of a copy of the page with the guide's diff applied. */
async function applied<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "zas-old-client-"));
  try {
    await cp(SOURCE, folder, { recursive: true });
    await promisify(execFile)("git", ["apply", DIFF], { cwd: folder });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The built page, by file name; each source comes from `folder`, though it stands where it stood. */
async function bundle(folder: string): Promise<Map<string, string>> {
  const built = (await build({
    root: SOURCE,
    base: "./",
    configFile: false,
    logLevel: "error",
    build: { write: false, modulePreload: false },
    plugins: [
      {
        name: "old-client",
        load: (id) => {
          const name = relative(SOURCE, id);
          return /^\w+\.tsx?$/.test(name) ? readFile(join(folder, name), "utf8") : undefined;
        },
      },
    ],
  })) as Rollup.RollupOutput;
  return new Map(
    built.output.map((file) => [file.fileName, String(file.type === "chunk" ? file.code : file.source)]),
  );
}

interface Opening {
  chat: string;
  page?: "polling" | "improved" | "twice";
  /** With the guide's diff. */
  mended?: boolean;
  /** Runs before the page loads. */
  before?: (page: Page) => Promise<unknown>;
}

interface Tools {
  /** Opens the old app's page and signs somebody in. */
  openOld(who: Account, opening: Opening): Promise<Chat>;
}

export const test = base.extend<Tools, { site: Site; server: Server }>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
    async ({}, use) => {
      const site = await Site.start();
      await use(site);
      await site.stop();
    },
    { scope: "worker" },
  ],

  /** The worker's server lets the old app's pages in. */
  server: [
    async ({ site }, use) => {
      const server = await Server.start("--allowed-origins", site.origin);
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  openOld: async ({ browser, server, site }, use) => {
    const errors: string[] = [];
    const close: (() => Promise<void>)[] = [];
    await use(async (who, { chat, page: kind = "improved", mended = false, before }) => {
      const context = await browser.newContext();
      close.push(() => context.close());
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
      await installProbes(page);
      await before?.(page);
      const old = new Chat(page, false);
      const query = new URLSearchParams({ server: server.url(), chat, page: kind });
      await page.goto(`${site.origin}/${mended ? "mended" : "plain"}/?${query}`);
      await page.getByLabel("Usuario").fill(who.username);
      await page.getByLabel("Contraseña").fill(PASSWORD);
      await page.getByRole("button", { name: "Entrar" }).click();
      await expect(old.box).toBeVisible();
      return old;
    });
    for (const end of close) await end();
    expect(errors, "errors that no one caught in an old page").toEqual([]);
  },
});

export { expect };
